"""What all verifiers share: the answer that they read, the parameters that several have, and how a result is written.

A policy that gives no answer where one was asked for has answered wrongly, which the parameter `no_answer` may change;
a verifier that cannot do its work (a task without what it checks by, a pattern that runs out of time) gives no value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rewards.parameters import Parameter, ParameterError, Parameters
from rewards.segmentation import sentences, whole
from rewards.signals import RewardSignal
from workers.engines.contract import Engine, ErrorCode
from workers.sources.contract import Declaration, Estimate, SourceItem
from workers.sources.results import CritiqueResult, Scored, SignalResult, Unscored

FAMILY = "Verifiers"
CORRECT = "correct"
EVIDENCE = "evidence"
"""In the sentences that hold what was checked: the same value as the whole has."""

MOST_CHARACTERS = 1_000_000
_MOST_CHARACTERS_OF_CRITIQUE = 2_000
_SURROGATE = re.compile("[\ud800-\udfff]")

NO_ANSWER = Parameter(
    "no_answer",
    "choice",
    "wrong",
    "An output without an answer",
    "A policy that gives no answer has not solved the task. A verifier that fails is never counted as wrong.",
    choices=(("wrong", "Counts as wrong (0)"), ("unscored", "Is left unscored")),
)


class Answer(NamedTuple):
    """What the policy answered, or a part of it: a stretch of one message."""

    message: int
    start: int
    end: int
    text: str

    @classmethod
    def of(cls, message: int, text: str) -> Answer:
        """A message's whole text."""
        return cls(message, 0, len(text), text)

    def part(self, start: int, end: int) -> Answer:
        """A stretch of this one, by offsets within it."""
        return Answer(self.message, self.start + start, self.start + end, self.text[start:end])

    def stripped(self) -> Answer:
        """Without the white space around it."""
        start = len(self.text) - len(self.text.lstrip())
        return self.part(start, max(start, len(self.text.rstrip())))


def final_answer(item: SourceItem) -> Answer | None:
    """The last message that the policy wrote as its answer (thinking and calls of tools are none); None without one."""
    for index in range(len(item.output_messages) - 1, -1, -1):
        message = item.output_messages[index]
        if message.role == "assistant" and message.channel == "answer" and message.text.strip():
            return Answer.of(index, message.text)
    return None


class Verifier:
    """A source without models: subclasses say how one item with a final answer is judged."""

    declaration: Declaration

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Raise `ParameterError` where the parameters cannot work."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """What is read of the outputs; no model reads it."""
        return Estimate(len(items), sum(len(text) for item in items for text in item.texts))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """One result an item, in order; see the module for its channels."""
        read = [self.read(item, parameters) for item in items]
        return [
            self.verify(item, found, parameters) if isinstance(found, Answer) else found
            for item, found in zip(items, read, strict=True)
        ]

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Judge the item's final answer."""
        raise NotImplementedError

    def without_answer(self, item: SourceItem, parameters: Parameters) -> Scored | Unscored:
        """What an item is worth whose policy gave no answer."""
        return no_answer(item, parameters, "the policy wrote no answer")

    def read(self, item: SourceItem, parameters: Parameters) -> Answer | Scored | Unscored:
        """The item's final answer, or what it is worth without one."""
        if item.is_empty:
            return Unscored("empty_output", "the output has no text")
        length = sum(len(text) for text in item.texts)
        if length > MOST_CHARACTERS:
            return Unscored("text_too_long", f"{length} characters: verifiers read {MOST_CHARACTERS} at most")
        if any(_SURROGATE.search(text) for text in item.texts):
            return Unscored(ErrorCode.INVALID_TEXT.value, "the output has a lone surrogate")
        return final_answer(item) or self.without_answer(item, parameters)


def no_answer(
    item: SourceItem, parameters: Parameters, detail: str, channels: Collection[str] = (CORRECT,)
) -> Scored | Unscored:
    """Zero on these channels, or unscored, as the parameter `no_answer` says."""
    if parameters["no_answer"] == "unscored":
        return Unscored("no_answer", detail)
    return scored(item, dict.fromkeys(channels, 0.0))


def scored(
    item: SourceItem, values: Mapping[str, float], *, evidence: Answer | None = None, remarks: Sequence[str] = ()
) -> Scored:
    """One value a channel on the whole output; the first one also where the evidence stands.

    Parameters
    ----------
    values : mapping of channel to float
    evidence : Answer or None
        What was checked: channel `evidence` carries the first value in the sentences that it lies in, and NaN in all
        others, which were not checked.
    remarks : sequence of str
        What was found, for a reader: a summary beside the numbers.
    """
    signals = [
        SignalResult(channel, RewardSignal(whole(item.texts), np.array([value], dtype=np.float32)))
        for channel, value in values.items()
    ]
    if evidence is not None and (shown := _shown(item, evidence, next(iter(values.values())))) is not None:
        signals.append(shown)
    critiques = [CritiqueResult("summary", "\n".join(remarks)[:_MOST_CHARACTERS_OF_CRITIQUE])] if remarks else []
    return Scored(signals=tuple(signals), critiques=tuple(critiques))


def lines_of(text: str) -> list[str]:
    """Entries of a parameter or reference that holds one a line; empty lines are none."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def words_of(text: str) -> list[str]:
    """Entries of a parameter that separates them by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def refuse(name: str, problem: str) -> None:
    """Raise the error of one parameter."""
    raise ParameterError({name: problem})


def _shown(item: SourceItem, evidence: Answer, value: float) -> SignalResult | None:
    cut = sentences(item.texts)
    message, start, end = cut.spans.T
    inside = (message == evidence.message) & (start < evidence.end) & (end > evidence.start)
    if not inside.any():
        return None
    return SignalResult(EVIDENCE, RewardSignal(cut, np.where(inside, value, np.nan).astype(np.float32)))
