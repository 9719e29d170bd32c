"""How far two sets of marked spans agree, by their characters: precision, recall, F1 and intersection over union."""

from collections.abc import Iterable
from typing import NamedTuple

from rewards.text import Span


class Overlap(NamedTuple):
    """Agreement of `found` with `marked`; NaN where it is not defined.

    Attributes
    ----------
    precision : float
        Share of the found characters that are marked; NaN where nothing is found.
    recall : float
        Share of the marked characters that are found; NaN where nothing is marked.
    f1 : float
        2 |A and B| / (|A| + |B|); NaN where both are empty, 0 where only one is.
    iou : float
        |A and B| / |A or B|; NaN where both are empty, 0 where only one is.
    found, marked, shared : int
        Characters: in code points, each once.
    """

    precision: float
    recall: float
    f1: float
    iou: float
    found: int
    marked: int
    shared: int


def span_overlap(found: Iterable[Span], marked: Iterable[Span]) -> Overlap:
    """Agreement of two sets of spans of the same texts.

    Parameters
    ----------
    found, marked : iterable of Span
        Message, start, end in code points; spans of one set may overlap, and a character counts once.

    Returns
    -------
    Overlap

    Notes
    -----
    O(n log n) in the number of spans, whatever their length. Region rewards of this form: VLM-R^3 (Jiang et al. 2025,
    arXiv 2505.16192), here over characters instead of pixels.
    """
    ours, theirs = _union(found), _union(marked)
    n_found, n_marked, shared = _length(ours), _length(theirs), _shared(ours, theirs)
    return Overlap(
        precision=_share(shared, n_found),
        recall=_share(shared, n_marked),
        f1=_share(2 * shared, n_found + n_marked),
        iou=_share(shared, n_found + n_marked - shared),
        found=n_found,
        marked=n_marked,
        shared=shared,
    )


def _union(spans: Iterable[Span]) -> list[Span]:
    """Disjoint spans in order that hold the same characters."""
    joined: list[Span] = []
    for span in sorted(Span(*span) for span in spans):
        if span.start >= span.end:
            continue
        if joined and joined[-1].message == span.message and span.start <= joined[-1].end:
            joined[-1] = joined[-1]._replace(end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _length(spans: list[Span]) -> int:
    return sum(span.end - span.start for span in spans)


def _shared(one: list[Span], other: list[Span]) -> int:
    """Characters in both; each list is disjoint and in order, so that both are walked once."""
    total = first = second = 0
    while first < len(one) and second < len(other):
        a, b = one[first], other[second]
        if a.message == b.message:
            total += max(0, min(a.end, b.end) - max(a.start, b.start))
        if (a.message, a.end) <= (b.message, b.end):
            first += 1
        else:
            second += 1
    return total


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
