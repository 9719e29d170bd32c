"""Filters for imported text and for numbers that may be missing."""

import math

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from rewards.markdown import render_markdown

register = template.Library()


@register.filter
def exact(text: str) -> SafeString:
    """Escape `text` so that the browser's text is it, character by character.

    A parser of HTML turns CR and CRLF into LF, which would move every offset after them; as a reference a CR survives.
    """
    return mark_safe(escape(text).replace("\r", "&#13;"))


@register.filter
def markdown(text: str) -> SafeString:
    """`text` rendered from Markdown, inert and for reading only; exactly as it is where it is too long for that."""
    rendered = render_markdown(text)
    return format_html('<div class="raw-text">{}</div>', exact(text)) if rendered is None else mark_safe(rendered)


@register.filter
def signed(value: float | None, digits: int = 3) -> str:
    """A number with its sign and a true minus, to so many significant digits; a dash where there is none."""
    return significant(value, digits, sign="+")


@register.filter
def number(value: float | None, digits: int = 3) -> str:
    """To so many significant digits with a true minus; a dash where there is none."""
    return significant(value, digits)


def significant(value: float | None, digits: int, sign: str = "") -> str:
    """To so many significant digits; a longer number below a million is shown whole, and not as a power of 10."""
    if value is None or math.isnan(value):
        return "–"
    is_long = 10**digits <= abs(value) + 0.5 < 1e6
    shown = f"{value:{sign}.0f}" if is_long else f"{value:{sign}.{digits}g}"
    return "0" if float(shown) == 0 else shown.replace("-", "\u2212")


@register.filter
def share(value: float | None) -> str:
    """A share or a score with two decimals and a true minus; a dash where there is none."""
    return "–" if value is None else f"{value:.2f}".replace("-", "\u2212")


@register.filter
def plain(value: float) -> str:
    """A number as short as it is exact to six digits: 2, 0.5, -1."""
    return f"{value:g}"


@register.filter
def level(value: float) -> str:
    """Which of three looks a share has: ``low``, ``middle`` or ``high``."""
    return "low" if value < 1 / 3 else "high" if value > 2 / 3 else "middle"


@register.filter
def or_none(value: object) -> str:
    """A field of a criterion in words: numbers short, yes and no for flags, "none" for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return plain(value)
    return "none" if value in (None, "") else str(value)


@register.filter
def track_name(layer: int) -> str:
    """How the classes of a signal's looks begin: the first over the text, the next ones in lanes under it."""
    return ("heat", "track-a", "track-b")[layer]
