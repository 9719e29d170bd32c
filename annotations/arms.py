"""Arms of a study within a campaign: what differs between people or items on purpose, drawn so that it is balanced.

A factor is what differs: in which order the page asks, which guidelines it shows, and when it shows what a model gave
the texts. An arm is one level of each factor. It is drawn when an item is first granted, kept with the assignment and
written into every judgment.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from django.utils.translation import gettext, gettext_noop

from annotations.models import Assignment
from annotations.protocols import Problems, Question, asks_for_marks
from annotations.protocols.contract import Reader

Arm = dict[str, str]

SEQUENCE, GUIDELINES, OVERLAY = "sequence", "guidelines", "overlay"
SEQUENCES: Mapping[str, str] = {
    "sparse_first": gettext_noop("Ratings and choices first, then marks in the text"),
    "dense_first": gettext_noop("Marks in the text first, then ratings and choices"),
}
OVERLAY_OFF, OVERLAY_AFTER, OVERLAY_START = "off", "after", "start"
OVERLAYS: Mapping[str, str] = {
    OVERLAY_OFF: gettext_noop("Without the model’s values"),
    OVERLAY_AFTER: gettext_noop("The model’s values after the first own answer"),
    OVERLAY_START: gettext_noop("The model’s values from the start"),
}
MAX_VARIANTS = 6
MAX_SOURCES = 6
"""Of values, and of models whose marks are shown: more cannot be told apart."""
_SOURCE = ("rater", "channel", "segmenter")
DENSE_KINDS = frozenset({"spans", "steps", "stop", "edit"})


def read_arms(config: Any) -> dict[str, Any]:
    """The factors as they are stored.

    `{"sequence": [...], "guidelines": [{"name": str, "text": str}, ...], "overlay": {"levels": [...], "sources":
    [{"rater": int, "channel": str, "segmenter": str}, ...], "marks": [rater, ...], "people": bool}}`. `sources` are
    values under the words, `marks` the models whose spans are accepted, changed or rejected, `people` the share of
    people who marked a word elsewhere. An overlay with one level is no factor: everybody has it.

    Raises
    ------
    AppError
        ``arms_invalid`` with every problem found, by `arms.<factor>`.
    """
    problems = Problems()
    reader = Reader(config, "arms", problems)
    sequence = list(reader.choices(SEQUENCE, tuple(SEQUENCES), default=()))
    variants = [
        {"name": row.text("name", max_length=40), "text": row.text("text", max_length=20_000)}
        for row in reader.rows(GUIDELINES, low=0, high=MAX_VARIANTS)
    ]
    overlay = _read_overlay(reader, problems)
    reader.finish()
    names = [variant["name"] for variant in variants]
    if len(set(names)) < len(names):
        reader.wrong(GUIDELINES, gettext("Expected a name of its own for each variant."))
    for factor, levels in ((SEQUENCE, sequence), (GUIDELINES, names)):
        if len(levels) == 1:
            reader.wrong(factor, gettext("Expected at least two levels, or none: one alone is no factor."))
    problems.refuse(code="arms_invalid", message=gettext("The arms cannot be used."))
    factors = ((SEQUENCE, sequence), (GUIDELINES, variants), (OVERLAY, overlay))
    return {name: levels for name, levels in factors if levels}


def arms_of(config: Mapping[str, Any]) -> list[Arm]:
    """Every combination of levels, in a fixed order; empty without a factor."""
    levels = {
        SEQUENCE: list(config.get(SEQUENCE, [])),
        GUIDELINES: [variant["name"] for variant in config.get(GUIDELINES, [])],
        OVERLAY: list(config.get(OVERLAY, {}).get("levels", [])),
    }
    factors = [name for name, found in levels.items() if found]
    if not factors:
        return []
    return [dict(zip(factors, chosen, strict=True)) for chosen in product(*(levels[name] for name in factors))]


def arm_of_item(arms: Sequence[Arm], *, seed: int, user_id: int, position: int) -> Arm:
    """Of one item for one person: any run of as many items as there are arms, from a multiple on, has each arm once.

    The order within a run is drawn by a hash, so that it is the same on every look and differs between people.
    """
    run, place = divmod(position - 1, len(arms))
    return _shuffled(arms, f"{seed}:{user_id}:{run}")[place]


def arm_of_person(arms: Sequence[Arm], counts: Sequence[int], *, seed: int, user_id: int) -> Arm:
    """Of somebody who starts: one of the arms with the fewest people so far, by a hash of the person among these."""
    fewest = min(counts)
    free = [arm for arm, count in zip(arms, counts, strict=True) if count == fewest]
    return _shuffled(free, f"{seed}:{user_id}")[0]


def guidelines_for(assignment: Assignment) -> str:
    """What this assignment's person reads: the protocol's guidelines, then those of the arm."""
    level = assignment.arm.get(GUIDELINES)
    if level is None:
        return assignment.protocol.guidelines
    variants = {variant["name"]: variant["text"] for variant in assignment.campaign.plan.arms.get(GUIDELINES, [])}
    return "\n\n".join(text for text in (assignment.protocol.guidelines, variants.get(level, "")) if text)


def in_sequence(questions: Sequence[Question], arm: Mapping[str, str]) -> list[Question]:
    """The questions in the order in which the arm asks them; within sparse and dense ones the protocol's."""
    if SEQUENCE not in arm:
        return list(questions)
    return sorted(questions, key=lambda question: is_dense(question) == (arm[SEQUENCE] == "sparse_first"))


