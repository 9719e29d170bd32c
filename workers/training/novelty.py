"""Fits the detector of `workers.sources.fitted.novelty`: a network that learns to agree with a random one.

The predictor minimises the mean over training outputs of ||f(c, x) - f'(c, x)||^2 by Adam, c and x embeddings of
prompt and output, standardised over the training outputs (Nikulin et al. 2023, arXiv 2301.13616; Burda et al. 2018,
"Exploration by Random Network Distillation", arXiv 1810.12894). Labels are not read.

What is measured on the outputs held out: how often an output beside another task's prompt is more novel than beside
its own (AUROC). A detector that ignores the prompt cannot tell the two apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Fidelity
from workers.sources.fitted.novelty import LAYERS, NOVELTY, PREDICTOR, PRIOR, distances, embed_pairs, network
from workers.sources.fitted.weights import FittedWeights
from workers.sources.results import Unscored
from workers.sources.similarity import ENCODER
from workers.training.contract import Base, Example, FitError, Fitted, LeftOut, Progress, TrainerDeclaration
from workers.training.measures import ranking, task_numbers

Matrix = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[np.float32]]

_BATCH = 64
_SMALLEST_SPREAD = 1e-6
_MOST_CALIBRATION = 1_000


class NoveltyTrainer:
    """A predictor of a random network's answers; see the module."""

    declaration = TrainerDeclaration(
        name=NOVELTY,
        version=1,
        title="Novelty detector",
        summary="Learns what outputs of this export look like beside their prompts; what it predicts badly is novel.",
        formula="min over f of mean ||f(c, x) - f'(c, x)||^2,  f' random and fixed",
        paper="Nikulin et al. 2023, Anti-Exploration by Random Network Distillation, arXiv 2301.13616",
        fidelity=Fidelity.RECONSTRUCTED,
        base=ENCODER,
        parameters=(
            Parameter("width", "integer", 64, "Width", "Units of each hidden layer.", minimum=4, maximum=1024),
            Parameter("outputs", "integer", 32, "Outputs", "Numbers that are predicted.", minimum=1, maximum=512),
            Parameter("epochs", "integer", 100, "Epochs", minimum=1, maximum=10_000),
            Parameter("learning_rate", "number", 1e-3, "Learning rate", minimum=1e-7, maximum=1),
        ),
        used_by="The source “Novelty (random network distillation)” reads it, with the same embedding model.",
        needs_both_labels=False,
    )

    def fit(
        self, examples: Sequence[Example], base: Base, parameters: Parameters, *, seed: int, progress: Progress
    ) -> Fitted:
        """See `Trainer.fit`."""
        progress("loading the model")
        engine = base.engine()
        left_out = LeftOut()
        kept: list[Example] = []
        pairs: list[tuple[Matrix, Matrix]] = []
        for start in range(0, len(examples), _BATCH):
            some = examples[start : start + _BATCH]
            for example, found in zip(some, embed_pairs([one.item for one in some], engine), strict=True):
                if isinstance(found, Unscored):
                    left_out.add(found.reason)
                    continue
                kept.append(example)
                pairs.append(found)
            progress(f"read {start + len(some)} of {len(examples)} outputs")
        held_out = np.array([example.is_held_out for example in kept], dtype=bool)
        if not kept or held_out.all():
            raise FitError("nothing_to_train_on", f"no output could be read: {left_out.counts}")
        contexts, outputs = (np.array(side) for side in zip(*pairs, strict=True))
        arrays, curve = fit_networks(
            contexts[~held_out],
            outputs[~held_out],
            width=int(parameters["width"]),
            n_outputs=int(parameters["outputs"]),
            epochs=int(parameters["epochs"]),
            learning_rate=float(parameters["learning_rate"]),
            seed=seed,
            progress=progress,
        )
        novelty = distances(arrays, contexts, outputs) / arrays["sigma"][0]
        arrays["calibration"] = np.sort(novelty[held_out])[:_MOST_CALIBRATION].astype(np.float32)
        apart = [example for example in kept if example.is_held_out]
        metrics = {
            "left_out": left_out.counts,
            "train": {"n": int((~held_out).sum()), "novelty": _spread(novelty[~held_out])},
            "held_out": {
                "n": int(held_out.sum()),
                "novelty": _spread(novelty[held_out]),
                "mismatch": _mismatch(arrays, apart, contexts[held_out], outputs[held_out], seed=seed),
            },
            "curve": curve,
            "curve_is": "mean squared distance of the networks, by epoch",
        }
        progress("measured", curve=curve)
        return Fitted(FittedWeights(NOVELTY, arrays, {}, engine.identity), metrics)


