"""Implicit process reward: a model trained on outcomes, against its reference, says what each step was worth.

For tokens y_1 .. y_T and steps that end at tokens e_1 < .. < e_K,

    rho_t = log p(y_t | y_<t) - log p_ref(y_t | y_<t)
    Q_k = beta sum_(t <= e_k) rho_t          (accumulative: `step_value`)
    r_k = Q_k - Q_(k-1)                      (single: `step_reward`)

(Yuan et al. 2024, "Free Process Rewards without Process Labels", arXiv 2412.01981; PRIME-RL/ImplicitPRM.) The steps'
rewards add up to r(y) = beta sum_t rho_t. An output's `response_score` is the least of its steps, or their sum; the
release scores with beta 0.001 and trains with 0.05. Without a reference, log p_ref counts as 0.

PRIME (Cui et al. 2025, "Process Reinforcement through Implicit Rewards", arXiv 2502.01456; PRIME-RL/PRIME,
`dp_prime.py`) rewards each token by rho_t, or the last one by their sum (granularity), and divides by

    max_t |sum_(s >= t) rho_s| + 1e-6

In the release that maximum is over the batch; here it is over the output, since a value may not depend on what else is
scored. It takes the place of beta.

Fidelity: code, but for that, and for steps: those of `rewards.segmentation.steps`, by their characters. The release
ends the last step two tokens before the end of what one chat template makes of an answer, and marks padded steps by a
reward of 1000 that each mean or least must leave out; neither is there to go wrong here, and what tools or users say
within an output is no step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, ParameterError, Parameters
from rewards.segmentation import steps
from rewards.signals import RewardSignal, project
from workers.engines.contract import Engine
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.logprobs.reading import (
    FAMILY,
    LAYOUT,
    USE_CONTEXT,
    OutputTokens,
    Values,
    a_model,
    estimate_readings,
    over_tokens,
    over_whole,
    read_tokens,
)
from workers.sources.results import Gives, Scored, SignalResult, Unscored

TOKEN_REWARD, STEP_REWARD, STEP_VALUE = "token_reward", "step_reward", "step_value"
RESPONSE_SCORE = "response_score"
POLICY, REFERENCE = "policy", "reference"
ACCUMULATIVE, WHOLE = "accumulative", "whole"
REVERSE_SUM = "reverse_sum"
_TINY = 1e-6


class ImplicitPrm:
    """The implicit process reward with PRIME's variants; see the module for formula and papers."""

    declaration = Declaration(
        name="implicit_prm",
        version=1,
        title="Implicit process reward",
        summary="What each token and step adds to the log-ratio of a model trained on outcomes and its reference.",
        formula="Q_k = beta * sum over tokens up to step k of (log p - log p_ref);  r_k = Q_k - Q_(k-1)",
        paper="Yuan et al. 2024, Free Process Rewards, arXiv 2412.01981; PRIME, arXiv 2502.01456",
        fidelity=Fidelity.CODE,
        checked_by="Vectors worked by hand after the authors' code; steps add up to the sequence's value. Steps are "
        "cut by their characters, and PRIME's normalisation is by output, not by batch.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            a_model(POLICY, "Model", "Trained on outcomes: by preferences, or on right and wrong answers."),
            a_model(REFERENCE, "Reference model", "The model that the first was trained from.", required=False),
        ),
        parameters=(
            Parameter(
                "use_reference", "boolean", True, "Compare with the reference", "Else its log-probabilities count as 0."
            ),
            Parameter("beta", "number", 0.001, "Beta", "Scales every value.", minimum=1e-6, maximum=1000),
            Parameter(
                "scored_by",
                "choice",
                "single",
                "Score from",
                "What the score of the whole output is made of.",
                choices=(("single", "The steps' rewards"), (ACCUMULATIVE, "The values up to each step")),
            ),
            Parameter(
                "aggregate",
                "choice",
                "min",
                "Score by",
                choices=(("min", "The least step"), ("sum", "The sum of the steps")),
            ),
            Parameter(
                "granularity",
                "choice",
                "token",
                "Tokens get",
                choices=(("token", "Each its own reward"), (WHOLE, "Nothing, but the last one the sum")),
            ),
            Parameter(
                "normalisation",
                "choice",
                "none",
                "Normalisation",
                "PRIME's takes the place of beta: it divides by the greatest sum of rewards still to come.",
                choices=(("none", "None: times beta"), (REVERSE_SUM, "By the greatest reverse sum (PRIME)")),
            ),
            LAYOUT,
            USE_CONTEXT,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Comparing with a reference needs one."""
        if parameters["use_reference"] and REFERENCE not in roles:
            raise ParameterError({REFERENCE: "choose the reference model, or do not compare with one"})

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """A reading of each scored message by each model."""
        return estimate_readings(items, parameters, models=2 if parameters["use_reference"] else 1)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `token_reward` (tokens), `step_reward`, `step_value` (steps) and `response_score` (whole) by item."""
        self.check(parameters, engines)
        roles = [role for role in self.declaration.models if role.name == POLICY or parameters["use_reference"]]
        read = read_tokens(items, engines, parameters, roles=roles)
        return [
            found if isinstance(found, Unscored) else _scored(item, found, parameters)
            for item, found in zip(items, read, strict=True)
        ]


def _scored(item: SourceItem, tokens: OutputTokens, parameters: Parameters) -> Scored:
    ratio = tokens.logprobs[POLICY] - tokens.logprobs.get(REFERENCE, 0.0)
    rewards = _scaled(ratio, parameters)
    single = project(RewardSignal(tokens.segmentation, rewards.astype(np.float32)), steps(item.texts), "sum")
    is_step = ~np.isnan(single.values)
    values = np.full(len(single.values), np.nan)
    values[is_step] = np.cumsum(single.values[is_step], dtype=np.float64)
    scored = values[is_step] if parameters["scored_by"] == ACCUMULATIVE else single.values[is_step].astype(np.float64)
    score = float(scored.min() if parameters["aggregate"] == "min" else scored.sum())
    return Scored(
        signals=(
            over_tokens(TOKEN_REWARD, tokens, _placed(rewards, parameters)),
            SignalResult(STEP_REWARD, single),
            SignalResult(STEP_VALUE, RewardSignal(single.segmentation, values.astype(np.float32))),
            over_whole(RESPONSE_SCORE, item, score),
        )
    )


def _scaled(ratio: Values, parameters: Parameters) -> Values:
    if parameters["normalisation"] == REVERSE_SUM:
        to_come = np.cumsum(ratio[::-1])
        return np.asarray(ratio / (np.abs(to_come).max() + _TINY))
    return float(parameters["beta"]) * ratio


def _placed(rewards: Values, parameters: Parameters) -> Values:
    if parameters["granularity"] != WHOLE:
        return rewards
    placed = np.zeros_like(rewards)
    placed[-1] = rewards.sum()
    return placed
