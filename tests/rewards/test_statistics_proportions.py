"""Intervals for shares, and rank correlations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rewards.statistics.proportions import cluster_bootstrap, wilson
from rewards.statistics.rank import kendall_tau, spearman

NAN = float("nan")


def test_wilsons_interval_of_a_hand_worked_case():
    # 5 of 10, z = 1.959964, z^2 = 3.841459: centre (.5 + .1920729) / 1.3841459 = .5;
    # half 1.959964 * sqrt(.025 + 3.841459 / 400) / 1.3841459 = 1.959964 * .1860206 / 1.3841459 = .2634069
    interval = wilson(5, 10)
    assert interval.value == 0.5
    assert interval.low == pytest.approx(0.5 - 0.2634069, abs=1e-6)
    assert interval.high == pytest.approx(0.5 + 0.2634069, abs=1e-6)


@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_holds_the_share_and_agrees_with_scipy(successes, more, confidence):
    n = successes + more
    if n == 0:
        assert math.isnan(wilson(0, 0).low)
        return
    interval = wilson(successes, n, confidence)
    theirs = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert [interval.low, interval.high] == pytest.approx([theirs.low, theirs.high], abs=1e-12)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(ValueError, match="expected 0 <= successes <= n"):
        wilson(successes, n)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_is_between_zero_and_one(confidence):
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        wilson(1, 2, confidence)
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        cluster_bootstrap([True], ["a"], confidence=confidence)


def test_clusters_that_always_agree_within_make_the_interval_wide():
    # 20 clusters of 10, each all True or all False: 20 independent outcomes, not 200.
    outcomes = [cluster % 2 == 0 for cluster in range(20) for _ in range(10)]
    clusters = [cluster for cluster in range(20) for _ in range(10)]
    clustered = cluster_bootstrap(outcomes, clusters, seed=1)
    single = cluster_bootstrap(outcomes, list(range(200)), seed=1)
    assert clustered.value == single.value == 0.5
    # the spread of a mean over 20 fair coins is sqrt(.25 / 20) = .112, over 200 .035; 1.96 of each to both sides
    assert clustered.high - clustered.low == pytest.approx(2 * 1.96 * 0.1118, rel=0.15)
    assert single.high - single.low == pytest.approx(2 * 1.96 * 0.0354, rel=0.15)


def test_the_cluster_bootstrap_is_seeded():
    outcomes, clusters = [True, False, True, True, False], ["a", "a", "b", "c", "c"]
    assert cluster_bootstrap(outcomes, clusters, seed=4) == cluster_bootstrap(outcomes, clusters, seed=4)


def test_one_cluster_says_nothing_about_others():
    interval = cluster_bootstrap([True, False], ["a", "a"])
    assert (interval.value, interval.successes, interval.n) == (0.5, 1, 2)
    assert math.isnan(interval.low)
    assert math.isnan(cluster_bootstrap([], []).value)
    with pytest.raises(ValueError, match="expected a cluster for each outcome"):
        cluster_bootstrap([True], [])


def test_kendalls_tau_of_a_hand_worked_case():
    # 1 2 3 4 against 1 3 2 4: five pairs concordant, one discordant: 4 / 6
    found = kendall_tau([1, 2, 3, 4], [1, 3, 2, 4])
    assert found.value == pytest.approx(4 / 6)
    assert found.n == 4
    # one tie on the right: 1 2 3 against 1 2 2: two concordant, of 3 and 3 - 1 pairs: 2 / sqrt(6)
    assert kendall_tau([1, 2, 3], [1, 2, 2]).value == pytest.approx(2 / math.sqrt(6))


def test_spearmans_rho_of_a_hand_worked_case():
    # squared rank differences 0, 1, 1, 0: 1 - 6 * 2 / (4 * 15) = .8
    found = spearman([10, 20, 30, 99], [1, 3, 2, 4])
    assert found.value == pytest.approx(0.8)
    assert found.n == 4


@pytest.mark.parametrize("correlation", [kendall_tau, spearman])
def test_unscored_pairs_are_left_out_and_undefined_is_nan(correlation):
    found = correlation([1, 2, NAN, 3], [1, 2, 3, NAN])
    assert found.value == pytest.approx(1.0)
    assert found.n == 2
    for first, second in [([], []), ([1], [1]), ([1, 1, 1], [1, 2, 3]), ([1, 2], [NAN, 2])]:
        assert math.isnan(correlation(first, second).value)
    with pytest.raises(ValueError, match="expected two arrays of the same length"):
        correlation([1, 2], [1])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=20))
def test_correlations_are_symmetric_and_turn_with_the_order(pairs):
    first, second = np.array(pairs, dtype=float).T
    for correlation in (kendall_tau, spearman):
        value = correlation(first, second).value
        if math.isnan(value):
            continue
        assert -1 - 1e-12 <= value <= 1 + 1e-12
        assert correlation(second, first).value == pytest.approx(value)
        assert correlation(-first, second).value == pytest.approx(-value)
