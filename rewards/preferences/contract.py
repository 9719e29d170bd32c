"""What a preference loss declares, and the stored pairs and log-probs that it is previewed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Rows


@dataclass(frozen=True, eq=False)
class PairLogProbs:
    """n pairs of a chosen and a rejected output, with the log-probs (nats) of their tokens.

    Attributes
    ----------
    chosen, rejected : Rows
        Under the policy: one number a token, NaN where unknown.
    chosen_reference, rejected_reference : Rows or None
        Under the reference, on the same tokens.

    Raises
    ------
    ValueError
        For another number of pairs, other tokens, or one reference without the other.
    """

    chosen: Rows
    rejected: Rows
    chosen_reference: Rows | None = None
    rejected_reference: Rows | None = None

    def __post_init__(self) -> None:
        if len(self.chosen) != len(self.rejected):
            raise ValueError(f"{len(self.chosen)} chosen outputs and {len(self.rejected)} rejected: expected as many")
        if (self.chosen_reference is None) != (self.rejected_reference is None):
            raise ValueError("the reference's log-probs of one side: expected those of both, or of neither")
        sides = (("chosen", self.chosen, self.chosen_reference), ("rejected", self.rejected, self.rejected_reference))
        for name, policy, reference in sides:
            if reference is not None and not reference.level.same_as(policy.level):
                raise ValueError(f"{name}: the reference's log-probs stand on other tokens than the policy's")

    def __len__(self) -> int:
        return len(self.chosen)

    def ratios(self) -> tuple[Rows, Rows]:
        """``log pi - log pi_ref`` of each token, chosen and rejected.

        Raises
        ------
        ValueError
            Without a reference.
        """
        if self.chosen_reference is None or self.rejected_reference is None:
            raise ValueError("this loss needs the reference's log-probs")
        return (
            self.chosen.with_values(self.chosen.values - self.chosen_reference.values),
            self.rejected.with_values(self.rejected.values - self.rejected_reference.values),
        )


class LossPreview(NamedTuple):
    """What a loss makes of n pairs.

    A pair in which a log-prob is unknown is unscored: everything of it is NaN.
    """

    losses: Floats
    """Shape (n,)."""
    margins: Floats
    """The implicit reward of the chosen output less that of the rejected one: shape (n,)."""
    chosen_weights: Rows
    """The pull on each token: minus the derivative of the pair's loss by the token's log-prob, above 0 where it is
    pushed up."""
    rejected_weights: Rows


@dataclass(frozen=True, slots=True)
class PreferenceLoss:
    """One loss.

    Attributes
    ----------
    name : str
        Lower snake case.
    apply : callable
        Pure: ``apply(pairs, **parameters) -> LossPreview``.
    needs_reference : bool
    """

    name: str
    label: str
    summary: str
    formula: str
    papers: tuple[Paper, ...]
    parameters: tuple[Parameter, ...]
    apply: Callable[..., LossPreview]
    needs_reference: bool = True


def whole(rows: Rows, weights: Floats | None = None) -> Floats:
    """The weighted sum over each output: shape (n,), NaN where a token is unknown, for it is no sum without it."""
    values = rows.values if weights is None else rows.values * weights
    return np.bincount(rows.level.output, values, minlength=len(rows)).astype(np.float64)


def spread(rows: Rows, pulls: Floats, weights: Floats | None = None) -> Rows:
    """One number an output on each of its tokens, times the token's weight."""
    values = pulls[rows.level.output]
    return rows.with_values(values if weights is None else values * weights)
