"""Hostile text and offsets: the one module that checks text, hashes it, and converts and names positions in it.

Positions are Unicode code points of text that is never normalised, which is what Python's ``str`` counts. Browsers
count UTF-16 code units; they are converted here and nowhere else.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]

CONTEXT: Final = 32
"""Code points before and after a stretch that tell it from the same words elsewhere."""

_REFUSED = re.compile("[\x00\ud800-\udfff]")

# Scripts written without spaces: "the word around here" cannot be seen from the characters, so each one stands alone.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Join two letters into one word when they stand between them: apostrophes, hyphens, the middle dot of Catalan.
_WORD_JOINERS = frozenset("'\u2019-\u2010\u2011\u00b7")
# Never begin a character that a reader sees: joiners, variation selectors, emoji skin tones.
_ZERO_WIDTH_JOINER = "\u200d"


class Span(NamedTuple):
    """A stretch of one message of an output: ``start`` inclusive, ``end`` exclusive, in code points."""

    message: int
    start: int
    end: int


class QuoteSelector(NamedTuple):
    """A stretch named by its words, as in the W3C Web Annotation model: it survives where offsets do not."""

    exact: str
    prefix: str
    suffix: str


def check_text(text: str) -> None:
    """Refuse text that PostgreSQL or UTF-8 cannot hold.

    Raises
    ------
    ValueError
        Names the first NUL or lone surrogate and its position in code points.
    """
    found = _REFUSED.search(text)
    if found is None:
        return
    if found.group() == "\x00":
        raise ValueError(f"NUL character at position {found.start()}: expected text without NUL characters")
    raise ValueError(
        f"lone surrogate U+{ord(found.group()):04X} at position {found.start()}: expected well-formed Unicode text"
    )


def sha256_text(text: str) -> str:
    """The SHA-256 of the text's UTF-8 bytes, in hex; the text must have passed `check_text`."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def to_utf16(text: str, offset: int) -> int:
    """Convert one code-point offset to UTF-16 code units; see `to_utf16_many`."""
    return int(to_utf16_many(text, [offset])[0])


def to_utf16_many(text: str, offsets: Sequence[int] | Offsets) -> Offsets:
    """Convert code-point offsets to UTF-16 code units.

    Parameters
    ----------
    text : str
        The text that the offsets point into.
    offsets : sequence of int, shape (n,)
        Each from 0 to ``len(text)``.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        Where an offset lies outside the text.
    """
    wanted = np.asarray(offsets, dtype=np.int64)
    _check_range(wanted, len(text), "code points")
    return wanted.copy() if text.isascii() else _utf16_positions(text)[wanted]


def from_utf16_many(text: str, offsets: Sequence[int] | Offsets) -> Offsets:
    """Convert UTF-16 code-unit offsets to code points.

    Parameters
    ----------
    text : str
        The text that the offsets point into.
    offsets : sequence of int, shape (n,)
        Each from 0 to the text's length in UTF-16 code units.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        Where an offset lies outside the text, or between the two halves of a surrogate pair.
    """
    wanted = np.asarray(offsets, dtype=np.int64)
    if text.isascii():
        _check_range(wanted, len(text), "UTF-16 code units")
        return wanted.copy()
    positions = _utf16_positions(text)
    _check_range(wanted, int(positions[-1]), "UTF-16 code units")
    found = np.searchsorted(positions, wanted)
    split = positions[found] != wanted
    if split.any():
        raise ValueError(
            f"UTF-16 offset {wanted[split][0]} lies inside a surrogate pair: expected the boundary of a character"
        )
    return found.astype(np.int64)


def check_span(span: Span, messages: Sequence[str], *, end_of_sequence: bool = False) -> None:
    """Refuse a span that does not lie within the messages.

    Parameters
    ----------
    span : Span
    messages : sequence of str
        The texts of the output's messages.
    end_of_sequence : bool
        Also accept the zero-width span at the end of the last message, where a reward for the whole output sits.

    Raises
    ------
    ValueError
        Says what was expected.
    """
    message, start, end = span
    if not 0 <= message < len(messages):
        raise ValueError(f"message {message}: expected 0 to {len(messages) - 1} (the output has {len(messages)})")
    length = len(messages[message])
    if not 0 <= start <= end <= length:
        raise ValueError(
            f"span {start}-{end} of message {message}: expected 0 <= start < end <= {length}, the length of the text"
        )
    if start < end or (end_of_sequence and end == length and message == len(messages) - 1):
        return
    allowed = " (a zero-width span is allowed only at the end of the last message)" if end_of_sequence else ""
    raise ValueError(f"span {start}-{end} of message {message} is empty: expected start < end{allowed}")


def quote(text: str, span: Span) -> str:
    """The characters that a span covers in its message's text; ValueError where it lies outside the text."""
    if not 0 <= span.start <= span.end <= len(text):
        raise ValueError(f"span {span.start}-{span.end}: expected 0 <= start <= end <= {len(text)}")
    return text[span.start : span.end]


