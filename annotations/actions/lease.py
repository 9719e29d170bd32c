"""Leases: who works on which item. An item is never granted to more people than its campaign's overlap.

Two rules of locking keep it free of deadlocks: an item's row is locked before its assignments, and whoever waits for
several items does so in the order of their ids.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from annotations.actions.arms import draw_arm
from annotations.actions.check_gate import due_checks
from annotations.actions.counters import count_skip
from annotations.blinding import assignment_seed, shown_order
from annotations.checks import LIKE_WORK
from annotations.models import Assignment, Campaign, CampaignItem, CampaignProtocol
from annotations.next_item import Wave, plan_of, waves
from annotations.querysets.campaign import Standing, StandingRow
from projects.compiled import CompiledQuery
from projects.errors import AppError
from projects.models import User

LEASED, EXPIRED, RELEASED, SKIPPED = (
    Assignment.Status.LEASED,
    Assignment.Status.EXPIRED,
    Assignment.Status.RELEASED,
    Assignment.Status.SKIPPED,
)
REGAINABLE = (EXPIRED, RELEASED, SKIPPED)
FRESH = timedelta(seconds=10)


def lease_next_item(*, campaign: Campaign, user: User) -> Assignment | None:
    """The item that `user` has in work, or else the next one to be had; None if there is none now.

    Raises
    ------
    AppError
        ``campaign_paused``, ``campaign_closed`` or ``deadline_passed`` (409). In a paused campaign, and after the
        deadline, what is in work goes on.
        ``not_qualified`` or ``person_paused`` (409) for who gets no work here.
        ``not_asked`` (403) where the campaign names people, and `user` is none of them any more.
        ``consent_required`` (409) before the text in force was agreed to; what is in work goes on.
    """
    [fields] = _standings(user.pk, campaign.pk)
    standing = Standing(*fields)
    # The submit that asks for the next item was counted after the campaign was loaded.
    campaign.submitted_count, campaign.checked_count = standing.submitted_count, standing.checked_count
    resumed = _resumed(campaign, user) if standing.live_id is not None else None
    if resumed is not None:
        return resumed
    _require_work_for(standing, campaign)
    if standing.has_overdue:
        # By itself: the rows that it locks must not be held while the grant waits for others.
        expire_leases(campaign=campaign)
    try:
        with transaction.atomic():
            return _granted(campaign, user)
    except IntegrityError:
        # Another tab of the same person was granted an item in the same moment: there is one live lease a campaign.
        return _resumed(campaign, user)


def is_fresh(assignment: Assignment) -> bool:
    """Whether the lease has hardly begun, so that there is no need to renew it."""
    return assignment.lease_until > _lease_end(assignment.campaign) - FRESH


@transaction.atomic
def renew_lease(*, assignment: Assignment, active_ms: int | None = None) -> None:
    """Push the end of the lease out, or take the item up again if it was given up and is still free.

    Raises
    ------
    AppError
        With the reason (409) where the item cannot be worked on: `regain_item` lists the codes.
    """
    if not _extend(assignment, active_ms=active_ms):
        regain_item(assignment=assignment)


@transaction.atomic
def regain_item(*, assignment: Assignment) -> None:
    """Take up an item again whose lease ran out, was given back, or which was skipped.

    Raises
    ------
    AppError
        409 with ``already_submitted``, ``lease_lost`` (others have it), ``other_item_open``, ``campaign_closed``,
        ``item_withdrawn``.
    """
    item = _locked_item(assignment)
    assignment.refresh_from_db(fields=["status", "lease_until"])
    campaign = assignment.campaign
    if assignment.status == LEASED:
        return
    if assignment.status not in REGAINABLE:
        raise AppError(gettext("You have already submitted this item."), code="already_submitted", status=409)
    if not assignment.makes_gold:
        require_open(campaign, in_work=True)
    if item.withdrawn_at is not None:
        message = gettext("This item was withdrawn: %(withdrawn_reason)s What you entered is kept.") % {
            "withdrawn_reason": item.withdrawn_reason
        }
        raise AppError(message, code="item_withdrawn", status=409)
    if campaign.assignments.of(assignment.user).live().exists():
        raise AppError(gettext("You have another item open in this campaign."), code="other_item_open", status=409)
    if item.kind == CampaignItem.Kind.WORK and item.granted_count >= campaign.overlap:
        raise AppError(
            gettext("The time for this item ran out and it went to someone else. What you entered is kept."),
            code="lease_lost",
            status=409,
        )
    if assignment.status == SKIPPED:
        count_skip(assignment=assignment, sign=-1)
    CampaignItem.objects.filter(pk=item.pk).update(granted_count=F("granted_count") + 1)
    assignment.status, assignment.lease_until, assignment.reason = LEASED, _lease_end(campaign), ""
    assignment.save(update_fields=["status", "lease_until", "reason"])


@transaction.atomic
def take_up_again(*, assignment: Assignment) -> None:
    """As `regain_item`; what the person has in work meanwhile is given back, with its draft.

    Raises
    ------
    AppError
        As `regain_item`; nothing is given back then.
    """
    others = list(assignment.campaign.assignments.of(assignment.user).live().exclude(pk=assignment.pk))
    items = CampaignItem.objects.filter(pk__in=[assignment.item_id, *(other.item_id for other in others)])
    list(items.select_for_update(no_key=True).order_by("pk"))
    for other in others:
        release_item(assignment=other)
    regain_item(assignment=assignment)


@transaction.atomic
def release_item(*, assignment: Assignment) -> bool:
    """Give the item back so that others may have it; the draft is kept. False if it was not in work."""
    return _give_up(assignment, RELEASED)


@transaction.atomic
def skip_item(*, assignment: Assignment, reason: str) -> None:
    """Give the item up for good, saying why; the draft is kept, and `regain_item` takes it back.

    Raises
    ------
    AppError
        ``not_in_work`` (409) if it is not in work any more, ``not_to_be_skipped`` (409) for what is asked of everybody.
    """
    if assignment.makes_gold or assignment.item.kind not in LIKE_WORK:
        raise AppError(
            gettext("Everybody answers this item: it cannot be skipped."), code="not_to_be_skipped", status=409
        )
    if not _give_up(assignment, SKIPPED, reason=reason):
        raise AppError(gettext("This item is not in work any more."), code="not_in_work", status=409)
    count_skip(assignment=assignment, sign=1)


@transaction.atomic
def expire_leases(*, campaign: Campaign) -> int:
    """End the leases of `campaign` whose time is over, and free their items; how many. One query if there are none."""
    items = CampaignItem.objects.filter(pk__in=Assignment.objects.overdue(campaign).values("item"))
    freed = 0
    for item in items.select_for_update(skip_locked=True, no_key=True).order_by("pk"):
        ended = Assignment.objects.overdue(campaign).filter(item=item).update(status=EXPIRED)
        CampaignItem.objects.filter(pk=item.pk).update(granted_count=F("granted_count") - ended)
        freed += ended
    return freed


@CompiledQuery
def _standings(user_id: int, campaign_id: int) -> QuerySet[Campaign, StandingRow]:
    return Campaign.objects.filter(pk=campaign_id).with_standing_of(User(pk=user_id))


def require_open(campaign: Campaign, *, in_work: bool) -> None:
    """Refuse work in a campaign that does not take it; a pause lets people finish what they have in work."""
    if campaign.status == Campaign.Status.OPEN or (in_work and campaign.status == Campaign.Status.PAUSED):
        return
    if campaign.status == Campaign.Status.PAUSED:
        raise AppError(gettext("This campaign is paused. Come back later."), code="campaign_paused", status=409)
    raise AppError(gettext("This campaign is closed. What you entered is kept."), code="campaign_closed", status=409)


def _require_work_for(standing: Standing, campaign: Campaign) -> None:
    """Refuse a new item to who may not have one, saying why."""
    require_open(campaign, in_work=False)
    deadline = plan_of(campaign).deadline
    if deadline is not None and timezone.now() > deadline:
        message = gettext("The deadline of this campaign has passed: no new items are given out.")
        raise AppError(message, code="deadline_passed", status=409)
    if not standing.is_asked:
        raise AppError(gettext("This campaign does not ask you any more."), code="not_asked", status=403)
    if standing.lacks_consent:
        message = gettext("Read the consent text of this campaign and agree to it first.")
        raise AppError(message, code="consent_required", status=409)


def _resumed(campaign: Campaign, user: User) -> Assignment | None:
    """The live assignment of `user`, its lease renewed."""
    assignment = campaign.assignments.of(user).live().first()
    if assignment is None:
        return None
    assignment.campaign = campaign
    return assignment if _extend(assignment) else None


def _granted(campaign: Campaign, user: User) -> Assignment | None:
    """A new lease on the next item. Runs inside the transaction that holds the item's lock."""
    item = _claimed(campaign, user)
    if item is None:
        return None
    if item.given_id is None:
        seed = assignment_seed(campaign, item, user.pk)
        assignment = Assignment(
            project_id=campaign.project_id,
            campaign=campaign,
            item=item,
            user=user,
            seed=seed,
            order=shown_order(item.output_ids, seed),
            arm=draw_arm(campaign, item, user),
        )
    else:
        assignment = Assignment.objects.select_related("draft").get(pk=item.given_id)
        assignment.campaign, assignment.item, assignment.user = campaign, item, user
    if not hasattr(assignment, "draft"):
        # An answer begun under older questions is finished under them.
        assignment.protocol = _protocol_in_force(campaign)
    assignment.status = LEASED
    assignment.lease_until = _lease_end(campaign)
    assignment.save()
    return assignment