def fit_networks(
    contexts: Matrix,
    outputs: Matrix,
    *,
    width: int,
    n_outputs: int,
    epochs: int,
    learning_rate: float,
    seed: int,
    progress: Progress,
) -> tuple[Arrays, list[dict[str, float | None]]]:
    """The arrays that `distances` reads, with `sigma`, and the mean squared distance by epoch.

    Parameters
    ----------
    contexts, outputs : float64 array, shape (N, H)

    Raises
    ------
    FitError
        ``loss_not_finite``, with the epoch.
    """
    if not (np.isfinite(contexts).all() and np.isfinite(outputs).all()):
        raise FitError("loss_not_finite", "the model's vectors hold numbers that are not finite")
    generator = np.random.default_rng(seed)
    arrays: Arrays = _standards("context", contexts) | _standards("output", outputs)
    sizes = (outputs.shape[1], contexts.shape[1], width, n_outputs)
    arrays |= _random_network(PRIOR, *sizes, generator) | _random_network(PREDICTOR, *sizes, generator)
    c = (contexts - arrays["context_mean"]) / arrays["context_std"]
    x = (outputs - arrays["output_mean"]) / arrays["output_std"]
    target = network(arrays, PRIOR, c, x, film_layer=LAYERS)
    learnt = {name: array.astype(np.float64) for name, array in arrays.items() if name.startswith(f"{PREDICTOR}.")}
    adam = _Adam(learnt, learning_rate)
    curve: list[dict[str, float | None]] = [{"step": 0.0, "train": predictor_loss(learnt, c, x, target)[0]}]
    for epoch in range(1, epochs + 1):
        order, total = generator.permutation(len(x)), 0.0
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            loss, gradients = predictor_loss(learnt, c[some], x[some], target[some])
            adam.step(gradients)
            total += loss * len(some)
        if not math.isfinite(total):
            raise FitError("loss_not_finite", f"the loss is not a finite number in epoch {epoch}: learn more slowly")
        curve.append({"step": float(epoch), "train": total / len(order)})
        progress(f"epoch {epoch} of {epochs}", curve=curve)
    arrays |= {name: array.astype(np.float32) for name, array in learnt.items()}
    spread = float(distances(arrays, contexts, outputs).std())
    arrays["sigma"] = np.array([max(spread, _SMALLEST_SPREAD)], dtype=np.float32)
    return arrays, curve


def predictor_loss(
    learnt: Mapping[str, Matrix], c: Matrix, x: Matrix, target: Matrix
) -> tuple[float, dict[str, Matrix]]:
    """Mean over rows of ||f(c, x) - target||^2 and its gradient by every array of the predictor.

    Parameters
    ----------
    learnt : mapping
        The predictor's arrays, as `distances` names them.
    c, x : float64 array, shape (N, H)
        Standardised.
    target : float64 array, shape (N, D)
    """

    def of(layer: str, part: str) -> Matrix:
        return learnt[f"{PREDICTOR}.{layer}.{part}"]

    def linear(layer: str, values: Matrix) -> Matrix:
        return np.asarray(values @ of(layer, "weight").T + of(layer, "bias"))

    scale, shift = np.split(linear("film", c), 2, axis=1)
    first = linear("1", x)
    hidden = [np.maximum(scale * first + shift, 0.0)]
    for layer in range(2, LAYERS + 1):
        hidden.append(np.maximum(linear(str(layer), hidden[-1]), 0.0))
    difference = linear("out", hidden[-1]) - target
    gradients: dict[str, Matrix] = {}

    def keep(layer: str, by_output: Matrix, values: Matrix) -> None:
        gradients[f"{PREDICTOR}.{layer}.weight"] = by_output.T @ values
        gradients[f"{PREDICTOR}.{layer}.bias"] = by_output.sum(axis=0)

    by_output = 2 * difference / len(x)
    keep("out", by_output, hidden[-1])
    by_output = by_output @ of("out", "weight")
    for layer in range(LAYERS, 1, -1):
        by_output = by_output * (hidden[layer - 1] > 0)
        keep(str(layer), by_output, hidden[layer - 2])
        by_output = by_output @ of(str(layer), "weight")
    by_output = by_output * (hidden[0] > 0)
    keep("film", np.hstack([by_output * first, by_output]), c)
    keep("1", by_output * scale, x)
    return float((difference**2).sum(axis=1).mean()), gradients


