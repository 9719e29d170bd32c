"""Markdown of hostile texts as inert HTML, to be read and never to be measured: offsets belong to the text as stored.

Nothing in the result leads anywhere or loads anything. A link is its words with the address written out, a picture is
its caption with the address, HTML is shown as it was typed, and a formula is MathML, or as it was typed where it cannot
be read.
"""

import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from rewards.formulas import LOOKS, MAX_FORMULA, mathml_of

MAX_RENDERED: Final = 20_000
"""Characters. Parsing time grows with the square of some texts' lengths, and a page shows several of them."""

MAX_FORMULAS: Final = 500
MAX_MATHML: Final = 100_000
"""Characters of MathML in one text, five times as many as it may have itself. Formulas beyond either are shown as they
were typed."""

_MATHML: Final = {
    "math": {"display"},
    "menclose": {"notation"},
    "mfrac": {"displaystyle", "linethickness", "scriptlevel"},
    "mi": {"mathvariant"},
    "mmultiscripts": set[str](),
    "mn": set[str](),
    "mo": {"form", "lspace", "maxsize", "minsize", "movablelimits", "rspace", "stretchy", "symmetric"},
    "mover": {"accent"},
    "mpadded": set[str](),
    "mphantom": set[str](),
    "mprescripts": set[str](),
    "mroot": set[str](),
    "mrow": {"displaystyle", "scriptlevel"},
    "mspace": {"width"},
    "msqrt": set[str](),
    "msub": set[str](),
    "msubsup": set[str](),
    "msup": set[str](),
    "mtable": {"displaystyle", "scriptlevel"},
    "mtd": set[str](),
    "mtext": set[str](),
    "mtr": set[str](),
    "munder": {"accentunder"},
    "munderover": set[str](),
}
"""Elements and their attributes: none that leads anywhere, none that the reader can act on, and no other language's."""
_TAGS: Final = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "ul", "ol", "li", "pre", "code"),
    *("em", "strong", "s", "b", "i", "table", "thead", "tbody", "tr", "th", "td", "span"),
    *_MATHML,
}
_CLASSES: Final = {
    "span": {"md-link", "md-address", "md-picture", "md-math", "md-display"},
    "code": {"md-formula"},
    "pre": {"md-formula"},
    "mtd": set(LOOKS),
}
_FORMULAS: Final = ("math_inline", "math_inline_double", "math_block")
_CLOSED_BY: Final = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
_DISPLAYED: Final = re.compile(r"\\\[|\$\$|\\begin\{((?:equation|align|alignat|gather|multline)\*?)\}")
_BLANK_LINE: Final = re.compile(r"\n[ \t]*\n")
_AMOUNT: Final = re.compile(r"\d[\d.,]*[kKmMbB]?[\s/–-]+(?:[A-Za-z][\s,.;]+)?[A-Za-z]{2}")
"""How what stands between two dollars begins where they are currency: "$5 a share, or CA$"."""


def render_markdown(text: str) -> str | None:
    """HTML in which `text` can be read: CommonMark with tables, strikethrough and formulas, line breaks kept.

    Parameters
    ----------
    text : str
        Hostile.

    Returns
    -------
    str or None
        Inert HTML without links, pictures and scripts, whose attributes are our own classes and those of MathML; None
        for a text of more than `MAX_RENDERED` characters, which is shown as it is stored.
    """
    if len(text) > MAX_RENDERED:
        return None
    # The parser already escapes HTML. The second lock does not trust the first, nor its plugins.
    return _cleaner().clean(_parser().render(text))


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TAGS,
        attributes={"ol": {"start"}, **{element: names for element, names in _MATHML.items() if names}},
        allowed_classes=_CLASSES,
        link_rel=None,
    )


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    # "$5 and $10" is no formula.
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True, allow_labels=False)
    # Looks for the end of each block through all of the text; ours stops at the longest formula.
    parser.disable("math_block")
    parser.inline.ruler.before("escape", "bracketed_formula", _bracketed)
    parser.block.ruler.before("fence", "displayed_formula", _displayed, {"alt": ["paragraph", "list", "blockquote"]})
    # The plugin brings its own looks under these names.
    for name in _FORMULAS:
        parser.add_render_rule(name, getattr(_Renderer, name))
    return parser


