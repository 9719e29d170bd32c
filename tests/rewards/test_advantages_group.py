"""Group baselines, the greedy answer, quantiles and halves, against values worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.advantages.baselines import conditional, greedy_baseline, group_quantile, lower_share, quantile_baseline
from rewards.advantages.difficulty import difficulty_weighted
from rewards.advantages.filters import groups_between, measure_groups, telling_groups
from rewards.advantages.group import group_mean, group_mean_batch_std, group_mean_std, leave_one_out
from rewards.advantages.groups import Groups
from rewards.advantages.whitening import rows_of_padded, whitened, whitening
from rewards.shaping.rows import Rows

NAN = float("nan")
ONE = np.zeros(4, dtype=np.int64)


def test_grpo_divides_by_the_standard_deviation_of_a_sample_or_of_a_population() -> None:
    reward = Rows.scalars([1, 0, 0, 1])
    # Deviations of 1/2: the variance is 4/4 / 3 = 1/3 of a sample, and 1/4 of a population.
    sample = group_mean_std(reward, ONE, eps=0).values
    np.testing.assert_allclose(sample, np.sqrt(3) / 2 * np.array([1, -1, -1, 1]))
    assert group_mean_std(reward, ONE, eps=0, spread="population").values.tolist() == [1, -1, -1, 1]
    # (1/2) / (1/2 + 1/2)
    assert group_mean_std(reward, ONE, eps=0.5, spread="population").values.tolist() == [0.5, -0.5, -0.5, 0.5]


def test_equal_rewards_give_exactly_zero_even_where_their_mean_is_not_exact() -> None:
    # 0.1 + 0.1 + 0.1 is 0.30000000000000004: a mean by summing leaves 1e-17 to be divided by nearly 0.
    reward = Rows.scalars([0.1, 0.1, 0.1])
    groups = np.zeros(3, dtype=np.int64)
    assert group_mean_std(reward, groups, eps=0).values.tolist() == [0, 0, 0]
    assert leave_one_out(reward, groups).values.tolist() == [0, 0, 0]
    # 0.1 + 0.2 is above 0.3 by rounding alone: without a tolerance and with eps = 0 that is a standard deviation.
    rounded = Rows.scalars([0.1 + 0.2, 0.3, 0.3])
    assert group_mean_std(rounded, groups, eps=0).values.tolist() == [0, 0, 0]
    assert quantile_baseline(rounded, groups).values.tolist() == [0, 0, 0]
    assert measure_groups(rounded, groups).n_equal == 1


def test_a_reward_far_from_zero_keeps_its_digits() -> None:
    near, far = Rows.scalars([0, 1, 2, 3]), Rows.scalars([1e9, 1e9 + 1, 1e9 + 2, 1e9 + 3])
    np.testing.assert_allclose(group_mean_std(far, ONE).values, group_mean_std(near, ONE).values)


def test_dr_grpo_leaves_the_standard_deviation_out_and_rloo_the_output_itself() -> None:
    reward = Rows.scalars([1, 0, 0, NAN])
    assert group_mean(reward, ONE).values.tolist() == pytest.approx([2 / 3, -1 / 3, -1 / 3, NAN], nan_ok=True)
    # 1 - (0 + 0)/2; 0 - (1 + 0)/2.
    assert leave_one_out(reward, ONE).values.tolist() == pytest.approx([1, -0.5, -0.5, NAN], nan_ok=True)


def test_dler_scales_all_groups_alike() -> None:
    # Centred: -1/2, 1/2, 0, 0; the variance of the sample is (1/4 + 1/4)/3 = 1/6.
    reward, groups = Rows.scalars([0, 1, 1, 1]), np.array([0, 0, 1, 1])
    expected = np.sqrt(6) / 2 * np.array([-1, 1, 0, 0])
    np.testing.assert_allclose(group_mean_batch_std(reward, groups, eps=0).values, expected)


def test_remax_is_unscored_where_its_greedy_answer_is() -> None:
    advantages = greedy_baseline(Rows.scalars([1, 0.25]), np.array([0, 1]), Rows.scalars([0.5, NAN]))
    assert advantages.values.tolist() == pytest.approx([0.5, NAN], nan_ok=True)


@pytest.mark.parametrize("level", [0.1, 0.2, 0.4, 0.55, 0.6, 0.7])
@pytest.mark.parametrize("n", [1, 3, 5, 8, 10, 20])
def test_qae_is_exact_at_the_boundary_of_hard_and_easy(level: float, n: int) -> None:
    for right in range(1, n):
        reward = Rows.scalars([1] * right + [0] * (n - right))
        advantages = quantile_baseline(reward, np.zeros(n, dtype=np.int64), level).values
        # p <= 1 - K in whole numbers of a hundredth of the group, so that no rounding decides.
        is_hard = 100 * right <= (100 - round(100 * level)) * n
        assert ((advantages > 0).sum(), (advantages < 0).sum()) == ((right, 0) if is_hard else (0, n - right))


def test_the_interpolated_quantile_of_the_released_line_misses_the_boundary() -> None:
    reward, groups = np.array([1.0] * 5 + [0.0] * 3), np.zeros(8, dtype=np.int64)
    # numpy's default: place 0.4 * 7 = 2.8 between the third (0) and the fourth (1) of the ordered rewards.
    assert group_quantile(reward, groups, 0.4, "linear")[0] == pytest.approx(np.quantile(reward, 0.4)) == 0.8
    assert group_quantile(reward, groups, 0.4)[0] == np.quantile(reward, 0.4, method="inverted_cdf") == 1
    released = quantile_baseline(Rows.scalars(reward), groups, 0.4, "linear").values
    assert (released > 0).sum() == 5
    assert (released < 0).sum() == 3


def test_canon_weighs_the_halves_as_worked_by_hand() -> None:
    # By metric: rewards 1, 0 (mean 1/2) below and 1, 1 (mean 1) above.
    reward, metric = Rows.scalars([1, 1, 1, 0]), Rows.scalars([1, 4, 3, 2])
    inter = conditional(reward, ONE, metric, mix=1).values
    intra = conditional(reward, ONE, metric, mix=0).values
    assert inter.tolist() == pytest.approx([0, 0.5, 0.5, -1])
    assert intra.tolist() == pytest.approx([0.5, 0, 0, -0.5])


GROUP = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=9)


@settings(max_examples=50, deadline=None)
@given(members=GROUP)
def test_canon_with_mu_one_half_is_the_groups_mean_at_every_size_and_with_ties(members: list[tuple[int, int]]) -> None:
    reward = Rows.scalars([score for score, _ in members])
    metric, groups = Rows.scalars([value for _, value in members]), np.zeros(len(members), dtype=np.int64)
    np.testing.assert_allclose(
        conditional(reward, groups, metric, mix=0.5).values, group_mean(reward, groups).values, atol=1e-12
    )
    assert lower_share(metric.values, groups).sum() == pytest.approx(len(members) / 2)


def test_canon_scales_the_upper_half_down_to_prefer_the_shorter() -> None:
    # Rewards become 1, 1, 0.9, 0.9 of mean 0.95.
    advantages = conditional(Rows.scalars([1, 1, 1, 1]), ONE, Rows.scalars([10, 20, 30, 40]), upper_scale=0.9)
    assert advantages.values.tolist() == pytest.approx([0.05, 0.05, -0.05, -0.05])


def test_canon_leaves_out_whoever_has_no_metric() -> None:
    advantages = conditional(Rows.scalars([1, 0, 1, 0]), ONE, Rows.scalars([1, 2, NAN, 3]), mix=0.5)
    assert advantages.values.tolist() == pytest.approx([2 / 3, -1 / 3, NAN, -1 / 3], nan_ok=True)


def test_whitening_leaves_unscored_tokens_out() -> None:
    # 1, 2, 3: mean 2, variance of the sample 1.
    rows = Rows.ragged("token", [[1, NAN], [2, 3]])
    assert whitening(rows, np.array([0, 1]), eps=0).values.tolist() == pytest.approx([-1, NAN, 0, 1], nan_ok=True)
    assert whitening(rows, np.array([0, 1]), False, 0).values.tolist() == pytest.approx([1, NAN, 2, 3], nan_ok=True)
    assert np.isnan(whitened(np.array([NAN]))).all()
    assert whitened(np.array([5.0]), eps=0).tolist() == [0]


def test_padding_of_a_thousand_is_masked_before_any_mean() -> None:
    # The released scorer fills padding with 1e3, which a mean over the matrix would take for rewards.
    padded, mask = np.array([[0.5, -0.5, 1e3], [1.5, 1e3, 1e3]]), np.array([[1, 1, 0], [1, 0, 0]])
    rows = rows_of_padded(padded, mask)
    assert rows.mean().tolist() == [0, 1.5]
    assert np.abs(whitening(rows, np.array([0, 1])).values).max() < 2
    with pytest.raises(ValueError, match="expected two equal matrices"):
        rows_of_padded(padded, mask[:1])


def test_the_meter_tells_groups_without_a_gradient_apart() -> None:
    rewards = [0, 0, 1, 1, 0.5, 0.5, 0, 1, NAN, 1, NAN]
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 5])
    meter = measure_groups(Rows.scalars(rewards), groups)
    assert (meter.n_groups, meter.n_unscored, meter.n_alone, meter.n_equal, meter.n_telling) == (6, 1, 1, 3, 1)
    assert (meter.n_all_lowest, meter.n_all_highest) == (1, 1)
    assert (meter.n_outputs, meter.n_zero_advantage) == (9, 7)
    assert meter.share_without_gradient == pytest.approx(4 / 5)
    assert telling_groups(Rows.scalars(rewards), groups).tolist() == [False] * 6 + [True] * 3 + [False] * 2
    zeros = Rows.scalars([0] * 10 + [NAN])
    assert measure_groups(Rows.scalars(rewards), groups, zeros).n_zero_advantage == 9


def test_the_meter_of_nothing_scored_is_unknown_and_not_zero() -> None:
    assert np.isnan(measure_groups(Rows.scalars([NAN]), np.array([0])).share_without_gradient)


def test_groups_are_kept_by_their_mean() -> None:
    reward, groups = Rows.scalars([0, 0, 0, 1, 1, 1, NAN]), np.array([0, 0, 1, 1, 2, 2, 3])
    assert groups_between(reward, groups, 0.25, 0.75).tolist() == [False, False, True, True, False, False, False]


def test_hard_tasks_weigh_more() -> None:
    # p = 1/4: the band of 1.5; 1 + 3/4; 1 + 4 * 3/16.
    reward = Rows.scalars([1, 0, 0, 0])
    for rule, weight in (("bands", 1.5), ("hard", 1.75), ("middle", 1.75)):
        advantages = difficulty_weighted(reward, ONE, rule=rule)
        assert advantages.values.tolist() == pytest.approx(weight * np.array([0.75, -0.25, -0.25, -0.25]))
    with pytest.raises(ValueError, match="output 0: success 5: expected from 0 to 1"):
        difficulty_weighted(Rows.scalars([5]), ONE[:1])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(-4, 4))), min_size=1, max_size=12))
def test_statistics_of_groups_are_those_of_each_alone(members: list[tuple[int, int | None]]) -> None:
    values = np.array([NAN if value is None else value for _, value in members])
    numbers = np.array([group for group, _ in members])
    groups = Groups(values, numbers)
    for group in set(numbers):
        own = values[(numbers == group) & ~np.isnan(values)]
        assert groups.n_scored[group] == len(own)
        if len(own):
            assert groups.mean[group] == pytest.approx(own.mean())
            assert groups.std()[group] == pytest.approx(own.std())
            assert (groups.smallest[group], groups.largest[group]) == (own.min(), own.max())
        else:
            assert np.isnan([groups.mean[group], groups.std()[group], groups.smallest[group]]).all()
