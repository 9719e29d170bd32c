"""Fits the head of `workers.sources.fitted.token_credit`: logistic regression on pooled states of a frozen model.

The outcome's logit is the mean (or sum) of the tokens' scores, and so the head's value at the mean (or sum) of their
hidden states: with z_i the pooled states of output i and l_i its label, the fit minimises

    1/n sum_i [ log(1 + e^(w . z_i + b)) - l_i (w . z_i + b) ] + l2 / 2 |w'|^2,        w' the weights of z by its spread

which is convex: L-BFGS (Liu and Nocedal 1989, Mathematical Programming 45) finds its one minimum, and no seed matters.
The penalty is on weights of standardised states, since states of large spread would otherwise be favoured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Fidelity
from workers.sources.fitted.token_credit import BASE, TOKEN_CREDIT, read_states
from workers.sources.fitted.weights import FittedWeights
from workers.sources.results import Unscored
from workers.training.contract import Base, Example, FitError, Fitted, LeftOut, Progress, TrainerDeclaration
from workers.training.measures import measured

Matrix = npt.NDArray[np.float64]

_BATCH = 8
"""Outputs read between two signs of progress."""
_MOST_ITERATIONS = 500
_SMALLEST_SPREAD = 1e-6


class TokenCreditTrainer:
    """A linear head from outcome labels; see the module."""

    declaration = TrainerDeclaration(
        name=TOKEN_CREDIT,
        version=1,
        title="Token credit head",
        summary="Learns from right and wrong outputs which tokens make them so: a linear head on frozen states.",
        formula="BCE(sigmoid(mean_t (w . h_t + b)), label)",
        paper="Lyu et al. 2025, Exploring the Limit of Outcome Reward (OREAL), arXiv 2502.06781",
        fidelity=Fidelity.RECONSTRUCTED,
        base=BASE,
        parameters=(
            Parameter(
                "pooling",
                "choice",
                "mean",
                "Outcome",
                "What the tokens' scores are brought together by.",
                choices=(("mean", "Their mean"), ("sum", "Their sum: long outputs weigh more")),
            ),
            Parameter(
                "layer", "integer", -1, "Layer", "Whose states are read; -1 is the last.", minimum=-200, maximum=200
            ),
            Parameter(
                "l2",
                "number",
                0.1,
                "Penalty",
                "On the squared weights of standardised states: more for fewer labels.",
                minimum=0,
                maximum=1e6,
            ),
            Parameter(
                "layout",
                "choice",
                "chat",
                "Layout",
                "Plain is for base models, which have no chat template.",
                choices=(("chat", "The model's chat template"), ("plain", "Plain text")),
            ),
        ),
        used_by="The source “Token credit from outcomes” reads it, with the same model.",
    )

    def fit(
        self, examples: Sequence[Example], base: Base, parameters: Parameters, *, seed: int, progress: Progress
    ) -> Fitted:
        """See `Trainer.fit`."""
        progress("loading the model")
        engine = base.engine()
        left_out = LeftOut()
        kept: list[Example] = []
        pooled: list[Matrix] = []
        for start in range(0, len(examples), _BATCH):
            some = examples[start : start + _BATCH]
            read = read_states(
                [example.item for example in some],
                engine,
                layer=int(parameters["layer"]),
                layout=str(parameters["layout"]),
            )
            for example, found in zip(some, read, strict=True):
                if isinstance(found, Unscored):
                    left_out.add(found.reason)
                    continue
                kept.append(example)
                states = found.states.astype(np.float64)
                pooled.append(states.mean(axis=0) if parameters["pooling"] == "mean" else states.sum(axis=0))
            progress(f"read {start + len(some)} of {len(examples)} outputs")
        held_out = np.array([example.is_held_out for example in kept], dtype=bool)
        if not kept or held_out.all():
            raise FitError("nothing_to_train_on", f"no output could be read: {left_out.counts}")
        features = np.array(pooled)
        labels = np.array([example.label for example in kept], dtype=np.float64)
        weight, bias, curve = fit_head(features[~held_out], labels[~held_out], l2=float(parameters["l2"]))
        logits = features @ weight + bias
        weights = FittedWeights(
            TOKEN_CREDIT,
            {"weight": weight.astype(np.float32), "bias": np.array([bias], dtype=np.float32)},
            {name: parameters[name] for name in ("pooling", "layer", "layout")},
            engine.identity,
        )
        metrics = {
            "left_out": left_out.counts,
            "train": measured(logits[~held_out].tolist(), _where(kept, ~held_out), seed=seed),
            "held_out": measured(logits[held_out].tolist(), _where(kept, held_out), seed=seed),
            "curve": curve,
            "curve_is": "cross-entropy with penalty, by iteration",
        }
        progress("measured", curve=curve)
        return Fitted(weights, metrics)


def fit_head(features: Matrix, labels: Matrix, *, l2: float) -> tuple[Matrix, float, list[dict[str, float | None]]]:
    """Weights, bias and the losses on the way, of penalised logistic regression.

    Parameters
    ----------
    features : float64 array, shape (N, H)
    labels : float64 array, shape (N,)
        0 or 1.
    l2 : float
        On the weights of features that are standardised; the bias is free.

    Raises
    ------
    FitError
        ``loss_not_finite``.
    """
    from scipy.optimize import minimize

    if not np.isfinite(features).all():
        raise FitError("loss_not_finite", "the model's hidden states hold numbers that are not finite")
    mean, spread = features.mean(axis=0), features.std(axis=0)
    # A state that is the same everywhere tells nothing, and must not be divided by nothing.
    spread = np.where(spread < _SMALLEST_SPREAD, np.inf, spread)
    standard = (features - mean) / spread
    losses: list[float] = []

    def objective(theta: Matrix) -> tuple[float, Matrix]:
        return head_loss(theta, standard, labels, l2=l2)

    start = np.zeros(features.shape[1] + 1)
    losses.append(objective(start)[0])
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=lambda theta: losses.append(objective(theta)[0]),
        options={"maxiter": _MOST_ITERATIONS},
    )
    if not np.isfinite(found.fun) or not np.isfinite(found.x).all():
        raise FitError("loss_not_finite", "the loss is not a finite number: try a greater penalty")
    weight = found.x[:-1] / spread
    curve: list[dict[str, float | None]] = [{"step": float(step), "train": loss} for step, loss in enumerate(losses)]
    return weight, float(found.x[-1] - weight @ mean), curve


def head_loss(theta: Matrix, features: Matrix, labels: Matrix, *, l2: float) -> tuple[float, Matrix]:
    """The penalised mean cross-entropy in nats and its gradient; the last number of `theta` is the bias."""
    logits = features @ theta[:-1] + theta[-1]
    loss = float(np.mean(np.logaddexp(0.0, logits) - labels * logits) + 0.5 * l2 * theta[:-1] @ theta[:-1])
    residual = ((1 + np.tanh(logits / 2)) / 2 - labels) / len(labels)
    return loss, np.append(features.T @ residual + l2 * theta[:-1], residual.sum())


def _where(examples: Sequence[Example], chosen: npt.NDArray[np.bool_]) -> list[Example]:
    return [example for example, is_chosen in zip(examples, chosen, strict=True) if is_chosen]