class _Renderer(RendererHTML):
    """What differs from plain HTML: nothing that can be followed or loaded."""

    def link_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return '<span class="md-link">'

    def link_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        opening = _opening(tokens, index)
        address = str(tokens[opening].attrs.get("href", ""))
        words = "".join(token.content for token in tokens[opening + 1 : index])
        return f"</span>{'' if tokens[opening].markup == 'autolink' or words == address else _address(address)}"

    def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        caption = escapeHtml(self.renderInlineAsText(token.children, options, env)) or "without a caption"
        return f'<span class="md-picture">Picture: {caption}{_address(str(token.attrs.get("src", "")))}</span>'

    def math_inline(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return _formula(tokens[index], env)

    math_inline_double = math_inline
    math_block = math_inline


def _bracketed(state: StateInline, silent: bool) -> bool:
    r"""``\(x\)`` and ``\[x\]`` within a paragraph; without this rule the backslashes would be read as escapes."""
    begin = state.pos + 2
    markup = state.src[state.pos : begin]
    closing = _CLOSED_BY.get(markup) if markup.startswith("\\") else None
    end = -1 if closing is None else state.src.find(closing, begin, begin + MAX_FORMULA)
    if end < 0:
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content, token.markup = state.src[begin:end], markup
    state.pos = end + 2
    return True


def _displayed(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    r"""``\[``, ``$$`` or ``\begin{align}`` at the beginning of a line up to its end at the end of one.

    Lines of sums would be read as lists. The end is looked for up to the longest formula only: from every beginning, so
    that without it a text of many beginnings would take the square of its length.
    """
    begin = state.bMarks[first] + state.tShift[first]
    opening = _DISPLAYED.match(state.src, begin)
    if opening is None:
        return False
    closing = rf"\end{{{opening[1]}}}" if opening[1] else _CLOSED_BY[opening[0]]
    end = state.src.find(closing, opening.end(), opening.end() + MAX_FORMULA)
    if end < 0 or _BLANK_LINE.search(state.src, begin, end):
        return False
    line = first
    while line < last and state.eMarks[line] < end:
        line += 1
    if line == last or state.src[end + len(closing) : state.eMarks[line]].strip():
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.markup = opening[0]
        # Without the marks of the quotations and lists that it stands in.
        whole = state.getLines(first, line + 1, state.blkIndent, False).strip()
        token.content = whole if opening[1] else whole.removeprefix(opening[0]).removesuffix(closing)
        state.line = line + 1
    return True


def _formula(token: Token, env: MutableMapping[str, Any]) -> str:
    content = token.content.strip()
    if token.markup == "$" and _AMOUNT.match(content):
        return escapeHtml(f"${token.content}$")
    env["formulas"] = env.get("formulas", 0) + 1
    is_displayed = token.markup not in ("$", r"\(")
    mathml = mathml_of(content, display=is_displayed) if env["formulas"] <= MAX_FORMULAS else None
    room = env.get("room", MAX_MATHML) - len(mathml or "")
    if mathml is None or room < 0:
        return _as_typed(token)
    env["room"] = room
    return f'<span class="{"md-display" if is_displayed else "md-math"}">{mathml}</span>'


def _as_typed(token: Token) -> str:
    typed = f"{token.markup}{token.content}{_CLOSED_BY[token.markup]}" if token.markup in _CLOSED_BY else token.content
    tag = "pre" if token.type == "math_block" else "code"
    return f'<{tag} class="md-formula">{escapeHtml(typed)}</{tag}>'


def _address(address: str) -> str:
    return f' <span class="md-address">({escapeHtml(address)})</span>'


def _opening(tokens: Sequence[Token], closing: int) -> int:
    """Links do not nest, so that the nearest opening is the one."""
    return next(index for index in range(closing, -1, -1) if tokens[index].type == "link_open")
