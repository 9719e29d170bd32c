"""What the pages of a campaign show to those who lead or follow it."""

from typing import Any

from annotations.access import annotators_of
from annotations.forecast import pay_of
from annotations.models import Campaign, CampaignItem, CampaignProgress
from annotations.next_item import plan_of
from annotations.protocols import parse_questions
from annotations.rubric_questions import outdated_rubrics
from projects.keyset import KeysetPage, keyset_page
from rewards.models import Output


def campaign_page(campaign: Campaign) -> dict[str, Any]:
    """Progress of the whole and by person, the questions, and the texts that give their author away (six queries)."""
    wanted = campaign.answer_count_wanted
    plan = plan_of(campaign)
    people = list(campaign.progress.select_related("user").order_by("-submitted_count", "user__username"))
    started = {row.user_id for row in people}
    asked = [member.user for member in campaign.campaign_members.select_related("user")] or annotators_of(
        campaign.project
    )
    in_work = set(campaign.assignments.live().values_list("user", flat=True))
    return {
        "campaign": campaign,
        "protocol": campaign.protocol,
        "questions": parse_questions(campaign.protocol.questions) if campaign.protocol else [],
        "wanted": wanted,
        "percent": 100 * campaign.submitted_count // wanted if wanted else 0,
        "in_work_count": len(in_work),
        "people": [(row, _minutes_per_item(row), row.user_id in in_work, pay_of(row, plan)) for row in people],
        "plan": plan,
        "waiting": [user for user in asked if user.pk not in started],
        "leaks": _leaks(campaign),
        "outdated": outdated_rubrics(campaign.protocol.questions) if campaign.protocol else [],
    }


def items_page(campaign: Campaign, *, cursor: str | None) -> KeysetPage[CampaignItem]:
    """A page of the items in order, with the people of each (three queries)."""
    return keyset_page(campaign.items.for_list(), ordering="position", cursor=cursor)


def _minutes_per_item(row: CampaignProgress) -> float | None:
    return row.active_ms / row.submitted_count / 60_000 if row.submitted_count else None


def _leaks(campaign: Campaign) -> dict[str, Any]:
    """The stored scan with the policy of each text, which managers may know."""
    scan = campaign.leak_scan
    found = scan.get("found", [])
    policies = dict(Output.objects.filter(pk__in=[leak["output"] for leak in found]).values_list("pk", "policy__name"))
    return {**scan, "found": [{**leak, "policy": policies.get(leak["output"])} for leak in found]}
