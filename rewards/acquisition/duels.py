"""Which two of several options to compare next: strategies of dueling bandits.

What is learnt is how often each option beats each other one. A strategy may name one option twice: it has nothing left
to ask. Survey: Bengs, Busa-Fekete, El Mesaoudi-Paul and Huellermeier (2021), arXiv 1807.11398.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
Pair = tuple[int, int]

ALPHA = 0.51
"""Width of confidence bounds; regret is bounded for values above one half."""


@dataclass
class Duels:
    """What has been answered so far about K options.

    Attributes
    ----------
    wins : ndarray, shape (K, K)
        ``wins[i, j]``: how often i was preferred to j; a tie counts as half for either.
    features : ndarray, shape (K, d)
        What is known of the options; one-hot where nothing is.
    horizon : int
        How many answers will be had in all: what the width of some bounds depends on.
    """

    wins: Floats
    features: Floats
    horizon: int = 1_000
    theta: Floats = field(default_factory=lambda: np.zeros(0))
    """Weights of the features as last fitted: where the next fit starts."""
    best: set[int] = field(default_factory=set)
    """RUCB's guess of the winner: none or one."""

    @classmethod
    def of(cls, n_options: int, features: npt.ArrayLike | None = None, horizon: int = 1_000) -> "Duels":
        """Before the first answer.

        Raises
        ------
        ValueError
            For fewer than two options, or features of another number of them.
        """
        if n_options < 2:
            raise ValueError(f"{n_options} options: expected at least 2")
        known = np.eye(n_options) if features is None else np.asarray(features, dtype=np.float64)
        if known.ndim != 2 or len(known) != n_options or not np.isfinite(known).all():
            raise ValueError(f"features of shape {known.shape}: expected finite numbers, a row for each of {n_options}")
        return cls(np.zeros((n_options, n_options)), known, horizon)

    @property
    def n(self) -> int:
        return len(self.wins)

    @property
    def asked(self) -> Floats:
        """How often each pair was compared."""
        return self.wins + self.wins.T

    @property
    def time(self) -> float:
        """Answers so far, and one."""
        return float(self.wins.sum()) + 1.0

    def record(self, pair: Pair, share: float) -> None:
        """An answer: 1 where the first was preferred, 0 where the second, 1/2 for a tie. ValueError for another one."""
        if not 0.0 <= share <= 1.0 or pair[0] == pair[1]:
            raise ValueError(f"answer {share} to {pair}: expected 0 to 1 of two different options")
        self.wins[pair] += share
        self.wins[pair[::-1]] += 1.0 - share

    def bounds(self, alpha: float = ALPHA) -> tuple[Floats, Floats]:
        """Lower and upper confidence bounds of the chance that i beats j; 1/2 on the diagonal, 0 and 1 if not asked."""
        asked = self.asked
        known = asked > 0
        share = np.divide(self.wins, asked, out=np.full_like(asked, 0.5), where=known)
        width = np.sqrt(alpha * np.log(self.time) / np.where(known, asked, 1.0))
        low, high = np.where(known, share - width, 0.0), np.where(known, share + width, 1.0)
        np.fill_diagonal(low, 0.5)
        np.fill_diagonal(high, 0.5)
        return low, high


Choose = Callable[[Duels, np.random.Generator], Pair]


def random_pair(duels: Duels, rng: np.random.Generator) -> Pair:
    """Any two, all pairs alike: the baseline."""
    first, second = rng.choice(duels.n, 2, replace=False)
    return int(first), int(second)


def uncertain_pair(duels: Duels, rng: np.random.Generator) -> Pair:
    """The pair whose answer is least known: the largest variance of ``Beta(w_ij + 1, w_ji + 1)``.

    It learns every preference equally well, and so spends on pairs of bad options too.
    """
    a, b = duels.wins + 1.0, duels.wins.T + 1.0
    variance = a * b / ((a + b) ** 2 * (a + b + 1))
    variance[np.tril_indices(duels.n)] = -1.0
    first, second = np.unravel_index(_top(variance.ravel(), rng), variance.shape)
    return int(first), int(second)


def rucb(duels: Duels, rng: np.random.Generator) -> Pair:
    """RUCB: a possible winner by optimism, against who may beat it.

    ``u_ij = w_ij / (w_ij + w_ji) + sqrt(alpha ln t / (w_ij + w_ji))``; candidates have ``u_ij >= 1/2`` for all j; the
    opponent is ``argmax_j u_jc``. Zoghi, Whiteson, Munos and de Rijke (2014), arXiv 1312.3393, algorithm 1.
    """
    _, high = duels.bounds()
    candidates = [int(i) for i in np.flatnonzero((high >= 0.5).all(axis=1))]
    duels.best &= set(candidates)
    if len(candidates) == 1:
        duels.best = set(candidates)
    if not candidates:
        chosen = int(rng.integers(duels.n))
    elif duels.best and (len(candidates) == 1 or rng.random() < 0.5):
        [chosen] = duels.best
    else:
        chosen = int(rng.choice([one for one in candidates if one not in duels.best]))
    rivals = high[:, chosen].copy()
    # Itself only where nobody else may still beat it: of equal bounds the other one's counts.
    rivals[chosen] = np.nextafter(0.5, 0.0)
    return chosen, _top(rivals, rng)


