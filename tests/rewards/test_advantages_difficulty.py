"""Difficulty of tasks, hints, the choice of tasks, pass@k and best of n."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.advantages.difficulty import (
    DifficultyPosterior,
    hint_ladder,
    history_order,
    history_scores,
    next_rung,
    task_values,
)
from rewards.advantages.pass_at_k import best_of_n, best_of_n_kl, pass_at_k

NAN = float("nan")


def test_tasks_that_are_always_or_never_solved_are_worth_nothing() -> None:
    success = np.array([1, 1, 0, 0, 1, 0, 0, 0, NAN])
    groups = np.array([0, 0, 1, 1, 2, 2, 2, 2, 3])
    # The third: 1/4 * 3/4 * (1 + 2 * sqrt(3)/4).
    expected = [0, 0, 3 / 16 * (1 + math.sqrt(3) / 2), NAN]
    assert task_values(success, success, groups, kappa=2).tolist() == pytest.approx(expected, nan_ok=True)


def test_moppss_posterior_counts_a_single_rollout_as_every_other() -> None:
    # `x + s * n if n > 1 else 8` reads as `(x + s * n) if n > 1 else 8`: one rollout would set the posterior to 8.
    for n in (1, 2, 8):
        posterior = DifficultyPosterior.of_tasks(1).updated([0.5], [n])
        assert (posterior.alpha[0], posterior.beta[0]) == (1 + n / 2, 1 + n / 2)


def test_moppss_posterior_forgets_towards_the_prior() -> None:
    # 0.5 * 5 + 0.5 * 1 + 1 * 4 = 7 and 0.5 * 3 + 0.5 * 1 + 0 = 2; the task that was not tried only decays.
    posterior = DifficultyPosterior(np.array([5.0, 5.0]), np.array([3.0, 3.0]))
    after = posterior.updated([1, NAN], [4, 4], decay=0.5)
    assert after.alpha.tolist() == [7, 3]
    assert after.beta.tolist() == [2, 2]
    assert after.mean.tolist() == pytest.approx([7 / 9, 3 / 5])
    with pytest.raises(ValueError, match="expected numbers from 0 to 1"):
        posterior.updated([2, 0], [1, 1])


def test_tasks_near_the_target_are_chosen() -> None:
    posterior = DifficultyPosterior(np.array([1.0, 500, 999]), np.array([999.0, 500, 1]))
    assert posterior.choose(1, np.random.default_rng(0)).tolist() == [1]
    assert posterior.choose(2, np.random.default_rng(0), target=1).tolist() == [2, 1]
    assert posterior.choose_between(0.3, 0.7, np.random.default_rng(0)).tolist() == [1]


def test_the_least_hint_that_helps_is_the_difficulty() -> None:
    table = [[0, 0, 0, 1], [8, NAN, NAN, NAN], [0, NAN, NAN, NAN]]
    assert hint_ladder(table).tolist() == pytest.approx([0.75, 0, NAN], nan_ok=True)
    assert next_rung(table).tolist() == [-1, -1, 1]
    with pytest.raises(ValueError, match="expected ascending hints, a column each"):
        hint_ladder([[0, 1]], [0.5, 0.25])


def test_constant_histories_rank_last_and_the_mean_curve_is_aligned_with_itself() -> None:
    history = [[0.5, 0.5, 0.5], [0, 1, NAN], [0, 0.5, 1], [NAN, NAN, NAN]]
    # Variances 0, 1/4, 1/6.
    assert history_scores(history).tolist() == pytest.approx([0, 1 / 4, 1 / 6, NAN], nan_ok=True)
    assert history_order(history).tolist() == [1, 2, 0, 3]
    assert history_scores(history, "deviation")[1] == 0.5
    # The mean curve of these three is 0.25, 0.5, 0.5, which the last one follows.
    curves = [[0, 0.5, 0.75], [0.5, 0.5, 0.25], [0.25, 0.5, 0.5]]
    aligned = history_scores(curves, "alignment")
    # sum (1 - m)^2 = 9/16 + 1/4 + 1/4 = 17/16; the first is off by 1/16 + 1/16.
    assert aligned.tolist() == pytest.approx([1 - (2 / 16) / (17 / 16)] * 2 + [1])
    assert np.isnan(history_scores([[1, 1]], "alignment")).all()


@given(right=st.lists(st.booleans(), min_size=1, max_size=7), k=st.integers(1, 7))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(right: list[bool], k: int) -> None:
    found = pass_at_k(len(right), sum(right), k)
    if k > len(right):
        assert np.isnan(found)
    else:
        subsets = list(itertools.combinations(right, k))
        assert found == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-12)


def test_pass_at_k_of_many_outputs_is_a_number_and_the_product_of_the_paper() -> None:
    # 1 - prod_{i = n - c + 1}^{n} (1 - k/i)
    product = math.prod(1 - 64 / i for i in range(256 - 3 + 1, 257))
    assert pass_at_k(256, 3, 64) == pytest.approx(1 - product)
    assert pass_at_k([10_000, 10, 10], [5_000, 0, 10], [5_001, 3, 3]).tolist() == [1, 0, 1]
    for bad in ((3, 4, 1), (3, -1, 1), (3, 1, 0)):
        with pytest.raises(ValueError, match="expected 0 <= right ones <= outputs"):
            pass_at_k(*bad)


@given(scores=st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4)), min_size=1, max_size=6), n=st.integers(1, 6))
def test_best_of_n_is_the_mean_over_all_subsets(scores: list[tuple[int, int]], n: int) -> None:
    found = best_of_n([proxy for proxy, _ in scores], [gold for _, gold in scores], n)
    if n > len(scores):
        assert np.isnan(found)
        return
    winners = []
    for subset in itertools.combinations(scores, n):
        top = max(proxy for proxy, _ in subset)
        # Whoever ties for the top is drawn with equal chances.
        winners.append(np.mean([gold for proxy, gold in subset if proxy == top]))
    if len({proxy for proxy, _ in scores}) == len(scores):
        assert found == pytest.approx(np.mean(winners), abs=1e-9)
    # With ties the two agree in the mean over the tied ones' gold scores.
    tied = {proxy: np.mean([g for p, g in scores if p == proxy]) for proxy, _ in scores}
    by_ties = [tied[max(proxy for proxy, _ in subset)] for subset in itertools.combinations(scores, n)]
    assert found == pytest.approx(np.mean(by_ties), abs=1e-9)


def test_best_of_n_leaves_out_what_is_unscored_and_agrees_with_pass_at_k() -> None:
    right = [0, 1, 0, 1, NAN]
    assert best_of_n(right, right, [1, 2, 4, 5]).tolist() == pytest.approx(
        [*pass_at_k(4, 2, [1, 2, 4]).tolist(), NAN], nan_ok=True
    )
    assert np.isnan(best_of_n([], [], 1))
    with pytest.raises(ValueError, match="the same length"):
        best_of_n([1], [1, 2], 1)


def test_the_divergence_of_best_of_n_grows_from_nothing() -> None:
    # log 64 - 63/64.
    assert best_of_n_kl([1, 64]).tolist() == pytest.approx([0, 4.158883083 - 0.984375])
