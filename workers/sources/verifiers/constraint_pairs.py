"""Pairs of instructions for a text: constraints that it keeps, and some of the same kinds that it breaks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from workers.sources.verifiers.constraints import KINDS, Constraint


class PromptPair(NamedTuple):
    """Two sets of constraints for one text.

    Attributes
    ----------
    chosen, rejected : tuple of Constraint
        The text keeps all of the chosen; of the rejected it breaks those at `broken`, and keeps the others, which are
        the same in both.
    broken : tuple of int
    """

    chosen: tuple[Constraint, ...]
    rejected: tuple[Constraint, ...]
    broken: tuple[int, ...]


def prompt_pair(text: str, *, n_constraints: int, n_broken: int, seed: int) -> PromptPair | None:
    """Two sets of constraints of the same kinds, one that the text keeps and one that it breaks in part.

    Preferences over prompts for a fixed response, x_w over x_l for y (Sun et al. 2025, Multi-Level Aware Preference
    Learning, arXiv 2505.12845): the labels are free, and a critic that prefers x_l has not noticed a broken constraint.

    Parameters
    ----------
    n_constraints, n_broken : int
        1 <= n_broken <= n_constraints.
    seed : int
        The same text and seed give the same pair.

    Returns
    -------
    PromptPair or None
        None where the text gives ground for fewer kinds.
    """
    if not 1 <= n_broken <= n_constraints:
        raise ValueError(
            f"{n_broken} of {n_constraints} constraints broken: expected at least one, and not more than all"
        )
    draw = random.Random(seed)
    proposals = [(kind, proposal) for kind in KINDS.values() if (proposal := kind.propose(text, draw)) is not None]
    if len(proposals) < n_constraints:
        return None
    picked = draw.sample(proposals, n_constraints)
    broken = tuple(sorted(draw.sample(range(n_constraints), n_broken)))
    chosen = tuple(Constraint(kind, proposal.kept) for kind, proposal in picked)
    rejected = tuple(
        Constraint(kind, proposal.broken if place in broken else proposal.kept)
        for place, (kind, proposal) in enumerate(picked)
    )
    return PromptPair(chosen, rejected, broken)


def instructions(constraints: Sequence[Constraint]) -> str:
    """What a policy is told, one line a constraint."""
    return "\n".join(f"- {constraint.instruction}" for constraint in constraints)
