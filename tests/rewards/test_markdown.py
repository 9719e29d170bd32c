"""Markdown of hostile texts: what can be read stays, nothing that leads anywhere or loads anything does."""

import re
from html.parser import HTMLParser

import pytest

from rewards.markdown import MAX_RENDERED, render_markdown
from rewards.templatetags.texts import markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    '[a](<https://evil.test/"onmouseover="alert(1)>)',
    '[a](https://evil.test "title\\" onclick=alert(1)")',
    "![p](https://tracker.test/pixel.png?who=ann)",
    "[![p](https://tracker.test/p.png)](https://evil.test)",
    "<https://evil.test>",
    "[r]\n\n[r]: https://evil.test '<script>'",
    '```"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n```',
    "$</code><script>alert(1)</script>$ and \\(<svg/onload=alert(1)>\\)",
    "\\[\n</pre><iframe src=//evil.test>\n\\]",
    "| <style>*{display:none}</style> |\n|:-:|\n| <form action=//evil.test> |",
    "<a href=https://evil.test style=position:fixed>all of the page</a>",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
]


class Seen(HTMLParser):
    """Every tag with its attributes, and the words between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def seen_in(text: str) -> Seen:
    seen = Seen()
    seen.feed(render_markdown(text) or "")
    return seen


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_hostile_text_runs_leads_anywhere_or_is_loaded(text: str) -> None:
    dead = {"a", "img", "script", "style", "svg", "iframe", "form", "link", "object", "input", "base", "meta"}
    for tag, attributes in seen_in(text).tags:
        assert tag not in dead
        assert set(attributes) <= {"class"}
        assert all(re.fullmatch(r"(md-\w+)?", value or "") for value in attributes.values())


def test_markup_is_shown_as_it_was_typed() -> None:
    assert seen_in("a <b onclick=x>bold</b> claim").words.strip() == "a <b onclick=x>bold</b> claim"


def test_a_link_shows_where_it_would_lead() -> None:
    assert seen_in("See [your bank](https://evil.test/login).").words.strip() == (
        "See your bank (https://evil.test/login)."
    )
    assert seen_in("<https://a.test>").words.strip() == "https://a.test"


def test_a_picture_is_its_caption_and_its_address() -> None:
    assert seen_in("![A *red* cat](https://a.test/cat.png)").words.strip() == (
        "Picture: A red cat (https://a.test/cat.png)"
    )


def test_code_tables_lists_and_line_breaks_are_laid_out() -> None:
    seen = seen_in("# Title\n\n4. four\n5. *five*\n\n```py\nx  = 1\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\none\ntwo")
    tags = [tag for tag, _ in seen.tags]
    assert {"h1", "ol", "li", "em", "pre", "code", "table", "th", "td", "br"} <= set(tags)
    assert dict(seen.tags)["ol"] == {"start": "4"}
    assert "x  = 1\n" in seen.words


def test_a_formula_is_its_source_and_no_emphasis_or_list() -> None:
    seen = seen_in("$a_1*b*c_2$, \\(x_i\\) and $$z$$\n\n\\[\na\n+ b\n- c\n\\]")
    assert [tag for tag, _ in seen.tags] == ["p", "code", "code", "code", "pre"]
    assert seen.words.split() == ["a_1*b*c_2,", "x_i", "and", "z", "a", "+", "b", "-", "c"]


def test_amounts_of_money_are_no_formula() -> None:
    assert render_markdown("It costs $5 or $10.") == "<p>It costs $5 or $10.</p>\n"


def test_a_text_that_is_too_long_to_be_rendered_is_shown_as_it_is_stored() -> None:
    long = "<b>" + "*" * MAX_RENDERED
    assert render_markdown(long) is None
    assert markdown(long) == f'<div class="raw-text">&lt;b&gt;{"*" * MAX_RENDERED}</div>'
