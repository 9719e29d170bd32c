"""Gain of a thought: by how many nats a token it makes what truly follows likelier.

For a context x, a thought c and the continuation y_1 .. y_n that truly follows,

    r(c) = 1/n sum_j [log p(y_j | x, c, y_<j) - log p_0(y_j | x, y_<j)]

(Hatamizadeh et al. 2025, "RLP: Reinforcement as a Pretraining Objective", arXiv 2510.01265.) p_0 is a slow average of
the policy that does not think; without such a model it is the same model without the thought.

A thought is long, and any long text before an answer can move its probability. The control is the same gain for the
thought's own words in another order, a mean over several orders drawn by the item's seed: what is left of the gain
beyond the control (`thought_gain_beyond_order`) is due to what the thought says.

Fidelity: reconstructed. The paper rewards a thought at each token of a document; the text leaves open what follows a
thought in a chat. Here it is the task's reference answer. The thought is what the output says in its thinking channel,
or else all that the policy wrote. The control is ours.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import (
    Capability,
    ChatMessage,
    Continuation,
    Engine,
    Refusal,
    TokenLogprobs,
    require,
)
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.logprobs.reading import (
    FAMILY,
    LAYOUT,
    LEAD,
    USE_CONTEXT,
    a_model,
    asked_after,
    characters,
    mean_logprob,
    over_whole,
    task_messages,
)
from workers.sources.results import Gives, Scored, Unscored

MODEL, BASELINE = "model", "baseline"
THOUGHT_GAIN, CONTROL, BEYOND = "thought_gain", "thought_gain_shuffled", "thought_gain_beyond_order"
_WORD = re.compile(r"\S+")


class ThoughtGain:
    """What a thought tells of the reference answer, beside a shuffled one; see the module for formula and paper."""

    declaration = Declaration(
        name="thought_gain",
        version=1,
        title="Gain of a thought",
        summary="By how many nats a token the thinking makes the reference answer likelier, beside its words shuffled.",
        formula="r(c) = mean_j [log p(y_j | x, c) - log p_0(y_j | x)];  control: c with its words in another order",
        paper="Hatamizadeh et al. 2025, RLP: Reinforcement as a Pretraining Objective, arXiv 2510.01265",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="A vector worked by hand; a thought of one word equals its control. What follows is the reference.",
        needs=frozenset({Input.TASK, Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            a_model(MODEL, "Model", "Reads the reference answer after the thought."),
            a_model(
                BASELINE,
                "Model that does not think",
                "Reads the reference answer without the thought; else the first model does.",
                required=False,
            ),
        ),
        parameters=(
            Parameter(
                "shuffles",
                "integer",
                4,
                "Shuffled thoughts",
                "Over how many orders the control is.",
                minimum=1,
                maximum=64,
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
        """One reading of the reference without the thought, one with it, one for each order of its words."""
        read = [characters(request) for item in items for request in _requests(item, parameters)]
        return Estimate(len(read), sum(read))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `thought_gain`, `thought_gain_shuffled` and `thought_gain_beyond_order` (whole) by item."""
        engine = engines[MODEL]
        baseline = engines.get(BASELINE, engine)
        require(engine, Capability.LOGPROBS)
        require(baseline, Capability.LOGPROBS)
        requests = [_requests(item, parameters) for item in items]
        without = baseline.logprobs([own[0] for own in requests])
        answers = iter(engine.logprobs([request for own in requests for request in own[1:]]))
        return [
            _scored(item, before, [next(answers) for _ in own[1:]])
            for item, own, before in zip(items, requests, without, strict=True)
        ]


def thought_of(item: SourceItem) -> str:
    """What the policy thought: its thinking, or all that it wrote where no channel holds any."""
    own = [message for message in item.output_messages if message.role == "assistant" and message.text.strip()]
    thinking = [message for message in own if message.channel == "thinking"]
    return "\n\n".join(message.text for message in thinking or own)


def shuffled(thought: str, seed: str) -> str:
    """The words in another order, between the same white space."""
    words = _WORD.findall(thought)
    random.Random(seed).shuffle(words)
    left = iter(words)
    return _WORD.sub(lambda _: next(left), thought)


def _requests(item: SourceItem, parameters: Parameters) -> list[Continuation]:
    """The reference without a thought, after the thought, and after each shuffled one."""
    task = task_messages(item, parameters)
    layout, lead = str(parameters["layout"]), str(parameters["lead"])
    thought = thought_of(item)
    orders = [shuffled(thought, f"{item.seed} {number}") for number in range(int(parameters["shuffles"]))]
    said = [[], *([ChatMessage("assistant", text)] for text in (thought, *orders))]
    return [Continuation(asked_after([*task, *after], layout, lead), item.reference or "") for after in said]


def _scored(
    item: SourceItem, without: TokenLogprobs | Refusal, answers: Sequence[TokenLogprobs | Refusal]
) -> Scored | Unscored:
    if isinstance(without, Refusal):
        return Unscored(without.code.value, f"the reference without the thought: {without.detail}")
    levels = []
    for answer in answers:
        if isinstance(answer, Refusal):
            return Unscored(answer.code.value, f"the reference after the thought: {answer.detail}")
        if not np.array_equal(answer.token_ids, without.token_ids):
            return Unscored("tokenizers_differ", "the two models cut the reference into different tokens")
        levels.append(mean_logprob(answer) - mean_logprob(without))
    if not np.isfinite(levels).all():
        return Unscored("not_finite", "a model gives a token of the reference no probability at all")
    gain, control = levels[0], float(np.mean(levels[1:]))
    return Scored(
        signals=(
            over_whole(THOUGHT_GAIN, item, gain),
            over_whole(CONTROL, item, control),
            over_whole(BEYOND, item, gain - control),
        )
    )
