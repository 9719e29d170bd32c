"""How long something takes, in words."""

from datetime import datetime

from django import template

register = template.Library()


@register.filter
def duration(seconds: float | None) -> str:
    """`90` as "1 min 30 s"; two units at most, since an estimate is no more exact."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 1:
        return "less than 1 s"
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


@register.filter
def elapsed(start: datetime, end: datetime) -> str:
    """The time between two moments."""
    return duration((end - start).total_seconds())
