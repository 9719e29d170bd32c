"""Markdown of hostile texts: what can be read stays, nothing that leads anywhere or loads anything does."""

import re
from html.parser import HTMLParser

import pytest

from rewards.formulas import LOOKS, MAX_FORMULA, MAX_NESTING, mathml_of
from rewards.markdown import MAX_FORMULAS, MAX_MATHML, MAX_RENDERED, render_markdown
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
    r"$\href{javascript:alert(1)}{x}$ $\url{https://evil.test}$ $\style{position:fixed}{x}$ $\class{x}{y}$",
    r"$\text{<img src=x onerror=alert(1)>}$ \(\text{</mtext><style><img src=x onerror=alert(1)>}\)",
    '$\\text{"onmouseover=alert(1)}$ $\\operatorname{</math><script>alert(1)</script>}$',
    r"$\color{red}{x}$ $\hspace{9999cm}y$ \[\begin{align}x\label{evil}\end{align}\] $\eqref{evil}$",
    r"$$\begin{array}{l|r}\text{<!--}&</mtd><a href=//evil.test>\\ \hline -->\end{array}$$",
]


OF_MATHML = {
    *("accent", "accentunder", "display", "displaystyle", "form", "linethickness", "lspace", "mathvariant", "maxsize"),
    *("minsize", "movablelimits", "notation", "rspace", "scriptlevel", "stretchy", "symmetric", "width"),
}


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
        assert set(attributes) <= {"class"} | OF_MATHML
        assert re.fullmatch(r"(md-[\w-]+ ?)*", attributes.get("class") or "")


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


@pytest.mark.parametrize(
    ("text", "display", "words"),
    [
        ("so $a_1*b*c_2$ is", None, "ab∗c"),
        (r"so \(x_i\) is", None, "xi"),
        ("so $$z$$ is", "block", "z"),
        (r"so \[z\] is", "block", "z"),
        ("$$\na\n- b\n$$", "block", "a−b"),
        ("\\[\na\n+ b\n- c\n\\]", "block", "a+b−c"),
        ("> \\[\n> a\n> + b\n> \\]", "block", "a+b"),
        ("1. \\[ a\n   - b \\]", "block", "a−b"),
        ("\\begin{align*}\na &= b\n\\end{align*}", "block", "a=b"),
    ],
)
def test_a_formula_is_mathml_within_its_delimiters_and_no_emphasis_or_list(
    text: str, display: str | None, words: str
) -> None:
    seen = seen_in(text)
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("math") == 1
    assert dict(seen.tags)["math"].get("display") == display
    assert not {"em", "ul", "code", "pre"} & set(tags)
    assert set(words) <= set(seen.words)


def test_a_matrix_has_its_rows_and_an_aligned_formula_its_sides() -> None:
    tags = [tag for tag, _ in seen_in(r"\[\begin{pmatrix} a & b & c \\ d & e & f \end{pmatrix}\]").tags]
    assert (tags.count("mtable"), tags.count("mtr"), tags.count("mtd")) == (1, 2, 6)
    aligned = seen_in("$$\n\\begin{aligned} a &= b \\\\ &= c \\end{aligned}\n$$").tags
    looks = [attributes["class"] for tag, attributes in aligned if tag == "mtd"]
    assert looks == ["md-right md-close-right", "md-left md-close-left"] * 2
    assert set(" ".join(looks).split()) <= LOOKS


def test_a_formula_that_cannot_be_read_is_shown_as_typed() -> None:
    text = r"so $\foo{x}$ and \(\frac{a}\) and \[{\] and $\def\a{x}\a$"
    seen = seen_in(text)
    assert [tag for tag, _ in seen.tags] == ["p", *["code"] * 4]
    assert seen.words.strip() == text


def test_what_models_write_beyond_plain_latex_is_read() -> None:
    for formula in (
        r"a = b \tag{1}",
        r"a = b \\ c = d",
        r"\begin{split} a &= b \end{split}",
        r"\mbox{so} \boxed{42}",
        r"5{,}000 \% \$",
    ):
        assert mathml_of(formula, display=True) is not None, formula
    # Numbers that the text does not have are not made up.
    assert "(1)" not in str(mathml_of(r"\begin{align} a &= b \end{align}", display=True))


def test_amounts_of_money_are_no_formula() -> None:
    for text in ("It costs $5 or $10.", "From $5 to $6 (US$7).", "$5 a share, or CA$ and more", "$20 per day/US$."):
        assert render_markdown(text) == f"<p>{text}</p>\n"


def test_no_formula_exhausts_the_stack_or_the_page() -> None:
    brackets = "{" * MAX_NESTING + "x" + "}" * MAX_NESTING
    assert mathml_of(brackets, display=True) is not None
    assert mathml_of("{" + brackets + "}", display=True) is None
    assert mathml_of("{" * (MAX_FORMULA // 2), display=True) is None
    assert mathml_of("x" * (MAX_FORMULA + 1), display=True) is None
    # As deep as commands without braces can go: three and more characters a level.
    for command in (r"\frac1", r"\sqrt ", r"\hat ", r"\bm ", r"\sqrt[3]", r"\boxed ", r"\left("):
        mathml_of(command * (MAX_FORMULA // len(command)), display=True)
    assert render_markdown("$" + r"\frac{" * 5_000 + "x" + "}" * 5_000) is None

    many = seen_in("$x$ " * (MAX_FORMULAS + 7)).tags
    assert [sum(tag == kind for tag, _ in many) for kind in ("math", "code")] == [MAX_FORMULAS, 7]
    # A prime is one character, and 19 as MathML: there is room for two such formulas.
    rendered = render_markdown(("$x" + "'" * 1_900 + "$ ") * 10) or ""
    assert rendered.count("<math") == 2
    assert len(rendered) < MAX_MATHML + 10 * MAX_RENDERED


@pytest.mark.parametrize(
    ("opening", "closing"), [("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"), (r"\begin{align}", r"\end{align}")]
)
def test_the_end_of_a_formula_is_looked_for_no_further_than_a_formula_goes(opening: str, closing: str) -> None:
    # From every opening, so that a text of openings would otherwise take the square of its length: six seconds of "$$".
    lines = "x+\n" * (MAX_FORMULA // 3)
    assert "md-formula" not in (render_markdown(f"{opening}\n{lines}{closing}") or "")
    assert "<math" in (render_markdown(f"{opening}\n{lines[:300]}x\n{closing}") or "")


def test_a_text_that_is_too_long_to_be_rendered_is_shown_as_it_is_stored() -> None:
    long = "<b>" + "*" * MAX_RENDERED
    assert render_markdown(long) is None
    assert markdown(long) == f'<div class="raw-text">&lt;b&gt;{"*" * MAX_RENDERED}</div>'
