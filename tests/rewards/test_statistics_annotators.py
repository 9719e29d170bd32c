"""Annotators: repeats, known answers, pace, patterns, confusion, leniency and orders; by hand, published, simulated."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.statistics.annotators import (
    LEVEL,
    accuracy_on_known,
    alternation,
    copying,
    pace,
    repeats,
    run_tail,
    same_answer,
)
from rewards.statistics.concordance import Place, kendall_w, rank_agreement
from rewards.statistics.dawid_skene import accuracy_draws, dawid_skene
from rewards.statistics.leniency import fit_leniency

NAN = float("nan")


def test_repeats_count_the_first_two_answers_of_a_unit():
    # a: 1 then 1 (a third is not read), b: 2 then 3, c: once, d: answered once.
    found = repeats(["a", "b", "a", "b", "c", "d", "d", "a"], [1, 2, 1, 3, 4, None, 5, 9], metric="interval")
    assert (found.same.successes, found.same.n) == (1, 2)
    # Units (1, 1), (2, 3): n = 4; D_o sum 2 * 1; all ordered pairs of 1, 1, 2, 3: 2 * (1 + 4 + 1 + 4 + 1) = 22.
    assert found.alpha.value == pytest.approx(1 - 3 * 2 / 22)


def test_without_a_repeat_nothing_is_said_of_repeats():
    found = repeats(["a", "b"], [1, 2])
    assert math.isnan(found.same.value)
    assert math.isnan(found.alpha.value)


def test_accuracy_on_known_answers_leaves_the_unknown_and_the_missing_out():
    units, raters, values = "abcab", "xxxyy", [1, 2, 3, 1, None]
    found = accuracy_on_known(list(units), list(raters), values, {"a": 1, "b": 1})
    assert (found["x"].successes, found["x"].n) == (1, 2)
    assert (found["y"].successes, found["y"].n) == (1, 1)
    unasked = accuracy_on_known(["c"], ["z"], [1], {"a": 1})
    assert math.isnan(unasked["z"].value)


def test_pace_is_the_median_and_alarms_where_many_items_are_too_fast_to_read():
    # 100 words in 60, 30, 5 and 0 seconds: 100, 200 and 1,200 words a minute; the last has no time.
    found = pace([100, 100, 100, 100], [60, 30, 5, 0])
    assert (found.words_per_minute, found.seconds, found.fast.successes, found.fast.n) == (200, 30, 1, 3)
    # P(at least 1 of 3) at 5 %: 1 - .95^3
    assert found.p_value == pytest.approx(1 - 0.95**3)
    assert not found.is_alarming
    assert pace([100] * 20, [5] * 20).is_alarming
    assert math.isnan(pace([], []).words_per_minute)


@pytest.mark.parametrize(("shares", "n", "length"), [([0.5, 0.5], 8, 3), ([0.2, 0.3, 0.5], 6, 2), ([0.9, 0.1], 5, 5)])
def test_the_chance_of_a_run_equals_all_sequences_counted(shares, n, length):
    total = 0.0
    for sequence in itertools.product(range(len(shares)), repeat=n):
        longest = max(len(list(group)) for _, group in itertools.groupby(sequence))
        if longest >= length:
            total += math.prod(shares[one] for one in sequence)
    assert run_tail(shares, n, length) == pytest.approx(total)


def test_one_and_the_same_answer_is_noticed_and_an_answer_everybody_gives_is_not():
    others = ["a", "b", "c", "d"] * 50
    assert same_answer(["a"] * 30, others).is_alarming
    assert not same_answer(["a"] * 30, ["a"] * 199 + ["b"]).is_alarming
    assert math.isnan(same_answer(["a"] * 5, others).p_value)
    assert math.isnan(same_answer(["a"] * 30, ["a"]).p_value)


def test_left_and_right_in_turns_is_noticed_and_one_answer_throughout_cannot_alternate():
    assert alternation(["left", "right"] * 15).is_alarming
    assert alternation(["left", "right", "tie"] * 10).is_alarming
    assert not alternation(["left", "left", "right", "right"] * 8).is_alarming
    assert math.isnan(alternation(["left"] * 40).p_value)


def test_the_number_of_changes_has_the_mean_and_variance_of_all_orders():
    # 7 a, 7 b, 6 c; every order counted by drawing: the observed p-values must be uniform, one in two below a half.
    generator = np.random.default_rng(5)
    answers = np.array(["a"] * 7 + ["b"] * 7 + ["c"] * 6)
    drawn = [alternation(list(generator.permutation(answers))) for _ in range(600)]
    changes = np.array([one.observed * 19 for one in drawn])
    # mean n - sum n_k^2 / n = 20 - 134 / 20; variance by the formula in the docstring, by hand: 134 (134 + 420) -
    # 40 (343 + 343 + 216) - 8000 = 30156 over 400 * 19.
    assert changes.mean() == pytest.approx(13.3, abs=4 * math.sqrt(30156 / 7600 / 600))
    assert changes.var() == pytest.approx(30156 / 7600, rel=0.25)


def test_honest_people_are_alarmed_about_as_seldom_as_stated():
    generator = np.random.default_rng(11)
    n, shares = 1_000, [0.35, 0.35, 0.2, 0.1]
    others = list(generator.choice(4, 2_000, p=shares))
    sequences = [list(generator.choice(4, 60, p=shares)) for _ in range(n)]
    # The binomial's 99.9 % bound for 1,000 people at LEVEL = 1 %: 21.
    assert sum(alternation(one).is_alarming for one in sequences) <= 21
    assert sum(same_answer(one, others).is_alarming for one in sequences[:300]) <= 9
    fast = generator.random((n, 60)) < 0.05
    assert sum(pace([100] * 60, list(np.where(row, 5.0, 30.0))).is_alarming for row in fast) <= 21
    assert LEVEL == 0.01


# Dawid and Skene (1979), table 1: 45 patients, seven codes each: three by observer 1, one by each of observers 2 to 5.
PATIENTS = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 "
    "1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 "
    "1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 "
    "2322222 1211111 2222222"
)


def test_the_same_unusual_answers_are_noticed_and_the_same_right_ones_are_not():
    # Everybody but 4 and 5 says "a" of ten units; those two say the same of b, c, d, e in turns. Unusual answers are as
    # often b, c, d or e, up to 3 : 3 : 2 : 2, so that each coincidence has the chance (9 + 9 + 4 + 4) / 100 = 0.26.
    odd = ["b", "c", "d", "e"]
    rows = [(unit, rater, "a") for unit in range(10) for rater in range(4)]
    rows += [(unit, rater, odd[unit % 4]) for unit in range(10) for rater in (4, 5)]
    found = copying(*zip(*rows, strict=True))
    assert found.keys() == {(4, 5)}
    assert found[4, 5][:2] == (10, 10)
    assert found[4, 5].p_value == pytest.approx(0.26**10)
    # One of ten alike: 1 - 0.74^10.
    apart = [
        (unit, rater, odd[(unit + (rater == 5 and unit > 0)) % 4] if rater > 3 else value)
        for unit, rater, value in rows
    ]
    one = copying(*zip(*apart, strict=True))[4, 5]
    assert (one.same, one.odd) == (1, 10)
    assert one.p_value > 0.9


def test_where_there_is_but_one_way_to_err_nobody_copies():
    rows = [(unit, rater, int(rater > 3)) for unit in range(30) for rater in range(6)]
    assert copying(*zip(*rows, strict=True))[4, 5].p_value == pytest.approx(1.0)


def test_dawid_and_skenes_patients():
    rows = [
        (i, who, int(code))
        for i, codes in enumerate(PATIENTS.split())
        for who, code in zip("1112345", codes, strict=True)
    ]
    found = dawid_skene(*zip(*rows, strict=True))
    prevalence = dict(zip(found.classes, found.prevalence, strict=True))
    # Their table 2: the class marginals.
    assert [round(prevalence[code], 2) for code in (1, 2, 3, 4)] == [0.4, 0.42, 0.11, 0.07]
    assert found.converged
    assert found.answers()[10] == 4
    assert np.allclose(found.confusion.sum(axis=2), 1)
    # Observer 1 on patients of class 1: 89 % right, the others taken for class 2.
    one, two = found.classes.index(1), found.classes.index(2)
    assert found.confusion[0, one, [one, two]] == pytest.approx([0.89, 0.11], abs=0.005)


def test_dawid_skene_recovers_who_errs_how_often():
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 3, 1_500)
    rows = []
    for unit, true in enumerate(truth):
        for rater, accuracy in enumerate([0.95, 0.8, 0.6, 0.5]):
            wrong = (true + 1 + generator.integers(2)) % 3
            rows.append((unit, rater, int(true if generator.random() < accuracy else wrong)))
    found = dawid_skene(*zip(*rows, strict=True))
    assert found.accuracy == pytest.approx([0.95, 0.8, 0.6, 0.5], abs=0.04)
    answers = found.answers()
    right = np.mean([answers[unit] == true for unit, true in enumerate(truth)])
    majority = np.mean(
        [np.bincount([row[2] for row in rows[4 * u : 4 * u + 4]]).argmax() == truth[u] for u in range(len(truth))]
    )
    assert right > majority


def test_draws_recover_who_errs_how_often_and_know_how_little_few_answers_say():
    generator = np.random.default_rng(8)
    accuracies = np.array([0.9, 0.8, 0.7])

    def answers(n):
        true = np.repeat(generator.integers(0, 3, n), 3)
        raters = np.tile(np.arange(3), n)
        wrong = (true + generator.integers(1, 3, 3 * n)) % 3
        return np.repeat(np.arange(n), 3), raters, np.where(generator.random(3 * n) < accuracies[raters], true, wrong)

    many, few = accuracy_draws(*answers(600), draws=200), accuracy_draws(*answers(15), draws=200)
    # A share of 600 has a standard error of at most 0.02; that the truth is not seen adds as much again.
    assert many.mean == pytest.approx(accuracies, abs=0.08)
    for found in (many, few):
        # Three standard errors are 1.53 times half of a 95 % interval.
        assert (np.abs(found.mean - accuracies) < 1.53 * (found.high - found.low) / 2).all()
    # 40 times the answers: an error of about a sixth.
    assert (few.high - few.low).mean() > 3 * (many.high - many.low).mean()


def test_how_often_somebody_is_right_among_five_classes_is_one_share_and_not_five():
    # Six who never err show the truth of 100 units; the seventh errs on 2 of the 20 of each class.
    true = np.repeat(np.arange(100) // 20, 7)
    raters, units = np.tile(np.arange(7), 100), np.repeat(np.arange(100), 7)
    errs = (raters == 6) & (units % 10 == 0)
    found = accuracy_draws(units, raters, np.where(errs, (true + 1) % 5, true), draws=300)
    # Then it is a plain share, whose posterior under Jeffreys' prior is Beta(90.5, 10.5): five priors of classes, worth
    # 1.5 answers each, would make the mean (18 + 1) / (20 + 1.5) = 0.884.
    expected = scipy.stats.beta(90.5, 10.5)
    assert found.mean[6] == pytest.approx(expected.mean(), abs=0.006)
    assert (found.low[6], found.high[6]) == pytest.approx(expected.ppf([0.025, 0.975]), abs=0.015)


def test_dawid_skene_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match="no answers"):
        dawid_skene(["a"], ["x"], [None])
    with pytest.raises(ValueError, match="expected as many of each"):
        dawid_skene(["a"], [], [])
    with pytest.raises(ValueError, match="without a unit or a rater"):
        dawid_skene([None], ["x"], [1])


SHIFTS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
THRESHOLDS = (-2.0, -0.7, 0.5, 2.0)


def ratings(generator, n=300, per_unit=3, spread=1.5):
    """Ratings from 1 to 5 by five raters, of whom each unit meets three."""
    quality = generator.normal(0, spread, n)
    rows = []
    for unit in range(n):
        for rater in generator.choice(5, per_unit, replace=False):
            latent = quality[unit] + SHIFTS[rater] + generator.logistic()
            rows.append((unit, int(rater), 1 + int(np.count_nonzero(latent > np.array(THRESHOLDS)))))
    return quality, tuple(zip(*rows, strict=True))


def test_leniency_recovers_simulated_shifts_and_thresholds_within_their_errors():
    quality, columns = ratings(np.random.default_rng(1), n=800)
    found = fit_leniency(*columns)
    order = np.argsort(found.raters)
    # 800 units of three ratings: the standard errors are about 0.08, so that 0.3 is beyond three of them.
    assert (found.error < 0.12).all()
    assert found.leniency[order] == pytest.approx(SHIFTS, abs=0.3)
    assert found.thresholds == pytest.approx(THRESHOLDS, abs=0.3)
    # Three standard errors are 1.53 times half of a 95 % interval.
    half = (found.threshold_high - found.threshold_low) / 2
    assert (np.abs(found.thresholds - THRESHOLDS) < 1.53 * half).all()
    assert (half < 0.25).all()
    assert found.spread == pytest.approx(1.5, abs=0.2)
    assert found.leniency.sum() == pytest.approx(0, abs=1e-9)
    assert (np.sign(found.in_levels) == np.sign(found.leniency)).all()
    # Corrected for who gave them the ratings are nearer to the quality than their plain means.
    units = np.array(columns[0])
    plain = np.bincount(units, np.array(columns[2], dtype=float)) / np.bincount(units)
    truth = quality[np.array(found.units)]
    corrected = np.corrcoef(found.quality, truth)[0, 1]
    assert corrected > np.corrcoef(plain[np.array(found.units)], truth)[0, 1]


def test_leniency_is_the_same_whatever_the_names_and_order_of_rows():
    _, (units, raters, values) = ratings(np.random.default_rng(4), n=60)
    first = fit_leniency(units, raters, values)
    back = [f"u{unit}" for unit in units[::-1]], [f"r{rater}" for rater in raters[::-1]], values[::-1]
    other = fit_leniency(*back)
    named = dict(zip(other.raters, other.leniency, strict=True))
    for rater, shift in zip(first.raters, first.leniency, strict=True):
        assert named[f"r{rater}"] == pytest.approx(shift, abs=1e-3)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ((["a", "a"], ["x", "x"], [1, 2]), "at least 2"),
        ((["a", "a"], ["x", "y"], [1, 1]), "1 different ratings"),
        ((["a", "a"], ["x", "y"], [1, "high"]), "expected finite numbers"),
        ((["a", "a", "b", "b"], ["x", "y", "v", "w"], [1, 2, 1, 2]), "shares no unit"),
    ],
)
def test_leniency_says_why_it_cannot_be_fitted(columns, words):
    with pytest.raises(ValueError, match=words):
        fit_leniency(*columns)


def test_kendalls_w_by_hand():
    # Rank sums of three raters: 1+1+2, 2+3+1, 3+2+3 = 4, 6, 8; S = 4 + 0 + 4; W = 12 * 8 / (9 * 24).
    assert kendall_w([[1, 2, 3], [1, 3, 2], [2, 1, 3]]) == pytest.approx(96 / 216)
    assert kendall_w([[1, 2, 3], [1, 2, 3]]) == 1
    assert kendall_w([[1, 2], [2, 1]]) == 0
    # One tie, alike: ranks 1.5, 1.5, 3 twice; S = 1 + 1 + 4 = 6, T = 2^3 - 2 = 6 each: 72 / (4 * 24 - 2 * 12) = 1.
    assert kendall_w([[1, 1, 2], [1, 1, 2]]) == pytest.approx(1)
    # A tie against 1, 2, 3: sums 2.5, 3.5, 6: S = 2.25 + .25 + 4 = 6.5; 78 / (96 - 2 * 6)
    assert kendall_w([[1, 1, 2], [1, 2, 3]]) == pytest.approx(78 / 84)
    assert math.isnan(kendall_w([[1, 1], [1, 1]]))
    with pytest.raises(ValueError, match="expected a row for each rater"):
        kendall_w([[1, NAN]])


@given(st.lists(st.permutations(range(5)), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_w_is_what_the_mean_rank_correlation_says(orders):
    # Without ties: mean Spearman correlation of all pairs = (m W - 1) / (m - 1).
    m = len(orders)
    rho = [np.corrcoef(one, other)[0, 1] for one, other in itertools.combinations(orders, 2)]
    assert (m * kendall_w(orders) - 1) / (m - 1) == pytest.approx(np.mean(rho))


def test_orders_agree_by_item_over_the_outputs_that_everybody_placed():
    def order(item, rater, tiers):
        return [Place(item, rater, output, tier) for output, tier in tiers.items()]

    places = [
        *order("one", "x", {"a": 1, "b": 2, "c": 3}),
        *order("one", "y", {"a": 1, "b": 3, "c": 2}),
        *order("two", "x", {"a": 1, "b": 2, "d": 3}),
        *order("two", "y", {"a": 2, "b": 1}),
        *order("three", "x", {"a": 1, "b": 2}),
    ]
    found = rank_agreement(places, replicates=100)
    # tau: 1 discordant of 3 pairs gives 1/3; of two outputs turned, -1.
    assert found.tau.value == pytest.approx((1 / 3 - 1) / 2)
    assert (found.n_items, found.n_raters, found.tau.n) == (2, 2, 2)
    # W: sums 2, 5, 5: S = 6, 72 / (4 * 24) = 3/4; and 0.
    assert found.w.value == pytest.approx(0.375)
