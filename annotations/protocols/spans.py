"""Stretches of the text marked with a type and a severity."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from django.utils.translation import gettext, gettext_noop

from annotations.protocols.contract import SPANS, Place, PlannedJudgment, Problems, Reader, ShownItem
from annotations.protocols.likeness import interval_iou, matched, mean
from annotations.protocols.places import place_span
from rewards.models import SpanMark
from rewards.text import check_text

MAX_SPANS = 500
COLOURS = 8


class SpanType(NamedTuple):
    key: str
    label: str
    description: str
    colour: int
    """Which of the eight marks of signals.css draws it."""


class Severity(NamedTuple):
    key: str
    label: str


@dataclass(frozen=True)
class SpansQuestion:
    """`{"kind": "spans", "types": [...], "severities": [{"key", "label"}], "comments"}`.

    A type is `{"key", "label", "description", "colour"}`. An answer is a list of `{"output", "message", "start", "end",
    "quote", "text_sha256", "type", "severity", "comment"}` with offsets in code points; an empty list says that nothing
    was found.
    """

    kind: ClassVar[str] = "spans"
    label: ClassVar[str] = gettext_noop("Spans")
    place: ClassVar[Place] = "texts"
    min_outputs: ClassVar[int] = 1
    pass_mark: ClassVar[float] = 0.5

    key: str
    prompt: str
    types: tuple[SpanType, ...]
    severities: tuple[Severity, ...] = ()
    comments: bool = True
    confidence: bool = False

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        types, severities = [], []
        for index, row in enumerate(reader.rows("types", low=1, high=9)):
            types.append(
                SpanType(
                    row.key(),
                    row.text("label", max_length=80),
                    row.text("description", default="", max_length=300),
                    row.integer("colour", default=index % COLOURS + 1, low=1, high=COLOURS),
                )
            )
            row.finish()
        for row in reader.rows("severities", low=0, high=5):
            severities.append(Severity(row.key(), row.text("label", max_length=40)))
            row.finish()
        for name, entries in (("types", types), ("severities", severities)):
            keys = [entry.key for entry in entries]
            for key in {key for key in keys if key and keys.count(key) > 1}:
                reader.wrong(name, gettext("The key %(key)s is used more than once.") % {"key": key})
        return cls(
            key=reader.key(),
            prompt=reader.text("prompt", max_length=1000),
            types=tuple(types),
            severities=tuple(severities),
            comments=reader.flag("comments", default=True),
            confidence=reader.flag("confidence", default=False),
        )

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "types": [entry._asdict() for entry in self.types],
            "severities": [entry._asdict() for entry in self.severities],
            "comments": self.comments,
            "confidence": self.confidence,
        }

    def layout(self, item: ShownItem) -> dict[str, Any]:
        return {}

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        """One judgment for each output, also where nothing was marked: looked at and found nothing is an answer."""
        if not isinstance(answer, list) or len(answer) > MAX_SPANS:
            problems.add(
                self.key, gettext("Expected a list of at most %(max_spans)s spans.") % {"max_spans": MAX_SPANS}
            )
            return []
        marks: dict[int, list[SpanMark]] = defaultdict(list)
        for index, entry in enumerate(answer):
            mark = self._mark(entry, f"{self.key}.{index}", index + 1, item, problems)
            if mark is not None:
                marks[mark.output_id].append(mark)
        for found in marks.values():
            found.sort(key=lambda mark: (mark.message, mark.start, mark.end))
        return [
            PlannedJudgment(
                SPANS,
                f"{self.key}:{output.pk}",
                output.pk,
                {"label": output.label},
                marks[output.pk],
            )
            for output in item.outputs
        ]

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """Characters marked with the same type in both over those marked in either, mean over outputs.

        1 where neither marks anything; severities and comments are not compared.
        """
        return mean(_iou(mine, known) if mine else 0.0 for mine, known in matched(given, right))

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        types = {entry.key: entry.label for entry in self.types}
        severities = {entry.key: entry.label for entry in self.severities}
        told = []
        for plan in planned:
            name = item.response(plan.output_id or 0)
            marks = [row for row in plan.rows if isinstance(row, SpanMark)]
            told += [(name, f"“{row.quote}”: {_kind(row, types, severities)}") for row in marks]
            if not marks:
                told.append((name, gettext("Nothing marked")))
        return told

    def _mark(self, entry: Any, where: str, number: int, item: ShownItem, problems: Problems) -> SpanMark | None:
        if not isinstance(entry, Mapping):
            problems.add(where, gettext("Expected an object."))
            return None
        try:
            output = item.output(str(entry.get("output")))
        except KeyError:
            problems.add(f"{where}.output", gettext("Span %(number)s: there is no such response.") % {"number": number})
            return None
        found = place_span(entry, output)
        if isinstance(found, str):
            problems.add(
                where,
                gettext("Span %(number)s in Response %(label)s: %(found)s")
                % {"number": number, "label": output.label, "found": found},
            )
            return None
        span, words, digest = found
        told = self._words(entry, where, number, problems)
        if told is None:
            return None
        return SpanMark(
            output_id=output.pk,
            message=span.message,
            start=span.start,
            end=span.end,
            text_sha256=digest,
            quote=words,
            type=told["type"],
            severity=told["severity"],
            explanation=told["comment"],
        )

    def _words(self, entry: Mapping[str, Any], where: str, number: int, problems: Problems) -> dict[str, str] | None:
        """Type, severity and comment, or None where one of them is refused."""
        kind, severity, comment = entry.get("type"), entry.get("severity") or "", entry.get("comment") or ""
        before = len(problems.fields)
        if kind not in {entry.key for entry in self.types}:
            problems.add(
                f"{where}.type", gettext("Span %(number)s: choose one of the types offered.") % {"number": number}
            )
        if severity not in {"", *(entry.key for entry in self.severities)}:
            problems.add(
                f"{where}.severity",
                gettext("Span %(number)s: choose one of the severities offered.") % {"number": number},
            )
        if not isinstance(comment, str) or len(comment) > 2000 or (comment and not self.comments):
            expected = gettext("at most 2,000 characters of text") if self.comments else gettext("no comment here")
            problems.add(
                f"{where}.comment",
                gettext("Span %(number)s: expected %(expected)s.") % {"number": number, "expected": expected},
            )
        else:
            try:
                check_text(comment)
            except ValueError as error:
                problems.add(
                    f"{where}.comment", gettext("Span %(number)s: %(error)s.") % {"number": number, "error": error}
                )
        if len(problems.fields) > before:
            return None
        return {"type": str(kind), "severity": str(severity), "comment": str(comment)}


def _iou(given: PlannedJudgment, right: PlannedJudgment) -> float:
    """Of one output."""
    stretches = [_stretches(given), _stretches(right)]
    counts = [interval_iou(*(found[where] for found in stretches)) for where in {*stretches[0], *stretches[1]}]
    union = sum(either for _, either in counts)
    return sum(both for both, _ in counts) / union if union else 1.0


def _stretches(plan: PlannedJudgment) -> dict[tuple[int, str], list[tuple[int, int]]]:
    """By message and type."""
    found: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    for row in plan.rows:
        if isinstance(row, SpanMark):
            found[row.message, row.type].append((row.start, row.end))
    return found


def _kind(row: SpanMark, types: Mapping[str, str], severities: Mapping[str, str]) -> str:
    kind = types.get(row.type, row.type)
    return f"{kind}, {severities.get(row.severity, row.severity).lower()}" if row.severity else kind
