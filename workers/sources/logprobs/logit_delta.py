"""What post-training changed at each token: the difference of two checkpoints' logits.

    delta_t = z_post(y_t) - z_base(y_t)                       (`logit_delta`)
    Delta_t = logsumexp z_post - logsumexp z_base             (`value_delta`)
    delta_t - Delta_t = log p_post(y_t) - log p_base(y_t)     (`log_ratio`)

Lu et al. 2024, "Transferable Post-training via Inverse Value Learning" (arXiv 2410.21027) train a network to give
delta over the vocabulary and add it to another model's logits at inference. Read at the tokens of an output, delta is
a dense reward: how much post-training on a small pair of models speaks for what any policy wrote.

Fidelity: reconstructed. The paper uses delta to draw text and does not say how to score one; the token's own delta is
the natural reading. Logits are known up to a number a place, so that delta by itself compares tokens of one place;
`log_ratio` is what is left without it. Both checkpoints must cut the text into the same tokens: the paper's mapping
between vocabularies is not applied.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rewards.parameters import Parameters
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

TRAINED, BASE = "trained", "base"
LOGIT_DELTA, VALUE_DELTA, LOG_RATIO = "logit_delta", "value_delta", "log_ratio"


class LogitDelta:
    """The change of logits between two checkpoints; see the module for formula and paper."""

    declaration = Declaration(
        name="logit_delta",
        version=1,
        title="Difference of two checkpoints' logits",
        summary="What post-training did to the logit of each token, split into the change of its value and its share.",
        formula="delta_t = z_post(y_t) - z_base(y_t);  less the change of logsumexp it is the log-ratio",
        paper="Lu et al. 2024, Transferable Post-training via Inverse Value Learning, arXiv 2410.21027",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="A vector worked by hand; equal checkpoints give zeros; less the value change it is the log-ratio.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            a_model(TRAINED, "Trained checkpoint", "After post-training, read in process.", distributions=True),
            a_model(BASE, "Base checkpoint", "Before it, read in process.", distributions=True),
        ),
        parameters=(LAYOUT, USE_CONTEXT),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Two readings of each scored message."""
        return estimate_readings(items, parameters, models=2)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `logit_delta`, `log_ratio` (tokens and steps) and `value_delta` (tokens) by item."""
        roles = self.declaration.models
        read = read_tokens(items, engines, parameters, roles=roles, distributions=[TRAINED, BASE])
        return [
            found if isinstance(found, Unscored) else _scored(item, found)
            for item, found in zip(items, read, strict=True)
        ]


def _scored(item: SourceItem, tokens: OutputTokens) -> Scored:
    trained, base = tokens.distributions[TRAINED], tokens.distributions[BASE]
    delta = trained.logits - base.logits
    ratio = tokens.logprobs[TRAINED] - tokens.logprobs[BASE]
    return Scored(
        signals=(
            over_tokens(LOGIT_DELTA, tokens, delta),
            over_steps(LOGIT_DELTA, item, tokens, delta),
            over_tokens(LOG_RATIO, tokens, ratio),
            over_steps(LOG_RATIO, item, tokens, ratio),
            over_tokens(VALUE_DELTA, tokens, trained.logsumexps - base.logsumexps),
        )
    )
