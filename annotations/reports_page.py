"""What the pages about reports on items show."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotations.models import Assignment, Campaign, ItemReport
from projects.access import Capability, allows
from projects.compiled import CompiledQuery
from projects.errors import AppError
from projects.keyset import keyset_page

STATES = {"open": _("Open"), "settled": _("Settled")}


def reports_of(campaign: Campaign, state: str) -> QuerySet[ItemReport]:
    """The reports of a campaign in this state, with the items, people and words that they are about.

    Raises
    ------
    AppError
        ``filter_invalid`` for a state that is none of `STATES`.
    """
    if state not in STATES:
        words = gettext("Expected one of: %(states)s.") % {"states": ", ".join(STATES)}
        raise AppError(words, code="filter_invalid", fields={"state": [words]})
    return campaign.reports.filter(resolved_at__isnull=state == "open").select_related(
        "assignment__user", "assignment__item__task", "output", "resolved_by"
    )


def reports_page(campaign: Campaign, *, state: str, cursor: str | None) -> dict[str, Any]:
    """What the page of a campaign's reports shows, newest first (two queries); AppError as `reports_of`."""
    return {
        "campaign": campaign,
        "page": keyset_page(reports_of(campaign, state), cursor=cursor),
        "open_count": campaign.reports.filter(resolved_at__isnull=True).count(),
        "state": state,
        "states": STATES,
        "may_settle": allows(campaign.project, Capability.MANAGE),
    }


def own_reports(assignment: Assignment) -> list[ItemReport]:
    """What the person has said about their item, with what was replied, newest first (one query)."""
    return _own_reports(assignment.pk)


@CompiledQuery
def _own_reports(assignment_id: int) -> QuerySet[ItemReport]:
    reports = ItemReport.objects.filter(assignment=assignment_id)
    return reports.select_related("output").order_by("-id")[:50]
