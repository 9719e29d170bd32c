"""Who gets which item: the order of a campaign's queue, skills, arms, deadline, pay; `plan_items` has single items."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Func, Value
from django.utils.translation import gettext

from annotations.actions.plan_items import MAX_SKILL, lock_items
from annotations.active.strategies import STRATEGIES
from annotations.arms import GUIDELINES, OVERLAY, read_arms
from annotations.models import Assignment, Campaign, CampaignItem, CampaignPlan, PersonSkill
from annotations.next_item import ORDERS, put_in_order
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
        raise AppError(gettext("A closed campaign gives nothing out any more."), code="campaign_closed", status=409)
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
            gettext("Items were already given out: the arms of a study cannot change any more."),
            code="arms_fixed",
            status=409,
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
        problems["order"] = [gettext("Expected one of %(orders)s.") % {"orders": ", ".join(ORDERS)}]
    if plan.order == CampaignPlan.Order.ACTIVE and plan.strategy not in STRATEGIES:
        problems["strategy"] = [gettext("Expected one of %(strategies)s.") % {"strategies": ", ".join(STRATEGIES)}]
    elif plan.order == CampaignPlan.Order.ACTIVE and STRATEGIES[plan.strategy].wants_scorer and not plan.scorer:
        problems["scorer"] = [gettext("This strategy reads a scorer's number: choose one.")]
    if plan.scorer and not plan.scorer.partition(":")[0].isdigit():
        problems["scorer"] = [gettext("Expected `rater id:name of the number`.")]
    if not 1 <= plan.rerank_every <= 10_000:
        problems["rerank_every"] = [gettext("Expected 1 to 10,000 answers.")]
    if bool(plan.pay_per) != (plan.pay_amount is not None):
        problems["pay_amount"] = [gettext("State an amount and what it is for, or neither.")]
    elif plan.pay_amount is not None and not (0 <= plan.pay_amount < 1e9 and math.isfinite(plan.pay_amount)):
        problems["pay_amount"] = [gettext("Expected an amount of 0 or more.")]
    if plan.arms.get(GUIDELINES) and plan.arm_unit == CampaignPlan.ArmUnit.ITEM:
        problems["arm_unit"] = [gettext("Who has read one variant of the guidelines knows it: draw one arm a person.")]
    if any(not tag or len(tag) > MAX_SKILL for tag in plan.skill_tags):
        problems["skill_tags"] = [gettext("Expected tags of 1 to %(max_skill)s characters.") % {"max_skill": MAX_SKILL}]
    if problems:
        name, words = next(iter(problems.items()))
        raise AppError(f"{name}: {words[0]}", code="plan_invalid", fields=problems)


def _check_overlay(campaign: Campaign, plan: CampaignPlan) -> None:
    campaign.plan = plan
    shown = shown_by(campaign)
    problems: dict[str, list[str]] = {}
    if shown.signals and not set(shown.signals) <= {choice for choice, _ in overlay_choices(campaign)}:
        message = gettext("Nothing of this rater, channel and segmenter is stored for the outputs of this campaign.")
        problems["overlay_source"] = [message]
    if shown.marks and not set(shown.marks) <= {rater for rater, _ in mark_choices(campaign)}:
        problems["overlay_marks"] = [gettext("This model marked nothing in the outputs of this campaign.")]
    if problems:
        message = next(iter(problems.values()))[0]
        raise AppError(message, code="plan_invalid", fields=problems)
    if shown.marks and campaign.protocol is not None:
        refuse_marks_without_spans(campaign.protocol.questions)


def _ask_for_skills(campaign: Campaign, plan: CampaignPlan) -> None:
    """Each item asks for those of the plan's skills that its task is tagged with."""
    items = CampaignItem.objects.filter(campaign=campaign)
    lock_items(items)
    items.exclude(skills=[]).update(skills=[])
    for tag in plan.skill_tags:
        tagged = Task.objects.filter(project=campaign.project_id, tags__contains=[tag])
        # One statement a skill: appended, so that an item may ask for several.
        items.filter(task__in=tagged).update(skills=Func(F("skills"), Value(tag), function="array_append"))
    plan.needs_skills = items.exclude(skills=[]).exists()


@transaction.atomic
def set_skills(*, project: Project, actor: User, skills: Mapping[User, Sequence[str]]) -> None:
    """What these people can do in the project, in place of what was known of them. All of them or none.

    Raises
    ------
    AppError
        ``skills_invalid`` naming each person with a bad name, as `skills-<key of the person>`.
    """
    wanted = {person: sorted({name.strip() for name in names if name.strip()}) for person, names in skills.items()}
    problems = {
        f"skills-{person.pk}": [f"Expected names of at most {MAX_SKILL} characters."]
        for person, names in wanted.items()
        if any(len(name) > MAX_SKILL for name in names)
    }
    if problems:
        raise AppError(gettext("Some of these skills are too long."), code="skills_invalid", fields=problems)
    known = PersonSkill.objects.filter(project=project, user__in=wanted)
    before: dict[int, set[str]] = {person.pk: set() for person in wanted}
    for user_id, name in known.values_list("user_id", "name"):
        before[user_id].add(name)
    for person, names in wanted.items():
        if before[person.pk] == set(names):
            continue
        known.filter(user=person).exclude(name__in=names).delete()
        rows = (PersonSkill(project=project, user=person, name=name) for name in names)
        PersonSkill.objects.bulk_create(rows, ignore_conflicts=True)
        record_event(actor=actor, verb="member.skills_changed", project=project, target=person, data={"skills": names})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
