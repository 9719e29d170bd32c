"""What the pages of a campaign show to those who lead or follow it."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from annotations.access import annotators_of
from annotations.forecast import pay_of
from annotations.models import Assignment, Campaign, CampaignItem, CampaignProgress
from annotations.next_item import plan_of
from annotations.protocols import parse_questions
from annotations.rubric_questions import outdated_rubrics
from projects.keyset import KeysetPage, keyset_page
from rewards.models import Output

PRESENT = timedelta(seconds=90)
"""Since the last sign of life of who is at work: three of the beats that an open page sends."""


class AtWork(NamedTuple):
    """Somebody who holds an item."""

    assignment: Assignment
    seen_at: datetime
    is_here: bool
    """Whether their page has just been heard of; else it is closed, asleep or without a connection."""


def at_work(campaign: Campaign) -> list[AtWork]:
    """Who holds an item, those at work first, the last heard of before the others (one query)."""
    held = campaign.assignments.live().select_related("user", "item").order_by("-lease_until", "-id")
    # Whatever a page sends sets the end of the lease to so many minutes from then.
    lasts, now = timedelta(minutes=campaign.lease_minutes), timezone.now()
    seen = ((assignment, assignment.lease_until - lasts) for assignment in held)
    return [AtWork(assignment, seen_at, now - seen_at <= PRESENT) for assignment, seen_at in seen]


def campaign_page(campaign: Campaign) -> dict[str, Any]:
    """Progress of the whole and by person, the questions, and the texts that give their author away (six queries)."""
    wanted = campaign.answer_count_wanted
    plan = plan_of(campaign)
    people = list(campaign.progress.select_related("user").order_by("-submitted_count", "user__username"))
    started = {row.user_id for row in people}
    asked = [member.user for member in campaign.campaign_members.select_related("user")] or annotators_of(
        campaign.project
    )
    holding = at_work(campaign)
    here = {row.assignment.user_id for row in holding if row.is_here}
    return {
        "campaign": campaign,
        "protocol": campaign.protocol,
        "questions": parse_questions(campaign.protocol.questions) if campaign.protocol else [],
        "wanted": wanted,
        "percent": 100 * campaign.submitted_count // wanted if wanted else 0,
        "holding": holding,
        "here_count": len(here),
        "people": [(row, _minutes_per_item(row), row.user_id in here, pay_of(row, plan)) for row in people],
        "plan": plan,
        "waiting": [user for user in asked if user.pk not in started],
        "leaks": _leaks(campaign),
        "outdated": outdated_rubrics(campaign.protocol.questions) if campaign.protocol else [],
    }


def items_page(campaign: Campaign, *, cursor: str | None, **conditions: Any) -> KeysetPage[CampaignItem]:
    """A page of the items that fit, in order, with the people of each (three queries)."""
    items = campaign.items.for_list().matching(campaign, **conditions)
    return keyset_page(items, ordering="position", cursor=cursor)


def _minutes_per_item(row: CampaignProgress) -> float | None:
    return row.active_ms / row.submitted_count / 60_000 if row.submitted_count else None


def _leaks(campaign: Campaign) -> dict[str, Any]:
    """The stored scan with the policy of each text, which managers may know."""
    scan = campaign.leak_scan
    found = scan.get("found", [])
    policies = dict(Output.objects.filter(pk__in=[leak["output"] for leak in found]).values_list("pk", "policy__name"))
    return {**scan, "found": [{**leak, "policy": policies.get(leak["output"])} for leak in found]}
