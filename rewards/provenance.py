"""Where a number comes from: facts about judgments, signals and raters, for a person to read.

What stands behind a scorer is known one layer up, in the workers: they register how to describe their raters.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone

from rewards.models import Judgment, JudgmentTrace, Rater, RubricVersion
from rewards.signal_store import StoredSignal


class Fact(NamedTuple):
    label: str
    value: str


class ShownReply(NamedTuple):
    """What a model was asked and how it answered, for a reader; the text is the model's own and hostile."""

    purpose: str
    state: str
    is_understood: bool
    text: str
    detail: str
    facts: list[Fact]


class Made(NamedTuple):
    """The identity of what a scorer computed."""

    rater_id: int
    input_hash: str
    repeat: int


UNDERSTOOD_STATES = frozenset({"probabilities", "parsed"})
"""Parse states of replies that could be read."""

ERASED = "The text was erased: the project does not keep raw replies that long."

RaterDescriber = Callable[[Collection[int]], Mapping[int, Sequence[Fact]]]
"""From keys of raters to what is known of them; raters that it does not know are left out. At most a few queries."""

MadeDescriber = Callable[[Collection[Made]], Mapping[Made, Sequence[Fact]]]
"""The same from what scorers computed: which run, which seed, which code."""

_describers: list[RaterDescriber] = []
_made_describers: list[MadeDescriber] = []


def register_rater_describer(describe: RaterDescriber) -> None:
    """Called once, when an app is ready, by whoever knows more of raters than their names."""
    if describe not in _describers:
        _describers.append(describe)


def register_made_describer(describe: MadeDescriber) -> None:
    """Called once, when an app is ready, by whoever knows how scorers' numbers were computed."""
    if describe not in _made_describers:
        _made_describers.append(describe)


def facts_about_raters(raters: Collection[Rater]) -> dict[int, list[Fact]]:
    """Who each rater is and, for a scorer, what it is made of."""
    facts = {rater.pk: [Fact("Rater", rater.label), Fact("Kind", rater.get_kind_display())] for rater in raters}
    for rater in raters:
        if rater.scorer_hash:
            facts[rater.pk].append(Fact("Scorer hash", rater.scorer_hash))
    for describe in _describers:
        for pk, more in describe(list(facts)).items():
            facts[pk] += more
    return facts


def facts_about_signals(signals: Sequence[StoredSignal]) -> dict[int, list[Fact]]:
    """When and how each stored signal was computed, by its key."""
    made = {signal.pk: Made(signal.rater.pk, signal.input_hash, signal.repeat) for signal in signals}
    known: dict[Made, list[Fact]] = {}
    for describe in _made_describers:
        for one, more in describe(set(made.values())).items():
            known.setdefault(one, []).extend(more)
    return {
        signal.pk: [
            Fact("Signal", f"#{signal.pk}"),
            Fact("Time", _time(signal.created_at)),
            Fact("Segmenter", signal.signal.segmentation.segmenter),
            Fact("Input hash", signal.input_hash),
            *([Fact("Repeat", str(signal.repeat))] if signal.repeat else []),
            *known.get(made[signal.pk], []),
        ]
        for signal in signals
    }


def facts_about_judgment(judgment: Judgment, version: RubricVersion | None = None) -> list[Fact]:
    """When and how this judgment was made; no query when `trace` is joined."""
    facts = [Fact("Judgment", f"#{judgment.pk}"), Fact("Time", _time(judgment.created_at))]
    if version is not None:
        facts.append(Fact("Rubric", f"{version}, {version.content_hash[:12]}"))
    if judgment.input_hash:
        facts.append(Fact("Input hash", judgment.input_hash))
    if judgment.repeat:
        facts.append(Fact("Repeat", str(judgment.repeat)))
    if judgment.duration_ms is not None:
        facts.append(Fact("Time taken", f"{judgment.duration_ms / 1000:.1f} s"))
    shown = dict(judgment.presentation)
    if "confidence" in shown:
        facts.append(Fact("Confidence", f"{shown.pop('confidence')} of 3"))
    facts += [Fact(f"Shown: {name}", str(value)) for name, value in sorted(shown.items())]
    try:
        return facts + _facts_about_trace(judgment.trace)
    except ObjectDoesNotExist:
        return facts


def shown_replies(stored: Sequence[Mapping[str, Any]]) -> list[ShownReply]:
    """Stored replies in the order in which they were asked for; what a worker did not know is left out."""
    return [
        ShownReply(
            purpose=str(reply.get("purpose", "")),
            state=str(reply.get("parse_state", "")).replace("_", " "),
            is_understood=reply.get("parse_state") in UNDERSTOOD_STATES,
            text=str(reply.get("text", "")),
            detail=ERASED if reply.get("erased") else str(reply.get("detail", "")),
            facts=_facts_about_reply(reply),
        )
        for reply in stored
    ]


def _facts_about_reply(reply: Mapping[str, Any]) -> list[Fact]:
    rows = [
        ("Served model", reply.get("served_model")),
        ("Probability of the offer", _rounded(reply.get("offered_mass"), 4)),
        ("Seed", reply.get("seed")),
        ("Prompt tokens", reply.get("prompt_tokens")),
        ("Reply tokens", reply.get("reply_tokens")),
        ("Cost", _rounded(reply.get("cost"), 6)),
        ("Seconds", _rounded(reply.get("seconds"), 2)),
        ("Prompt hash", reply.get("prompt_sha256")),
    ]
    return [Fact(label, str(value)) for label, value in rows if value not in (None, "")]


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}".rstrip("0").rstrip(".")


def _facts_about_trace(trace: JudgmentTrace) -> list[Fact]:
    rows = [
        ("Served model", trace.served_model),
        ("Prompt hash", trace.prompt_hash),
        ("Read as", trace.parse_state),
        ("Seed", trace.seed),
        ("Prompt tokens", trace.prompt_tokens),
        ("Reply tokens", trace.reply_tokens),
        ("Cost", _rounded(trace.cost, 6)),
        ("Seconds", None if trace.seconds is None else f"{trace.seconds:.2f}"),
        ("Code version", trace.code_version),
    ]
    return [Fact(label, str(value)) for label, value in rows if value not in (None, "")]


def _time(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%-d %B %Y, %H:%M:%S %Z")