def quote_selector(text: str, start: int, end: int, context: int = CONTEXT) -> QuoteSelector:
    """Name a stretch by its words and up to ``context`` code points on each side."""
    exact = quote(text, Span(0, start, end))
    return QuoteSelector(exact, text[max(0, start - context) : start], text[end : end + context])


def find_again(text: str, selector: QuoteSelector) -> tuple[int, int] | None:
    """Find the stretch a selector names: (start, end) in code points.

    None where prefix, words and suffix do not stand in the text one after another, and where they stand there more than
    once: which of the places was meant, nobody could say. An empty quotation is found nowhere.
    """
    whole = "".join((selector.prefix, selector.exact, selector.suffix))
    at = text.find(whole) if selector.exact else -1
    if at < 0 or text.find(whole, at + 1) >= 0:
        return None
    start = at + len(selector.prefix)
    return start, start + len(selector.exact)


def word_bounds(text: str, start: int, end: int) -> tuple[int, int]:
    """Snap a selection to whole words, or to whole visible characters where there is no word.

    White space at either end is dropped, then each end is moved outwards to the edge of the word it lies in. A word is
    a run of letters, digits, underscores and combining marks, with apostrophes and hyphens between them; characters
    of scripts written without spaces stand alone. Emoji sequences are never cut.

    Returns
    -------
    (int, int)
        Code points. A selection of white space alone, or an empty one, is returned unchanged.

    Raises
    ------
    ValueError
        Where the selection lies outside the text.
    """
    chosen = quote(text, Span(0, start, end))
    if not chosen.strip():
        return start, end
    start += len(chosen) - len(chosen.lstrip())
    end -= len(chosen) - len(chosen.rstrip())
    while start > 0 and _holds_together(text, start):
        start -= 1
    while end < len(text) and _holds_together(text, end):
        end += 1
    return start, end


def is_unspaced(character: str) -> bool:
    """Whether the character is of a script written without spaces, in which each one stands alone."""
    return _UNSPACED.match(character) is not None


def word_cuts(text: str) -> bytearray:
    """Of each position of the text, whether it lies within a word or a visible character, as `word_bounds` knows them.

    One pass, whatever the text: what a position cuts may depend on a run of flags or marks as long as the text.

    Returns
    -------
    bytearray, length len(text) + 1
        1 where cutting there would part what belongs together; 0 at both ends.
    """
    cuts = bytearray(len(text) + 1)
    base = earlier = ""
    regional = 0
    for at in range(1, len(text)):
        before, after = text[at - 1], text[at]
        # The last character before `at`, and before `before`, that is not a combining mark.
        earlier, base = base, base if base and _extends(before) else before
        regional = regional + 1 if _is_regional(before) else 0
        if _extends(after) or before == _ZERO_WIDTH_JOINER:
            cuts[at] = 1
        elif regional and _is_regional(after):
            cuts[at] = regional % 2
        elif before in _WORD_JOINERS:
            cuts[at] = at > 1 and _is_word(earlier) and _is_word(after)
        elif after in _WORD_JOINERS:
            cuts[at] = at + 1 < len(text) and _is_word(base) and _is_word(text[at + 1])
        else:
            cuts[at] = _is_word(after) and _is_word(base)
    return cuts


def _holds_together(text: str, at: int) -> bool:
    """Whether the characters before and after position ``at`` belong to one word or one visible character."""
    before, after = text[at - 1], text[at]
    if _extends(after) or before == _ZERO_WIDTH_JOINER:
        return True
    if _is_regional(before) and _is_regional(after):
        return _regional_run(text, at) % 2 == 1
    if before in _WORD_JOINERS:
        return at > 1 and _is_word(_base_before(text, at - 1)) and _is_word(after)
    if after in _WORD_JOINERS:
        return at + 1 < len(text) and _is_word(_base_before(text, at)) and _is_word(text[at + 1])
    return _is_word(after) and _is_word(_base_before(text, at))


def _base_before(text: str, at: int) -> str:
    """The last character before ``at`` that is not a combining mark (the first character if all are)."""
    at -= 1
    while at > 0 and _extends(text[at]):
        at -= 1
    return text[at]


def _is_word(character: str) -> bool:
    return (character.isalnum() or character == "_") and _UNSPACED.match(character) is None


def _extends(character: str) -> bool:
    """Whether the character belongs to the one before it: combining marks, joiners, variation selectors, skin tones."""
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or character in (_ZERO_WIDTH_JOINER, "\u200c")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _regional_run(text: str, at: int) -> int:
    """How many regional indicators end at ``at``: two make a flag, so an odd count means that ``at`` cuts one."""
    first = at
    while first > 0 and _is_regional(text[first - 1]):
        first -= 1
    return at - first


def _utf16_positions(text: str) -> Offsets:
    """The UTF-16 offset of every code-point boundary, shape (len(text) + 1,)."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    positions = np.zeros(len(points) + 1, dtype=np.int64)
    np.cumsum(1 + (points > 0xFFFF), out=positions[1:])
    return positions


def _check_range(offsets: Offsets, length: int, unit: str) -> None:
    outside = (offsets < 0) | (offsets > length)
    if outside.any():
        raise ValueError(f"offset {offsets[outside][0]} lies outside the text: expected 0 to {length} {unit}")
