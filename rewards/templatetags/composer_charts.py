"""What the composer draws, as SVG that is coloured by class: terms over tokens, spread, intervals, advantages.

Only numbers and escaped names are written; a chart's words stand in its label, and a table beside it has the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import numpy as np
from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from rewards.composer.findings import Distribution, Group
from rewards.composer.operators import Bars, Example
from rewards.composer.text import Lane, Piece, ShownOutput
from rewards.shaping.rows import Floats
from rewards.templatetags.texts import exact, number, signed

register = template.Library()

_WIDTH: Final = 600
_LEFT: Final = 46
_STACK: Final = 170
_LANE: Final = 44
_GAP: Final = 20
_SERIES: Final = 6
"""Series 7 is the result's own."""


def series_of(index: int) -> str:
    """The colour class of the term at a place."""
    return f"series-{index % _SERIES + 1}"


@register.filter
def series(index: int) -> str:
    """The same, for the legend."""
    return series_of(index)


@register.simple_tag
def token_chart(shown: ShownOutput) -> SafeString:
    """The terms of a reward over one output's segments: stacked where they add up, else one lane each."""
    if shown.is_stacked:
        return _stacked(shown)
    lanes = [(index, lane) for index, lane in enumerate(shown.lanes) if lane.level != "output"]
    if shown.result.level != "output":
        lanes.append((-1, shown.result))
    return _lanes([(lane, "series-7" if index < 0 else series_of(index)) for index, lane in lanes])


def _stacked(shown: ShownOutput) -> SafeString:
    columns = np.stack([np.nan_to_num(lane.values) for lane in shown.lanes])
    ups, downs = np.maximum(columns, 0), np.minimum(columns, 0)
    scale = _Scale(
        min(float(downs.sum(axis=0).min(initial=0)), _low(shown.result.values)),
        max(float(ups.sum(axis=0).max(initial=0)), _high(shown.result.values)),
        _STACK,
        8,
    )
    paths = []
    for parts in (ups, downs):
        tops = np.cumsum(parts, axis=0)
        for index, top in enumerate(tops):
            base = tops[index - 1] if index else np.zeros_like(top)
            if (top != base).any():
                paths.append((series_of(index), _area(scale, base, top)))
    areas = format_html_join("", '<path class="{}" d="{}"/>', paths)
    line = format_html('<path class="line composer-result" d="{}"/>', _line(scale, shown.result.values))
    words = f"{len(shown.lanes)} terms stacked over {shown.n_rows} segments; the table says the same in numbers"
    return _svg(_STACK + 16, words, _axis(scale), areas, line)


def _lanes(lanes: Sequence[tuple[Lane, str]]) -> SafeString:
    drawn = []
    for row, (lane, style) in enumerate(lanes):
        top = row * (_LANE + _GAP) + _GAP
        scale = _Scale(_low(lane.values), _high(lane.values), _LANE, top)
        drawn.append(
            format_html(
                '<text x="0" y="{}">{}</text>{}<path class="{}" d="{}"/>',
                top - 6,
                lane.label,
                _axis(scale),
                style,
                _area(scale, np.zeros(len(lane.values)), np.nan_to_num(lane.values)),
            )
        )
    words = f"{len(lanes)} rewards, each on its own segments and scale; the table says the same in numbers"
    return _svg(len(lanes) * (_LANE + _GAP) + _GAP, words, *drawn)


class _Scale:
    """From values to whole units of the drawing, zero included."""

    def __init__(self, low: float, high: float, height: int, top: int) -> None:
        self.low, self.high = min(low, 0.0), max(high, 0.0)
        if self.low == self.high:
            self.high = 1.0
        self.height, self.top = height, top

    def y(self, value: float) -> int:
        return self.top + round((self.high - value) / (self.high - self.low) * self.height)

    def ys(self, values: Floats) -> list[int]:
        scaled = (self.high - values) / (self.high - self.low) * self.height
        found: list[int] = (self.top + np.rint(np.nan_to_num(scaled))).astype(np.int64).tolist()
        return found


def _low(values: Floats) -> float:
    return float(np.nanmin(values)) if (~np.isnan(values)).any() else 0.0


def _high(values: Floats) -> float:
    return float(np.nanmax(values)) if (~np.isnan(values)).any() else 0.0


def _xs(n_segments: int) -> list[int]:
    edges: list[int] = np.rint(np.linspace(_LEFT, _WIDTH, n_segments + 1)).astype(np.int64).tolist()
    return edges


def _area(scale: _Scale, base: Floats, top: Floats) -> str:
    """A closed outline of steps; runs of equal steps are one."""
    if not len(top):
        return ""
    xs, bases, tops = _xs(len(top)), scale.ys(base), scale.ys(top)
    return f"M{xs[0]} {tops[0]}{_steps(xs, tops)}V{bases[-1]}{_steps(xs[::-1], bases[::-1])}Z"