def _protocol_in_force(campaign: Campaign) -> CampaignProtocol:
    if campaign.protocol is None:
        raise ValueError(f"campaign {campaign.pk} is open without a protocol")
    return campaign.protocol


def _claimed(campaign: Campaign, user: User) -> CampaignItem | None:
    """An item with its row locked and one grant counted on it.

    Items that other people are being granted in this moment are passed over. Only if nothing else is left do we wait
    for them: one of them may have room for us still.
    """
    due = due_checks(campaign=campaign, user=user)
    queue = [] if due is None else [lambda waits: due.items.locked_for(user, waits=waits).first()]
    if due is None or not due.is_first:
        queue += waves(user, campaign)
    item = _first(queue, waits=False) or _first(queue, waits=True)
    if item is not None:
        CampaignItem.objects.filter(pk=item.pk).update(granted_count=F("granted_count") + 1)
    return item


def _first(queue: Iterable[Wave], *, waits: bool) -> CampaignItem | None:
    return next((item for wave in queue if (item := wave(waits)) is not None), None)


def _extend(assignment: Assignment, *, active_ms: int | None = None) -> bool:
    """Renew a lease that is still held, if the campaign takes work; one query."""
    assignment.lease_until = _lease_end(assignment.campaign)
    changes: dict[str, datetime | int] = {"lease_until": assignment.lease_until}
    if active_ms is not None:
        changes["active_ms"] = active_ms
    held = Assignment.objects.live().filter(pk=assignment.pk)
    if not assignment.makes_gold:
        held = held.filter(campaign__status__in=["open", "paused"])
    return held.update(**changes) == 1


def _give_up(assignment: Assignment, status: str, *, reason: str = "") -> bool:
    item = _locked_item(assignment)
    changes: dict[str, Any] = {"status": status, "reason": reason}
    if status == SKIPPED:
        changes["skipped_at"] = timezone.now()
    changed = Assignment.objects.live().filter(pk=assignment.pk).update(**changes)
    if changed:
        CampaignItem.objects.filter(pk=item.pk).update(granted_count=F("granted_count") - 1)
        assignment.status = status
    return bool(changed)


def _locked_item(assignment: Assignment) -> CampaignItem:
    return CampaignItem.objects.select_for_update(no_key=True).get(pk=assignment.item_id)


def _lease_end(campaign: Campaign) -> datetime:
    return timezone.now() + timedelta(minutes=campaign.lease_minutes)
