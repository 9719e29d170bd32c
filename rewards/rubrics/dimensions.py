"""Several dimensions of an output made one reward: each brought to one scale within its task, then weighed."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def normalised_in_groups(values: npt.ArrayLike, groups: Sequence[Hashable]) -> Floats:
    """Each column's distance from its group's mean in the group's standard deviations.

    ``z_ij = (x_ij - mean_g(x_j)) / sd_g(x_j)``, over the scored values of the group, sd of the population (ddof 0).

    Parameters
    ----------
    values : array_like of float, shape (n, k)
        NaN for unscored.
    groups : sequence of hashable, length n
        The task of each output.

    Returns
    -------
    ndarray of float64, shape (n, k)
        NaN where unscored; 0 where all of a group's scored values are equal: they tell nothing apart.

    Raises
    ------
    ValueError
        For other shapes.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or len(groups) != len(matrix):
        raise ValueError(f"values of shape {matrix.shape} in {len(groups)} groups: expected a group for each row")
    codes: dict[Hashable, int] = {}
    of = np.array([codes.setdefault(group, len(codes)) for group in groups], dtype=np.int64)
    scored = ~np.isnan(matrix)
    count = np.maximum(_by_group(scored.astype(np.float64), of, len(codes)), 1.0)
    mean = _by_group(np.where(scored, matrix, 0.0), of, len(codes)) / count
    away = matrix - mean[of]
    spread = np.sqrt(_by_group(np.where(scored, away, 0.0) ** 2, of, len(codes)) / count)[of]
    # Equal values differ from their own mean by rounding; that much is no spread.
    noise = 1e-12 * np.maximum(np.abs(mean), 1e-300)[of]
    flat = spread <= noise
    return np.where(flat & scored, 0.0, away / np.where(flat, 1.0, spread))


def weighed_dimensions(values: npt.ArrayLike, groups: Sequence[Hashable], weights: Sequence[float]) -> Floats:
    """The dimension-level reward: ``r_i = sum_j w_j z_ij`` with `normalised_in_groups`.

    After the Dimension-level Reward Model (Wang et al. 2025, "From <Answer> to <Think>", arXiv 2510.11457), which
    weighs confidence, relevance and coherence this way. Fidelity: reconstructed; which standard deviation is meant and
    the weights are not given in what is public.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where a dimension with a weight other than 0 is unscored.

    Raises
    ------
    ValueError
        For other shapes, or a weight that is not finite.
    """
    z = normalised_in_groups(values, groups)
    used = np.array(weights, dtype=np.float64)
    if used.shape != (z.shape[1],) or not np.isfinite(used).all():
        raise ValueError(f"weights {used.tolist()}: expected {z.shape[1]} finite numbers")
    counted = used != 0
    total: Floats = z[:, counted] @ used[counted]
    return total


def _by_group(values: Floats, of: npt.NDArray[np.int64], n_groups: int) -> Floats:
    summed = np.zeros((n_groups, values.shape[1]))
    np.add.at(summed, of, values)
    return summed
