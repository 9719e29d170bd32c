"""Pictures of single answers: a probability against its prior, a number on its scale."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_WIDTH = 120.0
_MOST_TICKS = 12
_AXIS = mark_safe('<line class="axis" x1="0" y1="10" x2="120" y2="10"/>')


@register.simple_tag
def probability_bar(probability: float, prior: float | None = None) -> SafeString:
    """A bar from 0 to 1 with a mark at the prior; the numbers stand beside it, so it is hidden from readers aloud."""
    mark = "" if prior is None else _line(prior * _WIDTH, 0, 10, "prior")
    return format_html(
        '<svg class="chart chart-bar" viewBox="0 0 120 10" aria-hidden="true">'
        '<rect class="track" x="0" y="2" width="120" height="6"/>'
        '<rect class="bar series-1" x="0" y="2" width="{}" height="6"/>{}</svg>',
        f"{max(0.0, min(1.0, probability)) * _WIDTH:.1f}",
        mark,
    )


@register.simple_tag
def rating_scale(value: float | None, low: float, high: float) -> SafeString:
    """A dot on the scale from `low` to `high`, with a tick at each whole step where these are few."""
    steps = int(high) - int(low) + 1
    ticks = [step for step in range(int(low), int(high) + 1) if low <= step <= high] if steps <= _MOST_TICKS else []
    lines = format_html_join("", "{}", ((_line(_place(tick, low, high), 7, 13, "gridline"),) for tick in ticks))
    dot = (
        ""
        if value is None
        else format_html('<circle class="series-1" cx="{}" cy="10" r="4.5"/>', f"{_place(value, low, high):.1f}")
    )
    return format_html(
        '<svg class="chart chart-scale" viewBox="-6 0 132 26" aria-hidden="true">{}{}{}'
        '<text x="0" y="25" text-anchor="middle">{}</text><text x="120" y="25" text-anchor="middle">{}</text></svg>',
        _AXIS,
        lines,
        dot,
        f"{low:g}",
        f"{high:g}",
    )


def _place(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) * _WIDTH


def _line(x: float, top: int, bottom: int, style: str) -> SafeString:
    return format_html('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', style, f"{x:.1f}", top, f"{x:.1f}", bottom)
