"""Statistics of groups of numbers, without a loop over groups; NaN counts for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from rewards.shaping.rows import Floats, Ints

Bools = npt.NDArray[np.bool_]

ROUNDING: Final = 1e-9
"""Numbers of a group that differ by no more than this share of the largest count as equal."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Numbers with the group of each.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        NaN for unscored: such a member has no part in anything here, and every result of a member is NaN for it.
    numbers : ndarray of int64, shape (n,)
        The group of each, from 0.

    Examples
    --------
    >>> import numpy as np
    >>> two = Groups(np.array([1.0, 3.0, np.nan, 5.0]), np.array([0, 0, 0, 1]))
    >>> two.mean.tolist(), two.n_scored.tolist()
    ([2.0, 5.0], [2, 1])
    >>> two.centred.tolist()
    [-1.0, 1.0, nan, 0.0]
    """

    values: Floats
    numbers: Ints

    @cached_property
    def n_groups(self) -> int:
        return int(self.numbers.max()) + 1 if len(self.numbers) else 0

    @cached_property
    def scored(self) -> Bools:
        return ~np.isnan(self.values)

    @cached_property
    def n_scored(self) -> Ints:
        """How many members of each group have a number: shape (g,)."""
        return np.bincount(self.numbers[self.scored], minlength=self.n_groups)

    def total(self, values: npt.ArrayLike) -> Floats:
        """Sum over each group of one number a member, NaN left out: shape (g,)."""
        flat = np.asarray(values, dtype=np.float64)
        sums: Floats = np.bincount(self.numbers, np.where(np.isnan(flat), 0.0, flat), minlength=self.n_groups).astype(
            np.float64, copy=False
        )
        return sums

    @cached_property
    def mean(self) -> Floats:
        """Shape (g,): NaN for a group without a number. Exactly the number where all are the same."""
        mean = self.total(self.values) / np.where(self.n_scored > 0, self.n_scored, np.nan)
        return np.where(self.is_constant, self.smallest, mean)

    @cached_property
    def smallest(self) -> Floats:
        """Shape (g,): NaN for a group without a number."""
        return self._extreme(np.fmin)

    @cached_property
    def largest(self) -> Floats:
        """Shape (g,): NaN for a group without a number."""
        return self._extreme(np.fmax)

    @cached_property
    def is_constant(self) -> Bools:
        """Groups of at least one number, all the same but for rounding: they say nothing of better or worse.

        Shape (g,). A sum that is 0.30000000000000004 beside 0.3 would be a whole standard deviation above it.
        """
        with np.errstate(invalid="ignore"):
            magnitude = np.maximum(np.abs(self.smallest), np.abs(self.largest))
            same: Bools = self.largest - self.smallest <= ROUNDING * magnitude
        return same

    @cached_property
    def centred(self) -> Floats:
        """Each number less its group's mean: shape (n,), exactly 0 where all are the same."""
        apart = self.values - self.mean[self.numbers]
        return np.where(self.is_constant[self.numbers] & self.scored, 0.0, apart)

    def std(self, ddof: int = 0) -> Floats:
        """Shape (g,): 0 for a group of one or of equal numbers, NaN for one without.

        Of centred numbers: a reward far from 0 loses no digits.
        """
        squares = self.total(self.centred**2)
        root: Floats = np.sqrt(squares / np.maximum(self.n_scored - ddof, 1))
        return np.where(self.n_scored > 0, root, np.nan)

    def _extreme(self, smaller_or_larger: np.ufunc) -> Floats:
        result = np.full(self.n_groups, np.nan)
        smaller_or_larger.at(result, self.numbers, self.values)
        return result
