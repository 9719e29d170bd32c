"""Agreement of answers without a scale, and the jackknife: against loops over all pairs and known standard errors."""

import itertools
import math

import numpy as np
import pytest

from rewards.statistics.agreement import krippendorff_alpha
from rewards.statistics.jackknife import grouped_jackknife
from rewards.statistics.pair_agreement import MAX_TEXTS, Given, distance_alpha, pair_agreement


def words_apart(one, other):
    """One less the share of words in both."""
    return 1 - len(set(one) & set(other)) / len(set(one) | set(other))


TEXTS = [Given(*row) for row in [
    ("u", "ann", ("too", "long")), ("u", "ben", ("too", "long", "by", "far")), ("u", "cat", ("wrong",)),
    ("v", "ann", ("wrong", "city")), ("v", "ben", ("wrong",)), ("w", "ann", ("fine",)),
]]  # fmt: skip


def test_mean_likeness_is_over_all_pairs_of_people_on_a_unit():
    found = pair_agreement(TEXTS, lambda one, other: 1 - words_apart(one, other), replicates=0)
    # u: 2 of 4 words, none, none; v: 1 of 2.
    assert found.value == pytest.approx((1 / 2 + 0 + 0 + 1 / 2) / 4)
    assert found.n == 4


def test_pairs_that_cannot_be_compared_are_left_out_and_not_counted_as_unlike():
    rows = [Given("u", "ann", 1.0), Given("u", "ben", 2.0), Given("u", "cat", None)]
    found = pair_agreement(rows, lambda a, b: math.nan if None in (a, b) else float(a == b), replicates=0)
    assert (found.value, found.n) == (0.0, 1)


def test_alpha_by_distances_equals_alpha_by_level_of_measurement_where_there_is_one():
    generator = np.random.default_rng(5)
    rows = [Given(unit, rater, int(generator.integers(1, 6))) for unit in range(20) for rater in range(3)]
    rows = [row for row in rows if generator.random() < 0.8]
    ours = distance_alpha(rows, lambda a, b: float((a - b) ** 2))
    theirs = krippendorff_alpha(*zip(*rows, strict=True), metric="interval")
    assert ours.value == pytest.approx(theirs.value)
    assert ours[3:] == theirs[3:]
    assert ours.low < ours.value < ours.high


def test_alpha_of_words_equals_a_loop_over_all_pairs():
    paired = [row for row in TEXTS if row.unit != "w"]
    ordered = [(a, b, words_apart(a.value, b.value)) for a, b in itertools.permutations(paired, 2)]
    sizes = {"u": 3, "v": 2}
    within = sum(apart / (sizes[a.unit] - 1) for a, b, apart in ordered if a.unit == b.unit) / 5
    among = sum(apart for _, _, apart in ordered) / (5 * 4)
    found = distance_alpha(TEXTS, words_apart)
    assert found.value == pytest.approx(1 - within / among)
    assert (found.n_units, found.n_values, found.n_raters, found.n_unpaired) == (2, 5, 3, 1)


def test_of_very_many_texts_evenly_spaced_units_are_compared_and_counted():
    rows = [Given(unit, rater, unit // 50) for unit in range(500) for rater in range(2)]
    found = distance_alpha(rows, lambda a, b: float(a != b))
    assert (found.value, found.n_values) == (1.0, MAX_TEXTS)
    assert math.isnan(distance_alpha([], words_apart).value)


def test_leaving_each_value_out_gives_the_standard_error_of_a_mean():
    values = dict(enumerate(np.random.default_rng(1).normal(size=25).tolist()))
    found = grouped_jackknife(list(values), lambda kept: float(np.mean([values[one] for one in kept])))
    # For a mean the delete-one jackknife is s / sqrt(n) exactly; t with 24 degrees of freedom is 2.0639.
    half = 2.0639 * np.std(list(values.values()), ddof=1) / 5
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), rel=1e-4)


def test_what_two_figures_share_cancels_in_the_interval_of_their_difference():
    values = dict(enumerate(np.random.default_rng(2).normal(size=80).tolist()))

    def mean(kept):
        return float(np.mean([values[one] for one in kept]))

    apart = grouped_jackknife(list(values), lambda kept: mean(kept) - (mean(kept) + 0.5))
    assert (apart.low, apart.high) == pytest.approx((-0.5, -0.5))
    assert math.isnan(grouped_jackknife(["one"], lambda kept: 1.0).low)
    assert math.isnan(grouped_jackknife([], lambda kept: math.nan).value)
