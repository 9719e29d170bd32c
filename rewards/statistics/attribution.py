"""How much each part of a text adds to one number about the whole text, and whether the parts add up to it.

A value function takes masks, bool arrays of shape (m, n): row by row, which of n parts are kept. It gives the number of
each masked text, float64 of shape (m,). An attribution phi, shape (n,), is complete where

    sum_i phi_i = v(all parts) - v(no part)

Owen values are complete by construction, whatever the budget; leaving parts out one by one and local linear fits are
not, unless the value function is additive, and their gap is to be shown.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]
ValueFunction = Callable[[Masks], Floats]
Hierarchy = int | tuple["Hierarchy", ...]
"""A part, or the nodes that are credited together before their parts are."""

MOST_CHILDREN = 12
# Nodes opened at once: what one value function call is given. Fixed, because a budget that ends within a batch cuts
# elsewhere for another size.
_OPENED_AT_ONCE = 16


class OwenValues(NamedTuple):
    """Owen values of the parts.

    Attributes
    ----------
    values : float64 array, shape (n,)
    full, empty : float
        v of all parts and of none.
    evaluations : int
        Masked texts that were asked about.
    is_exact : bool
        Whether the budget sufficed; else the credit of some nodes is split evenly over their parts.
    """

    values: Floats
    full: float
    empty: float
    evaluations: int
    is_exact: bool


class LinearFit(NamedTuple):
    """A weighted linear fit to the values of masked texts.

    Attributes
    ----------
    coefficients : float64 array, shape (n,)
    intercept : float
    r_squared : float
        Weighted share of the variance that the fit explains; NaN where the values do not vary.
    """

    coefficients: Floats
    intercept: float
    r_squared: float


def leave_one_out_masks(n: int) -> Masks:
    """Row i keeps all of n parts but i: shape (n, n)."""
    return ~np.eye(n, dtype=np.bool_)


def completeness_gap(values: npt.ArrayLike, full: float, empty: float) -> float:
    """sum_i phi_i - (v(all) - v(none)), in double precision; NaN (unscored) values add nothing."""
    return float(np.nansum(np.asarray(values, dtype=np.float64))) - (full - empty)


def flat_hierarchy(n: int) -> Hierarchy:
    """All parts under one root: Owen values over it are Shapley values."""
    return tuple(range(n))


def binary_hierarchy(groups: Sequence[Sequence[int]]) -> Hierarchy:
    """Halve a row of groups until one is left, and its parts likewise.

    Parameters
    ----------
    groups : sequence of sequences of int
        The parts in order, by what they stand together in: words by sentence. At least one part in all.
    """
    filled = [group for group in groups if len(group)]
    return _halved([_halved(list(group)) for group in filled])


def _halved(nodes: Sequence[Hierarchy]) -> Hierarchy:
    if len(nodes) == 1:
        return nodes[0]
    middle = (len(nodes) + 1) // 2
    return (_halved(nodes[:middle]), _halved(nodes[middle:]))


def leaves(node: Hierarchy) -> list[int]:
    """The parts below a node, in order."""
    return [node] if isinstance(node, int) else [part for child in node for part in leaves(child)]


@dataclass(frozen=True, slots=True)
class _Open:
    """A node whose credit `full - empty`, beside the parts kept in `context`, is still to be divided."""

    node: Hierarchy
    context: Masks
    empty: float
    full: float
    weight: float

    @property
    def credit(self) -> float:
        return self.weight * (self.full - self.empty)


def owen_values(value: ValueFunction, hierarchy: Hierarchy, *, budget: int) -> OwenValues:
    """Owen values: Shapley values among the children of each node, of which some or all others are present.

    With C the parts kept outside a node of k children, child i of it is credited

        sum over S of the other children:  |S|! (k - 1 - |S|)! / k!  *  (v(C + S + i) - v(C + S))

    and each of these differences is divided among the children of i in turn, beside the parts C + S. Owen 1977,
    "Values of games with a priori unions"; nested as the partition explainer of Lundberg's shap does for pairs. A flat
    hierarchy gives Shapley values (Shapley 1953).

    Parameters
    ----------
    value : function
        Asked for the whole, for nothing, and then in batches of nodes, those with the largest credit first.
    hierarchy : Hierarchy
        Over the parts 0 .. n - 1; at most `MOST_CHILDREN` children a node.
    budget : int
        Texts to be asked about, at least 2. Where it ends, the credit of a node that is not opened is split evenly over
        its parts, so that the values are complete with any budget.

    Raises
    ------
    ValueError
        For a smaller budget, a node of too many children, or parts that are not 0 .. n - 1.
    """
    parts = leaves(hierarchy)
    if sorted(parts) != list(range(len(parts))):
        raise ValueError(f"the hierarchy's parts are {parts[:8]}: expected each of 0 .. {len(parts) - 1} once")
    if budget < 2:
        raise ValueError(f"a budget of {budget}: the whole and nothing are 2 texts")
    n = len(parts)
    empty, full = value(np.array([[False] * n, [True] * n], dtype=np.bool_)).tolist()
    evaluations, is_exact, order = 2, True, count()
    values = np.zeros(n)
    waiting: list[tuple[float, int, _Open]] = []

    def put(found: _Open) -> None:
        if isinstance(found.node, int):
            values[found.node] += found.credit
        else:
            heapq.heappush(waiting, (-abs(found.credit), next(order), found))

    put(_Open(hierarchy, np.zeros(n, dtype=np.bool_), empty, full, 1.0))
    while waiting:
        batch: list[_Open] = []
        asked = 0
        while waiting and len(batch) < _OPENED_AT_ONCE:
            needed = _texts_needed(waiting[0][2].node)
            if evaluations + asked + needed > budget:
                break
            batch.append(heapq.heappop(waiting)[2])
            asked += needed
        if not batch:
            is_exact = False
            break
        found = value(np.concatenate([_coalitions(one) for one in batch]))
        evaluations += asked
        for one in batch:
            size = _texts_needed(one.node)
            for child in _divided(one, found[:size]):
                put(child)
            found = found[size:]
    for _, _, one in waiting:
        below = leaves(one.node)
        values[below] += one.credit / len(below)
    return OwenValues(values, full, empty, evaluations, is_exact)


def _texts_needed(node: Hierarchy) -> int:
    """Coalitions of a node's children beside none and all, whose values are known."""
    assert not isinstance(node, int)
    if len(node) > MOST_CHILDREN:
        raise ValueError(f"a node of {len(node)} children: 2^k texts are needed, so at most {MOST_CHILDREN}")
    return int(2 ** len(node) - 2) if node else 0


