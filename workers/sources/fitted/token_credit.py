"""Token credit: which tokens of an output made it right or wrong, learnt from outcome labels alone.

A linear head on the hidden states h_t of a frozen model scores each token; their mean (or sum) is the outcome's logit:

    s_t = w . h_t + b
    p   = sigmoid(mean_t s_t)                      trained by binary cross-entropy on outcome labels

(Lyu et al. 2025, "Exploring the Limit of Outcome Reward for Learning Mathematical Reasoning" (OREAL), arXiv
2502.06781, on the token-level reward model; InternLM/OREAL.) The credit of a token is read off the outcome's
probability as the output grows, p_t = sigmoid(mean_(i <= t) s_i), as weights for the loss on right and on wrong
outputs:

    w+_t = clip((p_t - 1/2) / (1/2), 0, 1),        w-_t = clip(((1 - p_t) - 1/2) / (1/2), 0, 1)

At most one of the two is above 0 at any token. With the sum in place of the mean, all means above are sums.

Fidelity: reconstructed. The authors train the whole language model beneath the head, beside the policy; here it stays
frozen, so that the head is small, quick to fit and shared with nothing; what that costs in accuracy the held-out
metrics of each artefact say. The text leaves open what a token of the prompt gets: none is scored here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameters
from rewards.segmentation import Segmentation
from workers.engines.contract import Capability, Engine, HiddenStates, Refusal, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, ModelRole, SourceItem
from workers.sources.fitted.weights import FittedWeights, weights_in
from workers.sources.logprobs.reading import (
    OutputTokens,
    Values,
    estimate_readings,
    over_tokens,
    over_whole,
    scored_pieces,
)
from workers.sources.results import Gives, Scored, Unscored

TOKEN_CREDIT = "token_credit"
FAMILY = "Fitted here"
TOKEN_SCORE, CREDIT_RIGHT, CREDIT_WRONG, OUTCOME = "token_score", "credit_right", "credit_wrong", "outcome_probability"
BASE = ModelRole(
    "base",
    "Base model",
    "Its hidden states are read: the model that the head was fitted on.",
    frozenset({Capability.HIDDEN_STATES}),
)
_BATCH = 16
"""Outputs whose states are in memory together."""


class Credit(NamedTuple):
    """What a head makes of one output's T tokens.

    Attributes
    ----------
    scores : float64 array, shape (T,)
        s_t, logits.
    logit : float
        Of the outcome.
    right, wrong : float64 array, shape (T,)
        w+_t and w-_t, in [0, 1].
    """

    scores: Values
    logit: float
    right: Values
    wrong: Values


def credit(states: npt.NDArray[np.floating], weight: Values, bias: float, pooling: str) -> Credit:
    """Scores and weights of tokens by their hidden states; see the module for the formulas.

    Parameters
    ----------
    states : array, shape (T, H)
        T is at least 1.
    weight : float64 array, shape (H,)
    bias : float
    pooling : {"mean", "sum"}
    """
    scores = np.asarray(states, dtype=np.float64) @ weight + bias
    grown = np.cumsum(scores)
    if pooling == "mean":
        grown = grown / np.arange(1, len(scores) + 1)
    # 2 sigmoid(x) - 1 = tanh(x / 2), which does not overflow.
    lean = np.tanh(grown / 2)
    return Credit(scores, float(grown[-1]), np.clip(lean, 0.0, 1.0), np.clip(-lean, 0.0, 1.0))


class TokenCredit:
    """A linear head on a frozen model's hidden states; see the module for formula, paper and gap."""

    declaration = Declaration(
        name=TOKEN_CREDIT,
        version=1,
        title="Token credit from outcomes",
        summary="A small head that was trained on right and wrong outputs alone says which tokens made them so.",
        formula="s_t = w . h_t + b;  p = sigmoid(mean s_t);  w+_t = clip(2 p_t - 1, 0, 1),  p_t over tokens up to t",
        paper="Lyu et al. 2025, Exploring the Limit of Outcome Reward (OREAL), arXiv 2502.06781",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Vectors worked by hand; a planted token is found again. The model beneath the head is frozen here.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(BASE,),
        parameters=(),
        family=FAMILY,
        artefact=TOKEN_CREDIT,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """There is nothing to set: the artefact says how it is read."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """One reading of each scored message."""
        return estimate_readings(items, {"layout": "chat", "use_context": False})

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `token_score`, `credit_right`, `credit_wrong` (tokens) and `outcome_probability` (whole) by item."""
        weights = weights_in(parameters)
        engine = engines[BASE.name]
        require(engine, Capability.HIDDEN_STATES)
        results: list[Scored | Unscored] = []
        for start in range(0, len(items), _BATCH):
            some = items[start : start + _BATCH]
            read = read_states(some, engine, layer=int(weights.settings["layer"]), layout=weights.settings["layout"])
            results += [_result(item, found, weights) for item, found in zip(some, read, strict=True)]
        return results


class OutputStates(NamedTuple):
    """Hidden states of all tokens that the policy wrote in one output.

    Attributes
    ----------
    segmentation : Segmentation
        T tokens.
    states : float32 array, shape (T, H)
    """

    segmentation: Segmentation
    states: npt.NDArray[np.float32]


def read_states(
    items: Sequence[SourceItem], engine: Engine, *, layer: int, layout: str
) -> list[OutputStates | Unscored]:
    """Each message that the policy wrote, read after all before it; contexts are left out, as exports leave them."""
    found = scored_pieces(items, {"layout": layout, "use_context": False})
    answers = engine.hidden_states([piece.request for piece in found], layer=layer)
    own: list[list[tuple[int, HiddenStates | Refusal]]] = [[] for _ in items]
    for piece, answer in zip(found, answers, strict=True):
        own[piece.item].append((piece.message, answer))
    segmenter = f"tokenizer:{engine.identity['tokenizer'][:12]}"
    return [_joined(one, segmenter) for one in own]


def _joined(parts: Sequence[tuple[int, HiddenStates | Refusal]], segmenter: str) -> OutputStates | Unscored:
    spans, states = [], []
    for _, answer in parts:
        if isinstance(answer, Refusal):
            return Unscored(answer.code.value, answer.detail)
        spans.append(answer.spans)
        states.append(answer.states)
    if not sum(map(len, spans)):
        return Unscored("empty_output", "the policy wrote no text")
    cut = Segmentation.from_offsets(segmenter, spans, messages=[message for message, _ in parts])
    return OutputStates(cut, np.concatenate(states))


def _result(item: SourceItem, found: OutputStates | Unscored, weights: FittedWeights) -> Scored | Unscored:
    if isinstance(found, Unscored):
        return found
    weight = weights.arrays["weight"].astype(np.float64)
    width = found.states.shape[1]
    if width != len(weight):
        return Unscored(
            "artefact_unfit", f"the model's states have {width} numbers, the head was fitted on {len(weight)}"
        )
    given = credit(found.states, weight, float(weights.arrays["bias"][0]), str(weights.settings["pooling"]))
    if not np.isfinite(given.scores).all():
        return Unscored("not_finite", "the model's hidden states hold numbers that are not finite")
    tokens = OutputTokens(found.segmentation, {}, {})
    probability = (1 + np.tanh(given.logit / 2)) / 2
    return Scored(
        signals=(
            over_tokens(TOKEN_SCORE, tokens, given.scores),
            over_tokens(CREDIT_RIGHT, tokens, given.right),
            over_tokens(CREDIT_WRONG, tokens, given.wrong),
            over_whole(OUTCOME, item, float(probability)),
        )
    )
