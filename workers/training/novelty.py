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
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Fidelity, Unscored
from workers.sources.fitted.novelty import LAYERS, NOVELTY, PREDICTOR, PRIOR, distances, embed_pairs
from workers.sources.fitted.weights import FittedWeights
from workers.sources.similarity import ENCODER
from workers.training.contract import Base, Example, FitError, Fitted, LeftOut, Progress, TrainerDeclaration
from workers.training.measures import ranking, task_numbers

if TYPE_CHECKING:
    import torch

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
    import torch

    if not (np.isfinite(contexts).all() and np.isfinite(outputs).all()):
        raise FitError("loss_not_finite", "the model's vectors hold numbers that are not finite")
    generator = np.random.default_rng(seed)
    arrays: Arrays = _standards("context", contexts) | _standards("output", outputs)
    sizes = (outputs.shape[1], contexts.shape[1], width, n_outputs)
    arrays |= _random_network(PRIOR, *sizes, generator) | _random_network(PREDICTOR, *sizes, generator)
    c = torch.tensor((contexts - arrays["context_mean"]) / arrays["context_std"], dtype=torch.float32)
    x = torch.tensor((outputs - arrays["output_mean"]) / arrays["output_std"], dtype=torch.float32)
    tensors = {name: torch.tensor(array) for name, array in arrays.items() if "." in name}
    learnt = {name: tensor.requires_grad_() for name, tensor in tensors.items() if name.startswith(f"{PREDICTOR}.")}
    with torch.no_grad():
        target = _network(tensors, PRIOR, c, x, film_layer=LAYERS)
    optimizer = torch.optim.Adam(learnt.values(), lr=learning_rate)
    curve: list[dict[str, float | None]] = []
    for epoch in range(epochs + 1):
        loss = _epoch(learnt, c, x, target, optimizer if epoch else None, generator.permutation(len(x)))
        if not math.isfinite(loss):
            raise FitError("loss_not_finite", f"the loss is not a finite number in epoch {epoch}: learn more slowly")
        curve.append({"step": float(epoch), "train": loss})
        if epoch % 10 == 0:
            progress(f"epoch {epoch} of {epochs}", curve=curve)
    arrays |= {name: tensor.detach().numpy() for name, tensor in learnt.items()}
    spread = float(distances(arrays, contexts, outputs).std())
    arrays["sigma"] = np.array([max(spread, _SMALLEST_SPREAD)], dtype=np.float32)
    return arrays, curve


def _epoch(
    learnt: Mapping[str, torch.Tensor],
    c: torch.Tensor,
    x: torch.Tensor,
    target: torch.Tensor,
    optimizer: torch.optim.Optimizer | None,
    order: npt.NDArray[np.int64],
) -> float:
    """One pass over the training outputs; its mean loss. Without an optimizer nothing is learnt."""
    import torch

    total = 0.0
    for start in range(0, len(order), _BATCH):
        some = torch.tensor(order[start : start + _BATCH])
        with torch.set_grad_enabled(optimizer is not None):
            found = _network(learnt, PREDICTOR, c[some], x[some], film_layer=1)
            loss = ((found - target[some]) ** 2).sum(1).mean()
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += float(loss.detach()) * len(some)
    return total / len(order)


def _network(
    tensors: Mapping[str, torch.Tensor], name: str, c: torch.Tensor, x: torch.Tensor, *, film_layer: int
) -> torch.Tensor:
    """As `workers.sources.fitted.novelty.network`, with gradients."""

    def linear(layer: str, values: torch.Tensor) -> torch.Tensor:
        return values @ tensors[f"{name}.{layer}.weight"].T + tensors[f"{name}.{layer}.bias"]

    scale, shift = linear("film", c).chunk(2, dim=1)
    values = x
    for layer in range(1, LAYERS + 1):
        values = linear(str(layer), values)
        if layer == film_layer:
            values = scale * values + shift
        values = values.relu()
    return linear("out", values)


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
