"""Campaigns from draft to close, and the versions of what they ask."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext, ngettext

from annotations.actions.announcing import announce_campaign, announce_revision
from annotations.actions.items import add_items
from annotations.guidelines import read_examples
from annotations.leaks import scan_for_leaks
from annotations.models import Campaign, CampaignMember, CampaignProtocol
from annotations.protocols import LABELS, min_outputs, parse_questions, protocol_hash
from annotations.rubric_questions import criteria_problems
from annotations.selection import Selection
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User


@dataclass(frozen=True)
class ProtocolContent:
    """What annotators are told and asked."""

    questions: list[dict[str, Any]]
    guidelines: str = ""
    show_reference: bool = False
    examples: list[dict[str, Any]] = field(default_factory=list)
    """`[{"is_good": bool, "text": str, "reason": str}, ...]`; `annotations.guidelines` checks them."""


@transaction.atomic
def create_campaign(
    *,
    project: Project,
    actor: User,
    name: str,
    protocol: ProtocolContent,
    selection: Selection | None = None,
    overlap: int = 1,
    lease_minutes: int = 30,
    undo_minutes: int = 15,
    reveals_policies: bool = False,
    people: Sequence[User] = (),
) -> Campaign:
    """Make a campaign with its items, in draft, and look for texts that give their author away.

    Raises
    ------
    AppError
        ``protocol_invalid``, ``campaign_name_taken`` (409), ``campaign_empty`` where the selection holds no task with
        enough outputs, ``campaign_invalid`` for numbers out of range.
    """
    selection = selection or Selection()
    questions = parse_questions(protocol.questions)
    needed = min_outputs(questions)
    _check_numbers(selection, overlap=overlap, needed=needed)
    with name_of_its_own():
        campaign = Campaign.objects.create(
            project=project,
            name=name.strip(),
            overlap=overlap,
            lease_minutes=lease_minutes,
            undo_minutes=undo_minutes,
            reveals_policies=reveals_policies,
            seed=secrets.randbits(62),
            selection=selection.to_json(),
            created_by=actor,
        )
    CampaignMember.objects.bulk_create(CampaignMember(campaign=campaign, user=user) for user in people)
    campaign.item_count = add_items(campaign=campaign, selection=selection, min_outputs=needed)
    if not campaign.item_count:
        words = ngettext(
            "No task chosen has an output, which these questions need.",
            "No task chosen has %(count)s outputs, which these questions need.",
            needed,
        )
        raise AppError(words % {"count": needed}, code="campaign_empty")
    campaign.protocol = _add_protocol(campaign, protocol, number=1)
    campaign.leak_scan = scan_for_leaks(campaign)
    campaign.save(update_fields=["item_count", "protocol", "leak_scan"])
    record_event(
        actor=actor,
        verb="campaign.created",
        project=project,
        target=campaign,
        data={"name": campaign.name, "items": campaign.item_count, "overlap": overlap},
    )
    return campaign


@contextmanager
def name_of_its_own() -> Iterator[None]:
    """Around the write of a name: ``campaign_name_taken`` (409) where another campaign of the project has it."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        message = gettext("Another campaign of this project has this name.")
        raise AppError(message, code="campaign_name_taken", status=409, fields={"name": [message]}) from error


