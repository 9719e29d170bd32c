"""Length-desensitised reward: what an output says beyond a partner's length counts for less.

    log p^(y) = sum_(t <= l) log p(y_t) + alpha sum_(t > l) log p(y_t),        r(y) = beta (log p^(y) - log p^_ref(y))

(Liu et al. 2024, "Length Desensitization in Direct Preference Optimization", arXiv 2409.06411.) In a pair l is the
length of the shorter one; alpha 1 is DPO's implicit reward. Without a reference, log p^_ref counts as 0.

Fidelity: reconstructed. The paper defines l for a pair alone. A source sees one output, and its value may not hang on
which other outputs are scored with it, so the text leaves open what the partner is: here l is a parameter, in tokens,
such as the length of the shortest output of interest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, ParameterError, Parameters
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

POLICY, REFERENCE = "policy", "reference"
TOKEN_REWARD, REWARD = "token_reward", "length_desensitised_reward"


class LengthDesensitised:
    """DPO's implicit reward with less weight on excess length; see the module for formula and paper."""

    declaration = Declaration(
        name="length_desensitised_reward",
        version=1,
        title="Length-desensitised reward",
        summary="DPO's implicit reward in which tokens beyond a stated length count for less.",
        formula="r = beta * sum of w_t (log p - log p_ref);  w_t = 1 for t <= l, alpha beyond",
        paper="Liu et al. 2024, Length Desensitization in Direct Preference Optimization, arXiv 2409.06411",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="A vector worked by hand; alpha 1 gives the log-ratio. The length is a parameter, not a pair's.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            a_model(POLICY, "Policy", "Reads the prompt and the output."),
            a_model(REFERENCE, "Reference model", "The model that the policy was trained from.", required=False),
        ),
        parameters=(
            Parameter(
                "use_reference", "boolean", True, "Compare with the reference", "Else its log-probabilities count as 0."
            ),
            Parameter("beta", "number", 0.1, "Beta", "Scales every value.", minimum=1e-6, maximum=1000),
            Parameter(
                "alpha", "number", 0.5, "Alpha", "The weight of what is beyond the length.", minimum=0, maximum=1
            ),
            Parameter(
                "partner_length",
                "integer",
                256,
                "Length",
                "Tokens that count in full: in a pair, as many as its shorter output has.",
                minimum=1,
                maximum=1_000_000,
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
        """Signals `token_reward` (tokens and steps) and `length_desensitised_reward` (whole output) by item."""
        self.check(parameters, engines)
        roles = [role for role in self.declaration.models if role.name == POLICY or parameters["use_reference"]]
        read = read_tokens(items, engines, parameters, roles=roles)
        return [
            found if isinstance(found, Unscored) else _scored(item, found, parameters)
            for item, found in zip(items, read, strict=True)
        ]


def _scored(item: SourceItem, tokens: OutputTokens, parameters: Parameters) -> Scored:
    ratio = tokens.logprobs[POLICY] - tokens.logprobs.get(REFERENCE, 0.0)
    weights = np.where(np.arange(len(ratio)) < int(parameters["partner_length"]), 1.0, float(parameters["alpha"]))
    rewards = float(parameters["beta"]) * weights * ratio
    return Scored(
        signals=(
            over_tokens(TOKEN_REWARD, tokens, rewards),
            over_steps(TOKEN_REWARD, item, tokens, rewards),
            over_whole(REWARD, item, float(rewards.sum())),
        )
    )
