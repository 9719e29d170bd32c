"""How an output is cut into segments: sentences, steps, turns, a tokenizer's tokens.

Every builder here makes a partition: each character of each message lies in exactly one segment, white space with the
segment before it. A change of a builder's behaviour takes a new segmenter name, because stored values hang on it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from rewards.text import Span, is_unspaced, word_cuts

Spans = npt.NDArray[np.int32]

WORD = "word/1"
SENTENCE = "sentence/1"
SUBSENTENCE = "subsentence/1"
STEP = "step/1"
TURN = "turn/1"
WHOLE = "whole/1"


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Ordered spans of one output by one segmenter.

    Attributes
    ----------
    segmenter : str
        Who cut: the name and version of a rule, or of a tokenizer.
    spans : ndarray of int32, shape (n, 3), read-only
        Columns message, start, end: code points, start inclusive, end exclusive. In order of message; within a
        message neither starts nor ends ever go back. Neighbours may overlap, since byte-level tokenizers split one
        character into several tokens, each of which covers it. A zero-width span holds no character; the last span
        at the end of the last message is the end of the sequence.

    Raises
    ------
    ValueError
        Names the first segment that is out of order or runs backwards.
    """

    segmenter: str
    spans: Spans

    def __post_init__(self) -> None:
        given = np.asarray(self.spans)
        if given.size == 0:
            given = np.zeros((0, 3), dtype=np.int32)
        if given.ndim != 2 or given.shape[1] != 3 or given.dtype.kind not in "iu":
            raise ValueError(f"spans of {self.segmenter}: expected whole numbers (message, start, end) by row")
        spans = np.array(given, dtype=np.int32, order="C")
        if not np.array_equal(spans, given):
            raise ValueError(f"spans of {self.segmenter}: expected numbers below 2**31")
        _check_order(spans)
        spans.setflags(write=False)
        object.__setattr__(self, "spans", spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Segmentation):
            return NotImplemented
        return self.segmenter == other.segmenter and np.array_equal(self.spans, other.spans)

    def __hash__(self) -> int:
        return hash((self.segmenter, self.to_bytes()))

    @classmethod
    def from_offsets(
        cls,
        segmenter: str,
        offsets: Iterable[Sequence[tuple[int, int]] | npt.NDArray[np.integer]],
        *,
        messages: Iterable[int] | None = None,
    ) -> Self:
        """Build from (start, end) pairs by message, as tokenizers give them.

        Parameters
        ----------
        segmenter : str
        offsets : iterable of int arrays, each of shape (n, 2)
            Start and end of each segment of one message.
        messages : iterable of int, optional
            The index of each of these messages; 0, 1, 2 and so on where it is not given.
        """
        numbers = count() if messages is None else messages
        cuts = [
            np.insert(np.asarray(pairs), 0, message, axis=1)
            for message, pairs in zip(numbers, offsets, strict=messages is not None)
            if len(pairs)
        ]
        return cls(segmenter, np.vstack(cuts) if cuts else np.empty((0, 3), dtype=np.int32))

    @classmethod
    def from_bytes(cls, segmenter: str, data: bytes) -> Self:
        """Read `to_bytes`; ValueError where the length is no multiple of 12 bytes or the spans are out of order."""
        if len(data) % 12:
            raise ValueError(f"{len(data)} bytes: expected a multiple of 12 (three little-endian int32 by segment)")
        return cls(segmenter, np.frombuffer(data, dtype="<i4").reshape(-1, 3))

    def to_bytes(self) -> bytes:
        """Little-endian int32: message, start, end of each segment in turn."""
        return self.spans.astype("<i4").tobytes()

    def check_within(self, messages: Sequence[str]) -> None:
        """Refuse segments outside these texts; ValueError names the first one and what was expected."""
        lengths = np.array([len(text) for text in messages], dtype=np.int64)
        message, _, end = self.spans.T
        outside = message >= len(lengths)
        outside[~outside] = end[~outside] > lengths[message[~outside]]
        if outside.any():
            index = int(np.flatnonzero(outside)[0])
            raise ValueError(
                f"segment {index} of {self.segmenter} is {tuple(self.spans[index].tolist())}: "
                f"expected (message, start, end) within texts of {lengths.tolist()} characters"
            )


