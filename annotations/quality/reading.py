"""The standing answers of a campaign as plain columns, by question."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from django.db.models import QuerySet

from annotations.models import Campaign, CampaignItem, Submission
from annotations.protocols.stop import STOP
from annotations.studies.inputs import Triples
from rewards.models import (
    Comparison,
    Critique,
    Judgment,
    Output,
    RankedOutput,
    Rater,
    Rating,
    SpanMark,
    StepLabel,
    Verdict,
)
from rewards.reviews import REVIEW
from rewards.statistics.concordance import Place
from rewards.statistics.pair_agreement import Given
from rewards.statistics.unitising import Unit

_CHUNK = 20_000


class Spans(NamedTuple):
    """Units on the texts of outputs, how long these are, and who looked at each."""

    units: list[Unit]
    observers: dict[Any, set[Any]]


class Submitted(NamedTuple):
    """One standing submit: who answered which item, what, and for how long the page was looked at."""

    rater: int
    item: int
    answer: Mapping[str, Any]
    seconds: float


def judgments_of(campaign: Campaign) -> QuerySet[Judgment]:
    """What people answered in it by themselves and nobody took back: not what they said of models' spans."""
    acts = Submission.objects.filter(assignment__campaign=campaign, undone_at__isnull=True).values("act")
    own = Judgment.objects.without_reviews()
    return own.filter(project=campaign.project_id, act__in=acts, withdrawn_at__isnull=True)


def review_columns(campaign: Campaign) -> Triples:
    """What people decided in it on models' spans, and nobody took back or settled. Unit: an output and a span of it."""
    acts = Submission.objects.filter(assignment__campaign=campaign, undone_at__isnull=True).values("act")
    said = Judgment.objects.filter(project=campaign.project_id, act__in=acts, withdrawn_at__isnull=True)
    rows = said.filter(kind=Judgment.Kind.SPANS, presentation__has_key=REVIEW).order_by("id")
    fields = rows.values_list(
        "output_id", f"presentation__{REVIEW}__mark", "rater_id", f"presentation__{REVIEW}__decision"
    )
    columns = Triples([], [], [])
    for output, mark, rater, decision in fields.iterator(chunk_size=_CHUNK):
        columns.units.append(f"{output}/{mark}")
        columns.raters.append(rater)
        columns.values.append(decision)
    return columns


def standing_of(rater: Rater) -> QuerySet[Judgment]:
    """All that one rater judged in the project and nobody took back, but for what was said of models' spans."""
    own = Judgment.objects.without_reviews()
    return own.filter(project=rater.project_id, rater=rater, withdrawn_at__isnull=True)


def question_of(idempotency_key: str) -> str:
    """The key of the question that a submitted judgment answers: it follows the submit's own."""
    return idempotency_key.split(":")[1] if ":" in idempotency_key else ""


def rating_columns(judgments: QuerySet[Judgment]) -> dict[str, Triples]:
    """By question. Unit: the output; not applicable is missing."""
    rows = Rating.objects.filter(judgment__in=judgments).order_by("judgment_id")
    fields = rows.values_list("question", "judgment__output_id", "judgment__rater_id", "value")
    return _by_question(fields.iterator(chunk_size=_CHUNK))


def comparison_columns(judgments: QuerySet[Judgment]) -> dict[str, Triples]:
    """By question. Unit: the pair; value: steps towards the output with the lower id, 0 for a tie.

    Who cannot tell has not said that the two are equal: that is missing.
    """
    rows = Comparison.objects.filter(judgment__in=judgments).order_by("judgment_id")
    fields = rows.values_list(
        "judgment__idempotency_key",
        "output_a_id",
        "output_b_id",
        "judgment__rater_id",
        "choice",
        "tie_kind",
        "strength",
    )

    def found() -> Iterator[tuple[str, str, int, float | None]]:
        for key, a, b, rater, choice, tie_kind, strength in fields.iterator(chunk_size=_CHUNK):
            steps = {"a": 1.0, "b": -1.0, "tie": 0.0}[choice] * (strength or 1) * (1 if a <= b else -1)
            yield (
                question_of(key),
                f"{min(a, b)}-{max(a, b)}",
                rater,
                None if tie_kind == "cannot_tell" else steps + 0.0,
            )

    return _by_question(found())


def verdict_columns(judgments: QuerySet[Judgment]) -> dict[str, Triples]:
    """By question. Unit: a criterion on an output; not applicable and unscored are missing."""
    rows = Verdict.objects.filter(judgment__in=judgments).order_by("judgment_id", "id")
    fields = rows.values_list(
        "judgment__idempotency_key", "judgment__output_id", "criterion_id", "judgment__rater_id", "value"
    )
    return _by_question(
        (question_of(key), f"{output}/{criterion}", rater, value)
        for key, output, criterion, rater, value in fields.iterator(chunk_size=_CHUNK)
    )