def borda(duels: Duels, rng: np.random.Generator) -> Pair:
    """Upper confidence bounds on the Borda score, the chance to beat a random other option: the Borda reduction.

    ``b_i + sqrt(alpha ln t / n_i)`` chooses the first; the second is drawn from all others alike, so that every answer
    is one draw of the first's score. Jamieson, Katariya, Deshpande and Nowak (2015), arXiv 1502.00133, section 2.
    """
    met = duels.asked.sum(axis=1)
    share = np.divide(duels.wins.sum(axis=1), met, out=np.zeros(duels.n), where=met > 0)
    width = np.sqrt(ALPHA * np.log(duels.time) / np.where(met > 0, met, 1.0))
    first = _top(np.where(met > 0, share + width, np.inf), rng)
    second = int(rng.integers(duels.n - 1))
    return first, second + (second >= first)


def copeland(duels: Duels, rng: np.random.Generator) -> Pair:
    """Double Thompson sampling for a Copeland winner: who beats most others.

    Among those with the largest optimistic Copeland score the first is who wins most pairs in a draw of all
    ``Beta(w_ij + 1, w_ji + 1)``; the second has the largest redrawn chance against it among those whose lower bound
    does not exceed 1/2. Wu and Liu (2016), arXiv 1604.07101, algorithm 1.
    """
    low, high = duels.bounds()
    off = ~np.eye(duels.n, dtype=bool)
    scores = ((high > 0.5) & off).sum(axis=1)
    drawn = rng.beta(duels.wins + 1.0, duels.wins.T + 1.0)
    upper = np.triu(drawn, 1)
    drawn = upper + np.tril(1.0 - upper.T, -1)
    won = ((drawn > 0.5) & off).sum(axis=1)
    first = _top(np.where(scores == scores.max(), won, -1).astype(np.float64), rng)
    against = rng.beta(duels.wins[:, first] + 1.0, duels.wins[first] + 1.0)
    against[first] = 0.5
    second = _top(np.where(low[:, first] <= 0.5, against, -1.0), rng)
    return first, second


def colstim(duels: Duels, rng: np.random.Generator) -> Pair:
    """CoLSTIM: utilities linear in features, perturbed as the answers themselves are.

    With theta from a ridge logistic regression on differences z of features and ``M = I + sum z z^T``, the first is
    ``argmax_i x_i theta + clip(g_i, -C, C) ||x_i||_{M^-1}``, g from Gumbel, the second
    ``argmax_j (x_j - x_i) theta + c ||x_j - x_i||_{M^-1}``; ``C = c = sqrt(d ln T)``. Bengs, Saha and Huellermeier
    (2022), arXiv 2202.04593.
    """
    x = duels.features
    d = x.shape[1]
    precision, theta = _fit_linear(duels)
    inverse = np.linalg.inv(precision)
    bound = np.sqrt(d * np.log(max(duels.horizon, 2)))
    norm = np.sqrt(np.einsum("id,de,ie->i", x, inverse, x))
    noise = np.clip(rng.gumbel(size=duels.n), -bound, bound)
    first = _top(x @ theta + noise * norm, rng)
    apart = x - x[first]
    width = np.sqrt(np.clip(np.einsum("id,de,ie->i", apart, inverse, apart), 0.0, None))
    return first, _top(apart @ theta + bound * width, rng)


def _fit_linear(duels: Duels, steps: int = 3) -> tuple[Floats, Floats]:
    """``M`` and the ridge estimate: Newton's method from where the last fit ended, over pairs rather than answers."""
    first, second = np.nonzero(np.triu(duels.asked, 1))
    z = duels.features[first] - duels.features[second]
    times, won = duels.asked[first, second], duels.wins[first, second]
    d = duels.features.shape[1]
    theta = duels.theta if len(duels.theta) == d else np.zeros(d)
    for _ in range(steps):
        chance = expit(z @ theta)
        slope = z.T @ (won - times * chance) - theta
        curvature = np.eye(d) + (z.T * (times * chance * (1 - chance))) @ z
        theta = theta + np.linalg.solve(curvature, slope)
    duels.theta = theta
    return np.eye(d) + (z.T * times) @ z, theta


def _top(values: Floats, rng: np.random.Generator) -> int:
    """The place of the largest; of equal ones any, all alike."""
    return int(rng.choice(np.flatnonzero(values == values.max())))


class DuelStrategy(NamedTuple):
    name: str
    label: str
    choose: Choose


DUELS: Final[Mapping[str, DuelStrategy]] = {
    strategy.name: strategy
    for strategy in (
        DuelStrategy("random", "Random pairs", random_pair),
        DuelStrategy("uncertainty", "Most uncertain pair", uncertain_pair),
        DuelStrategy("rucb", "RUCB", rucb),
        DuelStrategy("borda", "Borda, upper bounds", borda),
        DuelStrategy("copeland", "Copeland, double Thompson", copeland),
        DuelStrategy("colstim", "CoLSTIM", colstim),
    )
}
