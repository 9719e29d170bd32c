"""What a stored report says: it keeps codes with their numbers, so that each reader has words in their language.

A report from before that keeps sentences in English, which stand as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext, gettext_noop, pgettext

from annotations.adjudication.rules import REVIEWED
from annotations.arms import Arm
from annotations.plan_page import arm_words
from annotations.protocols import KINDS

Told = Mapping[str, Any]
"""A `code` of `SENTENCES`, and the numbers and names of its sentence."""

_SELDOM: Final = 100_000

SENTENCES: Final[Mapping[str, str]] = {
    "fast": gettext_noop(
        "%(fast)s of %(timed)s items at over %(limit)s words a minute, where up to %(allowed)s may be (%(chance)s)"
    ),
    "hurried": gettext_noop(
        "%(fast)s of %(timed)s items in less than %(share)s of the others' time on them, %(ratio)s in the median "
        "(%(chance)s)"
    ),
    "copied": gettext_noop(
        "%(question)s: %(same)s of %(odd)s unusual answers are the same as %(name)s's, where %(expected)s are of two "
        "who err by themselves (%(chance)s)"
    ),
    "same_words": gettext_noop("%(question)s: the same words as %(name)s in %(same)s critiques"),
    "same_answer": gettext_noop(
        "%(question)s: the same answer %(times)s times running, where the others' vary more (%(chance)s)"
    ),
    "alternating": gettext_noop(
        "%(question)s: %(share)s of answers differ from the one before, where %(by_chance)s do in random order "
        "(%(chance)s)"
    ),
    "straight": gettext_noop(
        "%(question)s: one answer for everything on %(seen)s of %(n)s items, where the others' answers to these make "
        "it %(expected)s (%(chance)s)"
    ),
    "place": gettext_noop(
        "%(question)s: what is shown %(place)s was preferred on %(seen)s of %(n)s items, where the lot makes it "
        "%(expected)s (%(chance)s)"
    ),
    "drop": gettext_noop(
        "known answers: %(after)s of %(n_after)s right lately, %(before)s of %(n_before)s before (%(chance)s)"
    ),
    "none_answered_twice": gettext_noop("Nothing has been answered by two people yet."),
    "none_ordered_twice": gettext_noop("Nothing has been ordered by two people yet."),
    "none_ticked_twice": gettext_noop("Nothing has been ticked by two people yet."),
    "none_read_twice": gettext_noop("No text has been read by two people yet."),
    "none_marked": gettext_noop("Nobody marked anything in a text that two people read."),
    "written": gettext_noop("%(n)s written."),
    "changed": gettext_noop("%(share)s of %(n)s answers change something"),
    "ties": gettext_noop("%(share)s of answers are ties"),
    "met": gettext_noop("met in %(share)s of %(n)s verdicts"),
    "mean_value": gettext_noop("mean value %(mean)s"),
    "by_lot": gettext_noop("%(share)s by lot"),
    "ticked": gettext_noop("%(share)s of %(n)s are ticked"),
    "decided": gettext_noop("%(accepted)s accepted, %(changed)s changed, %(rejected)s rejected"),
    "few_people": gettext_noop("Who errs how often takes three people and two answers to each unit."),
    "no_leniency": gettext_noop("Leniency: %(reason)s."),
}

MEASURES: Final = (
    gettext_noop("Krippendorff's alpha, nominal"),
    gettext_noop("Krippendorff's alpha, ordinal"),
    gettext_noop("Krippendorff's alpha, interval"),
    gettext_noop("Krippendorff's alpha, distance 1 − F1 of the words"),
    gettext_noop("Krippendorff's unitising alpha"),
    gettext_noop("Kendall's tau-b, mean over pairs of people"),
)
PARTS: Final = (
    gettext_noop("The same first place"),
    gettext_noop("The same best"),
    gettext_noop("The same worst"),
    gettext_noop("The same first wrong step, or none"),
    gettext_noop("At most one level apart"),
    gettext_noop("By side alone: alpha, nominal"),
    gettext_noop("Characters that both marked, F1"),
    gettext_noop("Whether to change anything: alpha, nominal"),
    gettext_noop("Share of two people's changes that are the same"),
    gettext_noop("Whether it stands at all: alpha, nominal"),
    gettext_noop("Kendall's W, mean over items"),
    gettext_noop("Kendall's tau-b of the implied orders"),
)
"""Names that reports are stored with. A part that has another name is called as the campaign calls it."""

REVIEWS_LABEL, REVIEWS_PROMPT = gettext_noop("Spans of models"), gettext_noop("What a model marked")
"""Of what was decided on models' spans, which no question of the campaign names."""

