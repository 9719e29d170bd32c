"""The trust weight of a soft reward beside a hard one, by hand."""

import numpy as np
import pytest

from rewards.rubrics.trust import trust_weight, trusted_rewards


def test_a_judge_that_agrees_with_the_outcome_is_trusted_whole():
    # Right: 0.9 and 0.7, mean 0.8; wrong: 0.2 and 0.4, mean 0.3.
    trust = trust_weight([1, 1, 0, 0], [0.9, 0.7, 0.2, 0.4])
    assert trust.mean_right == pytest.approx(0.8)
    assert trust.mean_wrong == pytest.approx(0.3)
    assert (trust.gamma, trust.is_inverted) == (1.0, False)


def test_a_judge_that_prefers_wrong_answers_is_trusted_less():
    # Right 0.3, wrong (0.7 + 0.9) / 2 = 0.8: exp(0.3 - 0.8) = exp(-0.5) = 0.60653.
    trust = trust_weight([1, 0, 0], [0.3, 0.7, 0.9])
    assert trust.gamma == pytest.approx(0.60653, abs=1e-5)
    assert trust.is_inverted


def test_equal_means_are_trusted_whole():
    assert trust_weight([1, 0], [0.5, 0.5]) == (1.0, 0.5, 0.5, False)


def test_an_outcome_of_a_half_is_right():
    assert trust_weight([0.5, 0.49], [0.2, 0.8]).gamma == pytest.approx(np.exp(-0.6))


@pytest.mark.parametrize("outcome", [[1, 1], [0, 0], []])
def test_a_group_of_one_kind_says_nothing_against_the_judge(outcome):
    trust = trust_weight(outcome, [0.1, 0.9][: len(outcome)])
    assert trust.gamma == 1.0
    assert np.isnan(trust.mean_right) or np.isnan(trust.mean_wrong)


def test_a_missing_reward_is_left_out_of_the_means_and_is_no_zero_in_the_sum():
    trust = trust_weight([1, 1, 0, np.nan], [0.9, np.nan, 0.2, 0.9])
    assert (trust.mean_right, trust.mean_wrong) == (0.9, 0.2)
    combined = trusted_rewards([1, 1, 0], [0.5, np.nan, 0.25])
    assert combined[0] == 1.5
    assert np.isnan(combined[1])
    assert combined[2] == 0.25


def test_the_combined_reward_is_the_formula_of_the_paper():
    # gamma = exp(0.2 - 0.6) = exp(-0.4); the soft part of the first is exp(-0.4) * 0.3 * exp(-100/200) * 0.2
    # = 0.3 * 0.2 * exp(-0.9) = 0.06 * 0.40657 = 0.024394, of the second 0.18 * 0.40657 = 0.073183.
    combined = trusted_rewards([1, 0], [0.2, 0.6], step=100, alpha=0.3, horizon=200)
    np.testing.assert_allclose(combined, [1.024394, 0.073183], atol=1e-6)


def test_the_soft_part_fades_to_nothing_and_the_hard_one_stays():
    steps = [trusted_rewards([1, 0], [0.8, 0.4], step=step, horizon=50)[0] for step in (0, 10, 100, 10_000)]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] == pytest.approx(1.8)
    assert steps[-1] == pytest.approx(1.0)
    assert trusted_rewards([1, 0], [0.8, 0.4], step=10_000)[0] == pytest.approx(1.8)


def test_gamma_lies_above_0_and_does_not_depend_on_the_order_of_the_outputs():
    generator = np.random.default_rng(1)
    for _ in range(100):
        outcome, soft = generator.integers(0, 2, 8), generator.integers(0, 11, 8) / 10
        order = generator.permutation(8)
        gamma = trust_weight(outcome, soft).gamma
        assert np.exp(-1) <= gamma <= 1
        assert trust_weight(outcome[order], soft[order]).gamma == pytest.approx(gamma)


def test_rewards_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        trust_weight([1, 0], [0.5])
    with pytest.raises(ValueError, match="step"):
        trusted_rewards([1], [0.5], step=-1)
    with pytest.raises(ValueError, match="horizon"):
        trusted_rewards([1], [0.5], horizon=0)