def end_of_sequence(messages: Sequence[str]) -> Span:
    """The zero-width span at the end of the last message; ValueError where there is no message."""
    if not messages:
        raise ValueError("an output without messages has no end: expected at least one message")
    length = len(messages[-1])
    return Span(len(messages) - 1, length, length)


def words(messages: Sequence[str]) -> Segmentation:
    """Cut where white space ends, and around each letter of a script that is written without spaces.

    The finest cut that needs no tokenizer. Punctuation belongs to the word before it, at its start to the word after.
    """
    return _partition(WORD, messages, _word_starts)


def sentences(messages: Sequence[str]) -> Segmentation:
    """Cut into sentences.

    A sentence ends after `.`, `!`, `?`, `…` (with closing quotes and brackets) where white space follows, after
    `。！？｡` wherever it stands, and at every line break. It does not end after a known abbreviation (``e.g.``),
    a single capital other than I (``J. Doe``) or the number of a list item at the start of a line (``2. Foo``).
    """
    return _partition(SENTENCE, messages, _sentence_starts)


def subsentences(messages: Sequence[str]) -> Segmentation:
    """Cut sentences further where a clause ends, as Fine-Grained RLHF does (Wu et al. 2023, arXiv 2306.01693).

    A clause ends with a word that ends in ``,``, ``;``, ``!`` or ``?``, where more than five words of the sentence
    follow. One of fewer than five words joins the one before it, and the first of a sentence the one after it. Words
    are what white space parts, so a sentence of a script without spaces stays whole. The authors' sentences are those
    of a parser; these are those of `sentences`.
    """
    return _partition(SUBSENTENCE, messages, _subsentence_starts)


def steps(messages: Sequence[str]) -> Segmentation:
    """Cut into reasoning steps.

    Where at least one line of a message begins with ``Step k`` (any case; ``#``, ``*``, ``-`` or ``(`` may stand
    before it; a colon, a full stop, a dash or a bracket must follow), a step begins at each such line, and what stands
    before the first is a step of its own. Otherwise every line that is not blank is a step. Blank lines belong to the
    step before them, leading ones to the first step.
    """
    return _partition(STEP, messages, _step_starts)


def turns(messages: Sequence[str]) -> Segmentation:
    """One segment a message; a message without text has none."""
    return _partition(TURN, messages, lambda text: [])


def whole(messages: Sequence[str]) -> Segmentation:
    """One segment for the whole output.

    Over all its text where it is one message. A segment lies within one message, so that of several messages is the
    zero-width one at the end of the last, where trainers put a reward for all that was written.

    Raises
    ------
    ValueError
        Where there is no message.
    """
    if len(messages) == 1:
        return _partition(WHOLE, messages, lambda text: [])
    return Segmentation(WHOLE, np.array([end_of_sequence(messages)], dtype=np.int32))


def _check_order(spans: Spans) -> None:
    message, start, end = spans.T
    wrong = (message < 0) | (start < 0) | (end < start)
    same_message = message[1:] == message[:-1]
    back = same_message & ((start[1:] < start[:-1]) | (end[1:] < end[:-1]))
    wrong[1:] |= back | (message[1:] < message[:-1])
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        before = tuple(spans[index - 1].tolist()) if index else None
        raise ValueError(
            f"segment {index} is {tuple(spans[index].tolist())} after {before}: "
            "expected 0 <= start <= end, in the order of the text"
        )


