"""Raters whose answers somebody settled on from those of others: they count once, and never beside them.

One rule, wherever answers are pooled into a number, a majority or a truth. Where nobody is named, settled answers are
left out (`without_settled`). Where they are asked for beside others, the settled one stands in the place of whatever
others answered to the same (`settled_first`). Where neither can be told apart any more, as in the inputs of a recipe,
naming both is refused.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

PREFIX: Final = "adjudicated-"
"""Starts the pseudonym of such a rater; the number of a campaign follows."""

MARK: Final = "adjudication"
"""The entry of a judgment's `presentation` that says from which settled answer it comes."""


class Known(Protocol):
    """Anything known by a pseudonym, such as a `rewards.models.Rater`."""

    @property
    def pseudonym(self) -> str: ...


R = TypeVar("R", bound=Known)
Row = TypeVar("Row")


def is_settled(rater: Known) -> bool:
    """Whether its answers are those that somebody settled on."""
    return rater.pseudonym.startswith(PREFIX)


def without_settled(raters: Iterable[R]) -> list[R]:
    """Whose answers are pooled where nobody is named."""
    return [rater for rater in raters if not is_settled(rater)]


def settled_first(rows: Sequence[Row], *, unit: Callable[[Row], Hashable], settled: Callable[[Row], bool]) -> list[Row]:
    """The answers without those in whose place a settled one stands.

    Parameters
    ----------
    rows : sequence
        Answers of any raters.
    unit : callable
        What an answer is about: the output, the pair, the criterion on the output.
    settled : callable
        Whether it is one that somebody settled on.
    """
    units = {unit(row) for row in rows if settled(row)}
    return [row for row in rows if settled(row) or unit(row) not in units]
