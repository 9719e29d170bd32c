"""What every measure gives, and the rows in which it is told."""

from collections.abc import Hashable
from typing import Any, Protocol

from rewards.statistics.agreement import Alpha

REPLICATES = 1_000
MANY_VALUES = 200_000
"""With more answers to a question the bootstrap draws fewer replicates: the interval is narrow, and time is not."""

Items = frozenset[Hashable]
Row = dict[str, Any]
Note = dict[str, Any] | str
"""A `code` of `annotations.quality.said.SENTENCES` with its numbers; empty where there is nothing to say."""


class Measure(Protocol):
    """The answers to one question, and what can be measured of them."""

    def items(self) -> Items:
        """What was judged, as far as it does not influence each other: items, or their tasks."""
        ...

    def over(self, items: Items) -> float:
        """The coefficient over these alone; NaN where it is undefined."""
        ...

    def row(self, seed: int) -> Row:
        """The coefficient with its interval, what it rests on, and figures beside it."""
        ...


class Interval(Protocol):
    """Any figure with its bounds."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def alpha_row(alpha: Alpha, measure: str) -> Row:
    return {
        "measure": measure,
        "value": alpha.value,
        "low": alpha.low,
        "high": alpha.high,
        "n_units": alpha.n_units,
        "n_raters": alpha.n_raters,
        "n_values": alpha.n_values,
        "n_unpaired": alpha.n_unpaired,
        "n_missing": alpha.n_missing,
    }


def part(name: str, found: Interval, *, n: int, note: Note = "") -> Row:
    """A figure beside the coefficient."""
    return {"name": name, "value": found.value, "low": found.low, "high": found.high, "n": n, "note": note}


def replicates(n_values: int, most: int = REPLICATES) -> int:
    return most if n_values <= MANY_VALUES else most // 10


def same(one: Hashable, other: Hashable) -> float:
    """1 for equal answers, else 0."""
    return float(one == other)
