"""How hard tasks are: pass rates, values of tasks, a posterior that chooses them, hints, and weights by difficulty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.groups import Bools, Groups
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows

HINTS: Final = (0.0, 0.25, 0.5, 0.75)
"""The ladder of GHPO: no hint, then this share of the reference solution."""


def task_values(success: Floats, reward: Floats, groups: Ints, kappa: float = 1.0) -> Floats:
    """``v = p (1 - p) (1 + kappa std(r))``: how much there is to learn from a task, by difficulty and uncertainty.

    The abstract of VSPO (arXiv 2512.07478) names difficulty and uncertainty as what a task's value balances, but no
    formula: this one is reconstructed. Tasks always or never solved are worth 0.

    Parameters
    ----------
    success : ndarray of float64, shape (n,)
        0 or 1 for each output (or a share), NaN for unscored.
    reward : ndarray of float64, shape (n,)
    groups : ndarray of int64, shape (n,)

    Returns
    -------
    ndarray of float64, shape (g,)
        NaN for a task without a scored output.

    Examples
    --------
    p = 1/2 and the population's standard deviation is 1/2: 1/4 (1 + 1/2).

    >>> both = np.array([0.0, 1.0])
    >>> task_values(both, both, np.zeros(2, dtype=np.int64)).tolist()
    [0.375]
    """
    passed = Groups(success, groups).mean
    return passed * (1 - passed) * (1 + kappa * Groups(reward, groups).std())


@dataclass(frozen=True)
class DifficultyPosterior:
    """Beta posteriors of the success rates of many tasks, by which the next ones are chosen without trying them first:
    MoPPS (arXiv 2507.04632).

    Attributes
    ----------
    alpha, beta : ndarray of float64, shape (tasks,)

    Examples
    --------
    One of one right, with the prior (1, 1):

    >>> once = DifficultyPosterior.of_tasks(1).updated(np.array([1.0]), np.array([1]))
    >>> once.alpha.tolist(), once.beta.tolist()
    ([2.0], [1.0])
    """

    alpha: Floats
    beta: Floats

    @classmethod
    def of_tasks(cls, n_tasks: int, alpha: float = 1.0, beta: float = 1.0) -> Self:
        """The prior."""
        return cls(np.full(n_tasks, float(alpha)), np.full(n_tasks, float(beta)))

    @property
    def mean(self) -> Floats:
        return self.alpha / (self.alpha + self.beta)

    def updated(
        self, rate: npt.ArrayLike, n: npt.ArrayLike, decay: float = 1.0, prior: tuple[float, float] = (1.0, 1.0)
    ) -> Self:
        """``alpha = d alpha + (1 - d) alpha_0 + s n`` and ``beta = d beta + (1 - d) beta_0 + (1 - s) n``.

        Parameters
        ----------
        rate : array_like of float, shape (tasks,)
            s: the share of the n new outputs that are right; NaN for a task that was not tried, which only decays.
        n : array_like of int, shape (tasks,)
        decay : float
            d: below 1 what was seen long ago counts less, for a policy that changes.

        Raises
        ------
        ValueError
            For a rate outside [0, 1].
        """
        shares = np.asarray(rate, dtype=np.float64)
        if ((shares < 0) | (shares > 1)).any():
            raise ValueError("success rates: expected numbers from 0 to 1")
        tries = np.where(np.isnan(shares), 0.0, np.asarray(n, dtype=np.float64))
        right = np.where(np.isnan(shares), 0.0, shares) * tries
        return type(self)(
            decay * self.alpha + (1 - decay) * prior[0] + right,
            decay * self.beta + (1 - decay) * prior[1] + tries - right,
        )

    def choose(self, n: int, rng: np.random.Generator, target: float = 0.5) -> Ints:
        """The n tasks whose drawn success rates are nearest to the target: Thompson sampling. Shape (n,)."""
        distance = (rng.beta(self.alpha, self.beta) - target) ** 2
        chosen: Ints = np.argsort(distance, kind="stable")[:n]
        return chosen

    def choose_between(self, low: float, high: float, rng: np.random.Generator) -> Ints:
        """The tasks whose drawn success rates lie in [low, high]."""
        drawn = rng.beta(self.alpha, self.beta)
        return np.flatnonzero((drawn >= low) & (drawn <= high))


def hint_ladder(successes: npt.ArrayLike, hints: npt.ArrayLike = HINTS) -> Floats:
    """The least hint with which a task is solved at all: its difficulty label in GHPO (arXiv 2507.10628).

    Parameters
    ----------
    successes : array_like of float, shape (tasks, rungs)
        How many outputs were right with each hint, the smallest hint first; NaN where it was not tried.
    hints : array_like of float, shape (rungs,)
        The share of the reference solution that each shows, ascending.

    Returns
    -------
    ndarray of float64, shape (tasks,)
        NaN for a task that no tried hint solves.

    Raises
    ------
    ValueError
        For a table of another width, or hints that do not ascend.

    Examples
    --------
    >>> hint_ladder([[3, np.nan, np.nan, np.nan], [0, 0, 2, np.nan], [0, 0, 0, 0]]).tolist()
    [0.0, 0.5, nan]
    """
    table, shares = np.asarray(successes, dtype=np.float64), np.asarray(hints, dtype=np.float64)
    if table.ndim != 2 or table.shape[1:] != shares.shape or (np.diff(shares) <= 0).any():
        raise ValueError(
            f"a table of shape {table.shape} and {shares.size} hints: expected ascending hints, a column each"
        )
    solved = table > 0
    return np.where(solved.any(axis=1), shares[solved.argmax(axis=1)], np.nan)


def next_rung(successes: npt.ArrayLike) -> Ints:
    """Which rung to try next for each task: shape (tasks,), -1 where one is solved or all were tried.

    Rung 0 is the plain task. Parameters are those of `hint_ladder`.

    Examples
    --------
    >>> next_rung([[0, np.nan], [1, np.nan], [0, 0]]).tolist()
    [1, -1, -1]
    """
    table = np.asarray(successes, dtype=np.float64)
    untried = np.isnan(table)
    is_open = untried.any(axis=1) & ~(table > 0).any(axis=1)
    return np.where(is_open, untried.argmax(axis=1), -1).astype(np.int64)


HistoryScore = Literal["variance", "deviation", "alignment"]


def history_scores(history: npt.ArrayLike, by: HistoryScore = "variance") -> Floats:
    """How much a task tells, from its pass rates over evaluation runs or checkpoints.

    ``variance`` and ``deviation`` are those of its own history (arXiv 2504.20571);
    ``alignment = 1 - sum_t (s_t - m_t)^2 / sum_t (1 - m_t)^2`` says how well it follows the mean curve m of all tasks
    (LIMR, arXiv 2502.11886).

    Parameters
    ----------
    history : array_like of float, shape (tasks, runs)
        NaN for a run that did not have the task.

    Returns
    -------
    ndarray of float64, shape (tasks,)
        NaN for a task without a run, and for every alignment where all tasks are always solved.

    Examples
    --------
    >>> history_scores([[0, 1], [0.5, 0.5]]).tolist()
    [0.25, 0.0]
    """
    table = np.asarray(history, dtype=np.float64)
    seen = ~np.isnan(table)
    n = np.where(seen.any(axis=1), seen.sum(axis=1), np.nan)
    if by == "alignment":
        runs = seen.sum(axis=0)
        curve = np.where(seen, table, 0.0).sum(axis=0) / np.where(runs > 0, runs, np.nan)
        apart = np.where(seen, (table - curve) ** 2, 0.0).sum(axis=1)
        room = np.where(seen, (1 - curve) ** 2, 0.0).sum(axis=1)
        alignment: Floats = 1 - apart / np.where((room > 0) & ~np.isnan(n), room, np.nan)
        return alignment
    mean = np.where(seen, table, 0.0).sum(axis=1) / n
    variance: Floats = np.where(seen, (table - mean[:, None]) ** 2, 0.0).sum(axis=1) / n
    return variance if by == "variance" else np.sqrt(variance)


def history_order(history: npt.ArrayLike, by: HistoryScore = "variance") -> Ints:
    """Tasks from the most telling on, those without a score last, ties in their own order: shape (tasks,)."""
    scores = history_scores(history, by)
    order: Ints = np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")
    return order


def difficulty_weights(rates: Floats, rule: str = "bands", strength: float = 1.0) -> Floats:
    """A weight of at least 1 for each success rate: shape (g,), NaN for a task without one.

    ``bands`` are the weights of RewardMap (arXiv 2510.02240): 1 for easy tasks, 1.2 for middling and 1.5 for hard ones.
    It knows the difficulty beforehand; here success rates of 2/3 and 1/3 part the bands. ``hard`` is
    ``1 + strength (1 - p)``, ``middle`` is ``1 + 4 strength p (1 - p)``.
    """
    if rule == "hard":
        return 1 + strength * (1 - rates)
    if rule == "middle":
        return 1 + 4 * strength * rates * (1 - rates)
    bands = np.where(rates > 2 / 3, 1.0, np.where(rates > 1 / 3, 1.2, 1.5))
    return np.where(np.isnan(rates), np.nan, bands)


def difficulty_weighted(
    reward: Rows, groups: Ints, success: Rows | None = None, rule: str = "bands", strength: float = 1.0
) -> Rows:
    """``A_i = w(p) (r_i - mean(r))``: the group's mean, with tasks weighted by how hard they are.

    Parameters
    ----------
    reward : Rows
        One number an output: n.
    groups : ndarray of int64, shape (n,)
    success : Rows, optional
        Whether each output is right, from 0 to 1; the reward itself by default.
    rule : {"bands", "hard", "middle"}
        See `difficulty_weights`.

    Returns
    -------
    Rows
        Groups of one or of equal rewards get 0.

    Raises
    ------
    ValueError
        For a success outside [0, 1].
    """
    outcome = reward if success is None else success
    values = np.where(outcome.scored, reward.values, np.nan)
    shares = np.where(reward.scored, outcome.values, np.nan)
    beyond: Bools = (shares < 0) | (shares > 1)
    if beyond.any():
        output = int(np.flatnonzero(beyond)[0])
        raise ValueError(f"output {output}: success {shares[output]:g}: expected from 0 to 1")
    weights = difficulty_weights(Groups(shares, groups).mean, rule, strength)
    return reward.with_values(weights[groups] * Groups(values, groups).centred)


ESTIMATORS: Final = (
    Estimator(
        name="difficulty_weighted",
        label="Weighted by difficulty",
        family=Family.GROUP,
        summary="The reward less its group's mean, times a weight by the task's success rate.",
        formula="A_i = w(p) (r_i - mean(r))",
        papers=(Paper("RewardMap: Tackling Sparse Rewards in Fine-grained Visual Reasoning", "2510.02240"),),
        needs=(Need("success", "Success", help="From 0 to 1; the reward itself by default", optional=True),),
        parameters=(
            Parameter(
                "rule",
                "choice",
                "bands",
                "Weight",
                choices=(("bands", "1, 1.2, 1.5 in three bands"), ("hard", "Hard tasks"), ("middle", "Middling tasks")),
            ),
            Parameter("strength", "number", 1.0, "Strength", "Of the last two rules", minimum=0.0, maximum=100.0),
        ),
        apply=difficulty_weighted,
        alone="0",
        sums_to_zero=True,
    ),
)
