"""Numbers brought to mean 0 and variance 1 over a whole batch."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from rewards.advantages.contract import Estimator, Family
from rewards.advantages.group import scaled
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Rows

_EPS: Final = 1e-8


def whitened(values: Floats, shift_mean: bool = True, eps: float = _EPS) -> Floats:
    """``(v - mean) / sqrt(var + eps)`` over the numbers that there are; var is that of a sample (n - 1).

    Parameters
    ----------
    values : ndarray of float64
        NaN is left out and stays NaN: padding must be NaN, never a number.
    shift_mean : bool
        False adds the mean back, so that the sign of each number is kept.

    Returns
    -------
    ndarray of float64
        0 for each of equal numbers (the mean, without a shift).

    Examples
    --------
    >>> whitened(np.array([1.0, 3.0, np.nan]), eps=0).round(4).tolist()
    [-0.7071, 0.7071, nan]
    """
    scored = values[~np.isnan(values)]
    if not len(scored):
        return values.copy()
    mean = scored[0] if (scored == scored[0]).all() else scored.mean()
    centred = values - mean
    variance = np.nansum(centred**2) / max(len(scored) - 1, 1)
    result = scaled(centred, np.full_like(values, np.sqrt(variance + eps)), 0.0)
    return result if shift_mean else result + mean


def whitening(reward: Rows, groups: Ints, shift_mean: bool = True, eps: float = _EPS) -> Rows:
    """``A = (r - mean_batch) / sqrt(var_batch + eps)``, of outputs or of tokens: batch and masked whitening as PPO for
    language models uses them (arXiv 1909.08593, whose public code has the function).

    Parameters
    ----------
    reward : Rows
        On any level: all scored numbers of the batch are one sample.
    groups : ndarray of int64, shape (n,)
        Not looked at.

    Returns
    -------
    Rows
        On the reward's level.
    """
    return reward.with_values(whitened(reward.values, shift_mean, eps))


def rows_of_padded(values: npt.ArrayLike, mask: npt.ArrayLike, level: str = "token") -> Rows:
    """Rows of a padded matrix, as trainers hold it; what stands under the padding is never read.

    Parameters
    ----------
    values : array_like of float, shape (n, T)
    mask : array_like of bool, shape (n, T)
        True where an output has a segment.

    Raises
    ------
    ValueError
        Where the shapes differ.

    Examples
    --------
    >>> rows_of_padded([[1, 2, 1000], [3, 1000, 1000]], [[1, 1, 0], [1, 0, 0]]).to_lists()
    [[1.0, 2.0], [3.0]]
    """
    matrix, kept = np.asarray(values, dtype=np.float64), np.asarray(mask, dtype=bool)
    if matrix.ndim != 2 or matrix.shape != kept.shape:
        raise ValueError(f"values of shape {matrix.shape} and a mask of {kept.shape}: expected two equal matrices")
    return Rows.ragged(level, [row[keep].tolist() for row, keep in zip(matrix, kept, strict=True)])


ESTIMATORS: Final = (
    Estimator(
        name="whitening",
        label="Whitening",
        family=Family.NORMALISE,
        summary="All scored numbers of the batch, of outputs or of tokens, brought to mean 0 and variance 1.",
        formula="A = (r - mean_batch) / sqrt(var_batch + eps)",
        papers=(Paper("Fine-Tuning Language Models from Human Preferences", "1909.08593"),),
        parameters=(
            Parameter("shift_mean", "boolean", True, "Take the mean off", "Without, only the scale changes"),
            Parameter("eps", "number", _EPS, "Epsilon", "Added to the variance", minimum=0.0, maximum=1.0),
        ),
        accepts="any",
        gives="reward",
        apply=whitening,
        alone="What the batch makes of it: groups do not count here",
    ),
)
