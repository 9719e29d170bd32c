"""Whom to ask about an item: a judge, which is cheap and errs, or people. How far it errs is learnt kind by kind.

Items are of several kinds (strata), such as items with a low and with a high judged score. Within each the judge's
score differs from people's by a bias and a noise, both unknown; what people answer shows them, and only that does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.acquisition.arms import Ratings
from rewards.acquisition.simulation import Curve, curve_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def errors_of(strata: npt.ArrayLike, differences: npt.ArrayLike, n_strata: int, *, scale: float = 0.25) -> Ratings:
    """Posteriors of the judge's bias and noise in each stratum, from items that both judged.

    Parameters
    ----------
    strata : array_like of int, shape (m,)
        Of each item, from 0.
    differences : array_like, shape (m,)
        The judge's score less people's mean, on one scale; all finite.
    n_strata : int
    scale : float
        What is thought of the error before anything is known: its standard deviation, with the weight of two answers.

    Raises
    ------
    ValueError
        For a difference that is not finite, a stratum that is not there, or no stratum.
    """
    known = prior(n_strata, scale=scale)
    for stratum, difference in zip(np.asarray(strata, dtype=np.int64), np.asarray(differences, float), strict=True):
        if not 0 <= stratum < n_strata:
            raise ValueError(f"stratum {stratum}: expected 0 to {n_strata - 1}")
        known.record(int(stratum), float(difference))
    return known


def prior(n_strata: int, *, scale: float = 0.25) -> Ratings:
    """Before the first answer: ``precision ~ Gamma(1, scale^2)``, ``bias | precision ~ N(0, 1 / precision)``."""
    return Ratings.of(n_strata, weight=1.0, shape=1.0, rate=scale**2)


def drawn_losses(errors: Ratings, strata: npt.ArrayLike, rng: np.random.Generator) -> Floats:
    """What trusting the judge would cost each item, in one draw of what is not known: shape (items,).

    With precision ``tau ~ Gamma(shape_s, rate_s)`` and bias ``b ~ N(centre_s, 1 / (weight_s tau))`` of the item's
    stratum s the loss is ``(b - centre_s)^2 + 1 / tau``: the expected squared error of the judge's score, less the bias
    as far as it is known. Each item has a draw of its own.

    References
    ----------
    Saha and Kveton (2023), Only Pay for What Is Uncertain: Variance-Adaptive Thompson Sampling, arXiv 2303.09033,
    algorithm 2 draws precision and mean in this way. That the arms are judge and people, and that the judge alone
    teaches nothing, is ours.
    """
    place = np.asarray(strata, dtype=np.int64)
    centre, weight, shape, rate = (values[place] for values in errors.posterior())
    precision = rng.gamma(shape, 1.0 / rate)
    bias = rng.normal(centre, 1.0 / np.sqrt(weight * precision))
    loss: Floats = (bias - centre) ** 2 + 1.0 / precision
    return loss


def expected_losses(errors: Ratings) -> Floats:
    """The same without a draw: ``rate / (shape - 1) (1 + 1 / weight)``, infinite where the shape is at most 1."""
    _, weight, shape, rate = errors.posterior()
    spread = np.divide(rate, shape - 1, out=np.full_like(rate, np.inf), where=shape > 1)
    losses: Floats = spread * (1 + 1 / weight)
    return losses


Decide = Callable[[Ratings, int, float, np.random.Generator], bool]
"""Whether people are asked about an item of this stratum, where an error of `tolerance` may be borne."""


def variance_adaptive(errors: Ratings, stratum: int, tolerance: float, rng: np.random.Generator) -> bool:
    """Thompson sampling: people are asked where the judge's drawn loss exceeds what may be borne."""
    return bool(drawn_losses(errors, [stratum], rng)[0] > tolerance**2)


def equal_variance(errors: Ratings, stratum: int, tolerance: float, rng: np.random.Generator) -> bool:
    """The same with one noise for all strata: their squared deviations are pooled."""
    _, weight, shape, rate = errors.posterior()
    pooled_shape = errors.shape + float((shape - errors.shape).sum())
    pooled_rate = errors.rate + float((rate - errors.rate).sum())
    precision = rng.gamma(pooled_shape, 1.0 / pooled_rate)
    bias = rng.normal(0.0, 1.0 / np.sqrt(weight[stratum] * precision))
    return bool(bias**2 + 1.0 / precision > tolerance**2)


