"""Who gets which item: the order of a campaign's queue, named people, skills, arms, deadline and pay."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Func, Value
from django.utils import timezone

from annotations.access import annotators_of
from annotations.active.strategies import STRATEGIES
from annotations.arms import GUIDELINES, OVERLAY, read_arms
from annotations.models import (
    Assignment,
    Campaign,
    CampaignItem,
    CampaignPlan,
    PersonSkill,
    ReservedItem,
)
from annotations.next_item import ORDERS, plan_of, put_in_order
from annotations.overlay import mark_choices, overlay_choices, shown_by
from annotations.proposals import refuse_marks_without_spans
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.models import Task

FIELDS = (
    "order", "strategy", "scorer", "rerank_every", "skill_tags", "deadline", "arms", "arm_unit",
    "pay_per", "pay_amount", "currency",
)  # fmt: skip
"""What a person may set; the other columns of the plan follow from items."""
MAX_SKILL = 100


@transaction.atomic
def change_plan(*, campaign: Campaign, actor: User, **changes: Any) -> CampaignPlan:
    """Change what `FIELDS` names, and what follows from it: the places in the queue, the skills that items ask for.

    Raises
    ------
    AppError
        ``plan_invalid`` naming each field; ``arms_fixed`` (409) where items were already given out under other arms;
        ``campaign_closed`` (409).
    """
    campaign.refresh_from_db(fields=["status"])
    if campaign.status == Campaign.Status.CLOSED:
        raise AppError("A closed campaign gives nothing out any more.", code="campaign_closed", status=409)
    CampaignPlan.objects.get_or_create(campaign=campaign)
    # Not the campaign's row: a submit takes it while it holds an item's, and items are locked here after this.
    plan = CampaignPlan.objects.select_for_update().get(campaign=campaign)
    before = {name: getattr(plan, name) for name in FIELDS}
    # As it would be stored now: kept as it is, an older way to write it is no change.
    before["arms"] = read_arms(plan.arms)
    unknown = sorted(set(changes) - set(FIELDS))
    if unknown:
        raise ValueError(f"not part of a plan: {', '.join(unknown)}")
    for name, value in changes.items():
        setattr(plan, name, read_arms(value) if name == "arms" else value)
    _check(plan)
    if plan.arms.get(OVERLAY) != before["arms"].get(OVERLAY):
        _check_overlay(campaign, plan)
    changed = {name for name in FIELDS if getattr(plan, name) != before[name]}
    if changed & {"arms", "arm_unit"} and Assignment.objects.filter(campaign=campaign).exists():
        raise AppError(
            "Items were already given out: the arms of a study cannot change any more.", code="arms_fixed", status=409
        )
    if "skill_tags" in changed:
        _ask_for_skills(campaign, plan)
    plan.save()
    campaign.plan = plan
    if changed & {"order"}:
        put_in_order(campaign, plan.order)
    if changed & {"order", "strategy", "scorer"}:
        # What was ranked by another rule says nothing about this one: the next ranking is due at once.
        campaign.rerankings.all().delete()
    if changed:
        data = {name: _plain(getattr(plan, name)) for name in sorted(changed)}
        record_event(actor=actor, verb="campaign.plan_changed", project=campaign.project, target=campaign, data=data)
    return plan


def _check(plan: CampaignPlan) -> None:
    problems: dict[str, list[str]] = {}
    if plan.order not in ORDERS:
        problems["order"] = [f"Expected one of {', '.join(ORDERS)}."]
    if plan.order == CampaignPlan.Order.ACTIVE and plan.strategy not in STRATEGIES:
        problems["strategy"] = [f"Expected one of {', '.join(STRATEGIES)}."]
    elif plan.order == CampaignPlan.Order.ACTIVE and STRATEGIES[plan.strategy].wants_scorer and not plan.scorer:
        problems["scorer"] = ["This strategy reads a scorer's number: choose one."]
    if plan.scorer and not plan.scorer.partition(":")[0].isdigit():
        problems["scorer"] = ["Expected `rater id:name of the number`."]
    if not 1 <= plan.rerank_every <= 10_000:
        problems["rerank_every"] = ["Expected 1 to 10,000 answers."]
    if bool(plan.pay_per) != (plan.pay_amount is not None):
        problems["pay_amount"] = ["State an amount and what it is for, or neither."]
    elif plan.pay_amount is not None and not (0 <= plan.pay_amount < 1e9 and math.isfinite(plan.pay_amount)):
        problems["pay_amount"] = ["Expected an amount of 0 or more."]
    if plan.arms.get(GUIDELINES) and plan.arm_unit == CampaignPlan.ArmUnit.ITEM:
        problems["arm_unit"] = ["Who has read one variant of the guidelines knows it: draw one arm a person."]
    if any(not tag or len(tag) > MAX_SKILL for tag in plan.skill_tags):
        problems["skill_tags"] = [f"Expected tags of 1 to {MAX_SKILL} characters."]
    if problems:
        name, words = next(iter(problems.items()))
        raise AppError(f"{name}: {words[0]}", code="plan_invalid", fields=problems)


def _check_overlay(campaign: Campaign, plan: CampaignPlan) -> None:
    campaign.plan = plan
    shown = shown_by(campaign)
    problems: dict[str, list[str]] = {}
    if shown.signals and not set(shown.signals) <= {choice for choice, _ in overlay_choices(campaign)}:
        message = "Nothing of this rater, channel and segmenter is stored for the outputs of this campaign."
        problems["overlay_source"] = [message]
    if shown.marks and not set(shown.marks) <= {rater for rater, _ in mark_choices(campaign)}:
        problems["overlay_marks"] = ["This model marked nothing in the outputs of this campaign."]
    if problems:
        message = next(iter(problems.values()))[0]
        raise AppError(message, code="plan_invalid", fields=problems)
    if shown.marks and campaign.protocol is not None:
        refuse_marks_without_spans(campaign.protocol.questions)


def _ask_for_skills(campaign: Campaign, plan: CampaignPlan) -> None:
    """Each item asks for those of the plan's skills that its task is tagged with."""
    items = CampaignItem.objects.filter(campaign=campaign)
    list(items.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    items.exclude(skills=[]).update(skills=[])
    for tag in plan.skill_tags:
        tagged = Task.objects.filter(project=campaign.project_id, tags__contains=[tag])
        # One statement a skill: appended, so that an item may ask for several.
        items.filter(task__in=tagged).update(skills=Func(F("skills"), Value(tag), function="array_append"))
    plan.needs_skills = items.exclude(skills=[]).exists()


@transaction.atomic
def set_items(*, campaign: Campaign, actor: User, rows: Sequence[Mapping[str, Any]]) -> int:
    """Set priority, skills or people of items; how many. All rows or none.

    Parameters
    ----------
    campaign : Campaign
    actor : User
    rows : sequence of mapping
        Each names its item by `position` or by `task` (the external id) and has one or more of `priority` (a number),
        `skills` (names) and `people` (user names; an empty list is for everybody).

    Raises
    ------
    AppError
        ``items_invalid`` with the problems of each row, by `rows.<index>.<field>`.
    """
    items = list(campaign.items.select_for_update(no_key=True, of=("self",)).select_related("task").order_by("pk"))
    by_position = {item.position: item for item in items}
    by_task = {item.task.external_id: item for item in items}
    people = {person.username: person for person in annotators_of(campaign.project)}
    problems: dict[str, list[str]] = {}
    changed: dict[int, CampaignItem] = {}
    reserved: dict[int, list[User]] = {}
    for index, row in enumerate(rows):
        where = f"rows.{index}"
        item = by_position.get(row["position"]) if "position" in row else by_task.get(str(row.get("task", "")))
        if item is None:
            problems[f"{where}.item"] = ["No item of this campaign has this position or task."]
            continue
        _read_row(row, item, where, problems)
        if "people" in row:
            unknown = sorted(set(row["people"]) - people.keys())
            if unknown:
                problems[f"{where}.people"] = [f"Not an annotator of this project: {', '.join(unknown)}."]
            reserved[item.pk] = [people[name] for name in dict.fromkeys(row["people"]) if name in people]
            item.is_reserved = bool(reserved[item.pk])
        changed[item.pk] = item
    if problems:
        name, words = next(iter(problems.items()))
        raise AppError(f"{name}: {words[0]}", code="items_invalid", fields=problems)
    CampaignItem.objects.bulk_update(changed.values(), ["priority", "skills", "is_reserved"], batch_size=1000)
    _reserve(campaign, reserved)
    _follow(campaign)
    record_event(
        actor=actor,
        verb="campaign.items_set",
        project=campaign.project,
        target=campaign,
        data={"items": len(changed)},
    )
    return len(changed)


def _read_row(row: Mapping[str, Any], item: CampaignItem, where: str, problems: dict[str, list[str]]) -> None:
    if "priority" in row:
        value = row["priority"]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            problems[f"{where}.priority"] = [f"Expected a number, got {value!r}."]
        else:
            item.priority = float(value)
    if "skills" in row:
        names = [str(name).strip() for name in row["skills"]]
        if any(not name or len(name) > MAX_SKILL for name in names):
            problems[f"{where}.skills"] = [f"Expected names of 1 to {MAX_SKILL} characters."]
        item.skills = sorted(set(names))


@transaction.atomic
def share_out(*, campaign: Campaign, actor: User, people: Sequence[User]) -> dict[str, int]:
    """Keep every item for as many of `people` as the overlap asks, all with equally many; how many each has.

    Items that have been given out already keep to whoever has them besides. Nobody at all frees every item.

    Raises
    ------
    AppError
        ``people_too_few`` for fewer people than the overlap.
    """
    if people and len(people) < campaign.overlap:
        message = f"Each item takes {campaign.overlap} people: choose at least so many."
        raise AppError(message, code="people_too_few", fields={"people": [message]})
    items = list(campaign.items.filter(kind="work").select_for_update(no_key=True).order_by("pk"))
    items.sort(key=lambda item: item.position)
    turn = campaign.overlap
    shares = {
        item.pk: [people[(place * turn + step) % len(people)] for step in range(turn)] if people else []
        for place, item in enumerate(items)
    }
    CampaignItem.objects.filter(pk__in=shares).update(is_reserved=bool(people))
    _reserve(campaign, shares)
    _follow(campaign)
    counts = {person.username: 0 for person in people}
    for chosen in shares.values():
        for person in chosen:
            counts[person.username] += 1
    record_event(
        actor=actor, verb="campaign.shared_out", project=campaign.project, target=campaign, data={"people": len(people)}
    )
    return counts


@transaction.atomic
def free_items_of_leavers(campaign: Campaign) -> int:
    """Free the items that are kept for nobody who may still answer; how many."""
    able = annotators_of(campaign.project).values("pk")
    kept = ReservedItem.objects.filter(item__campaign=campaign, user__in=able).values("item")
    lost = campaign.items.filter(is_reserved=True).exclude(pk__in=kept)
    locked = [item.pk for item in lost.select_for_update(no_key=True).order_by("pk")]
    freed = CampaignItem.objects.filter(pk__in=locked).update(is_reserved=False)
    if freed:
        record_event(
            actor=None, verb="campaign.items_freed", project=campaign.project, target=campaign, data={"items": freed}
        )
    return freed


@transaction.atomic
def withdraw_item(*, item: CampaignItem, actor: User, reason: str) -> None:
    """Ask nobody any more. Leases on it end, drafts are kept, answers stand.

    Raises
    ------
    AppError
        ``reason_needed`` without a reason: whoever holds it is told.
    """
    reason = reason.strip()
    if not reason:
        message = "Say why: whoever is working on it is told."
        raise AppError(message, code="reason_needed", fields={"reason": [message]})
    locked = CampaignItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    if locked.withdrawn_at is not None:
        return
    ended = Assignment.objects.live().filter(item=item).update(status=Assignment.Status.RELEASED)
    CampaignItem.objects.filter(pk=item.pk).update(
        withdrawn_at=timezone.now(), withdrawn_reason=reason[:300], granted_count=F("granted_count") - ended
    )
    _count_work(locked, -1)
    _record_item(actor, "campaign.item_withdrawn", locked, reason)


@transaction.atomic
def restore_item(*, item: CampaignItem, actor: User) -> None:
    """Ask about a withdrawn item again."""
    locked = CampaignItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    if locked.withdrawn_at is None:
        return
    CampaignItem.objects.filter(pk=item.pk).update(withdrawn_at=None, withdrawn_reason="")
    _count_work(locked, 1)
    _record_item(actor, "campaign.item_restored", locked, "")


@transaction.atomic
def set_skills(*, project: Project, actor: User, person: User, names: Sequence[str]) -> list[str]:
    """What `person` can do in the project, in place of what was known; AppError ``skills_invalid`` for a bad name."""
    wanted = sorted({name.strip() for name in names if name.strip()})
    if any(len(name) > MAX_SKILL for name in wanted):
        message = f"Expected names of at most {MAX_SKILL} characters."
        raise AppError(message, code="skills_invalid", fields={"skills": [message]})
    own = PersonSkill.objects.filter(project=project, user=person)
    before = sorted(own.values_list("name", flat=True))
    own.exclude(name__in=wanted).delete()
    PersonSkill.objects.bulk_create(
        (PersonSkill(project=project, user=person, name=name) for name in wanted), ignore_conflicts=True
    )
    if before != wanted:
        record_event(actor=actor, verb="member.skills_changed", project=project, target=person, data={"skills": wanted})
    return wanted


def _reserve(campaign: Campaign, people: Mapping[int, Sequence[User]]) -> None:
    ReservedItem.objects.filter(item__in=list(people)).delete()
    ReservedItem.objects.bulk_create(
        (ReservedItem(item_id=item, user=person) for item, chosen in people.items() for person in chosen),
        batch_size=5000,
    )


def _follow(campaign: Campaign) -> None:
    """What the plan knows of its items, and their places where these depend on their priority."""
    plan = plan_of(campaign)
    plan.has_reserved = campaign.items.filter(is_reserved=True).exists()
    plan.needs_skills = campaign.items.exclude(skills=[]).exists()
    plan.save()
    campaign.plan = plan
    if plan.order == CampaignPlan.Order.PRIORITY:
        put_in_order(campaign, plan.order)


def _count_work(item: CampaignItem, sign: int) -> None:
    if item.kind == CampaignItem.Kind.WORK:
        Campaign.objects.filter(pk=item.campaign_id).update(item_count=F("item_count") + sign)


def _record_item(actor: User, verb: str, item: CampaignItem, reason: str) -> None:
    campaign = item.campaign
    data = {"item": item.position, "reason": reason} if reason else {"item": item.position}
    record_event(actor=actor, verb=verb, project=campaign.project, target=campaign, data=data)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
