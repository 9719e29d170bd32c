"""Making items check people: from work, from what people agreed on, by answering; changing and taking them back."""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from annotations.actions.copies import ensure_copy
from annotations.actions.draft import restore_draft
from annotations.actions.gold_versions import add_version, note_kinds
from annotations.actions.lease import regain_item, release_item
from annotations.blinding import assignment_seed, shown_order
from annotations.checks import KNOWN, Kind
from annotations.comparing import Given, compare
from annotations.models import Assignment, Campaign, CampaignItem, CampaignProtocol, GoldAnswer, Submission
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import User

Origin = GoldAnswer.Origin


@transaction.atomic
def make_check(*, item: CampaignItem, kind: str, actor: User) -> CampaignItem:
    """An item of this kind: `item` itself where nobody has begun it, else a copy beside it.

    What was begun as work stays work. Nobody is asked before it has a right answer.

    Raises
    ------
    AppError
        ``check_kind`` for a kind that has no right answer.
    """
    if kind not in KNOWN:
        message = gettext("Expected one of %(known)s.") % {"known": ", ".join(KNOWN)}
        raise AppError(message, code="check_kind", fields={"kind": [message]})
    current = CampaignItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    if current.kind == Kind.WORK and current.assignments.exists():
        made = ensure_copy(item=current, kind=kind)
    else:
        if current.kind == Kind.WORK:
            Campaign.objects.filter(pk=item.campaign_id).update(item_count=F("item_count") - 1)
        made, current.kind = current, kind
        made.save(update_fields=["kind"])
        note_kinds(item.campaign_id)
    _record(item.campaign, actor, "campaign.check_made", made)
    return made


@transaction.atomic
def answer_as_gold(*, item: CampaignItem, user: User) -> Assignment:
    """Put the item in work for `user`, whose submit becomes its right answer; begins from the one in force.

    Another item that the person has in work is given back, with its draft.

    Raises
    ------
    AppError
        409 with ``answered_as_annotator`` where they were asked it without knowing what it is; ``check_kind`` for work.
    """
    if item.kind not in KNOWN:
        raise AppError(gettext("Work has no right answer: make a check of it first."), code="check_kind", status=409)
    campaign = item.campaign
    others = campaign.assignments.of(user).live().exclude(item=item).select_related("campaign", "item")
    for other in others:
        release_item(assignment=other)
    assignment = Assignment.objects.select_related("campaign", "item", "protocol").filter(item=item, user=user).first()
    if assignment is None:
        assignment = _new_assignment(item, user)
    elif not assignment.makes_gold:
        message = gettext("You were asked this item as an annotator. Somebody else has to say what is right.")
        raise AppError(message, code="answered_as_annotator", status=409)
    elif assignment.status == Assignment.Status.SUBMITTED:
        _reopen(assignment)
    regain_item(assignment=assignment)
    return assignment


@transaction.atomic
def take_agreed_answer(*, item: CampaignItem, actor: User) -> GoldAnswer:
    """Take what everybody who answered the work answered alike as the right answer.

    Raises
    ------
    AppError
        409 with ``not_agreed``, which names the first question that they differ on.
    """
    work = item.source or item
    standing = Submission.objects.filter(
        assignment__item=work, undone_at__isnull=True, assignment__makes_gold=False
    ).select_related("assignment__protocol", "protocol")
    answers = list(standing.order_by("pk"))
    if len(answers) < 2:
        raise AppError(gettext("It takes two answers to agree."), code="not_agreed", status=409)
    first = answers[0]
    right = Given.of_submission(first, first.assignment)
    for other in answers[1:]:
        scores = compare(Given.of_submission(other, other.assignment), right)
        different = [key for key, row in scores.items() if row["score"] != 1]
        if different or not scores:
            message = (
                gettext("The answers differ on %(different)s.") % {"different": different[0]}
                if different
                else gettext("The questions changed in between.")
            )
            raise AppError(message, code="not_agreed", status=409)
    version = add_version(
        item=item, actor=actor, origin=Origin.AGREED, answer=first.answer, order=first.assignment.order,
        seed=first.assignment.seed, protocol=first.protocol or first.assignment.protocol,
    )  # fmt: skip
    _record(item.campaign, actor, "campaign.gold_answered", item)
    return version


