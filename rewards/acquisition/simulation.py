"""Strategies played against simulated annotators of known noise: the regret of each, answer by answer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from rewards.acquisition.arms import ArmStrategy, Ratings
from rewards.acquisition.duels import Duels, DuelStrategy

Floats = npt.NDArray[np.float64]


class Curve(NamedTuple):
    """Mean cumulative regret of a strategy over repetitions.

    Attributes
    ----------
    name, label : str
    at : list of int
        After how many answers.
    regret, error : list of float
        Mean and standard error.
    found : float
        Share of repetitions that end with the right winner: the most wins against all others by share, or the largest
        mean.
    asked : float
        Mean number of answers before the strategy had nothing left to ask; `at` ends with the budget.
    """

    name: str
    label: str
    at: list[int]
    regret: list[float]
    error: list[float]
    found: float
    asked: float


def preferences(utility: npt.ArrayLike, *, temperature: float = 1.0, lapse: float = 0.0) -> Floats:
    """How often an annotator of this noise prefers i to j, shape (K, K).

    ``(1 - lapse) sigma((u_i - u_j) / temperature) + lapse / 2``: Bradley-Terry, and a share of answers given blindly.

    Raises
    ------
    ValueError
        For a temperature of 0 or less, or a lapse outside [0, 1).
    """
    if temperature <= 0 or not 0 <= lapse < 1:
        raise ValueError(f"temperature {temperature}, lapse {lapse}: expected above 0, and from 0 to below 1")
    given = np.asarray(utility, dtype=np.float64)
    return np.asarray((1 - lapse) * expit((given[:, None] - given) / temperature) + lapse / 2)


def winner_of(chances: Floats) -> int:
    """Who beats most others; of equal ones who has the largest mean chance."""
    off = ~np.eye(len(chances), dtype=bool)
    beats = ((chances > 0.5) & off).sum(axis=1)
    return int(np.argmax(beats + np.where(off, chances, 0.0).mean(axis=1) / 2))


def play_duels(
    strategies: Sequence[DuelStrategy],
    chances: npt.ArrayLike,
    *,
    features: npt.ArrayLike | None = None,
    horizon: int = 500,
    repeats: int = 20,
    points: int = 50,
    seed: int = 0,
) -> list[Curve]:
    """Regret of each strategy on one matrix of preferences.

    An answer about i and j costs ``(P(w beats i) + P(w beats j)) / 2 - 1/2``, w the winner: nothing where both are the
    winner (average regret, Yue et al. 2012). A strategy that names one option twice gets no answer.

    Parameters
    ----------
    strategies : sequence of DuelStrategy
    chances : array_like, shape (K, K)
        From `preferences`, or measured.
    features : array_like, shape (K, d), optional
    horizon, repeats, points, seed : int
        Answers, repetitions, points of the curve. Each strategy and repetition has a generator of its own.

    Raises
    ------
    ValueError
        For chances that are no matrix of values in [0, 1] with ``P_ij + P_ji = 1``.
    """
    truth = np.asarray(chances, dtype=np.float64)
    square = truth.ndim == 2 and truth.shape[0] == truth.shape[1]
    if not square or not ((truth >= 0) & (truth <= 1)).all() or not np.allclose(truth + truth.T, 1):
        raise ValueError(f"chances of shape {truth.shape}: expected P[i, j] + P[j, i] = 1 for all pairs of options")
    winner = winner_of(truth)
    cost = truth[winner] - 0.5
    curves = []
    for strategy in strategies:
        paid = np.zeros((repeats, horizon))
        found, asked = 0, 0
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat])
            duels = Duels.of(len(truth), features, horizon)
            for step in range(horizon):
                first, second = strategy.choose(duels, rng)
                paid[repeat, step] = (cost[first] + cost[second]) / 2
                if first != second:
                    asked += 1
                    duels.record((first, second), float(rng.random() < truth[first, second]))
            found += _estimated_winner(duels) == winner
        curves.append(curve_of(strategy.name, strategy.label, paid, points, found / repeats, asked / repeats))
    return curves


def _estimated_winner(duels: Duels) -> int:
    asked = duels.asked
    return winner_of(np.divide(duels.wins, asked, out=np.full_like(asked, 0.5), where=asked > 0))


def play_arms(
    strategies: Sequence[ArmStrategy],
    means: npt.ArrayLike,
    noise: npt.ArrayLike,
    *,
    horizon: int = 500,
    repeats: int = 20,
    points: int = 50,
    seed: int = 0,
    prior: Mapping[str, float] | None = None,
) -> list[Curve]:
    """Regret of rating outputs of these means, whose ratings have these standard deviations: ``max mean - mean_i``."""
    mean, spread = np.asarray(means, dtype=np.float64), np.asarray(noise, dtype=np.float64)
    if mean.ndim != 1 or mean.shape != spread.shape or (spread < 0).any():
        raise ValueError(
            f"means {mean.shape} and noise {spread.shape}: expected one of each for every output, noise >= 0"
        )
    best = int(mean.argmax())
    curves = []
    for strategy in strategies:
        paid = np.zeros((repeats, horizon))
        found = 0
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat])
            ratings = Ratings.of(len(mean), **(prior or {}))
            for step in range(horizon):
                arm = strategy.choose(ratings, rng)
                paid[repeat, step] = mean[best] - mean[arm]
                ratings.record(arm, float(rng.normal(mean[arm], spread[arm])))
            found += int(ratings.posterior()[0].argmax()) == best
        curves.append(curve_of(strategy.name, strategy.label, paid, points, found / repeats, float(horizon)))
    return curves


def curve_of(name: str, label: str, paid: Floats, points: int, found: float, asked: float) -> Curve:
    """A curve from what each step of each repetition cost: `paid` has shape (repeats, steps)."""
    repeats, horizon = paid.shape
    at = np.unique(np.linspace(1, horizon, min(points, horizon)).round().astype(int))
    summed = paid.cumsum(axis=1)[:, at - 1]
    error = summed.std(axis=0, ddof=1) / np.sqrt(repeats) if repeats > 1 else np.full(len(at), np.nan)
    return Curve(name, label, at.tolist(), summed.mean(axis=0).tolist(), error.tolist(), found, asked)
