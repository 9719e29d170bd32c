"""`{% score_bar old new low high %}`: a score as a bar from zero, its former value as a thin bar below it."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_WIDTH = 160.0


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
