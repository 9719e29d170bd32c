"""How often rewards order the outputs of a task the same way: what to look at before composing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rewards.shaping.rows import Floats, Ints, Rows
from rewards.shaping.terms import check_groups


class Consistency(NamedTuple):
    """Pairwise agreement of rewards.

    Attributes
    ----------
    agreement : ndarray of float64, shape (k + 1, k + 1)
        The holistic reward first, then the aspects: the share of pairs that both rewards order the same way, of those
        that both order; NaN where there is no such pair. Symmetric; 1 on the diagonal, where it orders any.
    n_pairs : ndarray of int64, shape (k + 1, k + 1)
        How many pairs both order.
    n_ties : ndarray of int64, shape (k + 1, k + 1)
        Pairs that both score and at least one leaves equal: they say nothing about agreement.
    """

    agreement: Floats
    n_pairs: Ints
    n_ties: Ints


def consistency_matrix(holistic: Rows, aspects: Sequence[Rows], groups: Ints) -> Consistency:
    """Pairwise agreement of each aspect with the holistic reward, and of the aspects with each other.

    ALaRM (arXiv 2403.06754) keeps the aspects that order pairs of outputs of one task as the holistic reward does.

    Parameters
    ----------
    holistic : Rows
        One number an output.
    aspects : sequence of Rows, length k
        On any level; a dense one counts by the sum of what is scored.
    groups : ndarray of int64, shape (n,)
        Which task each output answers, numbered from 0. Only outputs of one task are compared.

    Raises
    ------
    ValueError
        For another number of groups, or rewards of another number of outputs.

    Notes
    -----
    O(k^2 P) for P pairs within tasks, in as many rounds as the largest task has outputs.
    """
    check_groups(groups, holistic)
    for index, aspect in enumerate(aspects):
        if len(aspect) != len(holistic):
            raise ValueError(f"aspect {index} has {len(aspect)} outputs: expected {len(holistic)}")
    scores = np.stack([holistic.total(), *(aspect.total() for aspect in aspects)])
    order = np.argsort(groups, kind="stable")
    task, ordered = groups[order], scores[:, order]
    size = len(scores)
    same, ordering, scored = (np.zeros((size, size)) for _ in range(3))
    largest = int(np.bincount(groups).max(initial=0)) if len(groups) else 0
    for distance in range(1, largest):
        within = task[distance:] == task[:-distance]
        differences = (ordered[:, distance:] - ordered[:, :-distance])[:, within]
        known = (~np.isnan(differences)).astype(np.float64)
        signs = np.nan_to_num(np.sign(differences))
        decided = np.abs(signs)
        scored += known @ known.T
        ordering += decided @ decided.T
        # Signs that agree multiply to 1, signs that do not to -1.
        same += (signs @ signs.T + decided @ decided.T) / 2
    agreement = np.divide(same, ordering, out=np.full((size, size), np.nan), where=ordering > 0)
    return Consistency(agreement, ordering.astype(np.int64), (scored - ordering).astype(np.int64))
