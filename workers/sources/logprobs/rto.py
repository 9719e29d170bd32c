"""RTO: a preference-trained model rewards every token, less a penalty for leaving the reference, and a scalar ends it.

    r_t = clip(beta_1 (log p_DPO(y_t) - log p_ref(y_t)), -c, c) - beta_2 (log p(y_t) - log p_ref(y_t))
          + 1[t = T] clip(R(x, y), -10, 10)

(Zhong et al. 2024, "DPO Meets PPO: Reinforced Token Optimization for RLHF", arXiv 2404.18922; zkshan2002/RTO,
`_compute_dpo_rewards`, `compute_reward`: beta_1 0.05, c 0.05, beta_2 0.01.) R comes from a reward model, which is
optional: without one the sum ends in no scalar.

Fidelity: code. The release puts R on the end-of-sequence token; an output's text holds no such token, so here it is on
the last token that the policy wrote. The terms stand beside their sum, each in a channel of its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import Capability, Engine, Refusal, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, ModelRole, SourceItem
from workers.sources.logprobs.reading import (
    FAMILY,
    LAYOUT,
    USE_CONTEXT,
    OutputTokens,
    a_model,
    estimate_readings,
    over_steps,
    over_tokens,
    over_whole,
    read_tokens,
)
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.reward_model import conversation

POLICY, TRAINED, REFERENCE, REWARD_MODEL = "policy", "dpo", "reference", "reward_model"
TOKEN_REWARD, DPO_TERM, KL_TERM, FINAL_REWARD = "token_reward", "dpo_term", "kl_term", "final_reward"


class Rto:
    """Token rewards of reinforced token optimisation; see the module for formula and paper."""

    declaration = Declaration(
        name="rto",
        version=1,
        title="Reinforced token optimisation",
        summary="A preference-trained model's reward for each token, a penalty for distance, a final scalar.",
        formula="r_t = clip(b1 (log p_DPO - log p_ref), c) - b2 (log p - log p_ref) + [t = T] clip(R, 10)",
        paper="Zhong et al. 2024, DPO Meets PPO: Reinforced Token Optimization for RLHF, arXiv 2404.18922",
        fidelity=Fidelity.CODE,
        checked_by="A vector worked by hand after the authors' code; the scalar is on the last token that was written.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            a_model(TRAINED, "Preference-trained model", "Trained with DPO from the reference."),
            a_model(REFERENCE, "Reference model", "What both others were trained from."),
            a_model(POLICY, "Policy", "The model in training, whose distance from the reference costs."),
            ModelRole(
                REWARD_MODEL,
                "Reward model",
                "Scores the whole output; its score goes to the last token.",
                frozenset({Capability.REWARD}),
                required=False,
            ),
        ),
        parameters=(
            Parameter("beta_1", "number", 0.05, "Beta 1", "Of the preference-trained model.", minimum=0, maximum=1000),
            Parameter(
                "bound", "number", 0.05, "Bound", "A token's reward by that model at most.", minimum=0, maximum=1000
            ),
            Parameter("beta_2", "number", 0.01, "Beta 2", "Of the penalty.", minimum=0, maximum=1000),
            Parameter("final_bound", "number", 10.0, "Final bound", "Of the scalar.", minimum=0, maximum=1000),
            LAYOUT,
            USE_CONTEXT,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Three readings of each scored message; a reward model reads the whole output once more."""
        return estimate_readings(items, parameters, models=3)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `token_reward` (tokens and steps), `dpo_term`, `kl_term` (tokens), `final_reward` (whole) by item."""
        roles = [role for role in self.declaration.models if role.name != REWARD_MODEL]
        read = read_tokens(items, engines, parameters, roles=roles)
        finals: Sequence[float | Refusal] = [0.0] * len(items)
        if REWARD_MODEL in engines:
            require(engines[REWARD_MODEL], Capability.REWARD)
            whole = {**parameters, "include_thinking": True}
            finals = engines[REWARD_MODEL].reward([conversation(item, whole) for item in items])
        return [
            found if isinstance(found, Unscored) else _scored(item, found, final, parameters, REWARD_MODEL in engines)
            for item, found, final in zip(items, read, finals, strict=True)
        ]


def _scored(
    item: SourceItem, tokens: OutputTokens, final: float | Refusal, parameters: Parameters, has_final: bool
) -> Scored | Unscored:
    if isinstance(final, Refusal):
        return Unscored(final.code.value, f"Reward model: {final.detail}")
    if not math.isfinite(final):
        return Unscored("not_finite", "the reward model's score is no finite number")
    bound, final_bound = float(parameters["bound"]), float(parameters["final_bound"])
    reference = tokens.logprobs[REFERENCE]
    dpo = np.clip(float(parameters["beta_1"]) * (tokens.logprobs[TRAINED] - reference), -bound, bound)
    penalty = -float(parameters["beta_2"]) * (tokens.logprobs[POLICY] - reference)
    rewards = dpo + penalty
    ending = min(max(final, -final_bound), final_bound)
    rewards[-1] += ending
    signals = [
        over_tokens(TOKEN_REWARD, tokens, rewards),
        over_steps(TOKEN_REWARD, item, tokens, rewards),
        over_tokens(DPO_TERM, tokens, dpo),
        over_tokens(KL_TERM, tokens, penalty),
    ]
    return Scored(signals=(*signals, over_whole(FINAL_REWARD, item, ending)) if has_final else tuple(signals))
