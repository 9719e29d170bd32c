"""The page of an item that is over: what was asked, what was answered, and the items before and after it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext

from annotations.access import looked_back_at_by
from annotations.actions.submission import undo_until
from annotations.blinding import outputs_of, shown_item
from annotations.checks import stands_at_once
from annotations.models import Assignment, Campaign, Submission
from annotations.overlay import overlay_level, shown_by
from annotations.page_data import assignment_data, questions_to_show
from annotations.proposals import known_marks
from annotations.protocols import CONFIDENCE, CONFIDENCE_LEVELS, REVIEWS, Problems, Question, ShownItem
from annotations.reports_page import own_reports
from annotations.reveal import policies_of
from annotations.stages import without_stages
from projects.errors import AppError
from rewards.reviews import Decision

_SHOWN = ("prompt", "context", "reference", "outputs", "questions")


class Said(NamedTuple):
    """One question with what was answered to it, in words: about what, and what of it."""

    prompt: str
    lines: Sequence[tuple[str, str]]


class Neighbours(NamedTuple):
    """Keys of the person's items that were over just before and just after this one."""

    before: int | None
    after: int | None


def looking_back_page(assignment: Assignment, refusal: AppError | None) -> dict[str, Any]:
    """One item of a person with their own answer, read only; at most fourteen queries.

    What was entered into an item that was not submitted is shown as well: it is kept.
    """
    submission = standing_submission(assignment)
    answer = answer_given(assignment, submission) or {}
    shown = assignment_data(assignment)
    policies = policies_of(assignment, submission)
    return {
        "assignment": assignment,
        "campaign": assignment.campaign,
        "project": assignment.project,
        "refusal": refusal,
        # What a model gave the texts belongs to the work on them.
        "data": {name: shown[name] for name in _SHOWN} | {"answer": answer, "overlay": None},
        "outputs": shown["outputs"],
        "questions": [],
        "said": _said(assignment, answer),
        "is_emptied": submission is not None and not answer,
        "neighbours": neighbours_of(assignment),
        "policies": None if policies is None else sorted(policies.items()),
        "tells_later": policies is None and submission is not None and _tells(assignment),
        "goes_on": _goes_on(assignment),
        "own_reports": own_reports(assignment),
        **_undo(assignment, submission),
    }


def submitted_data(assignment: Assignment) -> dict[str, Any]:
    """What the API says besides of an item that is submitted; nothing, and no query, of any other."""
    submission = standing_submission(assignment)
    if submission is None:
        return {}
    return {
        "answer": without_stages(submission.answer),
        "undo_until": _until(assignment, submission),
        "policies": policies_of(assignment, submission),
    }


def standing_submission(assignment: Assignment) -> Submission | None:
    """The submit that was not taken back; no query where the item is not submitted, else one."""
    if assignment.status != Assignment.Status.SUBMITTED:
        return None
    return assignment.submissions.filter(undone_at=None).first()


def answer_given(assignment: Assignment, submission: Submission | None) -> dict[str, Any] | None:
    """What was submitted, or what was entered so far; None where that is nothing (no query: the draft is loaded)."""
    draft = getattr(assignment, "draft", None)
    source = submission or draft
    return without_stages(source.answer) if source is not None else None


def neighbours_of(assignment: Assignment) -> Neighbours:
    """In the order in which the person submitted and skipped, with the key as the tie-break (at most two queries).

    From an item that is neither, the way back leads to the last one that is.
    """
    mine = looked_back_at_by(assignment.user, assignment.campaign)
    since = None if stands_at_once(assignment) else assignment.over_since
    if since is None:
        return Neighbours(mine.values_list("pk", flat=True).first(), None)
    before, after = mine.earlier_than(since, assignment.pk), mine.later_than(since, assignment.pk)
    return Neighbours(*(rows.values_list("pk", flat=True).first() for rows in (before, after)))


def _undo(assignment: Assignment, submission: Submission | None) -> dict[str, Any]:
    """Until when the submit can be taken back, or could; nothing where it never could."""
    until = _until(assignment, submission)
    if until is None:
        return {"undo_until": None, "can_undo": False}
    takes_work = assignment.campaign.status in (Campaign.Status.OPEN, Campaign.Status.PAUSED)
    return {"undo_until": until, "can_undo": takes_work and timezone.now() <= until}


def _until(assignment: Assignment, submission: Submission | None) -> datetime | None:
    return None if submission is None or stands_at_once(assignment) else undo_until(assignment, submission)


def _goes_on(assignment: Assignment) -> bool:
    """Whether there may be a next item: in a paused campaign only what is in work (a query there)."""
    campaign = assignment.campaign
    if campaign.status == Campaign.Status.PAUSED:
        return campaign.assignments.of(assignment.user).live().exists()
    return campaign.status == Campaign.Status.OPEN


def _tells(assignment: Assignment) -> bool:
    return assignment.campaign.reveals_policies and not stands_at_once(assignment)


def _said(assignment: Assignment, answer: Mapping[str, Any]) -> list[Said]:
    """What there is of an answer, by question; what does not fit the question is left out (at most two queries)."""
    if not answer:
        return []
    item = shown_item(assignment, outputs_of(assignment))
    told = [Said(question.prompt, _lines(question, answer, item)) for question in questions_to_show(assignment)]
    reviews = answer.get(REVIEWS)
    if isinstance(reviews, Mapping) and reviews:
        told.append(Said(gettext("What a model marked"), _decisions(assignment, reviews)))
    return told


def _lines(question: Question, answer: Mapping[str, Any], item: ShownItem) -> list[tuple[str, str]]:
    if question.key not in answer:
        return []
    lines = list(question.tell(question.plan(answer[question.key], item, Problems()), item))
    sure = answer.get(CONFIDENCE)
    level = sure.get(question.key) if isinstance(sure, Mapping) else None
    if level in CONFIDENCE_LEVELS:
        lines.append((gettext("How sure"), str(CONFIDENCE_LEVELS[level])))
    return lines


def _decisions(assignment: Assignment, reviews: Mapping[str, Any]) -> list[tuple[str, str]]:
    labels = {choice.value: gettext(choice.label) for choice in Decision}
    raters = shown_by(assignment.campaign).marks if overlay_level(assignment) else ()
    marks = known_marks(reviews, assignment.order, raters) if raters else {}
    return [
        (f"“{marks[key].quote}”", labels.get(str(entry.get("decision")), "–"))
        for key, entry in reviews.items()
        if key in marks and isinstance(entry, Mapping)
    ]