class _Adam:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980) over named arrays, which it changes in place."""

    _BETAS, _EPSILON = (0.9, 0.999), 1e-8

    def __init__(self, arrays: dict[str, Matrix], learning_rate: float) -> None:
        self._arrays = arrays
        self._learning_rate = learning_rate
        self._first = {name: np.zeros_like(array) for name, array in arrays.items()}
        self._second = {name: np.zeros_like(array) for name, array in arrays.items()}
        self._steps = 0

    def step(self, gradients: Mapping[str, Matrix]) -> None:
        self._steps += 1
        decay_first, decay_second = self._BETAS
        for name, gradient in gradients.items():
            self._first[name] = decay_first * self._first[name] + (1 - decay_first) * gradient
            self._second[name] = decay_second * self._second[name] + (1 - decay_second) * gradient**2
            mean = self._first[name] / (1 - decay_first**self._steps)
            spread = np.sqrt(self._second[name] / (1 - decay_second**self._steps))
            self._arrays[name] -= self._learning_rate * mean / (spread + self._EPSILON)


def _random_network(
    name: str, n_inputs: int, n_context: int, width: int, n_outputs: int, generator: np.random.Generator
) -> Arrays:
    """Uniform in +-sqrt(1 / inputs), as the release draws them."""
    shapes = {"1": (width, n_inputs), "film": (2 * width, n_context), "out": (n_outputs, width)}
    shapes |= {str(layer): (width, width) for layer in range(2, LAYERS + 1)}
    arrays: Arrays = {}
    for layer, (n_out, n_in) in shapes.items():
        bound = math.sqrt(1 / n_in)
        arrays[f"{name}.{layer}.weight"] = generator.uniform(-bound, bound, (n_out, n_in)).astype(np.float32)
        arrays[f"{name}.{layer}.bias"] = generator.uniform(-bound, bound, n_out).astype(np.float32)
    return arrays


def _standards(name: str, values: Matrix) -> Arrays:
    spread = values.std(axis=0)
    return {
        f"{name}_mean": values.mean(axis=0).astype(np.float32),
        # A number that never changes in training would make every other value of it infinitely far away.
        f"{name}_std": np.where(spread < _SMALLEST_SPREAD, 1.0, spread).astype(np.float32),
    }


def _spread(values: Matrix) -> dict[str, float] | None:
    if not len(values):
        return None
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"q05": float(low), "median": float(middle), "q95": float(high)}


def _mismatch(
    arrays: Arrays, examples: Sequence[Example], contexts: Matrix, outputs: Matrix, *, seed: int
) -> dict[str, Any] | None:
    """Of held-out outputs: AUROC of novelty beside another task's prompt against that beside the own; None for one."""
    tasks = np.array(task_numbers(examples))
    generator = np.random.default_rng(seed)
    others = [np.flatnonzero(tasks != task) for task in tasks]
    if not len(tasks) or not all(len(other) for other in others):
        return None
    swapped = np.array([generator.choice(other) for other in others])
    values = np.concatenate([distances(arrays, contexts, outputs), distances(arrays, contexts[swapped], outputs)])
    is_swapped = np.repeat([False, True], len(tasks))
    return ranking(values, is_swapped, [*tasks.tolist(), *tasks.tolist()], seed=seed)