@transaction.atomic
def revise_gold(*, item: CampaignItem, actor: User, explanation: str, pass_marks: Mapping[str, float]) -> GoldAnswer:
    """A new version with another explanation or other marks; the same ones are no new version."""
    gold = item.gold
    if gold is None:
        raise AppError(gettext("This item has no right answer in force."), code="no_gold", status=409)
    if (gold.explanation, gold.pass_marks) == (explanation, dict(pass_marks)):
        return gold
    version = add_version(
        item=item, actor=actor, origin=Origin.EDITED, answer=gold.answer, order=gold.order, seed=gold.seed,
        protocol=gold.protocol, explanation=explanation, pass_marks=pass_marks,
    )  # fmt: skip
    _record(item.campaign, actor, "campaign.gold_revised", item)
    return version


@transaction.atomic
def withdraw_gold(*, item: CampaignItem, actor: User) -> None:
    """Ask it of nobody any more; versions and results stay."""
    CampaignItem.objects.filter(pk=item.pk).update(gold=None)
    item.gold = None
    note_kinds(item.campaign_id)
    _record(item.campaign, actor, "campaign.gold_withdrawn", item)


@transaction.atomic
def return_to_work(*, item: CampaignItem, actor: User) -> None:
    """Make a check that was taken out of the work, and that nobody was asked yet, work again.

    Raises
    ------
    AppError
        ``asked_already`` (409) for one that somebody was asked, or that is a copy of work.
    """
    current = CampaignItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    asked = current.assignments.filter(makes_gold=False).exists()
    if current.kind not in KNOWN or current.source_id is not None or asked:
        message = gettext("Only a check that nobody was asked, and that was work itself, can go back to the work.")
        raise AppError(message, code="asked_already", status=409)
    current.assignments.live().update(status=Assignment.Status.RELEASED)
    CampaignItem.objects.filter(pk=item.pk).update(kind=Kind.WORK, gold=None, granted_count=0, submitted_count=0)
    Campaign.objects.filter(pk=item.campaign_id).update(item_count=F("item_count") + 1)
    note_kinds(item.campaign_id)
    _record(item.campaign, actor, "campaign.check_returned", item)


def _new_assignment(item: CampaignItem, user: User) -> Assignment:
    seed = assignment_seed(item.campaign, item, user.pk)
    outputs = list(item.item_outputs.values_list("output_id", flat=True))
    return Assignment.objects.create(
        project_id=item.project_id, campaign=item.campaign, item=item, user=user, protocol=_in_force(item.campaign),
        seed=seed, order=shown_order(outputs, seed), makes_gold=True, status=Assignment.Status.RELEASED,
        lease_until=timezone.now(),
    )  # fmt: skip


def _reopen(assignment: Assignment) -> None:
    """What was submitted is the draft again, under the questions in force; the right answer stands until the next."""
    standing = assignment.submissions.filter(undone_at__isnull=True).first()
    if standing is not None:
        Submission.objects.filter(pk=standing.pk).update(undone_at=timezone.now())
        restore_draft(assignment=assignment, answer=standing.answer)
    item = CampaignItem.objects.filter(pk=assignment.item_id)
    item.update(submitted_count=F("submitted_count") - 1, granted_count=F("granted_count") - 1)
    assignment.status, assignment.protocol = Assignment.Status.RELEASED, _in_force(assignment.campaign)
    assignment.save(update_fields=["status", "protocol"])


def _in_force(campaign: Campaign) -> CampaignProtocol:
    assert campaign.protocol is not None
    return campaign.protocol


def _record(campaign: Campaign, actor: User, verb: str, item: CampaignItem) -> None:
    data = {"item": item.position, "kind": item.kind}
    record_event(actor=actor, verb=verb, project=campaign.project, target=campaign, data=data)
