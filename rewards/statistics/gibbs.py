"""Gibbs sampling of what raters know and how they err: the parts that models of raters share.

EM and variational inference give one number for each rater and bounds, if any, as if everything else were certain. A
chain goes through truths and parameters in turns, so that what is not known of the one widens the interval of the
other.
"""

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BURN_IN = 100
"""Draws that are thrown away: few, since chains start from estimates, which lie where the posterior is high."""

_LEAST = 1e-300


class RaterDraws(NamedTuple):
    """One figure of each rater, drawn from its posterior.

    Attributes
    ----------
    raters : list of hashable
    mean, low, high : ndarray, shape (n_raters,)
        Mean and central interval of the draws.
    """

    raters: list[Hashable]
    mean: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, raters: list[Hashable], drawn: Floats, confidence: float) -> "RaterDraws":
        """From draws of shape (n_draws, n_raters)."""
        low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
        return cls(raters, drawn.mean(axis=0), low, high)


def drawn_classes(posterior: Floats, generator: np.random.Generator) -> Ints:
    """A class for each row of probabilities, shape (n,); rows need not sum to 1."""
    below = posterior.cumsum(axis=1)
    picks = generator.random((len(posterior), 1)) * below[:, -1:]
    return np.asarray((below <= picks).sum(axis=1), dtype=np.int64)


def drawn_shares(counts: npt.ArrayLike, generator: np.random.Generator) -> Floats:
    """Dirichlet draws along the last axis, none of them exactly 0."""
    gammas = np.maximum(generator.standard_gamma(np.asarray(counts, dtype=np.float64)), _LEAST)
    return np.asarray(np.maximum(gammas / gammas.sum(axis=-1, keepdims=True), _LEAST))
