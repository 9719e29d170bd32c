"""One checkpoint as its own critic: its logits are the values of its actions.

    Q(s_t, y_t) = beta z(y_t),        V(s_t) = beta log sum_v e^z(v)
    A_t = Q(s_t, y_t) - V(s_t) = beta log p(y_t)          (`advantage`)
    r_t = Q(s_t, y_t) - V(s_(t+1)),  V after the end 0    (`token_reward`)

with z the logits before token t (Wang et al. 2025, "Implicit Reward as the Bridge: A Unified View of SFT and DPO
Connections", arXiv 2507.00018, on Rafailov et al. 2024, "From r to Q*", arXiv 2404.12358). The rewards telescope:

    sum_t r_t = V(s_1) + beta log p(y)

Logits are known up to a number a place that the softmax takes away. The advantage does not hang on it; Q, V and the
rewards do, which is what the papers' reading of logits as values claims, not a fact about every checkpoint.

Fidelity: paper. An output's text holds no end-of-sequence token, so its last reward is Q itself. The next state after
a turn that tools or users answer is the one in which the policy writes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import Engine
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.logprobs.reading import (
    FAMILY,
    LAYOUT,
    USE_CONTEXT,
    OutputTokens,
    a_model,
    estimate_readings,
    over_steps,
    over_tokens,
    read_tokens,
)
from workers.sources.results import Gives, Scored, Unscored

CHECKPOINT = "checkpoint"
TOKEN_REWARD, ADVANTAGE, Q_VALUE, STATE_VALUE = "token_reward", "advantage", "q_value", "state_value"


class CheckpointValues:
    """Values, advantages and rewards from one checkpoint's logits; see the module for formula and papers."""

    declaration = Declaration(
        name="checkpoint_values",
        version=1,
        title="A checkpoint's logits as values",
        summary="Reads one checkpoint's logits as values of its actions: a reward and an advantage for each token.",
        formula="Q = beta z(y_t), V = beta logsumexp z;  r_t = Q_t - V_(t+1),  A_t = Q_t - V_t = beta log p(y_t)",
        paper="Wang et al. 2025, Implicit Reward as the Bridge, arXiv 2507.00018; From r to Q*, arXiv 2404.12358",
        fidelity=Fidelity.PAPER,
        checked_by="A vector by hand; rewards telescope to V(s_1) + beta log p(y). The value after the end is 0.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(a_model(CHECKPOINT, "Checkpoint", "Any fine-tuned model, read in process.", distributions=True),),
        parameters=(
            Parameter("beta", "number", 1.0, "Beta", "Scales every value.", minimum=1e-6, maximum=1000),
            LAYOUT,
            USE_CONTEXT,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """One reading of each scored message."""
        return estimate_readings(items, parameters)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `token_reward`, `advantage` (tokens and steps), `q_value` and `state_value` (tokens) by item."""
        roles = self.declaration.models
        read = read_tokens(items, engines, parameters, roles=roles, distributions=[CHECKPOINT])
        return [
            found if isinstance(found, Unscored) else _scored(item, found, float(parameters["beta"]))
            for item, found in zip(items, read, strict=True)
        ]


def _scored(item: SourceItem, tokens: OutputTokens, beta: float) -> Scored:
    found = tokens.distributions[CHECKPOINT]
    action, state = beta * found.logits, beta * found.logsumexps
    rewards = action - np.append(state[1:], 0.0)
    advantages = beta * tokens.logprobs[CHECKPOINT]
    return Scored(
        signals=(
            over_tokens(TOKEN_REWARD, tokens, rewards),
            over_steps(TOKEN_REWARD, item, tokens, rewards),
            over_tokens(ADVANTAGE, tokens, advantages),
            over_steps(ADVANTAGE, item, tokens, advantages),
            over_tokens(Q_VALUE, tokens, action),
            over_tokens(STATE_VALUE, tokens, state),
        )
    )