def _subsets(k: int) -> Iterator[tuple[int, ...]]:
    for size in range(k + 1):
        yield from combinations(range(k), size)


def _coalitions(one: _Open) -> Masks:
    """A mask for each coalition of the node's children but none and all: shape (2^k - 2, n)."""
    assert not isinstance(one.node, int)
    below = [leaves(child) for child in one.node]
    rows = []
    for subset in list(_subsets(len(below)))[1:-1]:
        mask = one.context.copy()
        for child in subset:
            mask[below[child]] = True
        rows.append(mask)
    return np.array(rows, dtype=np.bool_).reshape(len(rows), len(one.context))


def _divided(one: _Open, found: Floats) -> Iterator[_Open]:
    """The node's children, beside each coalition of the others."""
    assert not isinstance(one.node, int)
    k, below = len(one.node), [leaves(child) for child in one.node]
    subsets = list(_subsets(k))
    # A node of one child passes its credit on: its coalitions are none and all.
    worth = dict(zip(subsets, [one.empty, *found.tolist(), one.full] if subsets else [], strict=True))
    for subset in subsets:
        context = one.context.copy()
        for child in subset:
            context[below[child]] = True
        share = one.weight * math.factorial(len(subset)) * math.factorial(k - 1 - len(subset)) if len(subset) < k else 0
        for child in set(range(k)) - set(subset):
            joined = worth[tuple(sorted((*subset, child)))]
            yield _Open(one.node[child], context, worth[subset], joined, share / math.factorial(k))


