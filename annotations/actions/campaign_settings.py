"""Campaigns after they were made: their settings, tasks that have come since, and drafts that are given up."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext, ngettext

from annotations.actions.announcing import announce_to
from annotations.actions.campaign import name_of_its_own
from annotations.actions.items import draw_items, tasks_to_add
from annotations.actions.plan_items import free_items_of_leavers, lock_items
from annotations.leaks import scan_for_leaks
from annotations.models import Campaign, CampaignItem, CampaignMember
from annotations.next_item import plan_of, put_in_order
from annotations.selection import Selection
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import User

FIELDS = ("name", "overlap", "lease_minutes", "undo_minutes", "reveals_policies")
"""Columns of the campaign that may be changed; who is asked stands in rows of their own."""
LIMITS = {"overlap": (1, 100), "lease_minutes": (2, 1440), "undo_minutes": (0, 1440)}


@transaction.atomic
def change_campaign(
    *, campaign: Campaign, actor: User, people: Sequence[User] | None = None, **changes: Any
) -> Campaign:
    """Change what `FIELDS` names, and who is asked: `people`, nobody for every annotator of the project.

    Who is asked no more gets no new item; what they have in work can be finished, and their answers stand. Items that
    were kept for them alone are for everybody. Who is asked from now on is told where the campaign is open.

    Raises
    ------
    AppError
        ``campaign_invalid`` naming each field; 409 with ``campaign_name_taken``, and ``overlap_in_use`` for fewer
        people an item than some item has, or than may be granted while the campaign gives items out.
    """
    unknown = sorted(set(changes) - set(FIELDS))
    if unknown:
        raise ValueError(f"not a setting of a campaign: {', '.join(unknown)}")
    _check(changes)
    before = {name: getattr(campaign, name) for name in FIELDS}
    changed = {name: value for name, value in changes.items() if value != before[name]}
    if changed.get("overlap", campaign.overlap) < campaign.overlap:
        _require_room(campaign, changed["overlap"])
    for name, value in changed.items():
        setattr(campaign, name, value)
    if changed:
        with name_of_its_own():
            campaign.save(update_fields=list(changed))
    told = {**changed}
    if people is not None and _ask(campaign, people):
        told["people"] = sorted(person.username for person in people)
    if told:
        record_event(actor=actor, verb="campaign.changed", project=campaign.project, target=campaign, data=told)
    return campaign


@transaction.atomic
def add_tasks(*, campaign: Campaign, actor: User, limit: int | None = None) -> int:
    """Take in tasks that fit the campaign's selection and are not asked about in any version; how many.

    They come behind the other items, or where the campaign's order puts them.

    Parameters
    ----------
    campaign : Campaign
    actor : User
    limit : int, optional
        At most so many, first imported first. The limit with which the campaign was made does not count again.

    Raises
    ------
    AppError
        ``campaign_closed`` (409); ``nothing_to_add`` where no task has come.
    """
    locked = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
    if locked.status == Campaign.Status.CLOSED:
        message = gettext("A closed campaign gives nothing out any more: open it again first.")
        raise AppError(message, code="campaign_closed", status=409)
    plan = plan_of(campaign)
    tasks = tasks_to_add(campaign)
    added = draw_items(
        campaign,
        tasks if limit is None else tasks[:limit],
        Selection.from_json(campaign.selection).outputs_per_item,
        after=campaign.items.aggregate(last=Max("position"))["last"] or 0,
        skills=plan.skill_tags,
    )
    if not added:
        raise AppError(gettext("No task has come that is not asked about yet."), code="nothing_to_add", status=409)
    if plan.skill_tags:
        plan.needs_skills = campaign.items.exclude(skills=[]).exists()
        plan.save(update_fields=["needs_skills"])
    if plan.order != plan.Order.IN_ORDER:
        put_in_order(campaign, plan.order)
        # What was ranked knows nothing of them: the next ranking is due at once.
        campaign.rerankings.all().delete()
    campaign.item_count = locked.item_count + added
    campaign.leak_scan = scan_for_leaks(campaign)
    campaign.save(update_fields=["item_count", "leak_scan"])
    record_event(
        actor=actor, verb="campaign.tasks_added", project=campaign.project, target=campaign, data={"items": added}
    )
    return added


@transaction.atomic
def delete_draft(*, campaign: Campaign, actor: User) -> None:
    """Delete a campaign that nobody was ever let into.

    Raises
    ------
    AppError
        ``campaign_used`` (409): a campaign that was opened is kept, and can be closed.
    """
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if locked.status != Campaign.Status.DRAFT or locked.assignments.exists():
        message = gettext("Only a draft in which nobody has worked can be deleted. Close the campaign instead.")
        raise AppError(message, code="campaign_used", status=409)
    data = {"name": locked.name}
    record_event(actor=actor, verb="campaign.deleted", project=campaign.project, target=campaign, data=data)
    locked.delete()


def _check(changes: dict[str, Any]) -> None:
    problems: dict[str, list[str]] = {}
    if "name" in changes:
        changes["name"] = changes["name"].strip()
        if not 1 <= len(changes["name"]) <= 200:
            problems["name"] = [gettext("Expected a name of 1 to 200 characters.")]
    for name, (low, high) in LIMITS.items():
        value = changes.get(name, low)
        if type(value) is not int or not low <= value <= high:
            problems[name] = [gettext("Expected a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}]
    if problems:
        name, messages = next(iter(problems.items()))
        raise AppError(f"{name}: {messages[0]}", code="campaign_invalid", fields=problems)


def _require_room(campaign: Campaign, overlap: int) -> None:
    """Refuse an overlap that was passed already, or may be passed in this moment by who asks for an item."""
    work = campaign.items.filter(kind=CampaignItem.Kind.WORK)
    lock_items(work)
    status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
    if status == Campaign.Status.OPEN:
        message = gettext("Items are given out now: pause the campaign before you ask fewer people.")
        raise AppError(message, code="overlap_in_use", status=409, fields={"overlap": [message]})
    beyond = work.filter(granted_count__gt=overlap).count()
    if beyond:
        most = work.aggregate(most=Max("granted_count"))["most"]
        message = ngettext(
            "%(items)s item has up to %(most)s people already: expected %(most)s or more.",
            "%(items)s items have up to %(most)s people already: expected %(most)s or more.",
            beyond,
        ) % {"items": f"{beyond:,}", "most": most}
        raise AppError(message, code="overlap_in_use", status=409, fields={"overlap": [message]})


def _ask(campaign: Campaign, people: Sequence[User]) -> bool:
    """Name these people and nobody else; whether that changes anything."""
    before = set(campaign.campaign_members.values_list("user", flat=True))
    wanted = {person.pk: person for person in people}
    if before == wanted.keys():
        return False
    campaign.campaign_members.exclude(user__in=wanted).delete()
    new = [person for pk, person in wanted.items() if pk not in before]
    CampaignMember.objects.bulk_create(CampaignMember(campaign=campaign, user=person) for person in new)
    free_items_of_leavers(campaign)
    if campaign.status == Campaign.Status.OPEN:
        announce_to(campaign, new)
    return True