def second_part(questions: Sequence[Question], arm: Mapping[str, str]) -> list[str]:
    """The keys of what the arm asks second, which waits on the page; empty where all questions are of one sort."""
    if SEQUENCE not in arm or len({is_dense(question) for question in questions}) < 2:
        return []
    return [question.key for question in questions if is_dense(question) == (arm[SEQUENCE] == "sparse_first")]


def is_dense(question: Question) -> bool:
    """Whether it is answered on parts of a text and not on the whole."""
    return question.kind in DENSE_KINDS or asks_for_marks(question)


def _read_overlay(reader: Reader, problems: Problems) -> dict[str, Any]:
    """Whose values and marks are shown when; a plan from before there could be several names one at the top."""
    given = reader.mapping(OVERLAY)
    if not given:
        return {}
    if "rater" in given and "sources" not in given:
        one = {name: given[name] for name in _SOURCE if name in given}
        given = {**{name: value for name, value in given.items() if name not in _SOURCE}, "sources": [one]}
    part = Reader(given, f"arms.{OVERLAY}", problems)
    levels = list(part.choices("levels", tuple(OVERLAYS), default=()))
    sources = [_read_source(row) for row in part.rows("sources", low=0, high=MAX_SOURCES)]
    marks = part.identifiers("marks", high=MAX_SOURCES)
    with_people = part.flag("people", default=False)
    if not sources and not marks and not with_people:
        part.wrong("sources", gettext("Say whose values or marks: sources, marks or people."))
    if len({tuple(source.values()) for source in sources}) < len(sources):
        part.wrong("sources", gettext("The same values are named twice."))
    if not {OVERLAY_AFTER, OVERLAY_START} & set(levels):
        part.wrong("levels", gettext("Expected after or start, and off beside them where some are to see nothing."))
    part.finish()
    found: dict[str, Any] = {"levels": levels, "sources": sources}
    # Left out where nothing is wanted, so that equal plans are equal JSON.
    return found | ({"marks": marks} if marks else {}) | ({"people": True} if with_people else {})


def _read_source(row: Reader) -> dict[str, Any]:
    found = {
        "rater": row.identifier("rater"),
        "channel": row.text("channel", max_length=80),
        "segmenter": row.text("segmenter"),
    }
    if found["rater"] is None:
        row.wrong("rater", gettext("Say whose values: the id of a rater."))
    row.finish()
    return found


def _shuffled(arms: Sequence[Arm], salt: str) -> list[Arm]:
    def draw(place: int) -> bytes:
        return hashlib.sha256(f"{salt}:{place}:{arms[place]}".encode()).digest()

    return [arms[place] for place in sorted(range(len(arms)), key=draw)]
