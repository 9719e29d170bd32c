"""Regret curves as SVG: one line a strategy on common axes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

WIDTH, HEIGHT = 640.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 10.0, 26.0
TICKS = 4


class Line(NamedTuple):
    """`points` and `band` are coordinates for polyline and polygon; the band is a standard error to either side."""

    label: str
    css_class: str
    points: str
    band: str
    regret: float
    error: float | None
    found: float
    asked: float


class Tick(NamedTuple):
    at: float
    text: str


class Plot(NamedTuple):
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def plot(result: Mapping[str, Any]) -> Plot:
    """Lines from the lowest regret at the end to the highest, on axes from 0."""
    curves = sorted(result["curves"], key=lambda curve: curve["regret"][-1])
    end: float = max(curve["at"][-1] for curve in curves)
    most: float = max(max(curve["regret"]) for curve in curves) or 1.0

    def x(answers: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * answers / end

    def y(regret: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * regret / most

    lines = []
    for number, curve in enumerate(curves, start=1):
        rows = list(zip(curve["at"], curve["regret"], [error or 0.0 for error in curve["error"]], strict=True))
        upper = [(x(at), y(min(value + error, most))) for at, value, error in rows]
        lower = [(x(at), y(max(value - error, 0.0))) for at, value, error in rows]
        lines.append(
            Line(
                curve["label"],
                f"series-{number}",
                _path([(x(at), y(value)) for at, value, _ in rows]),
                _path([*upper, *reversed(lower)]),
                curve["regret"][-1],
                curve["error"][-1],
                curve["found"],
                curve["asked"],
            )
        )
    steps = [index / TICKS for index in range(TICKS + 1)]
    return Plot(
        lines,
        [Tick(round(x(end * step), 1), f"{end * step:,.0f}") for step in steps],
        [Tick(round(y(most * step), 1), f"{most * step:,.{0 if most >= 10 else 1}f}") for step in steps],
    )


def _path(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
