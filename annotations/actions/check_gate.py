"""Who gets work, and which check comes before it."""

from typing import NamedTuple

from django.utils.translation import gettext

from annotations.actions.copies import ensure_copy
from annotations.checks import CheckSettings, Kind, drawn_kind, is_checked, kinds_in_use
from annotations.models import Assignment, Campaign, CampaignItem, CampaignProgress
from annotations.next_item import still_to_come
from annotations.querysets.item import TAKEN, CampaignItemQuerySet
from projects.errors import AppError
from projects.models import User

Qualification = CampaignProgress.Qualification


class Due(NamedTuple):
    """Checks that come before the work; where `is_first`, instead of it."""

    items: CampaignItemQuerySet
    is_first: bool


def due_checks(*, campaign: Campaign, user: User) -> Due | None:
    """What `user` is asked before work: training, then qualification, then what is mixed in; no query without checks.

    Inside the transaction of the grant: an item to be asked again is made here.

    Raises
    ------
    AppError
        409 with ``person_paused``, ``not_qualified``.
    """
    if not is_checked(campaign):
        return None
    progress = campaign.progress.filter(user=user).first() or CampaignProgress(campaign=campaign, user=user)
    _require_work_for(progress)
    in_use = kinds_in_use(campaign)
    for kind in (Kind.TRAINING, Kind.QUALIFICATION):
        if kind == Kind.QUALIFICATION and progress.qualification == Qualification.PASSED:
            continue
        items = CampaignItem.objects.checks_for(user, campaign, kind)
        if kind in in_use and items.exists():
            return Due(items, is_first=True)
    return _mixed_in(campaign, user, progress)


def _require_work_for(progress: CampaignProgress) -> None:
    if progress.paused_at is not None:
        message = gettext(
            "You get no more items here for now: some of your answers need a word with the people who lead this."
        )
        raise AppError(message, code="person_paused", status=409)
    if progress.qualification == Qualification.FAILED:
        message = gettext("You have not passed the qualification of this campaign.")
        raise AppError(message, code="not_qualified", status=409)


def _mixed_in(campaign: Campaign, user: User, progress: CampaignProgress) -> Due | None:
    kind = drawn_kind(campaign, user.pk, progress.submitted_count + progress.skipped_count)
    # After the last of the work nothing is checked any more: it would show itself.
    if kind is None or not still_to_come(user, campaign).exists():
        return None
    if kind == Kind.REPEAT:
        again = _to_repeat(campaign, user)
        if again is None:
            return None
        ensure_copy(item=again, kind=Kind.REPEAT)
        items = CampaignItem.objects.filter(source=again, kind=Kind.REPEAT)
    else:
        items = CampaignItem.objects.checks_for(user, campaign, kind)
    return Due(items, is_first=False)


def _to_repeat(campaign: Campaign, user: User) -> CampaignItem | None:
    """Work that `user` answered, the longest ago first, with enough others since, and not asked again (two queries)."""
    answered = Assignment.objects.of(user).filter(campaign=campaign, status="submitted", makes_gold=False)
    skip = CheckSettings.of(campaign).repeat_after
    recent = answered.order_by("-submitted_at", "-pk").values_list("pk", flat=True)[:skip]
    taken = Assignment.objects.of(user).filter(campaign=campaign, item__kind=Kind.REPEAT, status__in=TAKEN)
    again = taken.values("item__source")
    old = answered.filter(item__kind=Kind.WORK).exclude(pk__in=list(recent)).exclude(item__in=again)
    first = old.select_related("item").order_by("submitted_at", "pk").first()
    return first.item if first else None
