"""Format: whether an output is laid out as asked: tags in order, headings in order.

    well_formed = |conditions that hold| / |conditions|,        correct = 1[all hold]

The conditions are, for each tag: opened once, closed once, closed after it is opened and before the next is opened, and
not empty; for the whole: nothing but white space outside the tags (a parameter); for each heading: it stands on a line
of its own after the one before. The rule is the format reward of DeepSeek-R1 (Guo et al. 2025, arXiv 2501.12948), which
enforces that the thinking stands between `<think>` and `</think>`. The text does not give its partial credit or its
strictness: those are reconstructed here as the conditions above.

Thinking that was imported as a message of its own (channel `thinking`) counts as a section `think`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers.verifier import CORRECT, FAMILY, Answer, Verifier, refuse, scored, words_of

WELL_FORMED = "well_formed"
THINK = "think"
_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
# Around a heading: Markdown's marks, numbering and a colon.
_HEADING = r"(?m)^[ \t]*+(?:#{1,6}[ \t]*+)?+(?:\d{1,3}[.)][ \t]*+)?+[*_]{0,3}"
_HEADING_END = r"[*_]{0,3}[ \t]*+:?[*_]{0,3}[ \t]*+\r?$"


class Condition(NamedTuple):
    """One part of the format, in words, and whether it holds."""

    words: str
    holds: bool


class TagFormat(Verifier):
    """Channels `correct` (0 or 1) and `well_formed` (share of the conditions that hold)."""

    declaration = Declaration(
        name="tag_format",
        version=1,
        title="Format",
        summary="Whether the output is laid out as asked: tags such as <think> and <answer>, headings, in order.",
        formula="well_formed = conditions that hold / conditions;  correct = 1[all hold]",
        paper="Guo et al. 2025, DeepSeek-R1, arXiv 2501.12948 (its format reward)",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Cases worked by hand. The paper says which tags it enforces, not how strictly: see the conditions.",
        needs=frozenset({Input.OUTPUT}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS, Gives.CRITIQUES}),
        models=(),
        parameters=(
            Parameter("tags", "text", "think, answer", "Tags", "In order, separated by commas. Empty: none."),
            Parameter("headings", "text", "", "Headings", "In order, separated by commas. Empty: none."),
            Parameter("text_outside", "boolean", False, "Allow text outside the tags"),
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """There must be something to check, and tags must be names."""
        tags, headings = words_of(str(parameters["tags"])), words_of(str(parameters["headings"]))
        if not tags and not headings:
            refuse("tags", "give a tag or a heading")
        if wrong := [tag for tag in tags if not _TAG_NAME.fullmatch(tag)]:
            refuse("tags", f"{wrong[0]!r} is no name of a tag: expected letters and digits, without < and >")
        if len(set(tags)) < len(tags):
            refuse("tags", "each tag stands once")

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Check every condition over all that the policy wrote."""
        return self.without_answer(item, parameters)

    def without_answer(self, item: SourceItem, parameters: Parameters) -> Scored | Unscored:
        """An output that is thinking alone has a format, too."""
        tags, headings = words_of(str(parameters["tags"])), words_of(str(parameters["headings"]))
        text = written(item, thinks=THINK in tags)
        conditions = tag_conditions(text, tags, text_outside=bool(parameters["text_outside"]))
        conditions += heading_conditions(text, headings)
        broken = [condition.words for condition in conditions if not condition.holds]
        values = {CORRECT: float(not broken), WELL_FORMED: 1 - len(broken) / len(conditions)}
        return scored(item, values, remarks=[f"Not so: {words}." for words in broken])


def written(item: SourceItem, *, thinks: bool) -> str:
    """All that the policy wrote, in order, with thinking of its own channel between tags where the format has them."""
    parts = []
    for message in item.output_messages:
        if message.role == "assistant" and message.channel in {"answer", "thinking"}:
            is_bare = message.channel == "thinking" and f"<{THINK}>" not in message.text
            parts.append(f"<{THINK}>{message.text}</{THINK}>" if is_bare and thinks else message.text)
    return "\n".join(parts)


def tag_conditions(text: str, tags: Sequence[str], *, text_outside: bool) -> list[Condition]:
    """Four for each tag, and one for what stands outside."""
    conditions: list[Condition] = []
    outside, at, is_ordered = [], 0, True
    for tag in tags:
        opening, closing = f"<{tag}>", f"</{tag}>"
        start, end = text.find(opening), text.find(closing)
        is_ordered = is_ordered and at <= start < end
        conditions += [
            Condition(f"{opening} stands once", text.count(opening) == 1),
            Condition(f"{closing} stands once", text.count(closing) == 1),
            Condition(f"{opening} and {closing} stand in order", is_ordered),
            Condition(f"{opening} holds text", bool(text[start + len(opening) : end].strip()) if start >= 0 else False),
        ]
        if is_ordered:
            outside.append(text[at:start])
            at = end + len(closing)
    if tags and not text_outside:
        bare = is_ordered and not "".join([*outside, text[at:]]).strip()
        conditions.append(Condition("no text stands outside the tags", bare))
    return conditions


def heading_conditions(text: str, headings: Sequence[str]) -> list[Condition]:
    """One for each heading: on a line of its own, after the one before."""
    conditions, at = [], 0
    for heading in headings:
        found = re.compile(_HEADING + re.escape(heading) + _HEADING_END, re.IGNORECASE).search(text, at)
        conditions.append(Condition(f"the heading “{heading}” stands in order", found is not None))
        at = found.end() if found else at
    return conditions
