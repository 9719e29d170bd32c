"""What the pages of fits and artefacts draw: losses as lines, and metrics in words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 34, 28
_LEGEND_STEP = 110
_TICKS = 4


class Tick(NamedTuple):
    place: float
    text: str


class Line(NamedTuple):
    """One series as the points of an SVG polyline; a single point is drawn as a dot."""

    label: str
    css_class: str
    points: str
    dots: list[tuple[float, float]]
    legend_x: int
    """Where its name stands above the picture."""


class Curve(NamedTuple):
    """Losses over steps, ready to be drawn in a view box of `width` by `height`."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    in_words: str


class Measure(NamedTuple):
    """One row of a table of metrics; None where it is not defined."""

    name: str
    train: str
    held_out: str
    note: str


def loss_curve(points: Sequence[Mapping[str, float | None]]) -> Curve | None:
    """The curve of a fit; None with fewer than two points."""
    train = _series(points, "train")
    held_out = _series(points, "held_out")
    if len(train) < 2:
        return None
    values = [value for _, value in [*train, *held_out]]
    low, high = min(values), max(values)
    low, high = (low - 0.5, high + 0.5) if high == low else (low, high)
    first, last = train[0][0], max(train[-1][0], train[0][0] + 1)

    def x(step: float) -> float:
        return round(_LEFT + (step - first) / (last - first) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 1)

    lines = [
        Line(
            label,
            css_class,
            " ".join(f"{x(step)},{y(value)}" for step, value in series),
            [(x(step), y(value)) for step, value in series] if with_dots else [],
            _LEFT + place * _LEGEND_STEP,
        )
        for place, (label, css_class, series, with_dots) in enumerate(
            (("training", "series-1", train, False), ("held out", "series-2", held_out, True))
        )
        if series
    ]
    words = f"Loss from {train[0][1]:.3g} to {train[-1][1]:.3g} in {last - first:g} steps"
    words += f"; held out {held_out[-1][1]:.3g} at the end" if held_out else ""
    steps = [first + (last - first) * place / _TICKS for place in range(_TICKS + 1)]
    heights = [low + (high - low) * place / _TICKS for place in range(_TICKS + 1)]
    return Curve(
        WIDTH,
        HEIGHT,
        _LEFT,
        WIDTH - _RIGHT,
        HEIGHT - _BOTTOM,
        lines,
        [Tick(x(step), f"{step:.0f}") for step in steps],
        [Tick(y(value), f"{value:.3g}") for value in heights],
        words,
    )


def measures(metrics: Mapping[str, Any]) -> list[Measure]:
    """The metrics that there are, on what was trained on and on what was held out."""
    train, held_out = metrics.get("train") or {}, metrics.get("held_out") or {}
    rows = [
        Measure("Outputs", _count(train), _count(held_out), "desirable among them in brackets"),
        Measure("AUROC", _estimate(train, "auroc"), _estimate(held_out, "auroc"), "0.5 is chance"),
        Measure("Accuracy", _estimate(train, "accuracy"), _estimate(held_out, "accuracy"), "at probability 1/2"),
        Measure(
            "Most frequent label",
            _plain(train, "majority"),
            _plain(held_out, "majority"),
            "accuracy of always saying it",
        ),
        Measure("Cross-entropy", _plain(train, "loss"), _plain(held_out, "loss"), "0.693 is a coin"),
        Measure("AUROC of shortness", "", _estimate(held_out, "shortness"), "what length alone would reach"),
        Measure("Novelty", _spread(train), _spread(held_out), "median, from the 5th to the 95th percentile"),
        Measure(
            "AUROC of another prompt", "", _estimate(held_out, "mismatch"), "an output beside another task's prompt"
        ),
    ]
    return [row for row in rows if row.train or row.held_out]


def _series(points: Sequence[Mapping[str, float | None]], name: str) -> list[tuple[float, float]]:
    found = ((point.get("step"), point.get(name)) for point in points)
    return [(float(step), float(value)) for step, value in found if step is not None and value is not None]


def _count(part: Mapping[str, Any]) -> str:
    if "n" not in part:
        return ""
    return f"{part['n']:,}" + (f" ({part['desirable']:,})" if "desirable" in part else "")


def _plain(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name)
    return "" if value is None else f"{value:.3f}"


def _estimate(part: Mapping[str, Any], name: str) -> str:
    if name not in part:
        return ""
    found = part[name]
    if found is None:
        return "not defined: one label only"
    interval = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
    return f"{found['value']:.3f}{interval}"


def _spread(part: Mapping[str, Any]) -> str:
    found = part.get("novelty")
    return f"{found['median']:.3g} [{found['q05']:.3g}, {found['q95']:.3g}]" if found else ""