def step_columns(judgments: QuerySet[Judgment]) -> dict[str, Triples]:
    """By question. Unit: a step of an output as it was cut."""
    rows = StepLabel.objects.filter(judgment__in=judgments).order_by("judgment_id", "step")
    fields = rows.values_list(
        "judgment__idempotency_key", "judgment__output_id", "segmentation_id", "step", "judgment__rater_id", "label"
    )
    return _by_question(
        (question_of(key), f"{output}/{segmentation}/{step}", rater, float(label))
        for key, output, segmentation, step, rater, label in fields.iterator(chunk_size=_CHUNK)
    )


VALUE_READERS: Mapping[str, Callable[[QuerySet[Judgment]], dict[str, Triples]]] = {
    "rating": rating_columns,
    "comparison": comparison_columns,
    "checklist": verdict_columns,
    "steps": step_columns,
}
"""By kind of question: those that need the judgments alone."""


def stop_columns(judgments: QuerySet[Judgment], texts: "Texts") -> dict[str, Triples]:
    """By question. Unit: the output; value: the share of its characters before the point, 1 where it may go on."""
    judged = judgments.filter(kind=Judgment.Kind.SPANS, presentation__contains={"asked": STOP}).order_by("id")
    fields = judged.values_list("idempotency_key", "output_id", "rater_id", "spans__message", "spans__start")

    def found() -> Iterator[tuple[str, str, int, float]]:
        for key, output, rater, message, start in fields.iterator(chunk_size=_CHUNK):
            length = texts.length(output)
            place = length if message is None else texts.place(output, message, start)
            yield question_of(key), str(output), rater, place / length if length else 1.0

    return _by_question(found())


def places(judgments: QuerySet[Judgment]) -> dict[str, list[Place]]:
    """By question: the tiers of outputs; an item is its task."""
    rows = RankedOutput.objects.filter(ranking__judgment__in=judgments).order_by("ranking_id", "id")
    fields = rows.values_list(
        "ranking__judgment__idempotency_key", "ranking__judgment__task_id", "ranking__judgment__rater_id", "output_id",
        "tier",
    )  # fmt: skip
    found: dict[str, list[Place]] = defaultdict(list)
    for key, *place in fields.iterator(chunk_size=_CHUNK):
        found[question_of(key)].append(Place(*place))
    return dict(found)


def span_units(judgments: QuerySet[Judgment], texts: "Texts") -> dict[str, Spans]:
    """By question: what was marked, by type; an output at which someone looked and marked nothing counts."""
    judged = judgments.filter(kind=Judgment.Kind.SPANS).exclude(presentation__contains={"asked": STOP})
    found: dict[str, Spans] = defaultdict(lambda: Spans([], defaultdict(set)))
    for key, output, rater in judged.values_list("idempotency_key", "output_id", "rater_id"):
        found[question_of(key)].observers[output].add(rater)
    marks = SpanMark.objects.filter(judgment__in=judged).values_list(
        "judgment__idempotency_key", "output_id", "judgment__rater_id", "type", "message", "start", "end"
    )
    for key, output, rater, kind, message, start, end in marks.iterator(chunk_size=_CHUNK):
        begin, until = texts.place(output, message, start), texts.place(output, message, end)
        found[question_of(key)].units.append(Unit(output, rater, kind, begin, until))
    return dict(found)


def edit_units(judgments: QuerySet[Judgment], texts: "Texts") -> dict[str, Spans]:
    """By question: where each person changed the text; what was put in between two words marks the one before it."""
    judged = judgments.filter(kind=Judgment.Kind.CRITIQUE, presentation__has_key="changed").order_by("id")
    edits = dict(Critique.objects.filter(judgment__in=judged, kind="edit").values_list("judgment_id", "text"))
    found: dict[str, Spans] = defaultdict(lambda: Spans([], defaultdict(set)))
    rows = judged.values_list("id", "idempotency_key", "output_id", "rater_id", "presentation__message")
    for pk, key, output, rater, message in rows:
        spans = found[question_of(key)]
        spans.observers[output].add(rater)
        if pk in edits:
            offset = texts.place(output, message, 0)
            changed = changed_spans(texts.message(output, message), edits[pk])
            spans.units.extend(Unit(output, rater, "changed", offset + begin, offset + end) for begin, end in changed)
    return dict(found)


def changed_spans(before: str, after: str) -> list[tuple[int, int]]:
    """The stretches of `before` that an edit replaced, cut out, or put something behind; word by word."""
    words, ends = before.split(" "), [0]
    for word in words:
        ends.append(ends[-1] + len(word) + 1)
    found = []
    for tag, first, last, _, _ in SequenceMatcher(None, words, after.split(" "), autojunk=False).get_opcodes():
        if tag != "equal":
            start, end = ends[max(0, first - 1) if tag == "insert" else first], min(ends[max(last, 1)] - 1, len(before))
            if start < end:
                found.append((start, end))
    return found