@transaction.atomic
def revise_protocol(*, campaign: Campaign, actor: User, protocol: ProtocolContent) -> CampaignProtocol:
    """Put a new version of the questions in force; the same content is no new version.

    Answers given so far, and answers begun, stay with the version they were given under.
    """
    questions = parse_questions(protocol.questions)
    examples = read_examples(protocol.examples)
    if campaign.status == Campaign.Status.CLOSED:
        raise AppError(gettext("A closed campaign asks nothing any more."), code="campaign_closed", status=409)
    fewest = campaign.items.fewest_outputs()
    if fewest < min_outputs(questions):
        raise AppError(gettext("Some items have too few outputs for these questions."), code="protocol_invalid")
    current = (
        Campaign.objects.select_for_update(of=("self",), no_key=True).select_related("protocol").get(pk=campaign.pk)
    )
    digest = protocol_hash(questions, protocol.guidelines, show_reference=protocol.show_reference, examples=examples)
    if current.protocol is not None and current.protocol.content_hash == digest:
        return current.protocol
    number = current.protocols.count() + 1
    campaign.protocol = version = _add_protocol(campaign, protocol, number=number)
    campaign.save(update_fields=["protocol"])
    record_event(
        actor=actor,
        verb="campaign.protocol_revised",
        project=campaign.project,
        target=campaign,
        data={"number": number},
    )
    if campaign.status != Campaign.Status.DRAFT:
        announce_revision(campaign, number)
    return version


def open_campaign(*, campaign: Campaign, actor: User) -> None:
    """Let annotators in; from draft, pause or close. They are told the first time."""
    is_first = campaign.status == Campaign.Status.DRAFT
    _change_status(campaign, actor, Campaign.Status.OPEN, verb="campaign.opened")
    if is_first:
        announce_campaign(campaign)


def pause_campaign(*, campaign: Campaign, actor: User) -> None:
    """Give out no new items; what is in work can be finished."""
    _change_status(campaign, actor, Campaign.Status.PAUSED, verb="campaign.paused")


def close_campaign(*, campaign: Campaign, actor: User) -> None:
    """Take no more answers; drafts are kept."""
    _change_status(campaign, actor, Campaign.Status.CLOSED, verb="campaign.closed")


# What each status may follow.
_BEFORE = {
    Campaign.Status.OPEN: ("draft", "paused", "closed"),
    Campaign.Status.PAUSED: ("open",),
    Campaign.Status.CLOSED: ("draft", "open", "paused"),
}


@transaction.atomic
def _change_status(campaign: Campaign, actor: User, status: Campaign.Status, *, verb: str) -> None:
    allowed = Campaign.objects.filter(pk=campaign.pk, status__in=_BEFORE[status])
    if not allowed.update(status=status):
        campaign.refresh_from_db(fields=["status"])
        if campaign.status == status:
            return
        message = gettext("A campaign cannot go from “%(now)s” to “%(then)s”.") % {
            "now": campaign.get_status_display(),
            "then": status.label,
        }
        raise AppError(message, code="campaign_status", status=409)
    campaign.status = status
    record_event(actor=actor, verb=verb, project=campaign.project, target=campaign)


def _add_protocol(campaign: Campaign, protocol: ProtocolContent, *, number: int) -> CampaignProtocol:
    questions = parse_questions(protocol.questions)
    _check_criteria(campaign.project, [question.config() for question in questions])
    examples = read_examples(protocol.examples)
    return CampaignProtocol.objects.create(
        project_id=campaign.project_id,
        campaign=campaign,
        number=number,
        questions=[question.config() for question in questions],
        guidelines=protocol.guidelines,
        show_reference=protocol.show_reference,
        examples=examples,
        content_hash=protocol_hash(
            questions, protocol.guidelines, show_reference=protocol.show_reference, examples=examples
        ),
    )


def _check_criteria(project: Project, questions: Sequence[dict[str, Any]]) -> None:
    fields = criteria_problems(project, questions)
    if fields:
        raise AppError(
            gettext("A question names a criterion of no rubric here."), code="protocol_invalid", fields=fields
        )


def _check_numbers(selection: Selection, *, overlap: int, needed: int) -> None:
    most = len(LABELS)
    if not needed <= selection.outputs_per_item <= most:
        message = gettext("Expected %(needed)s to %(most)s outputs per item for these questions.") % {
            "needed": needed,
            "most": most,
        }
        raise AppError(message, code="campaign_invalid", fields={"outputs_per_item": [message]})
    if not 1 <= overlap <= 100:
        message = gettext("Expected 1 to 100 people per item.")
        raise AppError(message, code="campaign_invalid", fields={"overlap": [message]})
