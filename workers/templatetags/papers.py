"""`{{ paper|with_links }}`: a citation in which arXiv numbers lead to the paper."""

import re

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_ARXIV = re.compile(r"(arXiv[\s:]*)(\d{4}\.\d{4,5}(?:v\d+)?)")


@register.filter
def with_links(paper: str) -> SafeString:
    """The text with a link around each arXiv number; everything else is escaped."""
    pieces = _ARXIV.split(paper)
    # Words, then "arXiv " and number by turns: split() keeps both groups.
    linked = [
        format_html(
            '{}<a href="https://arxiv.org/abs/{}" rel="noreferrer">{}{}</a>',
            pieces[place],
            pieces[place + 2],
            pieces[place + 1],
            pieces[place + 2],
        )
        for place in range(0, len(pieces) - 1, 3)
    ]
    return format_html("{}{}", format_html_join("", "{}", ((one,) for one in linked)), pieces[-1])