def _steps(xs: Sequence[int], ys: Sequence[int]) -> str:
    ends = [index for index in range(1, len(ys)) if ys[index] != ys[index - 1]]
    return "".join([f"V{ys[index - 1]}H{xs[index]}" for index in (*ends, len(ys))])


def _line(scale: _Scale, values: Floats) -> str:
    """Steps that break where there is no number."""
    xs, ys = _xs(len(values)), scale.ys(values)
    unscored = np.isnan(values).tolist()
    parts: list[str] = []
    at = 0
    for (y, missing), run in groupby(zip(ys, unscored, strict=True)):
        end = at + sum(1 for _ in run)
        if not missing:
            is_start = at == 0 or unscored[at - 1]
            parts.append(f"M{xs[at]} {y}H{xs[end]}" if is_start else f"V{y}H{xs[end]}")
        at = end
    return "".join(parts)


def _axis(scale: _Scale) -> SafeString:
    """The zero line, and the ends of the scale in numbers."""
    ends = [(scale.y(value), number(value)) for value in (scale.low, scale.high) if value]
    labels = format_html_join(
        "", '<text x="{}" y="{}" text-anchor="end">{}</text>', ((_LEFT - 8, y + 4, w) for y, w in ends)
    )
    zero = scale.y(0)
    return format_html(
        '{}<text x="{}" y="{}" text-anchor="end">0</text><line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>',
        labels,
        _LEFT - 8,
        zero + 4,
        _LEFT,
        zero,
        _WIDTH,
        zero,
    )


def _svg(height: int, words: str, *parts: SafeString) -> SafeString:
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        _WIDTH,
        height,
        words,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


@register.simple_tag
def painted_text(pieces: Sequence[Piece]) -> SafeString:
    """A text with a reward over it: each stretch with a colour class and its number, escaped like any stored text.

    Written here and not in the template: a long output has hundreds of pieces, and is drawn at each step of a slider.
    """
    return mark_safe("".join([_painted(piece) for piece in pieces]))


def _painted(piece: Piece) -> str:
    text = exact(piece.text)
    if not piece.look:
        return text
    return (
        f'<span class="{piece.look}" title="{"unscored" if piece.value is None else signed(piece.value)}">{text}</span>'
    )


@register.simple_tag
def histogram(found: Distribution, style: str = "series-1") -> SafeString:
    """Outputs by reward: bars of equal width, a line at the mean, the ends in numbers."""
    if not found.counts:
        return mark_safe("")
    most, width, height = max(found.counts), 400, 110
    step = width / len(found.counts)
    bars = format_html_join(
        "",
        '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"><title>{} to {}: {}</title></rect>',
        (
            (
                style,
                f"{index * step:.1f}",
                f"{height - height * count / most:.1f}",
                f"{max(step - 1, 1):.1f}",
                f"{height * count / most:.1f}",
                number(found.edges[index]),
                number(found.edges[index + 1]),
                count,
            )
            for index, count in enumerate(found.counts)
            if count
        ),
    )
    span = found.edges[-1] - found.edges[0]
    mean = (found.mean - found.edges[0]) / span * width
    words = (
        f"{found.n_scored} outputs from {number(found.low)} to {number(found.high)}, mean {number(found.mean)}, "
        f"median {number(found.median)}"
    )
    return format_html(
        '<svg class="chart" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}'
        '<line class="axis" x1="0" y1="{4}" x2="{0}" y2="{4}"/>'
        '<line class="reference" x1="{5}" y1="0" x2="{5}" y2="{4}"/>'
        '<text x="0" y="{6}">{7}</text><text x="{0}" y="{6}" text-anchor="end">{8}</text></svg>',
        width,
        height + 18,
        words,
        bars,
        height,
        f"{mean:.1f}",
        height + 14,
        number(found.edges[0]),
        number(found.edges[-1]),
    )


@register.simple_tag
def interval_chart(value: float, low: float, high: float, start: float, end: float, centre: float) -> SafeString:
    """A value with its interval on a scale from `start` to `end`, with a line at `centre`; nothing where undefined."""
    if math.isnan(value):
        return mark_safe("")

    def x(at: float) -> str:
        return f"{(min(max(at, start), end) - start) / (end - start) * 200:.1f}"

    known = not math.isnan(low)
    bar = (
        format_html(
            '<line class="interval" x1="{0}" y1="9" x2="{1}" y2="9"/><line class="interval" x1="{0}" y1="5" x2="{0}" '
            'y2="13"/><line class="interval" x1="{1}" y1="5" x2="{1}" y2="13"/>',
            x(low),
            x(high),
        )
        if known
        else mark_safe("")
    )
    words = f"{number(value)}, between {number(low)} and {number(high)}" if known else number(value)
    return format_html(
        '<svg class="chart interval-chart" viewBox="0 0 200 18" role="img" aria-label="{}">'
        '<line class="gridline" x1="0" y1="9" x2="200" y2="9"/>'
        '<line class="axis" x1="{}" y1="0" x2="{}" y2="18"/>{}<circle class="series-1" cx="{}" cy="9" r="4"/></svg>',
        words,
        x(centre),
        x(centre),
        bar,
        x(value),
    )