Edit = tuple[tuple[str, ...], tuple[str, ...]]
"""The words of a text before and after."""


def edited_texts(judgments: QuerySet[Judgment], texts: "Texts") -> dict[str, list[Given[Edit]]]:
    """By question: the words as each person left them, beside those that were there; the same where nothing changed."""
    judged = judgments.filter(kind=Judgment.Kind.CRITIQUE, presentation__has_key="changed").order_by("id")
    edits = dict(Critique.objects.filter(judgment__in=judged, kind="edit").values_list("judgment_id", "text"))
    found: dict[str, list[Given[Edit]]] = defaultdict(list)
    rows = judged.values_list("id", "idempotency_key", "output_id", "rater_id", "presentation__message")
    for pk, key, output, rater, message in rows:
        before = texts.message(output, message)
        value = tuple(before.split()), tuple(edits.get(pk, before).split())
        found[question_of(key)].append(Given(output, rater, value))
    return dict(found)


def critique_texts(judgments: QuerySet[Judgment]) -> dict[str, list[Given[str]]]:
    """By question: what each person wrote. Unit: an output in one voice; notes of one voice are one text."""
    judged = judgments.filter(kind=Judgment.Kind.CRITIQUE).exclude(presentation__has_key="changed")
    rows = Critique.objects.filter(judgment__in=judged).order_by("judgment_id", "id")
    fields = rows.values_list(
        "judgment__idempotency_key", "judgment__output_id", "kind", "judgment__rater_id", "judgment_id", "text"
    )
    notes: dict[tuple[str, str, int, int], list[str]] = defaultdict(list)
    for key, output, voice, rater, judgment, text in fields.iterator(chunk_size=_CHUNK):
        notes[question_of(key), f"{output}/{voice}", rater, judgment].append(text)
    found: dict[str, list[Given[str]]] = defaultdict(list)
    for (question, unit, rater, _), lines in notes.items():
        found[question].append(Given(unit, rater, "\n".join(lines)))
    return dict(found)


def submitted_in(campaign: Campaign) -> list[Submitted]:
    """Standing submits of work in the order in which they came."""
    raters = dict(Rater.objects.filter(project=campaign.project_id, user__isnull=False).values_list("user_id", "pk"))
    rows = (
        Submission.objects.filter(
            assignment__campaign=campaign, assignment__item__kind=CampaignItem.Kind.WORK, undone_at__isnull=True
        )
        .order_by("created_at", "id")
        .values_list("assignment__user_id", "assignment__item_id", "answer", "active_ms")
    )
    return [
        Submitted(raters[user], item, answer, active_ms / 1000)
        for user, item, answer, active_ms in rows.iterator(chunk_size=_CHUNK)
        if user in raters
    ]


class Texts:
    """Lengths of a campaign's outputs as one continuum each: their messages one after the other."""

    def __init__(self, campaign: Campaign) -> None:
        self._starts: dict[int, list[int]] = {}
        self._messages: dict[int, list[str]] = {}
        self.words: dict[int, int] = defaultdict(int)
        """Words to read of each item: the prompt and all its outputs."""
        self.item_of: dict[int, int] = {}
        """Of an output: what is judged together varies together."""
        outputs = Output.objects.filter(item_outputs__item__campaign=campaign)
        for pk, item, messages in outputs.values_list("pk", "item_outputs__item_id", "messages").iterator(_CHUNK):
            texts = [message["text"] for message in messages]
            starts = [0]
            for text in texts:
                starts.append(starts[-1] + len(text))
            self._starts[pk], self._messages[pk] = starts, texts
            self.item_of[pk] = item
            self.words[item] += sum(len(text.split()) for text in texts)
        for item, messages in campaign.items.values_list("pk", "task__messages").iterator(_CHUNK):
            self.words[item] += sum(len(message["text"].split()) for message in messages)

    def __contains__(self, output: int) -> bool:
        return output in self._starts

    def length(self, output: int) -> int:
        return self._starts[output][-1]

    def lengths(self) -> dict[Any, int]:
        return {output: starts[-1] for output, starts in self._starts.items()}

    def place(self, output: int, message: int, offset: int) -> int:
        return self._starts[output][message] + offset

    def message(self, output: int, message: int) -> str:
        return self._messages[output][message]


def _by_question(rows: Iterable[tuple[str, Any, int, float | None]]) -> dict[str, Triples]:
    found: dict[str, Triples] = defaultdict(lambda: Triples([], [], []))
    for question, unit, rater, value in rows:
        columns = found[question]
        columns.units.append(str(unit))
        columns.raters.append(rater)
        columns.values.append(value)
    return dict(found)
