"""Which of many scored items people should answer: strategies that pick items, played against a judge that errs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.acquisition.items import by_ensemble_variance, cluster_centres, sensitivity_sample
from rewards.acquisition.simulation import Curve, curve_of
from rewards.advantages.difficulty import DifficultyPosterior

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MEMBERS = 3
"""Judges, whose mean is the score."""


class Scored(NamedTuple):
    """What is known of n items before people answer any.

    Attributes
    ----------
    scores : ndarray, shape (members, n)
        Of each judge, on the scale of the truth; its noise may lead beyond 0 and 1.
    centre, cluster, distance : ndarray
        From `cluster_centres` over the items' features.
    ask : callable
        People's answers to some items, from 0 to 1. It costs a label each: what was asked stands first in the order.
    """

    scores: Floats
    centre: Ints
    cluster: Ints
    distance: Floats
    ask: Callable[[Ints], Floats]

    @property
    def score(self) -> Floats:
        mean: Floats = self.scores.mean(axis=0)
        return mean


Order = Callable[[Scored, int, np.random.Generator], Ints]
"""The first so many items that people are to answer, each once."""


def random_items(known: Scored, n: int, rng: np.random.Generator) -> Ints:
    """Any items, all alike: the baseline."""
    return rng.permutation(len(known.cluster))[:n]


def disputed_items(known: Scored, n: int, rng: np.random.Generator) -> Ints:
    """Those on which the judges differ most: see `by_ensemble_variance`."""
    return by_ensemble_variance(known.scores, n)


def middling_items(known: Scored, n: int, rng: np.random.Generator) -> Ints:
    """Those whose success rate, drawn from its posterior, is nearest to one half: see `DifficultyPosterior`."""
    rate, judges = np.clip(known.score, 0.0, 1.0), np.full(len(known.cluster), len(known.scores))
    return DifficultyPosterior.of_tasks(len(known.cluster)).updated(rate, judges).choose(n, rng)


def sensitive_items(known: Scored, n: int, rng: np.random.Generator) -> Ints:
    """The centre of each cluster, and then items by how far the judges erred there: see `sensitivity_sample`."""
    centre = known.centre[:n]
    loss = np.zeros(len(known.centre))
    loss[: len(centre)] = (known.ask(centre) - known.score[centre]) ** 2
    drawn = sensitivity_sample(loss, known.cluster, known.distance, 4 * len(known.cluster), rng).chosen
    return np.array(list(dict.fromkeys([*centre, *drawn, *rng.permutation(len(known.cluster))]))[:n], dtype=np.int64)


class Picker(NamedTuple):
    name: str
    label: str
    order: Order


PICKERS: Final[Mapping[str, Picker]] = {
    strategy.name: strategy
    for strategy in (
        Picker("random", "Random items", random_items),
        Picker("ensemble_variance", "Where judges differ most", disputed_items),
        Picker("difficulty", "Middling difficulty (MoPPS)", middling_items),
        Picker("cluster_sensitivity", "Cluster sensitivity", sensitive_items),
    )
}


def play_items(
    strategies: Sequence[Picker],
    truth: npt.ArrayLike,
    features: npt.ArrayLike,
    noise: npt.ArrayLike,
    *,
    lapse: float = 0.0,
    horizon: int = 500,
    repeats: int = 20,
    points: int = 50,
    seed: int = 0,
) -> list[Curve]:
    """Regret of having people answer items in an order, where a judge has scored all of them.

    An answer takes the judge's squared error on its item away. It costs what the same number of answers would have
    taken away beyond that, had the items with the largest errors been asked. `found` is the share of that error which
    was taken away in the end.

    Parameters
    ----------
    strategies : sequence of Picker
    truth : array_like, shape (n,)
        What people say who look, from 0 to 1.
    features : array_like, shape (n, d)
    noise : array_like, shape (n,)
        Standard deviation of each judge's score of each item.
    lapse : float
        Share of people's answers that are given blindly, even over 0 .. 1.
    horizon, repeats, points, seed : int
        Answers, repetitions, points of the curve. Each strategy meets the same scores.

    Raises
    ------
    ValueError
        For columns of unequal length, a truth outside [0, 1], a noise below 0, a lapse outside [0, 1), or more answers
        than items.
    """
    right, spread = np.asarray(truth, dtype=np.float64), np.asarray(noise, dtype=np.float64)
    _check(right, spread, len(np.asarray(features)), lapse, horizon)
    clusters = cluster_centres(features, max(2, int(np.sqrt(len(right)))), seed=seed)
    curves = []
    for strategy in strategies:
        paid, found = np.zeros((repeats, horizon)), 0.0
        for repeat in range(repeats):
            world = np.random.default_rng([seed, repeat])
            scores = right + spread * world.normal(size=(MEMBERS, len(right)))
            blind = world.random(len(right)) < lapse
            answers = np.where(blind, world.random(len(right)), right)
            known = Scored(scores, *clusters, answers.__getitem__)
            error = (known.score - right) ** 2
            order = strategy.order(known, horizon, np.random.default_rng([seed, repeat, 1]))
            largest = np.sort(error)[::-1][:horizon]
            paid[repeat] = largest - error[order]
            found += float(error[order].sum() / largest.sum()) if largest.sum() > 0 else 1.0
        curves.append(curve_of(strategy.name, strategy.label, paid, points, found / repeats, float(horizon)))
    return curves


def _check(right: Floats, spread: Floats, n_features: int, lapse: float, horizon: int) -> None:
    shape_fits = right.ndim == 1 and right.shape == spread.shape == (n_features,)
    if not shape_fits or not ((right >= 0) & (right <= 1)).all() or (spread < 0).any() or not 0 <= lapse < 1:
        raise ValueError(
            f"truth {right.shape}, noise {spread.shape}, lapse {lapse}: expected one of each for every item, "
            "truth from 0 to 1, noise of 0 or more, a lapse from 0 to below 1"
        )
    if not 1 <= horizon <= len(right):
        raise ValueError(f"{horizon} answers to {len(right)} items: expected one each at most")
