"""How near one answer is to another: the measures by which protocols compare an answer with a known one.

Each is 1 for equal answers and 0 for answers that share nothing.
"""

import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from statistics import fmean

from annotations.protocols.contract import PlannedJudgment

_WORD = re.compile(r"\w+")


def mean(scores: Iterable[float]) -> float | None:
    """The mean, or None of nothing: what could not be compared has no score."""
    found = list(scores)
    return fmean(found) if found else None


def matched(
    given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment]
) -> Iterator[tuple[PlannedJudgment | None, PlannedJudgment]]:
    """Each judgment of the known answer beside the one given about the same thing, or None where that is missing."""
    by_name = {plan.name: plan for plan in given}
    for plan in right:
        yield by_name.get(plan.name), plan


def f1(given: Collection[Hashable], right: Collection[Hashable]) -> float:
    """Harmonic mean of precision and recall of two collections; 1 where both are empty.

    Collections with repeated members count each as often as it is in both.
    """
    if not given and not right:
        return 1.0
    shared = sum((Counter(given) & Counter(right)).values())
    return 2 * shared / (len(given) + len(right))


def words_f1(given: str, right: str) -> float:
    """F1 of the words, whatever their case and order (Rajpurkar et al., 2016, arXiv 1606.05250, section 6.1)."""
    return f1(_WORD.findall(given.casefold()), _WORD.findall(right.casefold()))


def rank_likeness(given: Mapping[int, int], right: Mapping[int, int]) -> float:
    """One less the share of pairs that two orders put differently; a pair tied in one of them alone counts half.

    The distance K^(1/2) of Fagin, Kumar, Mahdian, Sivakumar and Vee (2006), Comparing Partial Rankings, SIAM Journal on
    Discrete Mathematics 20(3), section 3.1, over the number of pairs. Without ties it is (1 + Kendall's tau) / 2.

    Parameters
    ----------
    given, right : mapping of int to int
        The tier of each thing, 1 the best; the same things in both.
    """
    pairs = list(combinations(right, 2))
    penalties = (abs(_sign(given[a] - given[b]) - _sign(right[a] - right[b])) / 2 for a, b in pairs)
    return 1 - sum(penalties) / len(pairs) if pairs else 1.0


def interval_iou(given: Iterable[tuple[int, int]], right: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Characters in both and in either of two sets of half-open stretches: intersection and union."""
    a, b = _merged(given), _merged(right)
    total = sum(end - start for start, end in [*a, *b])
    union = sum(end - start for start, end in _merged([*a, *b]))
    return total - union, union


def word_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Words to cut out of `a` and to put in to get `b`: the lengths less twice the longest common subsequence.

    The subsequence is found a word of `b` at a time with all of `a` as bits of one number, as H. Hyyrö (2004), Bit-
    parallel LCS-length computation revisited, does: two texts of 20,000 words take a fraction of a second.
    """
    places: dict[str, int] = {}
    for index, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << index
    full = (1 << len(a)) - 1
    unmatched = full
    for word in b:
        hit = unmatched & places.get(word, 0)
        unmatched = ((unmatched + hit) | (unmatched - hit)) & full
    common = len(a) - unmatched.bit_count()
    return len(a) + len(b) - 2 * common


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return found