def _partition(segmenter: str, messages: Sequence[str], starts: Callable[[str], list[int]]) -> Segmentation:
    """Cut each message at the given starts; a piece without any visible character joins the one before it."""
    rows: list[tuple[int, int, int]] = []
    for message, text in enumerate(messages):
        if not text:
            continue
        cuts = sorted({0, *starts(text)} - {len(text)})
        visible = [start for start, end in pairwise([*cuts, len(text)]) if not text[start:end].isspace()]
        kept = [0, *visible[1:]]
        rows += [(message, start, end) for start, end in pairwise([*kept, len(text)])]
    return Segmentation(segmenter, np.array(rows, dtype=np.int32).reshape(-1, 3))


# Possessive quantifiers and the look-behind keep these linear on hostile runs of stops or spaces.
_VISIBLE = re.compile(r"\S+")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_STEP_MARKER = re.compile(r"^[#*>\-(\[ \t]*+step[ \t]++\d++[*_ \t]*+[:.)\]\-–—]", re.IGNORECASE | re.MULTILINE)
_SENTENCE_END = re.compile(
    r"(?<![.!?…])(?P<stop>[.!?…]++[\"'”’»)\]*_]*+)(?=\s)\s*+|[。！？｡]++[”’」』）】\"')]*+\s*+|(?:\r\n|[\n\r\u2028\u2029])\s*+"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:[A-HJ-Z]|e\.g|i\.e|cf|vs|al|approx|Mr|Mrs|Ms|Dr|Prof|St|Nos|Fig|Figs|Eq|Eqs|Sec|Vol|pp|p)\.$"
)
_CLAUSE_END = frozenset(",;!?")
_LEAST_WORDS = 5
_LIST_NUMBER = re.compile(r"^[ \t]*(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})\.$")


def _word_starts(text: str) -> list[int]:
    starts = []
    parted = bytearray() if text.isascii() else word_cuts(text)
    for found in _VISIBLE.finditer(text):
        starts.append(found.start())
        if not found.group().isascii():
            inside = range(found.start() + 1, found.end())
            starts += [at for at in inside if _parts_unspaced(text, at) and not parted[at]]
    return starts


def _parts_unspaced(text: str, at: int) -> bool:
    """Whether a character that stands alone begins here, or one ends and something to read follows."""
    return is_unspaced(text[at]) or (is_unspaced(text[at - 1]) and text[at].isalnum())


def _step_starts(text: str) -> list[int]:
    marked = [found.start() for found in _STEP_MARKER.finditer(text)]
    return marked or [found.end() for found in _LINE_BREAK.finditer(text)]


def _sentence_starts(text: str) -> list[int]:
    starts = []
    for found in _SENTENCE_END.finditer(text):
        if found.group("stop") == "." and _is_no_sentence_end(text, found):
            continue
        starts.append(found.end())
    return starts


def _subsentence_starts(text: str) -> list[int]:
    starts = []
    for first, end in pairwise([0, *_sentence_starts(text), len(text)]):
        starts.append(first)
        starts += _clause_starts([(found.start(), found.group()[-1]) for found in _VISIBLE.finditer(text, first, end)])
    return starts


def _clause_starts(words: Sequence[tuple[int, str]]) -> list[int]:
    """Where clauses after a sentence's first begin, from where each word begins and its last character."""
    starts: list[int] = []
    for at in range(1, len(words) - _LEAST_WORDS):
        if words[at - 1][1] not in _CLAUSE_END:
            continue
        if at - (starts[-1] if starts else 0) >= _LEAST_WORDS:
            starts.append(at)
        elif starts:
            starts[-1] = at
    return [words[at][0] for at in starts]


def _is_no_sentence_end(text: str, stop: re.Match[str]) -> bool:
    """Whether a single full stop closes an abbreviation or a list number, with no line break after it."""
    if _LINE_BREAK.search(stop.group()):
        return False
    end = stop.end("stop")
    # A window, not the line: looking for the start of a very long line at each stop would be quadratic.
    near = text[max(0, end - 16) : end]
    line = _LINE_BREAK.split(near)[-1]
    starts_line = len(line) < len(near) or end <= 16
    if starts_line and _LIST_NUMBER.match(line):
        return True
    return _ABBREVIATION.search(line) is not None
