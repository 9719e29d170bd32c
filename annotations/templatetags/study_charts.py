"""`{% curve_chart curves words %}`: values with intervals over 1, 2, 4 ... draws, as SVG that is coloured by class.

`{{ share|as_percent }}`: a share in words.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_LEFT: Final = 52
_ACROSS: Final = 420
_LEAST_STEP: Final = 60
_HEIGHT: Final = 180
_TOP: Final = 12


class CurvePoint(NamedTuple):
    """A value at one number of draws; the interval is None where it is undefined."""

    draws: int
    value: float
    low: float | None
    high: float | None


class Curve(NamedTuple):
    name: str
    style: str
    """A class of signals.css, such as ``series-1``."""
    points: list[CurvePoint]


@register.filter
def as_percent(share: float | None) -> str:
    """A share from 0 to 1 with one decimal; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


@register.simple_tag
def curve_chart(curves: Sequence[Curve], words: str) -> SafeString:
    """Draw the curves on one scale, each number of draws at the same distance from the next."""
    draws = sorted({point.draws for curve in curves for point in curve.points})
    values = [
        value
        for curve in curves
        for point in curve.points
        for value in (point.value, point.low, point.high)
        if value is not None
    ]
    if not values:
        return mark_safe("")
    scale = _Scale(draws, min(values), max(values))
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>',
        scale.width,
        _TOP + _HEIGHT + 22,
        words,
        _axes(scale, draws),
        format_html_join("", "{}", ((_curve(scale, curve),) for curve in curves)),
    )


class _Scale:
    def __init__(self, draws: Sequence[int], low: float, high: float) -> None:
        self.places = {count: place for place, count in enumerate(draws)}
        self.low, self.high = (low, high) if high > low else (low - 0.5, high + 0.5)
        gaps = max(len(draws) - 1, 1)
        self.step = max(_ACROSS / gaps, _LEAST_STEP)
        self.width = round(_LEFT + self.step * gaps + 40)

    def x(self, draws: int) -> str:
        return f"{_LEFT + 16 + self.step * self.places[draws]:.1f}"

    def y(self, value: float) -> str:
        return f"{_TOP + (self.high - value) / (self.high - self.low) * _HEIGHT:.1f}"


def _axes(scale: _Scale, draws: Sequence[int]) -> SafeString:
    middle = (scale.low + scale.high) / 2
    lines = format_html_join(
        "",
        '<line class="gridline" x1="{0}" y1="{2}" x2="{1}" y2="{2}"/><text x="{3}" y="{2}" dy="4" text-anchor="end">'
        "{4}</text>",
        (
            (_LEFT, scale.width, scale.y(value), _LEFT - 8, f"{value:.3g}".replace("-", "\u2212"))
            for value in (scale.low, middle, scale.high)
        ),
    )
    ticks = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        ((scale.x(count), _TOP + _HEIGHT + 18, count) for count in draws),
    )
    return format_html("{}{}", lines, ticks)


def _curve(scale: _Scale, curve: Curve) -> SafeString:
    known = [(point.draws, point.low, point.high) for point in curve.points]
    bars = format_html_join(
        "",
        '<line class="interval" x1="{0}" y1="{1}" x2="{0}" y2="{2}"/>',
        (
            (scale.x(draws), scale.y(low), scale.y(high))
            for draws, low, high in known
            if low is not None and high is not None
        ),
    )
    line = " ".join(f"{scale.x(point.draws)},{scale.y(point.value)}" for point in curve.points)
    dots = format_html_join(
        "",
        '<circle class="{}" cx="{}" cy="{}" r="4"><title>{}: {} at {}</title></circle>',
        (
            (curve.style, scale.x(point.draws), scale.y(point.value), curve.name, f"{point.value:.4g}", point.draws)
            for point in curve.points
        ),
    )
    return format_html('<g>{}<polyline class="line {}" points="{}"/>{}</g>', bars, curve.style, line, dots)