@register.simple_tag
def advantage_strip(group: Group, advantages: Sequence[float], reach: float) -> SafeString:
    """The advantages of one group's outputs as dots on a scale that all groups share; none where nothing is scored."""
    known = [advantages[place] for place in group.members if not math.isnan(advantages[place])]
    if not known or reach <= 0:
        return mark_safe("")
    dots = format_html_join(
        "",
        '<circle class="{}" cx="{}" cy="9" r="4"/>',
        (("series-1" if value >= 0 else "series-2", f"{100 + value / reach * 94:.1f}") for value in known),
    )
    words = ", ".join(number(value) for value in sorted(known, reverse=True))
    return format_html(
        '<svg class="chart interval-chart" viewBox="0 0 200 18" role="img" aria-label="{}">'
        '<line class="gridline" x1="0" y1="9" x2="200" y2="9"/>'
        '<line class="axis" x1="100" y1="0" x2="100" y2="18"/>{}</svg>',
        f"Advantages {words}",
        dots,
    )


@register.simple_tag
def output_bars(lanes: Iterable[Lane], result: Lane) -> SafeString:
    """The terms of one number an output as bars from a common zero, the result last."""
    rows = [(lane.label, lane.total, series_of(index)) for index, lane in enumerate(lanes)]
    rows.append((result.label, result.total, "series-7"))
    known = [total for _, total, _ in rows if total is not None]
    if not known:
        return mark_safe("")
    low, high = min(0.0, *known), max(0.0, *known)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return 190 + (value - low) / span * 350

    drawn = format_html_join(
        "",
        '<text x="180" y="{}" text-anchor="end">{}</text>{}<text class="chart-value" x="{}" y="{}">{}</text>',
        (
            (
                24 * index + 16,
                _clipped(label),
                mark_safe("")
                if total is None
                else format_html(
                    '<rect class="bar {}" x="{}" y="{}" width="{}" height="14"/>',
                    style,
                    f"{min(x(0), x(total)):.1f}",
                    24 * index + 5,
                    f"{max(abs(x(total) - x(0)), 1):.1f}",
                ),
                f"{max(x(0), x(total or 0)) + 6:.1f}",
                24 * index + 16,
                number(total),
            )
            for index, (label, total, style) in enumerate(rows)
        ),
    )
    axis = format_html('<line class="axis" x1="{0}" y1="0" x2="{0}" y2="{1}"/>', f"{x(0):.1f}", 24 * len(rows))
    return _svg(24 * len(rows) + 4, "Terms of this output’s reward; the table says the same in numbers", drawn, axis)


@register.simple_tag
def operator_picture(example: Example) -> SafeString:
    """What went into an operator as thin bars, and what came out as thick ones, each row on its own scale."""
    rows = [*example.inputs, example.result]
    known = [value for row in rows for value in row.values if not math.isnan(value)]
    drawn = [_example_row(row, index * 44, is_result=row is example.result) for index, row in enumerate(rows)]
    words = "; ".join(f"{row.label}: {', '.join(number(value, 2) for value in row.values)}" for row in rows)
    return format_html(
        '<svg class="chart" viewBox="0 0 256 {}" role="img" aria-label="{}">{}</svg>',
        44 * len(rows) + 4,
        words if known else "nothing is scored",
        format_html_join("", "{}", ((row,) for row in drawn)),
    )


def _example_row(row: Bars, top: int, *, is_result: bool) -> SafeString:
    known = [value for value in row.values if not math.isnan(value)]
    scale = _Scale(min(known, default=0.0), max(known, default=0.0), 26, top + 16)
    step = 256 / max(len(row.values), 1)
    bars = format_html_join(
        "",
        '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (
                "series-1" if is_result else "series-7",
                f"{index * step + (1 if is_result else step / 4):.1f}",
                min(scale.y(value), scale.y(0)),
                f"{step - 2 if is_result else step / 2:.1f}",
                max(abs(scale.y(value) - scale.y(0)), 1),
                number(value),
            )
            for index, value in enumerate(row.values)
            if not math.isnan(value)
        ),
    )
    breaks = format_html_join(
        "",
        '<line class="gridline" x1="{0}" y1="{1}" x2="{0}" y2="{2}"/>',
        ((f"{place * step:.1f}", top + 16, top + 42) for place in row.breaks),
    )
    ends = f"{number(scale.low)} to {number(scale.high)}"
    return format_html(
        '<text x="0" y="{0}">{1}</text><text x="256" y="{0}" text-anchor="end">{2}</text>{3}{4}'
        '<line class="axis" x1="0" y1="{5}" x2="256" y2="{5}"/>',
        top + 11,
        row.label,
        ends,
        breaks,
        bars,
        scale.y(0),
    )


def _clipped(name: str) -> str:
    return name if len(name) <= 28 else name[:27] + "…"
