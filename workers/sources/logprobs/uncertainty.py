"""How sure a policy was of what it wrote: entropy at each token, confidence, forks, and bands of entropy by turn.

With p_t the policy's distribution before token t,

    H_t = -sum_v p_t(v) log p_t(v)                      (`entropy`, nats)
    confidence = exp(mean_t log p(y_t))                 (Zhang et al. 2025, "ConfClip", arXiv 2509.17730)
    fork_t = 1 for the k tokens of most entropy         (Li et al. 2025, "CURE", arXiv 2508.11016; k 20)

A fork must be longer than one character. CURE also leaves out special tokens: there are none here, since only an
output's text is read, in which control tokens are ordinary characters.

Bands (Xu et al. 2025, "EPO", arXiv 2509.22576): a turn whose mean entropy H leaves [0.8 h, 1.2 h] around the mean h of
what came before is out of band. `band_penalty` is 0.1 there and 0 inside, as released. As a part of a loss that number
is constant in the model's parameters and moves nothing; `band_distance`, by how many nats the turn is outside, grows
with the fault, and is the one to reward by.

Fidelity: reconstructed. EPO's history is that of a training run, by turn number; a source has none, so h is a stated
number of nats or, at 0, the mean of the output's own earlier turns, of which the first has none and is unscored.
ConfClip multiplies clipped confidence by correctness, and does not say how confidence is measured in the text at hand:
the mean log-probability is the usual reading, and the product is left to recipes. CURE counts the characters of a
decoded token; here white space around it does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, ParameterError, Parameters
from rewards.segmentation import turns
from rewards.signals import RewardSignal
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

POLICY = "policy"
ENTROPY, CONFIDENCE, FORK = "entropy", "confidence", "fork"
TURN_ENTROPY, BAND_PENALTY, BAND_DISTANCE = "turn_entropy", "band_penalty", "band_distance"


class Uncertainty:
    """Entropy, confidence, forks and bands; see the module for formulas and papers."""

    declaration = Declaration(
        name="uncertainty",
        version=1,
        title="Uncertainty",
        summary="The entropy at each token, the output's confidence, its forks, and turns whose entropy leaves a band.",
        formula="H_t = -sum p log p;  confidence = exp(mean log p);  fork: top-k H_t;  band: H / h in [low, high]",
        paper="ConfClip, arXiv 2509.17730; CURE, arXiv 2508.11016; EPO, arXiv 2509.22576",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="A vector worked by hand; entropy against plain calls of the library. The band's history is a "
        "parameter or the output's own earlier turns.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(a_model(POLICY, "Policy", "What wrote the output, read in process.", distributions=True),),
        parameters=(
            Parameter("forks", "integer", 20, "Forks", "How many tokens are marked at most.", minimum=1, maximum=1000),
            Parameter("low", "number", 0.8, "Lower edge", "Of the band, times the history.", minimum=0, maximum=1),
            Parameter("high", "number", 1.2, "Upper edge", "Of the band, times the history.", minimum=1, maximum=100),
            Parameter("penalty", "number", 0.1, "Penalty", "Of a turn out of its band.", minimum=0, maximum=1000),
            Parameter(
                "history",
                "number",
                0.0,
                "History",
                "Mean entropy in nats to compare with; 0: that of the output's earlier turns.",
                minimum=0,
                maximum=100,
            ),
            LAYOUT,
            USE_CONTEXT,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """A band of no width holds nothing."""
        if parameters["low"] == parameters["high"]:
            raise ParameterError({"high": "expected more than the lower edge"})

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """One reading of each scored message."""
        return estimate_readings(items, parameters)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `entropy`, `fork` (tokens), `confidence` (whole) and those of turns by item."""
        roles = self.declaration.models
        read = read_tokens(items, engines, parameters, roles=roles, distributions=[POLICY])
        return [
            found if isinstance(found, Unscored) else _scored(item, found, parameters)
            for item, found in zip(items, read, strict=True)
        ]


def _scored(item: SourceItem, tokens: OutputTokens, parameters: Parameters) -> Scored:
    entropy = tokens.distributions[POLICY].entropies
    confidence = float(np.exp(tokens.logprobs[POLICY].mean()))
    return Scored(
        signals=(
            over_tokens(ENTROPY, tokens, entropy),
            over_tokens(FORK, tokens, forks(item.texts, tokens, entropy, int(parameters["forks"]))),
            over_whole(CONFIDENCE, item, confidence),
            *_by_turn(item, tokens, entropy, parameters),
        )
    )


def forks(texts: Sequence[str], tokens: OutputTokens, entropy: Values, most: int) -> Values:
    """1 at the tokens of most entropy that are longer than one character, 0 elsewhere; of equals the earlier one."""
    spans = tokens.segmentation.spans
    long = np.array([len(texts[message][start:end].strip()) > 1 for message, start, end in spans.tolist()])
    order = np.argsort(-entropy, kind="stable")
    marked = np.zeros_like(entropy)
    marked[order[long[order]][:most]] = 1.0
    return marked


def _by_turn(item: SourceItem, tokens: OutputTokens, entropy: Values, parameters: Parameters) -> list[SignalResult]:
    """Mean entropy by turn, and how it lies to its band; what tools and users said is unscored."""
    by_turn = turns(item.texts)
    message = tokens.segmentation.spans[:, 0]
    means = np.array([_mean(entropy[message == number]) for number in by_turn.spans[:, 0]])
    history = _history(means, float(parameters["history"]))
    low, high = float(parameters["low"]) * history, float(parameters["high"]) * history
    distance = np.maximum(0.0, np.maximum(low - means, means - high))
    penalty = np.where(np.isnan(distance), np.nan, np.where(distance > 0, float(parameters["penalty"]), 0.0))
    found = {TURN_ENTROPY: means, BAND_PENALTY: penalty, BAND_DISTANCE: distance}
    return [
        SignalResult(channel, RewardSignal(by_turn, values.astype(np.float32)))
        for channel, values in found.items()
        if not np.isnan(values).all()
    ]


def _mean(values: Values) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _history(means: npt.NDArray[np.float64], stated: float) -> npt.NDArray[np.float64]:
    """What each turn is compared with: NaN for a first turn that has nothing before it."""
    if stated:
        return np.full(len(means), stated)
    return np.array([_mean(means[:turn][~np.isnan(means[:turn])]) for turn in range(len(means))])
