"""Novelty by random network distillation: is an output outside of what a reward was fitted on?

A fixed random network f' (the prior) and a trained one f (the predictor) both map an output's embedding x, given its
prompt's embedding c, to a vector. The predictor was trained to agree on known outputs, so that

    b(c, x) = || f(c, x) - f'(c, x) ||^2 / sigma

is small near them and large elsewhere; sigma is the standard deviation of the numerator over the training outputs
(Nikulin, Kurenkov, Tarasov and Kolesnikov 2023, "Anti-Exploration by Random Network Distillation", arXiv 2301.13616;
tinkoff-ai/sac-rnd, `networks.py`, `nn.py`). Offline reinforcement learning subtracts beta times it from a
value; `penalty` is that term. The prior is conditioned by FiLM in its last hidden layer, relu(gamma(c) * h + beta(c)),
as in the release.

`in_domain_p` is a conformal p-value (Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World") over
the n outputs held out of the fit, p = (1 + #{b_i >= b}) / (n + 1): an output of the same domain gets p <= alpha with a
chance of at most alpha. `out_of_domain` is 1 where p <= alpha; where n is too small for any p to be so low it is not
given.

Fidelity: reconstructed. The text is about states and actions of control; prompt and output take their places here,
each as one embedding of a frozen encoder. The release conditions the predictor by a full bilinear first layer, which
for embeddings of some hundred numbers has millions of weights; here its first layer is
relu(gamma(c) * (W x + v) + beta(c)): the same product, each unit's form of rank one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import Capability, Engine, Refusal, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.fitted.token_credit import FAMILY
from workers.sources.fitted.weights import FittedWeights, weights_in
from workers.sources.logprobs.reading import over_whole
from workers.sources.prompts import conversation_text
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.similarity import ENCODER, written_text

NOVELTY = "novelty"
PENALTY, IN_DOMAIN_P, OUT_OF_DOMAIN = "penalty", "in_domain_p", "out_of_domain"
PRIOR, PREDICTOR = "prior", "predictor"
LAYERS = 3
"""Hidden layers of either network."""

Matrix = npt.NDArray[np.float64]


class RndNovelty:
    """Squared distance of a trained network to a random one; see the module for formula, paper and gap."""

    declaration = Declaration(
        name=NOVELTY,
        version=1,
        title="Novelty (random network distillation)",
        summary="How far an output lies, for its prompt, from those that the detector was fitted on.",
        formula="b = ||f(c, x) - f'(c, x)||^2 / sigma;  penalty = -beta b;  out_of_domain = [conformal p <= alpha]",
        paper="Nikulin et al. 2023, Anti-Exploration by Random Network Distillation, arXiv 2301.13616",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="A network worked by hand; novelty is higher on a domain that was held out than on the fitted one.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(ENCODER,),
        parameters=(
            Parameter("beta", "number", 1.0, "Beta", "Scales the penalty.", minimum=0, maximum=1000),
            Parameter(
                "alpha",
                "number",
                0.05,
                "Alpha",
                "Share of outputs of the fitted domain that may be called out of domain.",
                minimum=0.001,
                maximum=0.5,
            ),
        ),
        family=FAMILY,
        artefact=NOVELTY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Each prompt and each output is read once."""
        texts = _texts(items)
        return Estimate(len(texts), sum(map(len, texts)))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `novelty`, `penalty`, `in_domain_p` and `out_of_domain`, one value on the whole output each."""
        weights = weights_in(parameters)
        vectors = embed_pairs(items, engines[ENCODER.name])
        return [_result(item, found, weights, parameters) for item, found in zip(items, vectors, strict=True)]


def embed_pairs(items: Sequence[SourceItem], engine: Engine) -> list[tuple[Matrix, Matrix] | Unscored]:
    """Of each item the embedding of its prompt and of what the policy wrote, float64, shape (H,) each."""
    require(engine, Capability.EMBED)
    texts = _texts(items)
    embedded = dict(zip(texts, engine.embed(texts), strict=True))
    return [_pair(item, embedded) for item in items]


def distances(arrays: Mapping[str, npt.NDArray[np.float32]], contexts: Matrix, outputs: Matrix) -> Matrix:
    """||f(c, x) - f'(c, x)||^2 of each row, shape (N,), before it is divided by sigma.

    Parameters
    ----------
    arrays : mapping
        `prior.*` and `predictor.*` (`1` to `3` hidden, `out`, `film`: `weight` (out, in) and `bias`), and
        `context_mean`, `context_std`, `output_mean`, `output_std`.
    contexts, outputs : float64 array, shape (N, H)
    """
    c = (contexts - arrays["context_mean"]) / arrays["context_std"]
    x = (outputs - arrays["output_mean"]) / arrays["output_std"]
    difference = network(arrays, PREDICTOR, c, x, film_layer=1) - network(arrays, PRIOR, c, x, film_layer=LAYERS)
    return np.asarray((difference**2).sum(axis=1))


def network(
    arrays: Mapping[str, npt.NDArray[np.float32]], name: str, contexts: Matrix, outputs: Matrix, *, film_layer: int
) -> Matrix:
    """A perceptron of three hidden layers, of which one is modulated by the context: float64, shape (N, D)."""

    def linear(layer: str, values: Matrix) -> Matrix:
        weight, bias = arrays[f"{name}.{layer}.weight"], arrays[f"{name}.{layer}.bias"]
        return np.asarray(values @ weight.T.astype(np.float64) + bias)

    scale, shift = np.split(linear("film", contexts), 2, axis=1)
    values = outputs
    for layer in range(1, LAYERS + 1):
        values = linear(str(layer), values)
        if layer == film_layer:
            values = scale * values + shift
        values = np.maximum(values, 0.0)
    return linear("out", values)


def conformal_p(value: float, calibration: npt.NDArray[np.floating]) -> float:
    """(1 + #{b_i >= value}) / (n + 1) over the n values of outputs that were held out."""
    return (1 + int((calibration >= value).sum())) / (len(calibration) + 1)


def _texts(items: Sequence[SourceItem]) -> list[str]:
    pairs = ((conversation_text(item.task_messages), written_text(item, with_thinking=False)) for item in items)
    return list(dict.fromkeys(text for prompt, output in pairs if output for text in (prompt, output)))


def _pair(
    item: SourceItem, embedded: Mapping[str, npt.NDArray[np.float32] | Refusal]
) -> tuple[Matrix, Matrix] | Unscored:
    text = written_text(item, with_thinking=False)
    if not text:
        return Unscored("empty_output", "the output has no text to read")
    found = []
    for name, vector in (
        ("the prompt", embedded[conversation_text(item.task_messages)]),
        ("the output", embedded[text]),
    ):
        if isinstance(vector, Refusal):
            return Unscored(vector.code.value, f"{name}: {vector.detail}")
        found.append(vector.astype(np.float64))
    return found[0], found[1]


def _result(
    item: SourceItem, found: tuple[Matrix, Matrix] | Unscored, weights: FittedWeights, parameters: Parameters
) -> Scored | Unscored:
    if isinstance(found, Unscored):
        return found
    width = len(weights.arrays["output_mean"])
    if len(found[1]) != width:
        return Unscored(
            "artefact_unfit", f"the vectors have {len(found[1])} numbers, the detector was fitted on {width}"
        )
    distance = distances(weights.arrays, found[0][None], found[1][None])[0]
    value = float(distance / weights.arrays["sigma"][0])
    if not np.isfinite(value):
        return Unscored("not_finite", "the novelty is not a finite number")
    calibration, alpha = weights.arrays["calibration"], float(parameters["alpha"])
    # As stored: a value that was held out must rank among its like without a difference in rounding.
    p = conformal_p(float(np.float32(value)), calibration)
    signals = {NOVELTY: value, PENALTY: -float(parameters["beta"]) * value, IN_DOMAIN_P: p}
    if 1 / (len(calibration) + 1) <= alpha:
        signals[OUT_OF_DOMAIN] = float(p <= alpha)
    return Scored(signals=tuple(over_whole(name, item, number) for name, number in signals.items()))