def sample_masks(n: int, samples: int, seed: int) -> Masks:
    """The whole, then texts from which a random number of parts, 1 to n, is left out: shape (samples, n).

    As the authors' text explainer draws them (Ribeiro et al. 2016, marcotcr/lime, `__data_labels_distances`).
    """
    rng = np.random.default_rng(seed)
    masks = np.ones((samples, n), dtype=np.bool_)
    for row in range(1, samples):
        left_out = rng.choice(n, size=int(rng.integers(1, n + 1)), replace=False)
        masks[row, left_out] = False
    return masks


def proximity(masks: Masks, width: float) -> Floats:
    """exp(-D^2 / width^2), with D the cosine distance of a mask from the whole: shape (m,).

    Ribeiro et al. 2016, "Why Should I Trust You?", arXiv 1602.04938, section 3.4. For masks D = 1 - sqrt(kept / n); the
    distance of the empty text is 1.
    """
    distance = 1 - np.sqrt(masks.mean(axis=1))
    weights: Floats = np.exp(-(distance**2) / width**2)
    return weights


def local_linear_fit(masks: Masks, values: npt.ArrayLike, weights: npt.ArrayLike, *, ridge: float = 0.0) -> LinearFit:
    """Weighted least squares of the values on the masks, with an intercept that is not shrunk.

        minimise  sum_j w_j (v_j - b - sum_i z_ji phi_i)^2 + ridge * sum_i phi_i^2

    Where several fits are as good, the one with the smallest coefficients.

    Parameters
    ----------
    masks : bool array, shape (m, n)
    values, weights : array, shape (m,)
        Weights are positive.
    ridge : float
    """
    z, v, w = masks.astype(np.float64), np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    mean_z, mean_v = w @ z / w.sum(), float(w @ v / w.sum())
    root = np.sqrt(w)[:, None]
    rows = np.vstack([root * (z - mean_z), math.sqrt(ridge) * np.eye(z.shape[1])])
    target = np.concatenate([root[:, 0] * (v - mean_v), np.zeros(z.shape[1])])
    coefficients: Floats = np.linalg.lstsq(rows, target)[0]
    intercept = mean_v - float(mean_z @ coefficients)
    residual = float(w @ (v - intercept - z @ coefficients) ** 2)
    spread = float(w @ (v - mean_v) ** 2)
    # Below what rounding makes of equal values there is nothing to explain.
    varies = spread > w.sum() * (1e-12 * max(1.0, float(np.abs(v).max()))) ** 2
    return LinearFit(coefficients, intercept, 1 - residual / spread if varies else math.nan)


def deletion_masks(values: npt.ArrayLike) -> Masks:
    """Row k leaves out the k parts with the largest values: shape (n + 1, n), from the whole to nothing.

    Of equal values the earlier part goes first.
    """
    order = np.argsort(-np.asarray(values, dtype=np.float64), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    masks: Masks = rank[None, :] >= np.arange(len(order) + 1)[:, None]
    return masks


def area_over_deletion_curve(curve: npt.ArrayLike) -> float:
    """Mean drop (1/n) sum_k (v_0 - v_k) as the parts go one by one, k = 1 .. n.

    The larger, the better the attribution knows what the number hangs on. Samek et al. 2017, "Evaluating the
    visualization of what a deep neural network has learned", arXiv 1509.06321 (AOPC, there divided by n + 1).
    """
    found = np.asarray(curve, dtype=np.float64)
    return float((found[0] - found[1:]).mean())


def redistributed(reward: float, weights: npt.ArrayLike, *, beta: float) -> Floats:
    """Spread a reward for the whole over its tokens, the rest of it on the last: shape (T,).

        r_t = beta * alpha_t * r + 1[t = T] (1 - beta) r,    alpha = weights / sum(weights)

    The sum over t is r. Chan et al. 2024, "Dense Reward for Free in Reinforcement Learning from Human Feedback", arXiv
    2402.00782; XanderJC/attention-based-credit.

    Raises
    ------
    ValueError
        Where there is no token, a weight is negative or no number, or none is positive.
    """
    alpha = np.asarray(weights, dtype=np.float64)
    if not len(alpha) or not (alpha >= 0).all() or not 0 < alpha.sum() < math.inf:
        raise ValueError("expected at least one weight, none negative and not all 0")
    values: Floats = beta * reward * (alpha / alpha.sum())
    values[-1] += (1 - beta) * reward
    return values
