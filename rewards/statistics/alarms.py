"""What sets one annotator apart from the others on the same items: pace, one answer for everything, a place, a drop.

As in `annotators`, an alarm is a test at `LEVEL` and nothing is tested below a stated number of answers; each result
says what was seen, what it was compared with, and the chance of as much of it.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binom, hypergeom

from rewards.statistics.annotators import MIN_ANSWERS
from rewards.statistics.proportions import Proportion, wilson

RELATIVE_FAST = 1 / 3
"""Of the others' time on the same item. Adults' reading speeds vary by a standard deviation of about a fifth (M.
Brysbaert (2019), Journal of Memory and Language 109), so that three times the others' is no quick reader's."""

MIN_KNOWN = 10
"""Known answers below which no drop is looked for: half of them come before and half after."""


class Excess(NamedTuple):
    """A count beside what was to be expected, and the chance of so much or more; NaN where it was not tested."""

    seen: int
    expected: float
    n: int
    p_value: float


class RelativePace(NamedTuple):
    """One person's time against that of the others on the same items.

    Attributes
    ----------
    ratio : float
        Median over items of the own time over the median of the others'; NaN without a shared item.
    fast : Proportion
        Share of items in less than `RELATIVE_FAST` of the others' time.
    p_value : float
        Chance of so many such items or more if they were half of all: exact binomial tail.
    """

    ratio: float
    fast: Proportion
    p_value: float


def tail_of_trials(chances: Sequence[float], at_least: int) -> float:
    """``P(at least so many successes)`` in independent trials of unequal chances; exact, by convolution."""
    sizes = np.ones(1)
    for chance in chances:
        sizes = np.convolve(sizes, [1 - chance, chance])
    return float(min(max(sizes[at_least:].sum(), 0.0), 1.0))


def relative_pace(
    items: Sequence[Hashable], raters: Sequence[Hashable], seconds: Sequence[float]
) -> dict[Hashable, RelativePace]:
    """Each person's times against the others' on the same items; items without time or that one did alone are left out.

    Parameters
    ----------
    items, raters : sequence of hashable, length N
    seconds : sequence of float, length N

    Returns
    -------
    dict of rater to RelativePace
        Every rater is in it. Not tested below `MIN_ANSWERS` shared items.
    """
    by_item: dict[Hashable, dict[Hashable, float]] = {}
    for item, rater, taken in zip(items, raters, seconds, strict=True):
        if taken > 0:
            by_item.setdefault(item, {})[rater] = taken
    ratios: dict[Hashable, list[float]] = {rater: [] for rater in raters}
    for times in by_item.values():
        for rater, own in times.items():
            others = [taken for other, taken in times.items() if other != rater]
            if others:
                ratios[rater].append(own / float(np.median(others)))
    return {rater: _relative(found) for rater, found in ratios.items()}


def _relative(ratios: Sequence[float]) -> RelativePace:
    if not ratios:
        return RelativePace(float("nan"), wilson(0, 0), float("nan"))
    n_fast = sum(ratio < RELATIVE_FAST for ratio in ratios)
    p_value = float(binom.sf(n_fast - 1, len(ratios), 0.5)) if len(ratios) >= MIN_ANSWERS else float("nan")
    return RelativePace(float(np.median(ratios)), wilson(n_fast, len(ratios)), p_value)


def straight_lining(is_straight: Mapping[Hashable, Mapping[Hashable, bool]]) -> dict[Hashable, Excess]:
    """On how many items somebody gave one answer for everything, against the others on the same items.

    Item i has the chance ``(s_i + q) / (n_i + 1)``, with s_i of the n_i others having answered it so and
    ``q = (s + 1) / (n + 2)`` from such answers among all of the others': an item on which one answer fits everything is
    no sign of anything, and what few others never did is not impossible.

    Parameters
    ----------
    is_straight : mapping of item to mapping of rater to bool
        Whether all parts of the answer are the same, of answers that have several parts.

    Returns
    -------
    dict of rater to Excess
        Of who answered an item that others answered. Not tested below `MIN_ANSWERS` such items.

    References
    ----------
    Non-differentiation as a sign of not reading: J. A. Krosnick (1991), Applied Cognitive Psychology 5.
    """
    raters = dict.fromkeys(rater for answers in is_straight.values() for rater in answers)
    found = {}
    for rater in raters:
        shared = [answers for answers in is_straight.values() if rater in answers and len(answers) > 1]
        others = [[straight for who, straight in answers.items() if who != rater] for answers in shared]
        if not shared:
            continue
        share = (sum(map(sum, others)) + 1) / (sum(map(len, others)) + 2)
        chances = [(sum(one) + share) / (len(one) + 1) for one in others]
        seen = sum(answers[rater] for answers in shared)
        p_value = tail_of_trials(chances, seen) if len(shared) >= MIN_ANSWERS else float("nan")
        found[rater] = Excess(seen, sum(chances), len(shared), p_value)
    return found


class FavouredPlace(NamedTuple):
    """The place that somebody picked more often than a draw by lot would: 0 is shown first."""

    place: int
    excess: Excess


def favoured_place(places: Sequence[int], sizes: Sequence[int]) -> FavouredPlace | None:
    """Which place is picked too often, whatever stands there.

    What is shown where is drawn by lot, so that without a leaning to a place each of k is picked with the chance
    ``1 / k``, whatever is best: the tail is exact. Of several places the one with the smallest chance is told, and its
    chance is multiplied by their number.

    Parameters
    ----------
    places : sequence of int
        Picked, from 0.
    sizes : sequence of int
        Places to pick from.

    Returns
    -------
    FavouredPlace or None
        None without a pick. Not tested below `MIN_ANSWERS` picks.

    References
    ----------
    Position bias of judges: L. Zheng et al. (2023), arXiv 2306.05685, section 3.3.
    """
    if not places:
        return None
    found = [_at_place(place, places, sizes) for place in range(max(sizes))]
    if len(places) < MIN_ANSWERS:
        best = max(found, key=lambda one: one.excess.seen - one.excess.expected)
        return best._replace(excess=best.excess._replace(p_value=float("nan")))
    best = min(found, key=lambda one: one.excess.p_value)
    return best._replace(excess=best.excess._replace(p_value=min(1.0, len(found) * best.excess.p_value)))


def _at_place(place: int, places: Sequence[int], sizes: Sequence[int]) -> FavouredPlace:
    chances = [1 / size if place < size else 0.0 for size in sizes]
    seen = sum(one == place for one in places)
    return FavouredPlace(place, Excess(seen, sum(chances), len(places), tail_of_trials(chances, seen)))


class Drop(NamedTuple):
    """Known answers in the order in which they were given, cut in the middle.

    `p_value` is the chance that the later half has so few right ones or fewer, of all ways to deal the right ones to
    the two halves (Fisher's exact test); NaN below `MIN_KNOWN`.
    """

    before: Proportion
    after: Proportion
    p_value: float


def drop_in_known(right: Sequence[bool]) -> Drop:
    """Whether somebody got worse on items whose answer is known.

    Parameters
    ----------
    right : sequence of bool
        In the order given.
    """
    half = len(right) // 2
    before, after = sum(right[:half]), sum(right[half:])
    p_value = float("nan")
    if len(right) >= MIN_KNOWN:
        p_value = float(hypergeom.cdf(after, len(right), before + after, len(right) - half))
    return Drop(wilson(before, half), wilson(after, len(right) - half), p_value)
