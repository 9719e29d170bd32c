"""Reasoning-pattern reward: how an output reasons, whether or not its answer is right.

    RPR = max(0, min(1, K / 20) - R_20 - T)

K is the number of distinct key phrases that occur, R_20 the share of the output's word 20-grams that are distinct and
occur more than once, T how often the output writes a further user turn for itself. From Lv et al. 2025, "The Climb
Carves Wisdom Deeper Than the Summit: On the Noisy Rewards in Learning to Reason" (arXiv 2505.22653).

Fidelity: reconstructed. Formula, constants and the counting of 20-grams are those of the authors' code. The phrases are
a parameter; its default is a list of our own with the phrases that the paper quotes, as many and of the same kinds
(plans, checks, doubts, consequences, examples). Differences, all on purpose: a phrase counts where a word begins and
ends, so that "hence" is not found in "henceforth"; the wording of further turns is a parameter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import sentences, whole
from rewards.signals import RewardSignal
from rewards.text import Span
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, SignalResult, Unscored
from workers.sources.verifiers.verifier import FAMILY, Answer, Verifier, refuse

REASONING_PATTERN, KEY_PHRASES, REPETITION, SELF_PLAY = "reasoning_pattern", "key_phrases", "repetition", "self_play"
SEPARATOR = "|"
PHRASES = (
    "i need to", "we need to", "wait", "let me check", "let me verify", "let me think", "let me see", "let's try",
    "let us consider", "let me first", "first", "second", "next", "finally", "alternatively", "on the other hand",
    "another way", "try again", "that is not right", "that doesn't work", "there is a mistake", "double-check", "hmm",
    "actually", "we know that", "recall that", "note that", "we can see", "suppose", "assume", "since", "because",
    "therefore", "thus", "hence", "so that", "it follows", "as a result", "for example", "for instance",
)  # fmt: skip


class ReasoningPattern(Verifier):
    """Channels `reasoning_pattern` and its three parts; `key_phrases` by the sentence where each one comes first."""

    declaration = Declaration(
        name="reasoning_pattern",
        version=1,
        title="Reasoning-pattern reward",
        summary="Rewards the phrases of reasoning and takes off repetition, whether or not the answer is right.",
        formula="RPR = max(0, min(1, key phrases / 20) - repeated 20-grams / 20-grams - further user turns)",
        paper="Lv et al. 2025, The Climb Carves Wisdom Deeper Than the Summit, arXiv 2505.22653",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Formula and counting as in the authors' code, worked by hand; the list of phrases is ours.",
        needs=frozenset({Input.OUTPUT}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(),
        parameters=(
            Parameter("phrases", "text", SEPARATOR.join(PHRASES), "Key phrases", "Separated by |; case is ignored."),
            Parameter("enough", "integer", 20, "Phrases for the full reward", minimum=1, maximum=1000),
            Parameter("n", "integer", 20, "Words of an n-gram", minimum=1, maximum=1000),
            Parameter(
                "turn", "text", "user: ", "A further turn begins with", "Case is ignored. Empty: none is counted."
            ),
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """There must be phrases."""
        if not phrases_of(parameters):
            refuse("phrases", "give at least one phrase")

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Count in all that the policy wrote, thinking included."""
        return self.without_answer(item, parameters)

    def without_answer(self, item: SourceItem, parameters: Parameters) -> Scored | Unscored:
        """Thinking alone has its patterns, too."""
        texts = {
            index: message.text
            for index, message in enumerate(item.output_messages)
            if message.role == "assistant" and message.channel in {"answer", "thinking"}
        }
        found = first_places(texts, phrases_of(parameters))
        joined = "\n".join(texts.values())
        repetition = repeated_share(joined, int(parameters["n"]))
        turn = str(parameters["turn"]).lower()
        turns = joined.lower().count(turn) if turn else 0
        reward = max(0.0, min(1.0, len(found) / int(parameters["enough"])) - repetition - turns)
        values = {REASONING_PATTERN: reward, REPETITION: repetition, SELF_PLAY: float(turns)}
        signals = [
            SignalResult(channel, RewardSignal(whole(item.texts), np.array([value], dtype=np.float32)))
            for channel, value in values.items()
        ]
        cut = sentences(item.texts)
        counts = np.zeros(len(cut), dtype=np.float32)
        for place in found.values():
            message, start, end = cut.spans.T
            counts[(message == place.message) & (start <= place.start) & (place.start < end)] += 1
        return Scored(signals=(*signals, SignalResult(KEY_PHRASES, RewardSignal(cut, counts))))


def phrases_of(parameters: Parameters) -> list[str]:
    """The phrases, each once."""
    parts = (part.strip().casefold() for part in str(parameters["phrases"]).split(SEPARATOR))
    return list(dict.fromkeys(part for part in parts if part))


def first_places(texts: Mapping[int, str], phrases: Sequence[str]) -> dict[str, Span]:
    """Where each phrase that occurs begins first, in the order of the messages."""
    found: dict[str, Span] = {}
    for phrase in phrases:
        # A phrase may begin or end with a sign, where there is no word to be cut.
        expression = re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)", re.IGNORECASE)
        for index, text in texts.items():
            if match := expression.search(text):
                found[phrase] = Span(index, *match.span())
                break
    return found


def repeated_share(text: str, n: int) -> float:
    """Distinct word n-grams that occur more than once, by the number of all n-grams; 0 for a text without n words."""
    words = text.split()
    total = len(words) - n + 1
    if total <= 0:
        return 0.0
    counts = Counter(tuple(words[start : start + n]) for start in range(total))
    return sum(count > 1 for count in counts.values()) / total
