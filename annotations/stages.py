"""In a study of the order: when the first part was finished, and what it said then.

An arm that asks something second keeps it back until the first part is finished, here as on the page: a draft or a
submit that answers the second part before is refused. Whoever asks says with a draft that the first part is finished;
from then on the draft holds, under `STAGES`, when that was and what the first part said. It may still be changed: that
it was is stored with the answer, so that the stored order is the true one.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from annotations.answers import says
from annotations.arms import SEQUENCE, second_part
from annotations.models import Assignment, Draft
from annotations.protocols import CONFIDENCE, REVIEWS, STAGES, Question, parse_questions
from projects.errors import AppError

Answer = Mapping[str, Any]
Record = dict[str, Any]
"""``finished_at``: an ISO time, or None where the second part was begun before anybody asked; ``first``: the first part
as it was then; once submitted, ``first_changed``."""


def waiting_questions(assignment: Assignment, draft: Draft | None) -> list[str]:
    """The keys of the questions that wait until the first part is finished."""
    later = _second(assignment)
    is_passed = bool(later) and draft is not None and _is_passed(draft.answer, later)
    return [] if is_passed else [key for key in later if key != REVIEWS]


def without_stages(answer: Answer) -> dict[str, Any]:
    """What the person said: the record is the server's own."""
    return {key: value for key, value in answer.items() if key != STAGES}


def drafted(assignment: Assignment, answer: Answer, *, is_finished: bool, now: datetime) -> dict[str, Any]:
    """The answer as a draft keeps it, with the record of its stages (a query in a study of the order).

    Parameters
    ----------
    is_finished : bool
        Whether whoever answers says that the first part is finished.

    Raises
    ------
    AppError
        409 with ``first_part_open`` naming what was answered too early.
    """
    said, later = without_stages(answer), _second(assignment)
    if not later:
        return said
    stored = _stored(assignment)
    if _is_passed(stored, later):
        return said | {STAGES: stored.get(STAGES) or {"finished_at": None}}
    if is_finished:
        return said | {STAGES: {"finished_at": now.isoformat(), "first": _part(said, _first(assignment, later))}}
    _refuse([key for key in later if _part(said, [key])])
    return said


def submitted(assignment: Assignment, answer: Answer) -> Record | None:
    """What a submit keeps of its stages; None where nothing is asked second (a query in a study of the order).

    Raises
    ------
    AppError
        409 with ``first_part_open`` where nobody said that the first part is finished.
    """
    later = _second(assignment)
    if not later:
        return None
    stored = _stored(assignment)
    if not _is_passed(stored, later):
        _refuse([key for key in later if key != REVIEWS])
    record: Record = dict(stored.get(STAGES) or {"finished_at": None})
    if "first" in record:
        record["first_changed"] = _part(answer, _first(assignment, later)) != record["first"]
    return record


def told(record: Record) -> Record:
    """Of a record what each judgment says: not what the first part said, which the submit keeps."""
    return {name: value for name, value in record.items() if name != "first"}


def _second(assignment: Assignment) -> list[str]:
    if SEQUENCE not in assignment.arm:
        return []
    questions = parse_questions(assignment.protocol.questions)
    return _with_reviews(questions, second_part(questions, assignment.arm))


def _first(assignment: Assignment, later: Collection[str]) -> list[str]:
    questions = parse_questions(assignment.protocol.questions)
    return _with_reviews(questions, [question.key for question in questions if question.key not in later])


def _with_reviews(questions: Sequence[Question], keys: list[str]) -> list[str]:
    """What is said of models' spans belongs to the question that asks for spans."""
    asks_for_spans = any(question.kind == "spans" and question.key in keys for question in questions)
    return [*keys, REVIEWS] if asks_for_spans else keys


def _stored(assignment: Assignment) -> Answer:
    return Draft.objects.filter(assignment=assignment).values_list("answer", flat=True).first() or {}


def _is_passed(stored: Answer, later: Collection[str]) -> bool:
    """Drafts from before there was a record may have begun the second part."""
    return STAGES in stored or bool(_part(stored, later))


def _part(answer: Answer, keys: Collection[str]) -> dict[str, Any]:
    """What is said to these questions, with how sure one is; what says nothing is left out."""
    sure = answer.get(CONFIDENCE)
    kept = {key: answer[key] for key in keys if says(answer.get(key))}
    kept_sure = {key: sure[key] for key in keys if key in sure} if isinstance(sure, Mapping) else {}
    return kept | ({CONFIDENCE: kept_sure} if kept_sure else {})


def _refuse(keys: Collection[str]) -> None:
    if keys:
        message = gettext("This comes second: say first that the first part is finished.")
        raise AppError(message, code="first_part_open", status=409, fields={key: [message] for key in keys})