_FORMATS: Final[Mapping[str, str]] = {
    "limit": ",.0f",
    "times": ",.0f",
    "expected": ",.1f",
    "mean": ",.2f",
    **dict.fromkeys(("share", "ratio", "allowed", "by_chance"), ".0%"),
}
"""Of the values that are no counts."""


def said(told: Told | str) -> str:
    """The sentence in the reader's language; what is stored as a sentence is given back."""
    if isinstance(told, str):
        return told
    return gettext(SENTENCES[told["code"]]) % {name: _word(name, value) for name, value in _values(told)}


def worded(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report of `annotations.quality.report` with words for all that it stores as codes, and `is_alpha` beside each
    coefficient: whether it is one of Krippendorff's."""
    people = [{**row, "alarms": [said(alarm) for alarm in row["alarms"]]} for row in report["people"]]
    questions = [_question(row) for row in report["questions"]]
    # A report from before agreement was told by arm has none.
    arms = [{**row, "arms": [_arm(arm) for arm in row["arms"]]} for row in report.get("arms", [])]
    notes = [{**note, "note": said(note["note"])} for note in report["notes"]]
    return {**report, "people": people, "questions": questions, "arms": arms, "notes": notes}


def _values(told: Told) -> Sequence[tuple[str, Any]]:
    values = [(name, value) for name, value in told.items() if name != "code"]
    return [*values, ("chance", told["p_value"])] if "p_value" in told else values


def _word(name: str, value: Any) -> str:
    if name == "chance":
        return _chance(value)
    if name == "place":
        return _place(value)
    return value if isinstance(value, str) else format(value, _FORMATS.get(name, ","))


def _chance(p_value: float) -> str:
    if p_value * _SELDOM < 1:
        return gettext("chance below 1 in %(n)s") % {"n": f"{_SELDOM:,}"}
    return gettext("chance 1 in %(n)s") % {"n": f"{1 / p_value:,.0f}"}


def _place(index: int) -> str:
    """Of up to eight outputs of an item, from 0."""
    return (
        pgettext("where it is shown", "first"),
        pgettext("where it is shown", "second"),
        pgettext("where it is shown", "third"),
        pgettext("where it is shown", "fourth"),
        pgettext("where it is shown", "fifth"),
        pgettext("where it is shown", "sixth"),
        pgettext("where it is shown", "seventh"),
        pgettext("where it is shown", "eighth"),
    )[index]


def _question(row: Mapping[str, Any]) -> dict[str, Any]:
    kind = KINDS.get(row["kind"])
    parts = [_figure(part, part["name"]) for part in row.get("parts", ())]
    if row["kind"] == REVIEWED:
        row = {**row, "label": gettext(row["label"]), "prompt": gettext(row["prompt"])}
    return {**_figure(row, row["measure"]), "label": str(kind.label) if kind else row["label"], "parts": parts}


def _arm(row: Mapping[str, Any]) -> dict[str, Any]:
    arm: Arm | None = row.get("is")
    return {**_figure(row, row["measure"]), "arm": arm_words(arm) if arm else row["arm"]}


def _figure(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """With its note, and with the name of a measure or of a part."""
    found = {**row, "note": said(row.get("note", "")), "is_alpha": "alpha" in name}
    if "measure" in row:
        found["measure"] = gettext(name)
    elif name in PARTS:
        found["name"] = gettext(name)
    return found
