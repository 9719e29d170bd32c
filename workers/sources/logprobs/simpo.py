"""SimPO's reward: a policy's own mean log-probability of an output, without a reference.

    r(x, y) = beta / |y| * sum_t log p(y_t | x, y_<t)

(Meng et al. 2024, "SimPO: Simple Preference Optimization with a Reference-Free Reward", arXiv 2405.14734, equation 4;
the authors use beta from 2 to 10.) |y| counts the tokens that the policy wrote. Each token's part of the sum is its
reward, so tokens and steps add up to the output's reward.

Fidelity: paper. The margin gamma belongs to the loss over pairs, not to the reward.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

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
    over_whole,
    read_tokens,
)
from workers.sources.results import Gives, Scored, Unscored

POLICY = "policy"
TOKEN_REWARD, REWARD = "token_reward", "simpo_reward"


class Simpo:
    """The length-normalised reward without a reference; see the module for formula and paper."""

    declaration = Declaration(
        name="simpo_reward",
        version=1,
        title="Length-normalised log-probability",
        summary="SimPO's reward: a policy's own mean log-probability of what was written, without a reference model.",
        formula="r = beta / |y| * sum over tokens of log p(y_t)",
        paper="Meng et al. 2024, SimPO, arXiv 2405.14734, equation 4",
        fidelity=Fidelity.PAPER,
        checked_by="A vector worked by hand; tokens and steps add up to the output's reward.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(a_model(POLICY, "Policy", "Reads the prompt and the output."),),
        parameters=(
            Parameter("beta", "number", 2.0, "Beta", "The authors use 2 to 10.", minimum=1e-6, maximum=1000),
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
        """Signals `token_reward` (tokens and steps) and `simpo_reward` (whole output) by item."""
        read = read_tokens(items, engines, parameters, roles=self.declaration.models)
        return [
            found if isinstance(found, Unscored) else _scored(item, found, float(parameters["beta"]))
            for item, found in zip(items, read, strict=True)
        ]


def _scored(item: SourceItem, tokens: OutputTokens, beta: float) -> Scored:
    logprobs = tokens.logprobs[POLICY]
    rewards = beta / len(logprobs) * logprobs
    return Scored(
        signals=(
            over_tokens(TOKEN_REWARD, tokens, rewards),
            over_steps(TOKEN_REWARD, item, tokens, rewards),
            over_whole(REWARD, item, float(rewards.sum())),
        )
    )
