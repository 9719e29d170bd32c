"""Information gain by turn: by how much each turn makes the reference answer likelier.

With a_1 .. a_n the tokens of the reference answer, teacher-forced after the first k turns o_1 .. o_k,

    p_k = exp(1/n sum_j log p(a_j | q, o_1 .. o_k, a_<j)),        r_k = p_k - p_(k-1)

(Wang et al. 2025, "Information Gain-based Policy Optimization", arXiv 2510.14967; GuoqingWang1/IGPO.) p_0 is the
answer's probability before any turn. A turn is a message of the policy with what tools and users answer to it. The
last turn holds the policy's own answer, so its reward is the outcome instead: F1 of the words of that message and of
the reference. Where every turn is rewarded by its gain, the rewards add up to p_K - p_0.

Fidelity: code, but that words are counted as elsewhere here, that a malformed answer costs nothing (a verifier of the
format says so), and that returns and advantages are left to recipes. The release puts the answer into its own tags; the
words before the answer are a parameter.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import turns
from rewards.signals import RewardSignal
from workers.engines.contract import Capability, Continuation, Engine, Refusal, TokenLogprobs, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.logprobs.reading import (
    FAMILY,
    LAYOUT,
    LEAD,
    USE_CONTEXT,
    a_model,
    as_chat,
    asked_after,
    characters,
    mean_logprob,
    over_whole,
    task_messages,
)
from workers.sources.relevance_mixture import word_f1
from workers.sources.results import Gives, Scored, SignalResult, Unscored

MODEL = "model"
OUTCOME, GAIN = "outcome", "gain"
INFORMATION_GAIN, ANSWER_PROBABILITY, PROBABILITY_BEFORE = (
    "information_gain",
    "answer_probability",
    "answer_probability_before",
)


class Turn(NamedTuple):
    """One of the policy's messages, and the first message after all that was answered to it."""

    message: int
    stop: int


class InformationGain:
    """The gain in the reference's probability by turn; see the module for formula and paper."""

    declaration = Declaration(
        name="information_gain",
        version=1,
        title="Information gain by turn",
        summary="By how much each turn raises the probability of the reference answer; the last one gets the outcome.",
        formula="p_k = exp(mean_j log p(a_j | turns 1..k));  r_k = p_k - p_(k-1)",
        paper="Wang et al. 2025, Information Gain-based Policy Optimization, arXiv 2510.14967",
        fidelity=Fidelity.CODE,
        checked_by="A vector worked by hand; gains add up to p_K - p_0. No penalty for a malformed answer.",
        needs=frozenset({Input.TASK, Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(a_model(MODEL, "Model", "Reads the reference answer after each turn."),),
        parameters=(
            Parameter(
                "last_turn",
                "choice",
                OUTCOME,
                "The last turn gets",
                choices=((OUTCOME, "The outcome: word F1 with the reference"), (GAIN, "Its gain, as every other")),
            ),
            LEAD,
            LAYOUT,
            USE_CONTEXT,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """One reading of the reference before the first turn and after each."""
        read = [characters(request) for item in items for request in _requests(item, parameters)]
        return Estimate(len(read), sum(read))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `information_gain`, `answer_probability` (turns) and `answer_probability_before` (whole) by item."""
        engine = engines[MODEL]
        require(engine, Capability.LOGPROBS)
        requests = [_requests(item, parameters) for item in items]
        answers = iter(engine.logprobs([request for own in requests for request in own]))
        return [
            _scored(item, [next(answers) for _ in own], parameters) for item, own in zip(items, requests, strict=True)
        ]


def turns_of(item: SourceItem) -> list[Turn]:
    """The policy's messages that say something, each with what was answered to it."""
    starts = [
        number for number, message in enumerate(item.output_messages) if message.role == "assistant" and message.text
    ]
    return [Turn(start, stop) for start, stop in zip(starts, [*starts[1:], len(item.output_messages)], strict=True)]


def _requests(item: SourceItem, parameters: Parameters) -> list[Continuation]:
    task, said = task_messages(item, parameters), as_chat(item.output_messages)
    own = turns_of(item)
    layout, lead = str(parameters["layout"]), str(parameters["lead"])
    stops = [own[0].message if own else 0, *(turn.stop for turn in own)]
    return [Continuation(asked_after([*task, *said[:stop]], layout, lead), item.reference or "") for stop in stops]


def _scored(item: SourceItem, answers: Sequence[TokenLogprobs | Refusal], parameters: Parameters) -> Scored | Unscored:
    own = turns_of(item)
    if not own:
        return Unscored("empty_output", "the policy wrote no text")
    levels = []
    for number, answer in enumerate(answers):
        if isinstance(answer, Refusal):
            return Unscored(answer.code.value, f"the reference after {number} turns: {answer.detail}")
        levels.append(math.exp(mean_logprob(answer)))
    gains = np.diff(levels)
    if parameters["last_turn"] == OUTCOME:
        gains[-1] = word_f1(item.output_messages[own[-1].message].text, item.reference or "")
    by_turn = turns(item.texts)
    place = {int(message): index for index, message in enumerate(by_turn.spans[:, 0])}
    found = {INFORMATION_GAIN: gains, ANSWER_PROBABILITY: np.array(levels[1:])}
    signals = []
    for channel, values in found.items():
        placed = np.full(len(by_turn), np.nan, dtype=np.float32)
        placed[[place[turn.message] for turn in own]] = values
        signals.append(SignalResult(channel, RewardSignal(by_turn, placed)))
    return Scored(signals=(*signals, over_whole(PROBABILITY_BEFORE, item, levels[0])))
