"""Which groups carry a gradient at all: the meter of zero-variance groups, and rules that leave groups out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rewards.advantages.groups import Bools, Groups
from rewards.shaping.rows import Ints, Rows


class GroupMeter(NamedTuple):
    """How many groups there are, and how many of them tell nothing to an estimator that compares within the group."""

    n_groups: int
    n_unscored: int
    """Without a scored member."""
    n_alone: int
    """With one scored member."""
    n_equal: int
    """With several, all of the same reward: zero variance."""
    n_all_lowest: int
    """Of the equal ones: at the lowest reward of the batch, such as all wrong."""
    n_all_highest: int
    """Of the equal ones: at the highest."""
    n_outputs: int
    n_zero_advantage: int
    """Scored outputs whose advantage is exactly 0; those of the groups above, unless advantages were given."""

    @property
    def n_telling(self) -> int:
        """Groups in which some reward differs from another."""
        return self.n_groups - self.n_unscored - self.n_alone - self.n_equal

    @property
    def share_without_gradient(self) -> float:
        """Of the groups with a score; NaN without one."""
        n_scored = self.n_groups - self.n_unscored
        return (self.n_alone + self.n_equal) / n_scored if n_scored else float("nan")


def measure_groups(reward: Rows, groups: Ints, advantages: Rows | None = None) -> GroupMeter:
    """Count groups with and without a signal (dynamic sampling: DAPO, arXiv 2503.14476, Sec. 3.2).

    Parameters
    ----------
    reward : Rows
        One number an output, n; a dense one is summed.
    groups : ndarray of int64, shape (n,)
        From 0 without gaps.
    advantages : Rows, optional
        One number an output: counts the outputs that an estimator leaves at 0.

    Examples
    --------
    >>> meter = measure_groups(Rows.scalars([0, 0, 1, 0, 1]), np.array([0, 0, 1, 1, 2]))
    >>> meter.n_equal, meter.n_alone, meter.n_telling, round(meter.share_without_gradient, 4)
    (1, 1, 1, 0.6667)
    """
    members = Groups(reward.total(), groups)
    equal = members.is_constant & (members.n_scored > 1)
    lowest, highest = (np.nanmin(members.values), np.nanmax(members.values)) if members.scored.any() else (0.0, 0.0)
    zeros = ~telling_groups(reward, groups) if advantages is None else advantages.values == 0
    return GroupMeter(
        n_groups=members.n_groups,
        n_unscored=int((members.n_scored == 0).sum()),
        n_alone=int((members.n_scored == 1).sum()),
        n_equal=int(equal.sum()),
        n_all_lowest=int((equal & (members.smallest == lowest)).sum()),
        n_all_highest=int((equal & (members.largest == highest)).sum()),
        n_outputs=int(members.scored.sum()),
        n_zero_advantage=int((zeros & members.scored).sum()),
    )


def telling_groups(reward: Rows, groups: Ints) -> Bools:
    """Which outputs belong to a group whose scored rewards are not all the same: shape (n,)."""
    members = Groups(reward.total(), groups)
    telling: Bools = (members.n_scored > 1)[groups] & ~members.is_constant[groups]
    return telling


def groups_between(reward: Rows, groups: Ints, low: float = 0.0, high: float = 1.0) -> Bools:
    """Which outputs belong to a group whose mean reward lies in [low, high]: shape (n,); False for groups without."""
    mean = Groups(reward.total(), groups).mean[groups]
    return (mean >= low) & (mean <= high)
