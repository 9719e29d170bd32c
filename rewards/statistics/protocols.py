"""Two ways of asking for a preference, ratings and comparisons, joined on the pairs that both have judged."""

from collections.abc import Hashable, Iterable, Mapping
from itertools import combinations
from math import fsum, isnan
from typing import Literal, NamedTuple

from rewards.statistics.proportions import Proportion, wilson

Choice = Literal["a", "b", "equal"]
Key = tuple[Hashable, Hashable]
"""(task, output)"""
PairKey = tuple[Hashable, Hashable, Hashable]
"""(task, output a, output b)"""
Pass = tuple[Hashable, int]
"""(rater, how many times that rater had judged the same thing before)"""

CHOICES: tuple[Choice, ...] = ("a", "b", "equal")
Passes = Mapping[Pass, float]
RatingPasses = dict[Key, dict[Pass, float]]
ComparisonPasses = dict[PairKey, dict[Pass, Choice]]

_MIRRORED: dict[Choice, Choice] = {"a": "b", "b": "a", "equal": "equal"}


class Rating(NamedTuple):
    """One output judged alone. None or NaN is unscored."""

    task: Hashable
    output: Hashable
    value: float | None
    rater: Hashable = None


class Comparison(NamedTuple):
    """Two outputs of one task judged against each other; every kind of tie is "equal"."""

    task: Hashable
    output_a: Hashable
    output_b: Hashable
    choice: Choice
    rater: Hashable = None


class JoinedPair(NamedTuple):
    """A compared pair both of whose outputs are rated."""

    task: Hashable
    output_a: Hashable
    output_b: Hashable
    rating_a: float
    rating_b: float
    choice: Choice

    @property
    def implied(self) -> Choice:
        """The preference that the ratings imply."""
        return implied_choice(self.rating_a, self.rating_b)

    @property
    def gap(self) -> float:
        return abs(self.rating_a - self.rating_b)


class Join(NamedTuple):
    """The joined pairs, and how many compared pairs were left out, by reason."""

    pairs: tuple[JoinedPair, ...]
    unjoined: dict[str, int]


class NoiseFloor(NamedTuple):
    """How often one protocol contradicts itself when a pair is judged again: by the same rater, or by another.

    ``disagreement`` counts pairs of judgments of one pair of outputs; for ratings, the preferences that two raters (or
    one rater's two rounds) imply on a compared pair.
    """

    protocol: Literal["rating", "comparison"]
    again_by: Literal["same rater", "another rater"]
    disagreement: Proportion


def implied_choice(rating_a: float, rating_b: float) -> Choice:
    """The preference that two ratings imply."""
    if rating_a == rating_b:
        return "equal"
    return "a" if rating_a > rating_b else "b"


def rating_passes(ratings: Iterable[Rating]) -> tuple[RatingPasses, int]:
    """All ratings by output, rater and repetition, and how many had no value."""
    passes: RatingPasses = {}
    unscored = 0
    for rating in ratings:
        if rating.value is None or isnan(rating.value):
            unscored += 1
            continue
        by_pass = passes.setdefault((rating.task, rating.output), {})
        by_pass[_next_pass(by_pass, rating.rater)] = float(rating.value)
    return passes, unscored


def comparison_passes(comparisons: Iterable[Comparison]) -> ComparisonPasses:
    """All comparisons by pair, rater and repetition; a pair's two orders are one, the first to come.

    Raises
    ------
    ValueError
        For a choice other than "a", "b" and "equal".
    """
    passes: ComparisonPasses = {}
    for one in comparisons:
        if one.choice not in CHOICES:
            raise ValueError(f"choice {one.choice!r}: expected one of {CHOICES}")
        key, choice = (one.task, one.output_a, one.output_b), one.choice
        mirrored = (one.task, one.output_b, one.output_a)
        if key not in passes and mirrored in passes:
            key, choice = mirrored, _MIRRORED[choice]
        by_pass = passes.setdefault(key, {})
        by_pass[_next_pass(by_pass, one.rater)] = choice
    return passes


def n_repetitions(passes: Iterable[Mapping[Pass, object]]) -> int:
    """How many judgments were not a rater's first of that thing."""
    return sum(repetition > 0 for by_pass in passes for _, repetition in by_pass)


def join_protocols(rated: RatingPasses, compared: ComparisonPasses) -> Join:
    """Pool raters and join: mean rating against majority choice, for every compared pair with both outputs rated."""
    pairs, unjoined = [], {"neither output is rated": 0, "output a is not rated": 0, "output b is not rated": 0}
    pooled = {key: _mean_rating(by_pass) for key, by_pass in rated.items()}
    for (task, output_a, output_b), by_pass in compared.items():
        rating_a, rating_b = pooled.get((task, output_a)), pooled.get((task, output_b))
        if rating_a is not None and rating_b is not None:
            pairs.append(JoinedPair(task, output_a, output_b, rating_a, rating_b, _majority(by_pass)))
        elif rating_a is None and rating_b is None:
            unjoined["neither output is rated"] += 1
        else:
            unjoined[f"output {'a' if rating_a is None else 'b'} is not rated"] += 1
    return Join(tuple(pairs), unjoined)


def noise_floor(
    rated: RatingPasses, compared: ComparisonPasses, confidence: float = 0.95
) -> tuple[NoiseFloor, ...] | None:
    """Disagreement within each protocol, where anything was judged again; None where nothing was.

    Different raters are compared by their first judgments, one rater with all of their own repetitions. Wilson's
    interval takes the pairs of judgments as independent, which they are not where one thing was judged many times.
    """
    counts: dict[tuple[str, str], list[int]] = {}
    for (task, output_a, output_b), by_pass in compared.items():
        _count_disagreement(counts, "comparison", by_pass)
        a, b = rated.get((task, output_a), {}), rated.get((task, output_b), {})
        _count_disagreement(counts, "rating", {one: implied_choice(a[one], b[one]) for one in a if one in b})
    rows = []
    for protocol in ("rating", "comparison"):
        for again_by in ("same rater", "another rater"):
            differing, n = counts.get((protocol, again_by), (0, 0))
            if n:
                rows.append(NoiseFloor(protocol, again_by, wilson(differing, n, confidence)))
    return tuple(rows) or None


def _next_pass(by_pass: Mapping[Pass, object], rater: Hashable) -> Pass:
    repetition = 0
    while (rater, repetition) in by_pass:
        repetition += 1
    return rater, repetition


def _mean_rating(by_pass: Passes) -> float:
    first = [value for (_, repetition), value in by_pass.items() if repetition == 0]
    # An exact sum, so that equal means compare equal whatever the order of the raters.
    return fsum(first) / len(first)


def _majority(by_pass: Mapping[Pass, Choice]) -> Choice:
    first = [choice for (_, repetition), choice in by_pass.items() if repetition == 0]
    return implied_choice(first.count("a"), first.count("b"))


def _count_disagreement(
    counts: dict[tuple[str, str], list[int]], protocol: str, by_pass: Mapping[Pass, Choice]
) -> None:
    for (one, one_choice), (other, other_choice) in combinations(by_pass.items(), 2):
        same = one[0] == other[0]
        if not same and (one[1] or other[1]):
            continue
        found = counts.setdefault((protocol, "same rater" if same else "another rater"), [0, 0])
        found[0] += one_choice != other_choice
        found[1] += 1
