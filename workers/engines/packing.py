"""Cutting a list of texts of mixed lengths into batches that waste little padding."""

from collections.abc import Sequence


def pack_by_length(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Group indices so that texts of like length share a batch and padded tokens stay under a budget.

    Parameters
    ----------
    lengths : sequence of int, shape (n,)
        Tokens of each text.
    token_budget : int
        Bound of rows times the longest row. A text longer than the budget stands alone.

    Returns
    -------
    list of list of int
        Every index once; longest first, so that a budget that is too high fails at the start.
    """
    batches: list[list[int]] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batches and (len(batches[-1]) + 1) * longest <= token_budget:
            batches[-1].append(index)
            continue
        batches.append([index])
        longest = max(1, lengths[index])
    return batches
