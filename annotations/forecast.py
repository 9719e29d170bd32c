"""What is left of a campaign: answers, time and money, with an interval; and what judges cost beside people."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Avg, Count, F, Max, Min, StdDev, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from annotations.models import Campaign, CampaignPlan, CampaignProgress, Submission
from annotations.next_item import plan_of
from rewards.models import JudgmentTrace, Rater
from rewards.statistics.forecast import (
    FEWEST_ANSWERS,
    FEWEST_DAYS,
    Forecast,
    Total,
    finish_by_days,
    finish_evenly,
    sum_to_come,
)

WINDOW_DAYS = 28
"""The pace is that of the last four weeks."""
MS_PER_HOUR = 3_600_000
TRACES = 1_000


class Pace(NamedTuple):
    """How fast answers came lately."""

    answers: int
    days: float
    forecast: Forecast | None
    finish: datetime | None
    earliest: datetime | None
    latest: datetime | None


class Cost(NamedTuple):
    """In the plan's currency; `to_come` is None where nothing tells how long an answer takes."""

    spent: float
    to_come: Total | None
    currency: str


class JudgeCost(NamedTuple):
    """What one judgment of the plan's scorer took, on average over its newest ones."""

    name: str
    n: int
    tokens: float | None
    cost: float | None


class Left(NamedTuple):
    """What the campaign's page says about the rest."""

    remaining: int
    pace: Pace | None
    is_late: bool | None
    """Whether the median finish is after the deadline; None without either."""
    cost: Cost | None
    judge: JudgeCost | None


def what_is_left(campaign: Campaign) -> Left:
    """Remaining answers, when they may be there, and what they may cost (at most six queries)."""
    plan = plan_of(campaign)
    remaining = remaining_answers(campaign)
    pace = _pace(campaign, remaining)
    is_late = pace.finish > plan.deadline if pace and pace.finish and plan.deadline else None
    return Left(remaining, pace, is_late, _cost(campaign, plan, remaining), _judge(plan))


def pay_of(row: CampaignProgress, plan: CampaignPlan) -> float | None:
    """What one person has earned so far in the campaign; None where no pay is stated."""
    if plan.pay_per == CampaignPlan.PayPer.NOTHING or plan.pay_amount is None:
        return None
    by_answer = plan.pay_per == CampaignPlan.PayPer.ANSWER
    return plan.pay_amount * (row.submitted_count if by_answer else row.active_ms / MS_PER_HOUR)


def remaining_answers(campaign: Campaign) -> int:
    """Answers to work that are still wanted; those to withdrawn items count for nothing (one query)."""
    withdrawn = campaign.items.filter(kind="work", withdrawn_at__isnull=False)
    beside = withdrawn.aggregate(n=Sum("submitted_count"))["n"] or 0
    return max(0, campaign.answer_count_wanted - (campaign.submitted_count - beside))


def _pace(campaign: Campaign, remaining: int) -> Pace | None:
    now = timezone.now()
    recent = Submission.objects.filter(
        assignment__campaign=campaign,
        assignment__item__kind="work",
        undone_at__isnull=True,
        created_at__gte=now - timedelta(days=WINDOW_DAYS),
    )
    days = recent.annotate(day=TruncDate("created_at")).order_by("day").values("day")
    by_day = list(days.annotate(n=Count("pk"), first=Min("created_at")).values_list("day", "n", "first"))
    answers = sum(n for _, n, _ in by_day)
    if answers < FEWEST_ANSWERS:
        return None
    elapsed = (now - by_day[0][2]).total_seconds() / 86_400
    found = _forecast(remaining, {day: n for day, n, _ in by_day}, elapsed, now) if remaining else None
    moments = [_after(now, value) for value in (found.days, found.low, found.high)] if found else [None] * 3
    return Pace(answers, elapsed, found, *moments)


def _forecast(remaining: int, counts: Mapping[date, int], elapsed: float, now: datetime) -> Forecast:
    """By whole days, today left out, where there are enough of them."""
    first, today = min(counts), timezone.localdate(now)
    whole = [counts.get(first + timedelta(days=place), 0) for place in range((today - first).days)]
    if len(whole) >= FEWEST_DAYS and any(whole):
        return finish_by_days(remaining, whole)
    return finish_evenly(remaining, sum(counts.values()), max(elapsed, 1 / 1440))


def _after(now: datetime, days: float) -> datetime | None:
    return now + timedelta(days=days) if days < 36_500 else None


def _cost(campaign: Campaign, plan: CampaignPlan, remaining: int) -> Cost | None:
    if plan.pay_per == CampaignPlan.PayPer.NOTHING or plan.pay_amount is None:
        return None
    if plan.pay_per == CampaignPlan.PayPer.ANSWER:
        to_come = remaining * plan.pay_amount
        answered = campaign.progress.aggregate(n=Sum("submitted_count"))["n"] or 0
        return Cost(answered * plan.pay_amount, Total(to_come, to_come, to_come), plan.currency)
    spent = (campaign.progress.aggregate(ms=Sum("active_ms"))["ms"] or 0) / MS_PER_HOUR * plan.pay_amount
    timed = Submission.objects.filter(assignment__campaign=campaign, undone_at__isnull=True, active_ms__gt=0)
    seen = timed.aggregate(n=Count("pk"), mean=Avg("active_ms"), deviation=StdDev("active_ms", sample=True))
    if not seen["n"]:
        return Cost(spent, None, plan.currency)
    found = sum_to_come(remaining, seen["mean"], seen["deviation"] or 0.0, seen["n"])
    per_ms = plan.pay_amount / MS_PER_HOUR
    return Cost(spent, Total(*(value * per_ms for value in found)), plan.currency)


def _judge(plan: CampaignPlan) -> JudgeCost | None:
    """Of the scorer that the plan names; in the currency of its endpoint's prices."""
    rater = Rater.objects.filter(pk=plan.scorer.partition(":")[0]).first() if plan.scorer else None
    if rater is None:
        return None
    newest = JudgmentTrace.objects.filter(judgment__rater=rater).order_by("-judgment_id").values("pk")[:TRACES]
    seen = JudgmentTrace.objects.filter(pk__in=newest).aggregate(
        n=Count("pk"), tokens=Avg(F("prompt_tokens") + F("reply_tokens")), cost=Avg("cost"), last=Max("pk")
    )
    return JudgeCost(rater.name, seen["n"], seen["tokens"], seen["cost"]) if seen["n"] else None
