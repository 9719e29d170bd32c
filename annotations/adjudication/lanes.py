"""What people marked in one text, cut into pieces that each lane covers wholly or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from annotations.adjudication.model_spans import place_of, spans_asked
from annotations.adjudication.reading import Lane, Lanes
from annotations.protocols import REVIEWS, Question
from annotations.protocols.checklist import EVIDENCE

MOST_LANES: Final = 6
"""That are drawn below a line of text; the table shows all."""
_STOP_COLOUR, _EVIDENCE_COLOUR, _OTHER_COLOUR = 2, 5, 7
"""As on the annotator's page."""


class Mark(NamedTuple):
    """One stretch that one lane marked."""

    lane: int
    message: int
    start: int
    end: int
    colour: int
    label: str


class Piece(NamedTuple):
    """A stretch of text: which lanes marked it, as classes of the style sheet, and in words."""

    text: str
    classes: str
    words: str


class LanedText(NamedTuple):
    """One message of one output."""

    label: str
    channel: str
    pieces: list[Piece]
    has_marks: bool


def laned_texts(lanes: Lanes) -> list[LanedText]:
    """Every message of every output, in the item's own order, where anybody was asked to mark anything."""
    marks = marks_of(lanes)
    found = []
    for output in lanes.shown.outputs:
        for number, text in enumerate(output.texts):
            here = [mark for mark in marks[output.label] if mark.message == number]
            channel = output.channels[number] if output.channels else "answer"
            found.append(LanedText(output.label, channel, pieces_of(text, here), bool(here)))
    return found


def asks_for_marks(questions: Sequence[Question]) -> bool:
    return any(question.kind in ("spans", "stop") or getattr(question, "evidence", False) for question in questions)


def marks_of(lanes: Lanes) -> dict[str, list[Mark]]:
    """By the output's label."""
    found: dict[str, list[Mark]] = {output.label: [] for output in lanes.shown.outputs}
    for number, lane in enumerate(lanes.lanes):
        for question in lanes.questions:
            for span, colour, label in _spans_in(question, lane.answer.get(question.key)):
                mark = Mark(number, span["message"], span["start"], span["end"], colour, label)
                found[span["output"]].append(mark)
        for output, mark in _let_stand(number, lane, lanes):
            found[output].append(mark)
    return found


def _let_stand(number: int, lane: Lane, lanes: Lanes) -> Iterator[tuple[str, Mark]]:
    """Of models' spans those that a lane accepted, or changed, each with its output's label."""
    question = spans_asked(lanes.questions)
    types = {kind.key: kind for kind in question.types} if question else {}
    decisions = lane.answer.get(REVIEWS, {})
    for span in lanes.model_spans:
        decision = decisions.get(str(span.id))
        place = place_of(span, decision) if decision else None
        if place is not None:
            kind = types.get(place["type"])
            words = f"{span.source}, {decision['decision']}: {_label(kind.label if kind else place['type'], place)}"
            colour = kind.colour if kind else _OTHER_COLOUR
            yield span.output, Mark(number, place["message"], place["start"], place["end"], colour, words)


def pieces_of(text: str, marks: Sequence[Mark]) -> list[Piece]:
    """Cut at every edge of a mark; offsets are code points, as Python's own are."""
    edges = sorted({0, len(text), *(mark.start for mark in marks), *(mark.end for mark in marks)})
    found = []
    for start, end in pairwise(edges):
        covering = [mark for mark in marks if mark.start <= start and end <= mark.end]
        drawn: dict[int, int] = {}
        for mark in covering:
            if mark.lane < MOST_LANES:
                drawn.setdefault(mark.lane, mark.colour)
        classes = " ".join(f"lane-{lane + 1}-{colour}" for lane, colour in sorted(drawn.items()))
        words = "; ".join(dict.fromkeys(f"{mark.lane + 1}: {mark.label}" for mark in covering))
        found.append(Piece(text[start:end], classes, words))
    return found


def _spans_in(question: Question, given: Any) -> list[tuple[Mapping[str, Any], int, str]]:
    """Each span with its colour and what it says."""
    if not given:
        return []
    if question.kind == "spans":
        types = {kind.key: kind for kind in getattr(question, "types", ())}
        return [
            (span, types[span["type"]].colour, _label(types[span["type"]].label, span))
            for span in given
            if span["type"] in types
        ]
    if question.kind == "stop":
        placed = {label: place for label, place in given.items() if isinstance(place, Mapping)}
        return [({**place, "output": label}, _STOP_COLOUR, "Stop here") for label, place in placed.items()]
    if question.kind == "checklist":
        return [(span, _EVIDENCE_COLOUR, f"Evidence for {span['type']}") for span in given.get(EVIDENCE, [])]
    return []


def _label(name: str, span: Mapping[str, Any]) -> str:
    return f"{name}, {span['severity']}" if span.get("severity") else name
