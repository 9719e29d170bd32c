"""`{% score_bar old new low high %}`: a score as a bar from zero, its former value as a thin bar below it.

`{% bump_chart comparison %}`: outputs as lines through their places under each scoring rule.
"""

from collections.abc import Sequence
from itertools import pairwise

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from rewards.rule_comparison import OutputLine, RuleComparison

register = template.Library()

_WIDTH = 160.0

_SERIES = 8
_ROW = 22
_TOP = 34
_SIDE = 124
_COLUMN = 88
_LONGEST_NAME = 20


@register.simple_tag
def score_bar(old: float | None, new: float | None, low: float, high: float) -> SafeString:
    """Draw both scores on the scale from `low` to `high`, which holds zero; nothing for a score that is missing."""
    zero = -low / (high - low) * _WIDTH
    bars = format_html(
        '{}{}<line class="axis" x1="{}" y1="0" x2="{}" y2="16"/>',
        _bar(new, low, high, zero, y=1, height=9, style="series-1"),
        _bar(old, low, high, zero, y=12, height=3, style="series-7"),
        f"{zero:.1f}",
        f"{zero:.1f}",
    )
    words = f"{_words(new)}, was {_words(old)}"
    return format_html('<svg class="chart" viewBox="0 0 160 16" role="img" aria-label="{}">{}</svg>', words, bars)


def _bar(value: float | None, low: float, high: float, zero: float, *, y: int, height: int, style: str) -> SafeString:
    if value is None:
        return mark_safe("")
    end = (value - low) / (high - low) * _WIDTH
    return format_html(
        '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"/>',
        style,
        f"{min(zero, end):.1f}",
        y,
        f"{abs(end - zero):.1f}",
        height,
    )


def _words(value: float | None) -> str:
    return "no score" if value is None else f"{value:.2f}"


@register.simple_tag
def bump_chart(comparison: RuleComparison) -> SafeString:
    """Draw the shown outputs through their places under each rule that gives a score; the best stands on top.

    A line breaks where a rule gives the output no score. Equal scores share the best of their places, so lines meet;
    the names at both ends stand one below the other.
    """
    columns, lines = comparison.drawn, comparison.lines
    if not columns or len(lines) < 2:
        return mark_safe("")
    width, height = 2 * _SIDE + (len(columns) - 1) * _COLUMN, _TOP + len(lines) * _ROW + 6
    words = f"Places of {len(lines)} outputs under {len(columns)} scoring rules; the table says the same in numbers"
    return format_html(
        '<svg class="chart bump" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}{}</svg>',
        width,
        height,
        words,
        _heads([comparison.rules[column].rule.title for column in columns], height),
        format_html_join("", "{}", ((_line(line, index, columns),) for index, line in enumerate(lines))),
        _names(lines, columns[0], _SIDE - 10, "end"),
        _names(lines, columns[-1], _x(len(columns) - 1) + 10, "start"),
    )


def _heads(titles: Sequence[str], height: int) -> SafeString:
    """Every other title stands lower: side by side they would run into each other."""
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text><line class="gridline" x1="{}" y1="{}" x2="{}" y2="{}"/>',
        (
            (_x(place), 10 + 13 * (place % 2), title, _x(place), _TOP - 6, _x(place), height)
            for place, title in enumerate(titles)
        ),
    )


def _line(line: OutputLine, index: int, columns: Sequence[int]) -> SafeString:
    """One output's points, and the segments between neighbouring rules that both score it."""
    style = f"series-{index % _SERIES + 1}"
    points = [None if (at := line.places[column]) is None else _y(at) for column in columns]
    segments = format_html_join(
        "",
        '<line class="line {}" x1="{}" y1="{}" x2="{}" y2="{}"/>',
        (
            (style, _x(place), here, _x(place + 1), there)
            for place, (here, there) in enumerate(pairwise(points))
            if here is not None and there is not None
        ),
    )
    dots = format_html_join(
        "",
        '<circle class="{}" cx="{}" cy="{}" r="4"/>',
        ((style, _x(place), point) for place, point in enumerate(points) if point is not None),
    )
    return format_html("<g><title>{}</title>{}{}</g>", line.name, segments, dots)


def _names(lines: Sequence[OutputLine], column: int, x: int, anchor: str) -> SafeString:
    placed = sorted(
        ((place, index) for index, line in enumerate(lines) if (place := line.places[column]) is not None),
    )
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        ((x, _y(row) + 4, anchor, _clipped(lines[index].name)) for row, (_, index) in enumerate(placed, start=1)),
    )


def _x(place: int) -> int:
    return _SIDE + place * _COLUMN


def _y(row: int) -> int:
    return _TOP + row * _ROW - _ROW // 2


def _clipped(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
