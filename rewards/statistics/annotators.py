"""What the answers of one annotator say about that annotator: repeats, known answers, pace, and patterns.

An alarm is a test with a stated chance of a false one: `LEVEL` for each person and kind of alarm, whatever the number
of items. It is a reason to read some answers, not a verdict.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import binom

from rewards.statistics.agreement import Alpha, krippendorff_alpha
from rewards.statistics.columns import Column, plain
from rewards.statistics.differences import Metric
from rewards.statistics.proportions import Proportion, wilson

LEVEL = 0.01
"""Chance that an honest person gets a given kind of alarm."""

MAX_WORDS_PER_MINUTE = 700.0
"""Three times the 238 words a minute at which adults read silently (M. Brysbaert (2019), Journal of Memory and Language
109): who is faster has skipped words."""

FAST_SHARE = 0.05
"""So many items may be faster than that without an alarm: a text met before, a clock that stopped."""

MIN_ANSWERS = 20
"""Nothing in fewer answers raises an alarm, nor are they set against fewer answers of others."""


class Repeats(NamedTuple):
    """How often one person gives the same answer to the same question again.

    Attributes
    ----------
    same : Proportion
        Share of repeated units with the same answer the second time, with Wilson's interval.
    alpha : Alpha
        Krippendorff's alpha with first and second answers in the place of two raters.
    """

    same: Proportion
    alpha: Alpha


def repeats(units: Column, values: Column, *, metric: Metric = "nominal") -> Repeats:
    """Agreement of one annotator with themselves, over units answered twice or more; the first two answers count.

    Parameters
    ----------
    units, values : sequence, length N
        Answers of one person in the order in which they were given; None and NaN are no answers.
    metric : {"nominal", "ordinal", "interval", "ratio"}

    Returns
    -------
    Repeats
    """
    if len(units) != len(values):
        raise ValueError(f"{len(units)} units and {len(values)} values: expected as many of each")
    given: dict[Hashable, list[Hashable]] = {}
    for unit, value in zip(plain(units), plain(values), strict=True):
        if value is not None and value == value:
            given.setdefault(unit, []).append(value)
    twice = [(unit, answers[0], answers[1]) for unit, answers in given.items() if len(answers) > 1]
    rows = [(unit, turn, answer) for unit, *answers in twice for turn, answer in enumerate(answers)]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return Repeats(
        wilson(sum(first == second for _, first, second in twice), len(twice)),
        krippendorff_alpha(*(list(column) for column in columns), metric=metric),
    )


def accuracy_on_known(
    units: Column, raters: Column, values: Column, known: Mapping[Hashable, Hashable]
) -> dict[Hashable, Proportion]:
    """The share of each rater's answers to units with a known answer that equal it, with Wilson's interval.

    Units without a known answer are left out, as are missing answers. Every rater of the columns is in the result.
    """
    right: Counter[Hashable] = Counter()
    asked: Counter[Hashable] = Counter()
    for unit, rater, value in zip(plain(units), plain(raters), plain(values), strict=True):
        asked[rater] += 0
        if value is not None and value == value and unit in known:
            asked[rater] += 1
            right[rater] += value == known[unit]
    return {rater: wilson(right[rater], n) for rater, n in asked.items()}


class Pace(NamedTuple):
    """How fast one person read and answered.

    Attributes
    ----------
    words_per_minute : float
        Median over items; NaN without a timed item.
    seconds : float
        Median a timed item.
    fast : Proportion
        Share of timed items above `MAX_WORDS_PER_MINUTE`.
    p_value : float
        Chance of so many fast items or more if the true share were `FAST_SHARE`: exact binomial tail.
    """

    words_per_minute: float
    seconds: float
    fast: Proportion
    p_value: float

    @property
    def is_alarming(self) -> bool:
        return self.fast.n >= MIN_ANSWERS and self.p_value < LEVEL


def pace(words: Sequence[int], seconds: Sequence[float]) -> Pace:
    """Pace over items of so many words that took so long; items without words or without time are left out.

    Raises
    ------
    ValueError
        For sequences of unequal length.
    """
    if len(words) != len(seconds):
        raise ValueError(f"{len(words)} word counts and {len(seconds)} times: expected as many of each")
    timed = [(n, taken) for n, taken in zip(words, seconds, strict=True) if n > 0 and taken > 0]
    if not timed:
        return Pace(float("nan"), float("nan"), wilson(0, 0), float("nan"))
    rates = np.array([60.0 * n / taken for n, taken in timed])
    n_fast = int(np.count_nonzero(rates > MAX_WORDS_PER_MINUTE))
    return Pace(
        float(np.median(rates)),
        float(np.median([taken for _, taken in timed])),
        wilson(n_fast, len(timed)),
        float(binom.sf(n_fast - 1, len(timed), FAST_SHARE)),
    )


class Pattern(NamedTuple):
    """A regularity in a sequence of answers and the chance of as much of it or more; NaN where it was not looked at.

    `expected` is what it was compared with, where that is one number.
    """

    observed: float
    p_value: float
    n: int
    expected: float = float("nan")

    @property
    def is_alarming(self) -> bool:
        return self.p_value < LEVEL


def same_answer(answers: Sequence[Hashable], others: Sequence[Hashable]) -> Pattern:
    """The longest run of one and the same answer.

    The chance is exact for answers drawn independently as often as `others` gave each: a Markov chain over the answer
    and the length of its run. An answer that others never gave counts as one of theirs.

    Parameters
    ----------
    answers : sequence of hashable
        One person's, in the order given, one for each item.
    others : sequence of hashable
        Of everybody else, to the same question.

    Returns
    -------
    Pattern
        `observed` is the length of the run. Not looked at with fewer than `MIN_ANSWERS` on either side.
    """
    run = _longest_run(answers)
    if min(len(answers), len(others)) < MIN_ANSWERS:
        return Pattern(float(run), float("nan"), len(answers))
    counts = Counter(others)
    counts.update({answer for answer in answers if answer not in counts})
    shares = np.array(list(counts.values()), dtype=np.float64)
    return Pattern(float(run), run_tail(shares / shares.sum(), len(answers), run), len(answers))


def run_tail(shares: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], n: int, length: int) -> float:
    """``P(a run of length or more)`` in n independent draws with these probabilities; exact, O(n K length)."""
    p = np.asarray(shares, dtype=np.float64)
    if length <= 1:
        return float(n >= length)
    # state[k, r]: the last draw was k, r + 1 times in a row, and no run has reached the length.
    state = np.zeros((len(p), length - 1))
    state[:, 0] = p
    for _ in range(n - 1):
        alive = state.sum(axis=1)
        moved = np.empty_like(state)
        moved[:, 1:] = state[:, :-1] * p[:, None]
        moved[:, 0] = p * (alive.sum() - alive)
        state = moved
    return float(min(max(1.0 - state.sum(), 0.0), 1.0))


def alternation(answers: Sequence[Hashable]) -> Pattern:
    """Whether answers change more often than the same answers in random order would.

    The number of changes against its mean ``n - sum n_k^2 / n`` and variance over all orders (Wallis and Roberts); one
    side, normal with continuity correction.

    Parameters
    ----------
    answers : sequence of hashable
        One person's, in the order given, one for each item.

    Returns
    -------
    Pattern
        `observed` is the share of neighbours that differ. Not looked at with fewer than `MIN_ANSWERS`, or where all
        orders change equally often.

    References
    ----------
    A. Wald and J. Wolfowitz (1940), Annals of Mathematical Statistics 11; for more than two kinds of answer:
    W. A. Wallis and H. V. Roberts, Statistics: A New Approach (1956), section 18.2.
    """
    n = len(answers)
    changes = sum(one != other for one, other in pairwise(answers))
    share = changes / (n - 1) if n > 1 else float("nan")
    if n < MIN_ANSWERS:
        return Pattern(share, float("nan"), n)
    times = np.array(list(Counter(answers).values()), dtype=np.float64)
    squares, cubes = float((times**2).sum()), float((times**3).sum())
    mean = n - squares / n
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1))
    if variance <= 1e-9:
        return Pattern(share, float("nan"), n, mean / (n - 1))
    return Pattern(share, float(ndtr(-(changes - 0.5 - mean) / np.sqrt(variance))), n, mean / (n - 1))


class Copying(NamedTuple):
    """How often two people gave the same unusual answer.

    Attributes
    ----------
    same, odd : int
        Of the units on which both differ from what most of the others say, those on which their answers are the same.
    p_value : float
        Chance of so many or more for two people who err by themselves.
    expected : float
        How many of these two people would have the same.
    """

    same: int
    odd: int
    p_value: float
    expected: float


def copying(units: Column, raters: Column, values: Column) -> dict[tuple[Hashable, Hashable], Copying]:
    """Pairs of people whose errors coincide: to be right together is no sign of copying, to be wrong together is one.

    An answer is unusual where it differs from the commonest one of at least two others, the pair left out. Two people
    who err by themselves give the same unusual answer to unit i with the chance ``sum_a q_i(a)^2``, where ``q_i`` is
    how often everybody gives answer a where it is unusual, over the answers that are unusual for that unit. The number
    of coincidences is then a sum of independent trials, whose upper tail is exact.

    Parameters
    ----------
    units, raters, values : sequence, length N
        A row for each answer; None and NaN are missing, and of two answers of a person to a unit the last counts.

    Returns
    -------
    dict of (rater, rater) to Copying
        Of the pairs with at least one unusual answer each to the same unit; raters in the order in which they occur.

    References
    ----------
    Shared errors as the sign of copied answers: W. H. Angoff (1974), The development of statistical indices for
    detecting cheaters, Journal of the American Statistical Association 69.
    """
    given: dict[Hashable, dict[Hashable, Hashable]] = {}
    for unit, rater, value in zip(plain(units), plain(raters), plain(values), strict=True):
        if value is not None and value == value:
            given.setdefault(unit, {})[rater] = value
    order = {rater: place for place, rater in enumerate(dict.fromkeys(plain(raters)))}
    unusual: Counter[Hashable] = Counter()
    both: dict[tuple[Hashable, Hashable], list[tuple[bool, Hashable]]] = {}
    for answers in given.values():
        if len(answers) < 4:
            continue
        [(usual, times)] = Counter(answers.values()).most_common(1)
        odd = sorted((rater for rater, value in answers.items() if value != usual), key=order.__getitem__)
        unusual.update(answers[rater] for rater in odd)
        if times < 2:
            continue
        for one, other in combinations(odd, 2):
            both.setdefault((one, other), []).append((answers[one] == answers[other], usual))
    return {pair: _copying(seen, unusual) for pair, seen in both.items()}


def _copying(seen: Sequence[tuple[bool, Hashable]], unusual: Mapping[Hashable, int]) -> Copying:
    tail, expected = np.ones(1), 0.0
    for _, usual in seen:
        counts = np.array([times for value, times in unusual.items() if value != usual], dtype=np.float64)
        chance = float(((counts / counts.sum()) ** 2).sum())
        tail, expected = np.convolve(tail, [1 - chance, chance]), expected + chance
    same = sum(is_same for is_same, _ in seen)
    return Copying(same, len(seen), float(min(max(tail[same:].sum(), 0.0), 1.0)), expected)


def _longest_run(answers: Sequence[Hashable]) -> int:
    longest = current = 0
    before: Hashable = object()
    for answer in answers:
        current = current + 1 if answer == before else 1
        before, longest = answer, max(longest, current)
    return longest
