"""Markdown of hostile texts as inert HTML, to be read and never to be measured: offsets belong to the text as stored.

Nothing in the result leads anywhere or loads anything. A link is its words with the address written out, a picture is
its caption with the address, HTML is shown as it was typed, and a formula is shown as its source.
"""

from collections.abc import Sequence
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

MAX_RENDERED: Final = 20_000
"""Characters. Parsing time grows with the square of some texts' lengths, and a page shows several of them."""

_TAGS: Final = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "ul", "ol", "li", "pre", "code"),
    *("em", "strong", "s", "table", "thead", "tbody", "tr", "th", "td", "span"),
}
_CLASSES: Final = {
    "span": {"md-link", "md-address", "md-picture"},
    "code": {"md-formula"},
    "pre": {"md-formula"},
}
_FORMULAS: Final = ("math_inline", "math_inline_double", "math_block")
_MAX_FORMULA: Final = 2_000
"""Characters up to which the end of a formula is looked for: from every beginning, so that without it a text of many
beginnings would take the square of its length."""
_MAX_FORMULA_LINES: Final = 40
_CLOSED_BY: Final = {r"\(": r"\)", r"\[": r"\]"}


def render_markdown(text: str) -> str | None:
    """HTML in which `text` can be read: CommonMark with tables, strikethrough and formulas, line breaks kept.

    Parameters
    ----------
    text : str
        Hostile.

    Returns
    -------
    str or None
        Inert HTML without links, pictures, attributes other than our own classes, and scripts; None for a text of more
        than `MAX_RENDERED` characters, which is shown as it is stored.
    """
    if len(text) > MAX_RENDERED:
        return None
    # The parser already escapes HTML. The second lock does not trust the first, nor its plugins.
    return nh3.clean(
        _parser().render(text), tags=_TAGS, attributes={"ol": {"start"}}, allowed_classes=_CLASSES, link_rel=None
    )


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    # "$5 and $10" is no formula.
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True, allow_labels=False)
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
        return _formula(tokens[index], "code")

    math_inline_double = math_inline

    def math_block(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return _formula(tokens[index], "pre")


def _bracketed(state: StateInline, silent: bool) -> bool:
    r"""``\(x\)`` and ``\[x\]`` within a paragraph; without this rule the backslashes would be read as escapes."""
    begin = state.pos + 2
    closing = _CLOSED_BY.get(state.src[state.pos : begin])
    end = -1 if closing is None else state.src.find(closing, begin, begin + _MAX_FORMULA)
    if end < 0:
        return False
    if not silent:
        state.push("math_inline", "math", 0).content = state.src[begin:end]
    state.pos = end + 2
    return True


def _displayed(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    r"""``\[`` at the beginning of a line up to ``\]`` at the end of one: lines of sums would be read as lists."""
    begin = state.bMarks[first] + state.tShift[first]
    if not state.src.startswith(r"\[", begin):
        return False
    for line in range(first, min(last, first + _MAX_FORMULA_LINES)):
        end = state.eMarks[line]
        if state.isEmpty(line) or end - begin > _MAX_FORMULA:
            return False
        if state.src[begin + 2 : end].rstrip().endswith(r"\]"):
            break
    else:
        return False
    if not silent:
        state.push("math_block", "math", 0).content = state.src[begin + 2 : end].rstrip()[:-2]
        state.line = line + 1
    return True


def _formula(token: Token, tag: str) -> str:
    return f'<{tag} class="md-formula">{escapeHtml(token.content.strip())}</{tag}>'


def _address(address: str) -> str:
    return f' <span class="md-address">({escapeHtml(address)})</span>'


def _opening(tokens: Sequence[Token], closing: int) -> int:
    """Links do not nest, so that the nearest opening is the one."""
    return next(index for index in range(closing, -1, -1) if tokens[index].type == "link_open")
