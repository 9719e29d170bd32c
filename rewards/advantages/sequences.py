"""Numbers along an output: where each stands, sums of log-probs, and backward recurrences over all outputs at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rewards.shaping.rows import OUTPUT, Floats, Ints, Level, Rows


class SequenceLogProbs(NamedTuple):
    """The log-probability of each output and its number of tokens: float64, shape (n,), NaN where unknown."""

    totals: Floats
    lengths: Floats

    @property
    def per_token(self) -> Floats:
        """Mean log-probability of a token: NaN for an output without one."""
        return self.totals / np.where(self.lengths > 0, self.lengths, np.nan)


def sequence_log_probs(log_probs: Rows, lengths: Rows | None = None) -> SequenceLogProbs:
    """Log-probabilities of whole outputs, in nats.

    Parameters
    ----------
    log_probs : Rows
        Of each token, or already summed over each output.
    lengths : Rows, optional
        How many tokens each output has; of token log-probs it is counted.

    Returns
    -------
    SequenceLogProbs
        An output with a token unscored is unknown: a sum without it would pass for a likelier text.

    Raises
    ------
    ValueError
        For a positive log-probability.
    """
    positive = np.flatnonzero(log_probs.values > 1e-9)
    if len(positive):
        output = int(log_probs.level.output[positive[0]])
        raise ValueError(f"output {output}: log-probability {log_probs.values[positive[0]]:g}: expected at most 0")
    if log_probs.level.name == OUTPUT:
        counted = np.full(len(log_probs), np.nan) if lengths is None else lengths.values
        return SequenceLogProbs(log_probs.values, counted)
    counts = log_probs.level.counts.astype(np.float64)
    sums = np.bincount(log_probs.level.output, log_probs.values, minlength=len(log_probs))
    return SequenceLogProbs(sums.astype(np.float64), counts)


def positions(level: Level) -> Ints:
    """The number of each segment within its output, from 0: shape (N,)."""
    index: Ints = np.arange(level.size) - level.starts[level.output]
    return index


def lead(values: Floats, level: Level) -> Floats:
    """The next segment's number within the output, 0 after the last: shape (N,)."""
    following = np.zeros_like(values)
    following[:-1] = values[1:]
    following[level.last] = 0.0
    return following


def lag(values: Floats, level: Level, first: Floats) -> Floats:
    """The number of the segment before, and `first`, one an output, before the first: shape (N,)."""
    before = np.empty_like(values)
    before[1:] = values[:-1]
    filled = level.counts > 0
    before[level.starts[:-1][filled]] = first[filled]
    return before


def backward(gains: Floats, factors: Floats, level: Level) -> Floats:
    """``x_t = g_t + c_t x_{t+1}`` within each output, ``x`` being 0 after its last segment.

    By doubling: log2 of the longest output passes over all numbers, whatever the number of outputs.

    Parameters
    ----------
    gains, factors : ndarray of float64, shape (N,)
        Without NaN. The factor of an output's last segment does not count.

    Examples
    --------
    >>> backward(np.array([1.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.5]), Level.of_lengths("token", [2, 1])).tolist()
    [1.5, 1.0, 1.0]
    """
    sums, carried = gains.astype(np.float64), factors.astype(np.float64)
    carried[level.last] = 0.0
    longest = int(level.counts.max()) if len(level) else 0
    reach = 1
    while reach < longest:
        sums[:-reach] += carried[:-reach] * sums[reach:]
        carried[:-reach] *= carried[reach:]
        reach *= 2
    return sums


def returns(reward: Rows, gamma: float = 1.0) -> Floats:
    """``R_t = sum_{s >= t} gamma^(s - t) r_s`` of the scored ones: shape (N,), NaN where t itself is unscored."""
    sums = backward(np.where(reward.scored, reward.values, 0.0), np.full(reward.level.size, gamma), reward.level)
    return np.where(reward.scored, sums, np.nan)
