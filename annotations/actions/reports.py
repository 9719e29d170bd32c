"""Reports on items: an annotator says what is wrong or asks, those who lead the campaign answer."""

from collections.abc import Mapping
from typing import Any, NoReturn

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from annotations.actions.announcing import tell_leads
from annotations.blinding import outputs_of, shown_item
from annotations.models import Assignment, ItemReport
from projects.actions.audit import record_event
from projects.actions.notification import notify
from projects.errors import AppError
from projects.models import User

MAX_REPORT = 2_000
_PLACE = ("output_id", "message", "start", "end")
MOST_OPEN = 20
"""Open reports of one person on one item: a stuck key or a script must not fill the list."""


@transaction.atomic
def report_item(*, assignment: Assignment, kind: str, text: str, anchor: Mapping[str, Any] | None = None) -> ItemReport:
    """Keep what a person says about their item and tell those who lead the campaign; the item stays in work.

    Sent again word by word while it is open, it is the same report: nobody is told twice.

    Parameters
    ----------
    kind : str
        One of `ItemReport.Kind`.
    text : str
        Why it is broken, or what is asked.
    anchor : Mapping[str, Any], optional
        The words meant: `output` (the label shown), `message`, `start` and `end` in code points.

    Raises
    ------
    AppError
        ``report_invalid`` naming the field; ``too_many_reports`` (409).
    """
    said = text.strip()
    if not said or len(said) > MAX_REPORT:
        _refuse(
            "text",
            gettext("Say what is meant, in at most %(max_report)s characters.") % {"max_report": f"{MAX_REPORT:,}"},
        )
    # A double press arrives as two requests: the second one waits here.
    Assignment.objects.select_for_update(no_key=True).get(pk=assignment.pk)
    report = ItemReport(
        project_id=assignment.project_id,
        campaign=assignment.campaign,
        assignment=assignment,
        kind=kind,
        text=said,
        **(_place(assignment, anchor) if anchor else {}),
    )
    open_ones = list(assignment.reports.filter(resolved_at__isnull=True).order_by("id"))
    for other in open_ones:
        if all(getattr(other, name) == getattr(report, name) for name in ("kind", "text", *_PLACE)):
            return other
    if len(open_ones) >= MOST_OPEN:
        message = gettext("%(most_open)s reports of yours on this item are open: wait for an answer.") % {
            "most_open": MOST_OPEN
        }
        raise AppError(message, code="too_many_reports", status=409)
    report.save()
    tell_leads(
        assignment.campaign,
        "item.flagged" if kind == ItemReport.Kind.FLAG else "item.help",
        assignment.user,
        "report-list",
        text=said,
    )
    return report


@transaction.atomic
def resolve_report(*, report: ItemReport, actor: User, reply: str = "") -> None:
    """Settle a report, with words to whoever made it or without; the person is told.

    Raises
    ------
    AppError
        ``report_resolved`` (409) if somebody has settled it already; ``report_invalid`` for a reply that is too long.
    """
    if len(reply) > MAX_REPORT:
        _refuse("reply", gettext("Write at most %(max_report)s characters.") % {"max_report": f"{MAX_REPORT:,}"})
    now = timezone.now()
    changes = {"resolved_at": now, "resolved_by": actor, "reply": reply.strip()}
    if not ItemReport.objects.filter(pk=report.pk, resolved_at__isnull=True).update(**changes):
        raise AppError(gettext("Somebody has settled this already."), code="report_resolved", status=409)
    for name, value in changes.items():
        setattr(report, name, value)
    campaign = report.campaign
    record_event(project=campaign.project, actor=actor, verb="report.resolved", target=campaign, data={"id": report.pk})
    notify(
        users=[report.assignment.user],
        kind="report.answered" if report.reply else "report.resolved",
        project=campaign.project,
        data={"name": campaign.name, "reply": report.reply},
        url=reverse("annotations:annotate", args=[report.assignment_id]),
    )


def _refuse(field: str, message: str) -> NoReturn:
    raise AppError(message, code="report_invalid", fields={field: [message]})


def _place(assignment: Assignment, anchor: Mapping[str, Any]) -> dict[str, int]:
    """The words meant, by the output's id; AppError where the item shows no such words."""
    item = shown_item(assignment, outputs_of(assignment))
    shown = next((output for output in item.outputs if output.label == anchor["output"]), None)
    if shown is None:
        _refuse("anchor", gettext("The item shows no response %(anchor)s.") % {"anchor": anchor["output"]})
    message, start, end = anchor["message"], anchor["start"], anchor["end"]
    if not 0 <= message < len(shown.texts) or not 0 <= start < end <= len(shown.texts[message]):
        _refuse("anchor", gettext("Expected a stretch of one message: start before end, both within its text."))
    return {"output_id": shown.pk, "message": message, "start": start, "end": end}