def greedy(errors: Ratings, stratum: int, tolerance: float, rng: np.random.Generator) -> bool:
    """By the expected loss alone: a stratum that looked good once is not looked at again."""
    return bool(expected_losses(errors)[stratum] > tolerance**2)


def people_always(errors: Ratings, stratum: int, tolerance: float, rng: np.random.Generator) -> bool:
    """People answer everything."""
    return True


def judge_always(errors: Ratings, stratum: int, tolerance: float, rng: np.random.Generator) -> bool:
    """The judge answers everything, and its bias stays unknown."""
    return False


def coin(errors: Ratings, stratum: int, tolerance: float, rng: np.random.Generator) -> bool:
    """Half of the items go to people, whatever is known: the baseline."""
    return bool(rng.random() < 0.5)


class Allocation(NamedTuple):
    name: str
    label: str
    decide: Decide


ALLOCATIONS: Final[Mapping[str, Allocation]] = {
    strategy.name: strategy
    for strategy in (
        Allocation("coin", "Half to people at random", coin),
        Allocation("people", "People alone", people_always),
        Allocation("judge", "Judge alone", judge_always),
        Allocation("greedy", "By expected error", greedy),
        Allocation("equal_variance", "Thompson, one noise for all", equal_variance),
        Allocation("variance_adaptive", "Thompson, variance-adaptive", variance_adaptive),
    )
}


def play_allocations(
    strategies: Sequence[Allocation],
    bias: npt.ArrayLike,
    noise: npt.ArrayLike,
    *,
    tolerance: float,
    horizon: int = 500,
    repeats: int = 20,
    points: int = 50,
    seed: int = 0,
) -> list[Curve]:
    """Regret of dividing items between a judge with this bias and noise in each stratum, and people.

    An item left to the judge costs its squared error as corrected by what is known of the bias; one for people costs
    ``tolerance^2``, the error that their price is worth. Regret is measured against who knows bias and noise:
    ``min(noise_s^2, tolerance^2)``. `found` is the share of strata that are treated rightly in the end by the expected
    loss, `asked` how many answers of people were used.

    Parameters
    ----------
    strategies : sequence of Allocation
    bias, noise : array_like, shape (strata,)
    tolerance : float
    horizon, repeats, points, seed : int
        Items, repetitions, points of the curve. Items come from all strata alike; each strategy meets the same ones.

    Raises
    ------
    ValueError
        For another number of biases than of noises, a noise below 0, or a tolerance of 0 or less.
    """
    shift, spread = np.asarray(bias, dtype=np.float64), np.asarray(noise, dtype=np.float64)
    if shift.ndim != 1 or shift.shape != spread.shape or (spread < 0).any() or tolerance <= 0:
        raise ValueError(
            f"bias {shift.shape}, noise {spread.shape}, tolerance {tolerance}: expected one of each for every stratum, "
            "noise >= 0, tolerance > 0"
        )
    price = tolerance**2
    for_people = spread**2 > price
    curves = []
    for strategy in strategies:
        paid, found, asked = np.zeros((repeats, horizon)), 0.0, 0
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat])
            strata = rng.integers(len(shift), size=horizon)
            differences = rng.normal(shift[strata], spread[strata])
            errors = prior(len(shift), scale=tolerance)
            for step, stratum in enumerate(strata):
                if strategy.decide(errors, int(stratum), tolerance, rng):
                    asked += 1
                    cost = price
                    errors.record(int(stratum), float(differences[step]))
                else:
                    known = (errors.weight * errors.centre + errors.total[stratum]) / (
                        errors.weight + errors.count[stratum]
                    )
                    cost = spread[stratum] ** 2 + (shift[stratum] - known) ** 2
                paid[repeat, step] = cost - min(spread[stratum] ** 2, price)
            found += float(np.mean((expected_losses(errors) > price) == for_people))
        curves.append(curve_of(strategy.name, strategy.label, paid, points, found / repeats, asked / repeats))
    return curves
