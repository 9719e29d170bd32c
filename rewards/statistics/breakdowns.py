"""Where two protocols differ: by how far the ratings are apart, by length, and by rater."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from math import ceil
from typing import Any, Literal, NamedTuple

from rewards.statistics.protocols import (
    ComparisonPasses,
    JoinedPair,
    RatingPasses,
    implied_choice,
)

# Lower ends of the classes of length difference, in words.
LENGTH_CLASSES = (0, 5, 15, 30, 60)


class TextLength(NamedTuple):
    """Words between white space, and how many of them differ."""

    words: int
    unique_words: int


class MeasuredPair(NamedTuple):
    """A joined pair with the lengths of its outputs."""

    pair: JoinedPair
    length_a: TextLength
    length_b: TextLength


class GapRow(NamedTuple):
    """Pairs whose ratings are 0 apart, or more than ``gap - 1`` and up to ``gap``.

    ``decisive`` comparisons are the ``agreeing`` and the ``reversed`` ones, and at gap 0, where there is nothing to
    agree with, neither.
    """

    gap: int
    pairs: int
    agreeing: int
    reversed: int
    decisive: int
    equal: int


class LengthRow(NamedTuple):
    """Pairs whose outputs differ by ``low`` to ``high`` words (None: or more).

    The last four: how many pairs each protocol decides, and how many of them for the longer output, among pairs of
    unequal length.
    """

    low: int
    high: int | None
    pairs: int
    inconsistent: int
    rating_decisive: int
    rating_prefers_longer: int
    comparison_decisive: int
    comparison_prefers_longer: int


class PreferredLength(NamedTuple):
    """Mean length of the preferred and the other output over the pairs that one protocol decides; NaN without any."""

    protocol: Literal["rating", "comparison"]
    pairs: int
    preferred_words: float
    other_words: float
    preferred_unique_words: float
    other_unique_words: float


class RaterPair(NamedTuple):
    """One rater's ratings against one rater's comparisons (perhaps the same person)."""

    rating_rater: Hashable
    comparison_rater: Hashable
    pairs: int
    consistent: int


def text_length(text: str) -> TextLength:
    """Count the words of a text as white space divides it; letter case and punctuation make words differ."""
    words = text.split()
    return TextLength(len(words), len(set(words)))


def measured_pairs(pairs: Sequence[JoinedPair], lengths: Mapping[Any, TextLength]) -> list[MeasuredPair]:
    """The pairs both of whose lengths, by (task, output), are known."""
    found = []
    for pair in pairs:
        length_a, length_b = lengths.get((pair.task, pair.output_a)), lengths.get((pair.task, pair.output_b))
        if length_a is not None and length_b is not None:
            found.append(MeasuredPair(pair, length_a, length_b))
    return found


def by_gap(pairs: Sequence[JoinedPair]) -> tuple[GapRow, ...]:
    """One row for each gap that occurs, rising."""
    counts: Counter[tuple[int, str]] = Counter()
    for pair in pairs:
        # A mean over raters is not exact: 1.0000000000000004 belongs to gap 1.
        gap = ceil(pair.gap - 1e-9) if pair.implied != "equal" else 0
        met = "agreeing" if pair.choice == pair.implied else "reversed"
        counts[gap, "equal" if pair.choice == "equal" else met if gap else "undecided"] += 1
    return tuple(_gap_row(gap, counts) for gap in sorted({gap for gap, _ in counts}))


def by_length(pairs: Sequence[MeasuredPair]) -> tuple[LengthRow, ...]:
    """One row for each class of length difference, empty ones included; no row without any pair."""
    if not pairs:
        return ()
    classes: list[list[MeasuredPair]] = [[] for _ in LENGTH_CLASSES]
    for one in pairs:
        apart = abs(one.length_a.words - one.length_b.words)
        classes[sum(apart >= low for low in LENGTH_CLASSES) - 1].append(one)
    highs = [*(low - 1 for low in LENGTH_CLASSES[1:]), None]
    return tuple(_length_row(low, high, held) for low, high, held in zip(LENGTH_CLASSES, highs, classes, strict=True))


def preferred_length(protocol: Literal["rating", "comparison"], pairs: Sequence[MeasuredPair]) -> PreferredLength:
    """Mean lengths over the pairs that the protocol decides."""
    preferred, other = [], []
    for pair, length_a, length_b in pairs:
        choice = pair.implied if protocol == "rating" else pair.choice
        if choice != "equal":
            preferred.append(length_a if choice == "a" else length_b)
            other.append(length_b if choice == "a" else length_a)
    return PreferredLength(
        protocol,
        len(preferred),
        _mean([length.words for length in preferred]),
        _mean([length.words for length in other]),
        _mean([length.unique_words for length in preferred]),
        _mean([length.unique_words for length in other]),
    )


def by_raters(rated: RatingPasses, compared: ComparisonPasses) -> tuple[RaterPair, ...]:
    """Every rater's first ratings against every rater's first comparisons, where they share a pair."""
    counts: dict[tuple[Hashable, Hashable], list[int]] = {}
    for (task, output_a, output_b), by_pass in compared.items():
        a, b = rated.get((task, output_a), {}), rated.get((task, output_b), {})
        for one in a:
            if one[1] or one not in b:
                continue
            implied = implied_choice(a[one], b[one])
            for (rater, repetition), choice in by_pass.items():
                if repetition == 0:
                    found = counts.setdefault((one[0], rater), [0, 0])
                    found[0] += 1
                    found[1] += choice == implied
    return tuple(RaterPair(*raters, *found) for raters, found in counts.items())


def _gap_row(gap: int, counts: Counter[tuple[int, str]]) -> GapRow:
    agreeing, reversed_, equal = counts[gap, "agreeing"], counts[gap, "reversed"], counts[gap, "equal"]
    decisive = agreeing + reversed_ + counts[gap, "undecided"]
    return GapRow(gap, decisive + equal, agreeing, reversed_, decisive, equal)


def _length_row(low: int, high: int | None, pairs: Sequence[MeasuredPair]) -> LengthRow:
    unequal = [one for one in pairs if one.length_a.words != one.length_b.words]
    longer = [("a" if one.length_a.words > one.length_b.words else "b", one.pair) for one in unequal]
    return LengthRow(
        low,
        high,
        len(pairs),
        inconsistent=sum(one.pair.implied != one.pair.choice for one in pairs),
        rating_decisive=sum(pair.implied != "equal" for _, pair in longer),
        rating_prefers_longer=sum(pair.implied == side for side, pair in longer),
        comparison_decisive=sum(pair.choice != "equal" for _, pair in longer),
        comparison_prefers_longer=sum(pair.choice == side for side, pair in longer),
    )


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else float("nan")
