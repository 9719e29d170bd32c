"""A model's spans on the annotator's page: accepted, changed or rejected there, as part of the answer.

The page knows a span by its id and its model by a number. What is stored is what `rewards.actions.reviews` stores: a
judgment of kind spans whose `presentation` names the model's mark, its source, the value that it had, the decision, and
whether the span is verified thereby.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext

from annotations.models import Assignment
from annotations.protocols import REVIEWS, PlannedJudgment, Problems, ShownItem, parse_questions
from annotations.protocols.contract import SPANS, ShownOutput
from annotations.protocols.places import place_span
from annotations.protocols.spans import SpansQuestion
from projects.errors import AppError
from rewards.models import SpanMark
from rewards.reviews import REVIEW, Decision, MarkContent, content_problems, reviewed_row, told_of

MAX_MARKS = 300
"""Of one item that a page shows."""


def proposals_in(
    assignment: Assignment, raters: Sequence[int], labels: Mapping[int, str], name_of: Callable[[int], str]
) -> list[dict[str, Any]]:
    """The spans that these models marked in the item's outputs, blinded, in reading order (one query).

    Each has ``id``, ``source``, ``output`` (its label), ``message``, ``start``, ``end``, ``quote``, ``type``,
    ``severity`` and ``comment``. None where the questions do not ask for spans: there is nothing to say about them.
    What a model marked twice, asked again, is shown once.
    """
    if not raters or spans_question(assignment) is None:
        return []
    marks = _marks_on(labels, raters).filter(judgment__withdrawn_at=None).select_related("judgment").order_by("pk")
    found: dict[tuple[Any, ...], SpanMark] = {}
    for mark in marks:
        place = (mark.output_id, mark.message, mark.start, mark.end)
        found.setdefault((mark.judgment.rater_id, *place, mark.type), mark)
    ordered = sorted(found.values(), key=lambda mark: (labels[mark.output_id], mark.message, mark.start, -mark.end))
    return [
        {
            "id": mark.pk,
            "source": name_of(mark.judgment.rater_id),
            "output": labels[mark.output_id],
            "message": mark.message,
            "start": mark.start,
            "end": mark.end,
            "quote": mark.quote,
            "type": mark.type,
            "severity": mark.severity,
            "comment": mark.explanation,
        }
        for mark in ordered[:MAX_MARKS]
    ]


def plan_reviews(
    assignment: Assignment, answer: Mapping[str, Any], item: ShownItem, raters: Sequence[int]
) -> list[PlannedJudgment]:
    """What an answer says of models' spans, as reviews; no query where it says nothing, else one.

    Parameters
    ----------
    answer : mapping
        Under `REVIEWS`, by the id of a span: ``{"decision": "accepted"}``, ``{"decision": "rejected"}``, or
        ``{"decision": "changed"}`` with ``message``, ``start``, ``end``, ``quote``, ``text_sha256``, ``type``,
        ``severity`` and ``comment`` as in an answer about spans.
    raters : sequence of int
        Whose spans the plan shows.

    Raises
    ------
    AppError
        ``answer_invalid`` naming each span. One that was withdrawn since it was shown may still be spoken of.
    """
    told = answer.get(REVIEWS) or {}
    question = spans_question(assignment)
    shown = [output.pk for output in item.outputs]
    is_said = isinstance(told, Mapping) and bool(told) and question is not None
    return planned_reviews(told, known_marks(told, shown, raters) if is_said else {}, question, item)


def planned_reviews(
    told: Any, known: Mapping[str, SpanMark], question: SpansQuestion | None, item: ShownItem
) -> list[PlannedJudgment]:
    """What is said of models' spans, as reviews; no query.

    Parameters
    ----------
    told : mapping
        See `plan_reviews`.
    known : mapping of str to SpanMark
        The spans that may be spoken of, by the id as `told` has it; each with its judgment's rater.
    question : SpansQuestion, optional
        Whose types and severities a changed span may have.
    item : ShownItem

    Raises
    ------
    AppError
        ``answer_invalid`` naming each span.
    """
    problems = Problems()
    if not isinstance(told, Mapping):
        problems.add(REVIEWS, gettext("Expected an object with a decision for each span."))
        told = {}
    shown = {output.pk: output for output in item.outputs}
    planned = []
    for key, entry in told.items():
        where = f"{REVIEWS}.{key}"
        mark = known.get(str(key))
        if mark is None or question is None:
            problems.add(where, gettext("No model marked such a span here. Reload the page."))
            continue
        content = _Asked(mark, shown[mark.output_id], question, where, problems).decided(entry)
        if content is not None:
            planned.append(_planned(where, mark, shown[mark.output_id], *content))
    problems.refuse(code="answer_invalid", message=gettext("The answer is not complete or not valid."))
    return planned


def reviewed_marks(planned: Collection[PlannedJudgment]) -> list[int]:
    """The models' marks that these judgments speak of."""
    return [plan.presentation[REVIEW]["mark"] for plan in planned if REVIEW in plan.presentation]


