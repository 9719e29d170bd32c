"""What every strategy gives: the pending items in order, each with a reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from annotations.active.evidence import Evidence

MAX_WORDS = 200


class MissingError(Exception):
    """What the strategy reads is not there. Its message is for the person who leads the campaign."""


@dataclass(frozen=True)
class Ranked:
    """The pending items, first to be asked first.

    Attributes
    ----------
    items : list of (int, str)
        Ids of items with the reason for their place.
    seen : int
        How many answers or scores it was made from.
    details : mapping
        What the campaign's page shows beside it, as JSON.
    """

    items: list[tuple[int, str]]
    seen: int
    details: Mapping[str, Any] = field(default_factory=dict)


Rank = Callable[[Evidence, np.random.Generator], Ranked]


@dataclass(frozen=True)
class Strategy:
    """One way to rank. `needs` says in words what it reads."""

    name: str
    label: str
    needs: str
    rank: Rank
    wants_scorer: bool = False


def ranked_by(evidence: Evidence, values: npt.ArrayLike, why: Sequence[str], *, seen: int, **details: Any) -> Ranked:
    """Pending items by value, the largest first; NaN, which is not known, comes last; equal ones keep their order."""
    known = np.asarray(values, dtype=np.float64)
    order = np.argsort(np.where(np.isnan(known), np.inf, -known), kind="stable")
    items = [(evidence.pending[place].pk, why[place][:MAX_WORDS]) for place in order]
    return Ranked(items, seen, details)


def chosen_scores(evidence: Evidence) -> tuple[dict[int, float], str]:
    """The numbers of the scorer that the plan names, by output, and what they are called; MissingError without any."""
    if not evidence.scorer:
        raise MissingError("No scorer is chosen.")
    scalar = evidence.chosen
    if scalar is None or not scalar.scores:
        raise MissingError("The chosen scorer has scored none of these outputs.")
    return scalar.scores, scalar.name
