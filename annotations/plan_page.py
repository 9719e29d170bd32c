"""What the page of a campaign's plan shows: what comes next and why, the last ranking, arms and who has which items."""

from collections import Counter
from typing import Any, NamedTuple

from django.db.models import Count, Sum
from django.utils.translation import gettext

from annotations.active.strategies import STRATEGIES
from annotations.arms import GUIDELINES, OVERLAY, OVERLAYS, SEQUENCE, SEQUENCES, Arm, arms_of
from annotations.models import Assignment, Campaign, CampaignItem, CampaignPlan, Reranking
from annotations.next_item import ORDERS, plan_of

NEXT = 8
"""Items that are shown of the queue."""


class Waiting(NamedTuple):
    """An item of the queue, and why it stands there."""

    item: CampaignItem
    why: str
    people: list[str]


class ArmRow(NamedTuple):
    """One arm with what was done under it."""

    words: str
    people: int
    submitted: int
    skipped: int
    minutes: float | None


def plan_page(campaign: Campaign) -> dict[str, Any]:
    """At most eight queries."""
    plan = plan_of(campaign)
    last = campaign.rerankings.order_by("-id").first() if plan.order == CampaignPlan.Order.ACTIVE else None
    return {
        "campaign": campaign,
        "plan": plan,
        "order": ORDERS[plan.order],
        "strategy": STRATEGIES.get(plan.strategy),
        "last": last,
        "answers_until": _answers_until(campaign, plan, last),
        "queue": _queue(campaign, plan),
        "arms": arm_rows(campaign),
        "reserved": _reserved(campaign, plan),
    }


def arm_rows(campaign: Campaign) -> list[ArmRow]:
    """Each arm of the study: people, answers, items skipped, minutes an answer (one query)."""
    arms = arms_of(plan_of(campaign).arms)
    if not arms:
        return []
    rows = Assignment.objects.filter(campaign=campaign).exclude(arm={}).order_by().values("arm", "status")
    counted = list(rows.annotate(people=Count("user", distinct=True), n=Count("pk"), ms=Sum("active_ms")))
    found = []
    for arm in arms:
        own = [row for row in counted if row["arm"] == arm]
        by_status: Counter[str] = Counter()
        for row in own:
            by_status[row["status"]] += row["n"]
        submitted = by_status["submitted"]
        spent = sum(row["ms"] for row in own if row["status"] == "submitted")
        people = max((row["people"] for row in own), default=0)
        minutes = spent / submitted / 60_000 if submitted else None
        found.append(ArmRow(arm_words(arm), people, submitted, by_status["skipped"], minutes))
    return found


def arm_words(arm: Arm) -> str:
    """How a table names it."""
    parts = [gettext(SEQUENCES[arm[SEQUENCE]])] if SEQUENCE in arm else []
    parts += [gettext("guidelines “%(name)s”") % {"name": arm[GUIDELINES]}] if GUIDELINES in arm else []
    parts += [gettext(OVERLAYS[arm[OVERLAY]])] if OVERLAY in arm else []
    return "; ".join(parts)


def _answers_until(campaign: Campaign, plan: CampaignPlan, last: Reranking | None) -> int | None:
    """Answers until the next ranking; 0: it is due."""
    if plan.order != CampaignPlan.Order.ACTIVE:
        return None
    seen = abs(campaign.submitted_count - last.answer_count) if last else plan.rerank_every
    return max(0, plan.rerank_every - seen)


def _queue(campaign: Campaign, plan: CampaignPlan) -> list[Waiting]:
    waiting = CampaignItem.objects.pending(campaign).order_by("granted_count", "rank", "position")
    items = waiting.select_related("task").defer("task__messages", "task__context", "task__reference")
    rows = items.prefetch_related("reserved_items__user")[:NEXT] if plan.has_reserved else items[:NEXT]
    return [
        Waiting(
            item, _why(item, plan), [str(one.user) for one in item.reserved_items.all()] if item.is_reserved else []
        )
        for item in rows
    ]


def _why(item: CampaignItem, plan: CampaignPlan) -> str:
    if plan.order == CampaignPlan.Order.PRIORITY:
        return gettext("Priority %(n)s") % {"n": f"{item.priority:g}"}
    if plan.order == CampaignPlan.Order.ACTIVE:
        return item.why or gettext("At random: not ranked yet")
    return gettext("At random") if plan.order == CampaignPlan.Order.RANDOM else gettext("As imported")


def _reserved(campaign: Campaign, plan: CampaignPlan) -> list[tuple[str, int, int]]:
    """By person: items kept for them, and those of them that still wait for answers."""
    if not plan.has_reserved:
        return []
    rows = campaign.items.filter(is_reserved=True).values_list(
        "reserved_items__user__username", "granted_count", "submitted_count"
    )
    kept: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for name, _, submitted in rows:
        kept[name] += 1
        left[name] += submitted < campaign.overlap
    return [(name, kept[name], left[name]) for name in sorted(kept)]
