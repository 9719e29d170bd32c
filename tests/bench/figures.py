"""What a benchmark hands back."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number and what it should be.

    `goal` is written as it was set, such as ``"<= 3"``; a figure that only stands beside another has none, and `met`
    is then None.
    """

    name: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        verdict = {True: "met", False: "short", None: "-"}[self.met]
        return f"{self.name:<58} {self.value:>12,.3f} {self.unit:<12} {self.goal or '-':<12} {verdict}"


def at_most(name: str, value: float, unit: str, limit: float) -> Figure:
    """A figure that should not exceed `limit`."""
    return Figure(name, value, unit, f"<= {limit:g}", value <= limit)


def at_least(name: str, value: float, unit: str, limit: float) -> Figure:
    """A figure that should reach `limit`."""
    return Figure(name, value, unit, f">= {limit:g}", value >= limit)
