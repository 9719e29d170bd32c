"""Which output to rate once more, to find the best one: Thompson sampling with unknown noise that differs by output."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass
class Ratings:
    """Normal-gamma posteriors of each output's mean and precision, from a common prior.

    ``precision ~ Gamma(shape, rate)``, ``mean | precision ~ N(centre, 1 / (weight precision))``. Attributes have shape
    (n,); `count` is how often each was rated, `total` and `square` the sums of its ratings and of their squares.
    """

    centre: float
    weight: float
    shape: float
    rate: float
    count: Floats
    total: Floats
    square: Floats

    @classmethod
    def of(
        cls, n: int, *, centre: float = 0.0, weight: float = 0.1, shape: float = 1.0, rate: float = 1.0
    ) -> "Ratings":
        """Before the first rating. ValueError unless n, weight, shape and rate are above 0."""
        if min(n, weight, shape, rate) <= 0:
            raise ValueError(f"n {n}, weight {weight}, shape {shape}, rate {rate}: expected all above 0")
        return cls(centre, weight, shape, rate, *(np.zeros(n) for _ in range(3)))

    def record(self, arm: int, value: float) -> None:
        """One more rating. ValueError for one that is not finite: unscored is not a rating."""
        if not np.isfinite(value):
            raise ValueError(f"rating {value} of output {arm}: expected a finite number")
        self.count[arm] += 1
        self.total[arm] += value
        self.square[arm] += value * value

    def posterior(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Centre, weight, shape and rate of each output.

        ``weight' = weight + n``, ``centre' = (weight centre + sum) / weight'``, ``shape' = shape + n / 2``,
        ``rate' = rate + (sum of squared deviations + weight n (mean - centre)^2 / weight') / 2``.
        """
        weight = self.weight + self.count
        centre = (self.weight * self.centre + self.total) / weight
        mean = np.divide(self.total, self.count, out=np.full_like(self.total, self.centre), where=self.count > 0)
        spread = np.clip(self.square - self.count * mean**2, 0.0, None)
        rate = self.rate + (spread + self.weight * self.count * (mean - self.centre) ** 2 / weight) / 2
        return centre, weight, self.shape + self.count / 2, rate


Pick = Callable[[Ratings, np.random.Generator], int]


def random_arm(ratings: Ratings, rng: np.random.Generator) -> int:
    """Any output, all alike: the baseline."""
    return int(rng.integers(len(ratings.count)))


def variance_adaptive(ratings: Ratings, rng: np.random.Generator) -> int:
    """Thompson sampling that learns each output's noise: draw precision, then mean, and rate the largest.

    Outputs on which raters differ are rated more often before they are given up. Saha and Kveton (2023), arXiv
    2303.09033, algorithm 2.
    """
    centre, weight, shape, rate = ratings.posterior()
    precision = rng.gamma(shape, 1.0 / rate)
    return int(np.argmax(rng.normal(centre, 1.0 / np.sqrt(weight * precision))))


def equal_variance(ratings: Ratings, rng: np.random.Generator) -> int:
    """Thompson sampling with one noise for all: the expected precision of the prior."""
    centre, weight, _, _ = ratings.posterior()
    return int(np.argmax(rng.normal(centre, np.sqrt(ratings.rate / ratings.shape / weight))))


class ArmStrategy(NamedTuple):
    name: str
    label: str
    choose: Pick


ARMS: Final[Mapping[str, ArmStrategy]] = {
    strategy.name: strategy
    for strategy in (
        ArmStrategy("random", "Random outputs", random_arm),
        ArmStrategy("equal_variance", "Thompson, one noise for all", equal_variance),
        ArmStrategy("variance_adaptive", "Thompson, variance-adaptive", variance_adaptive),
    )
}