def spans_question(assignment: Assignment) -> SpansQuestion | None:
    """The question about spans that the assignment asks, if any."""
    questions = parse_questions(assignment.protocol.questions)
    return next((question for question in questions if isinstance(question, SpansQuestion)), None)


def _marks_on(outputs: Collection[int], raters: Sequence[int]) -> Any:
    return SpanMark.objects.filter(output__in=list(outputs), judgment__rater__in=list(raters))


def known_marks(told: Mapping[str, Any], shown: Collection[int], raters: Sequence[int]) -> dict[str, SpanMark]:
    """The spans of these models in these outputs that an answer speaks of, by its keys (one query)."""
    ids = [int(key) for key in map(str, told) if key.isascii() and key.isdigit() and len(key) < 19]
    marks = _marks_on(shown, raters).filter(pk__in=ids).select_related("judgment__rater")
    return {str(mark.pk): mark for mark in marks}


class _Asked(NamedTuple):
    """One span of a model, and where what is wrong with the answer about it goes."""

    mark: SpanMark
    output: ShownOutput
    question: SpansQuestion
    where: str
    problems: Problems

    def decided(self, entry: Any) -> tuple[Decision, MarkContent | None] | None:
        """The decision with what the span says by it; None where that cannot be stored."""
        told = entry.get("decision") if isinstance(entry, Mapping) else None
        if told not in Decision.values:
            self.problems.add(
                self.where, gettext("Expected a decision: %(decision)s.") % {"decision": ", ".join(Decision.values)}
            )
            return None
        decision, kept = Decision(told), MarkContent.of(self.mark)
        if decision != Decision.CHANGED:
            return decision, None if decision == Decision.REJECTED else kept
        content = self._changed(entry)
        if content == kept:
            self.problems.add(self.where, gettext("Say what should be different: type, severity, place or comment."))
        return None if content in (None, kept) else (decision, content)

    def _changed(self, entry: Mapping[str, Any]) -> MarkContent | None:
        found = place_span(entry, self.output)
        if isinstance(found, str):
            self.problems.add(self.where, found)
            return None
        words = [entry.get(name) or "" for name in ("type", "severity", "comment")]
        if not all(isinstance(word, str) for word in words):
            self.problems.add(self.where, gettext("Expected texts for type, severity and comment."))
            return None
        content = MarkContent(found[0], *words)
        wrong = content_problems(content, self.output.texts)
        offered = {
            "type": (content.type, {self.mark.type, *(one.key for one in self.question.types)}),
            "severity": (content.severity, {"", self.mark.severity, *(one.key for one in self.question.severities)}),
        }
        for name, (value, choices) in offered.items():
            if value not in choices:
                wrong.setdefault(name, [f"Choose one of those offered: {', '.join(sorted(filter(None, choices)))}."])
        for name, messages in wrong.items():
            for message in messages:
                self.problems.add(f"{self.where}.{name}", message)
        return None if wrong else content


def _planned(
    name: str, mark: SpanMark, output: ShownOutput, decision: Decision, content: MarkContent | None
) -> PlannedJudgment:
    rows = [] if content is None else [reviewed_row(mark, content, output.texts)]
    presentation = {"label": output.label, REVIEW: told_of(mark, decision)}
    return PlannedJudgment(SPANS, name, output.pk, presentation, rows)


def refuse_marks_without_spans(questions: Any) -> None:
    """AppError ``plan_invalid`` where models' spans are to be spoken of and no question asks for spans."""
    if not any(isinstance(question, SpansQuestion) for question in parse_questions(questions)):
        message = gettext("Models’ spans can be accepted or changed where a question asks for spans.")
        raise AppError(message, code="plan_invalid", fields={"overlay_marks": [message]})
