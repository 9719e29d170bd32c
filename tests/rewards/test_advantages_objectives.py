"""Several objectives, Beta normalisation, right and wrong apart, and other policies, against values worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.advantages.beta import BetaShape, beta_advantages, beta_normalisation, beta_shape
from rewards.advantages.group import group_mean, group_mean_std, leave_one_out
from rewards.advantages.multi import normalise_then_sum, objective_weights
from rewards.advantages.off_policy import (
    baseline_for_share,
    effective_positive_share,
    implicit_actor_critic,
    pairwise,
    tapered,
)
from rewards.advantages.sequences import sequence_log_probs
from rewards.advantages.signed import confidence_penalty, signed
from rewards.shaping.rows import Rows

NAN = float("nan")
TWO = np.zeros(2, dtype=np.int64)


def test_gdpo_tells_combinations_apart_that_a_normalised_sum_makes_equal() -> None:
    # Two outputs a task, two rewards of 0 or 1. Sums 0 and 1, or 0 and 2: both are -1/sqrt(2), 1/sqrt(2) after GRPO.
    groups = np.array([0, 0, 1, 1])
    first, second = Rows.scalars([0, 0, 0, 1]), Rows.scalars([0, 1, 0, 1])
    total = Rows.scalars(first.values + second.values)
    merged = group_mean_std(total, groups, eps=0).values
    assert merged.tolist() == pytest.approx([-math.sqrt(0.5), math.sqrt(0.5)] * 2)
    apart = normalise_then_sum(total, groups, [first, second], [1, 1], eps=0, batch=False).values
    assert apart.tolist() == pytest.approx([-math.sqrt(0.5), math.sqrt(0.5), -math.sqrt(2), math.sqrt(2)])
    # Whitened: the squares sum to 1 + 4 = 5, over n - 1 = 3.
    whole = normalise_then_sum(total, groups, [first, second], [1, 1], eps=0).values
    assert whole.tolist() == pytest.approx(apart / math.sqrt(5 / 3), rel=1e-6)


def test_gdpo_takes_one_objective_as_grpo_does_and_weights_the_others() -> None:
    reward, groups = Rows.scalars([0, 1, 3, NAN]), np.zeros(4, dtype=np.int64)
    one = normalise_then_sum(reward, groups, [reward], [2], batch=False).values
    np.testing.assert_allclose(one, 2 * group_mean_std(reward, groups).values)


def test_recap_moves_weight_from_a_saturated_objective_to_one_that_moves_or_shakes() -> None:
    # Over three steps of 0, 1, 2 the line has slope 1, the mean size is 1: progress 2, and nothing is left over.
    weights = objective_weights([[1, 0], [1, 1], [1, 2]], window=3, temperature=1, floor=0)
    assert weights.progress.tolist() == pytest.approx([0, 2])
    assert weights.instability.tolist() == pytest.approx([0, 0])
    assert weights.weights.tolist() == pytest.approx([1 / (1 + math.exp(2)), math.exp(2) / (1 + math.exp(2))])
    # Up and down without a trend.
    shaken = objective_weights([[1, 1.5], [1, 0.5], [1, 1.5], [1, 0.5], [1, 1.5]])
    assert shaken.weights[1] > shaken.weights[0]
    assert shaken.reasons == ["saturated", "volatile"]
    assert objective_weights([[1, 0], [1, 1], [1, 2]], floor=0.5).weights.tolist() == [0.5, 0.5]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-9, 9), st.integers(0, 1)), min_size=3, max_size=12))
def test_recaps_weights_are_shares_and_no_objective_falls_below_the_floor(series: list[tuple[int, int, int]]) -> None:
    weights = objective_weights(series, floor=0.1).weights
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0.1 - 1e-12


def test_recap_wants_a_trend_to_be_known() -> None:
    with pytest.raises(ValueError, match="objective 1: expected at least 3 scored steps"):
        objective_weights([[1, NAN], [1, 1], [1, 2]])
    with pytest.raises(ValueError, match=r"floor 0\.6 of 2 objectives: expected at most 0\.5"):
        objective_weights([[1, 1]] * 3, floor=0.6)
    with pytest.raises(ValueError, match="window of at least 3"):
        objective_weights([[1, 1]] * 3, window=2)


def test_bnpo_divides_by_the_density_of_the_fitted_beta() -> None:
    # p = 1/4 and 3/4: mean 1/2, sample variance 1/8, so a = b = (1/4 / (1/8) - 1)/2 = 1/2 and alpha = beta = 7/6.
    reward = Rows.scalars([1, 0, 0, 0, 0, 1, 1, 1])
    groups = np.repeat([0, 1], 4)
    density = (3 / 16) ** (1 / 6) * math.gamma(7 / 3) / math.gamma(7 / 6) ** 2
    expected = (reward.values - np.repeat([0.25, 0.75], 4)) / density
    np.testing.assert_allclose(beta_normalisation(reward, groups).values, expected)


def test_bnpo_of_shape_one_is_the_plain_baseline_and_of_three_halves_scales_as_grpo() -> None:
    # p of 0 and 1 have the largest variance that there is: a = b < 0, cut at alpha = beta = 1.
    assert beta_shape(np.array([0.0, 1.0])) == BetaShape(1, 1)
    # a = b = 3/2 where m(1 - m)/v - 1 = 3: v = 1/16 = 2 d^2.
    d = math.sqrt(1 / 32)
    rates = np.array([0.5 - d, 0.5 + d])
    assert beta_shape(rates) == pytest.approx((1.5, 1.5))
    # Members a little beside each rate: the weight is in proportion to 1 / sqrt(p (1 - p)), and so equal for both here.
    values = np.concatenate([rates[0] + np.array([-0.1, 0.1]), rates[1] + np.array([-0.1, 0.1])])
    advantages = beta_advantages(values, np.array([0, 0, 1, 1]))
    density = math.sqrt(rates[0] * rates[1]) * math.gamma(3) / math.gamma(1.5) ** 2
    np.testing.assert_allclose(advantages, np.array([-0.1, 0.1, -0.1, 0.1]) / density)


def test_bnpo_without_variance_between_tasks_divides_by_nothing() -> None:
    # The released code has var(p) = 0 in the denominator: NaN for the whole batch.
    reward, groups = Rows.scalars([1, 0, 0, 1]), np.array([0, 0, 1, 1])
    np.testing.assert_allclose(beta_normalisation(reward, groups).values, group_mean(reward, groups).values)


def test_bnpo_does_not_take_the_raw_reward_of_a_single_response_for_an_advantage() -> None:
    # The released code sets p = 0 for a group of one, which makes A = R / density.
    reward, groups = Rows.scalars([1, 1, 0, 1, 0, 0]), np.array([0, 1, 1, 2, 2, 2])
    assert beta_normalisation(reward, groups).values[0] == 0


def test_bnpo_averages_the_advantages_of_objectives_and_knows_their_bounds() -> None:
    right, form = Rows.scalars([1, 0, 1, 0]), Rows.scalars([0, 0, 1, 0])
    groups = np.array([0, 0, 1, 1])
    both = beta_normalisation(right, groups, objectives=(right, form)).values
    apart = (beta_normalisation(right, groups).values + beta_normalisation(form, groups).values) / 2
    np.testing.assert_allclose(both, apart)
    signs = Rows.scalars([1, -1, 1, -1])
    np.testing.assert_allclose(
        beta_normalisation(signs, groups, lowest=-1).values, beta_normalisation(right, groups).values
    )
    with pytest.raises(ValueError, match="expected the lower one first"):
        beta_normalisation(right, groups, lowest=1, highest=1)


def test_weighted_reinforce_is_reinforce_at_one_and_learns_from_mistakes_alone_at_zero() -> None:
    reward = Rows.scalars([1, 0, NAN])
    groups = np.zeros(3, dtype=np.int64)
    assert signed(reward, groups, weight=1).values.tolist() == pytest.approx([1, -1, NAN], nan_ok=True)
    negative = signed(reward, groups, mode="negative").values
    assert signed(reward, groups, weight=0).values.tolist() == pytest.approx(negative.tolist(), nan_ok=True)
    assert signed(reward, groups, mode="positive").values.tolist() == pytest.approx([1, 0, NAN], nan_ok=True)


def test_lens_penalises_the_most_confident_mistake_of_an_all_wrong_group_by_one_over_its_size() -> None:
    # One token each, c = 1/2 and 1/4, D = 1: c/(D - c) = 1 and 1/3; over G = 2 the penalties are 1/2 and 1/6.
    # Centred: -1/6 and 1/6, times 0.25.
    reward, log_probs = Rows.scalars([0, 0]), Rows.ragged("token", [[math.log(0.5)], [math.log(0.25)]])
    assert confidence_penalty(reward, TWO, log_probs).values.tolist() == pytest.approx([-1 / 24, 1 / 24])
    # Four tokens of the same probability: c is per token, so nothing changes.
    longer = Rows.ragged("token", [[math.log(0.5)] * 4, [math.log(0.25)]])
    assert confidence_penalty(reward, TWO, longer).values.tolist() == pytest.approx([-1 / 24, 1 / 24])


def test_lens_keeps_right_answers_and_normalises_mixed_groups() -> None:
    # pi = 1/8, 1/2, 1/4 for rewards 1, 0, 0: D_imp = 1 / mean(8, 0, 0) = 3/8, and 2 * 1/2 = 1 is larger.
    # Penalties of the wrong: 1/3 * (1/2)/(1/2) = 1/3 and 1/3 * (1/4)/(3/4) = 1/9.
    reward = Rows.scalars([1, 0, 0])
    groups = np.zeros(3, dtype=np.int64)
    log_probs = Rows.scalars(np.log([1 / 8, 1 / 2, 1 / 4]))
    changed = np.array([1, -1 / 3, -1 / 9])
    expected = (changed - changed.mean()) / (changed.std(ddof=1) + 1e-4)
    np.testing.assert_allclose(confidence_penalty(reward, groups, log_probs, Rows.scalars([1, 1, 1])).values, expected)


def test_lens_uses_the_importance_of_right_answers_where_it_is_larger() -> None:
    # pi = 1, 1/8 for rewards 1, 0: D_imp = 1 / mean(1, 0) = 2 = 2 * max c. With the right one at weight 1/2 (a share),
    # D_imp = 1 / mean(1/2, 0) = 4: the wrong one's penalty is 1/2 * (1/8)/(4 - 1/8) = 1/62.
    log_probs, lengths = Rows.scalars([0, math.log(1 / 8)]), Rows.scalars([1, 1])
    changed = confidence_penalty(Rows.scalars([0.5, 0]), TWO, log_probs, lengths, eps=1).values
    # The right half is penalised by (1 - 1/2) * 1/2 * 1/(4 - 1) = 1/12.
    parts = np.array([0.5 - 1 / 12, -1 / 62])
    np.testing.assert_allclose(changed, (parts - parts.mean()) / (parts.std(ddof=1) + 1))


def test_lens_works_in_log_space_where_probabilities_of_long_texts_underflow() -> None:
    # exp(-3000) is 0 in floating point; per token the confidences are those of the first case above.
    log_probs = Rows.scalars([3000 * math.log(0.5), 3000 * math.log(0.25), 5000 * math.log(0.5)])
    lengths, groups = Rows.scalars([3000, 3000, 5000]), np.zeros(3, dtype=np.int64)
    wrong = confidence_penalty(Rows.scalars([0, 0, 0]), groups, log_probs, lengths).values
    penalty = -np.array([1, 1 / 3, 1]) / 3
    np.testing.assert_allclose(wrong, 0.25 * (penalty - penalty.mean()))
    mixed = confidence_penalty(Rows.scalars([0, 0, 1]), groups, log_probs, lengths).values
    assert np.isfinite(mixed).all()
    assert mixed[2] > 0 > mixed[1] > mixed[0]


def test_lens_tells_what_it_cannot_work_with() -> None:
    log_probs = Rows.ragged("token", [[-1], [-1]])
    with pytest.raises(ValueError, match="output 1: reward 2: expected from 0"):
        confidence_penalty(Rows.scalars([0, 2]), TWO, log_probs)
    with pytest.raises(ValueError, match=r"output 0: log-probability 0\.5: expected at most 0"):
        confidence_penalty(Rows.scalars([0, 1]), TWO, Rows.scalars([0.5, -1]))
    unknown = confidence_penalty(Rows.scalars([0, 0]), TWO, Rows.scalars([-1, -2]))
    assert np.isnan(unknown.values).all(), "a sum without a length has no confidence per token"


def test_an_output_with_an_unknown_token_has_no_log_probability() -> None:
    sums = sequence_log_probs(Rows.ragged("token", [[-1, NAN], [-1, -2], []]))
    assert sums.totals.tolist() == pytest.approx([NAN, -3, 0], nan_ok=True)
    assert sums.per_token.tolist() == pytest.approx([NAN, -1.5, NAN], nan_ok=True)


def test_topr_tapers_wrong_answers_only() -> None:
    # Ratios pi/mu: e for the first two, 1/4 for the others.
    mu = Rows.ragged("token", [[-2, -1], [-2, -1], [-1], [-1]])
    pi = Rows.ragged("token", [[-1, -1], [-1, -1], [-1 - math.log(4)], [-1 - math.log(4)]])
    reward, groups = Rows.scalars([1, 0, 1, 0]), np.zeros(4, dtype=np.int64)
    assert tapered(reward, groups, pi, mu).values.tolist() == pytest.approx([1, -1, 1, -0.25])
    assert tapered(reward, groups, mu, mu).values.tolist() == [1, -1, 1, -1], "on policy it is REINFORCE"
    assert tapered(reward, groups, pi, mu, baseline=-1).values.tolist() == [2, 0, 2, 0]
    halved = Rows.ragged("token", [[-1, -1 - 2 * math.log(2)]])
    per_token = tapered(Rows.scalars([0]), np.array([0]), halved, Rows.ragged("token", [[-1, -1]]), per_token=True)
    # The ratio is 1/4 over two tokens: 1/2 for each.
    assert per_token.values.tolist() == pytest.approx([-0.5])


@settings(max_examples=40, deadline=None)
@given(right=st.integers(1, 9), c=st.floats(-1, 1))
def test_toprs_effective_share_is_what_the_baseline_leaves_of_the_weights(right: int, c: float) -> None:
    reward = Rows.scalars([1] * right + [0] * (10 - right))
    same = Rows.scalars([-1.0] * 10)
    weights = np.abs(tapered(reward, np.zeros(10, dtype=np.int64), same, same, baseline=c).values)
    share = effective_positive_share(right / 10, c)
    assert share == pytest.approx(weights[:right].sum() / weights.sum(), abs=1e-9)
    assert baseline_for_share(right / 10, share) == pytest.approx(c, abs=1e-9)


def test_no_baseline_makes_two_kinds_of_one() -> None:
    assert math.isnan(effective_positive_share(1, 1))
    assert math.isnan(effective_positive_share(0, -1))
    with pytest.raises(ValueError, match=r"share 1 to count as 0\.2"):
        baseline_for_share(1, 0.2)


@settings(max_examples=40, deadline=None)
@given(
    members=st.lists(st.tuples(st.integers(0, 2), st.integers(-4, 4), st.floats(0.25, 4)), min_size=1, max_size=9),
    clip=st.sampled_from(["none", "separate", "joint"]),
)
def test_p3o_adds_up_every_pair_of_a_group(members: list[tuple[int, int, float]], clip: str) -> None:
    groups = np.array([group for group, _, _ in members])
    rewards = np.array([float(score) for _, score, _ in members])
    ratios = np.array([ratio for _, _, ratio in members])
    mu = np.full(len(members), -9.0)
    result = pairwise(Rows.scalars(rewards), groups, Rows.scalars(mu + np.log(ratios)), Rows.scalars(mu), clip).values
    kept = np.clip(ratios, 0.8, 1.2) if clip == "separate" else ratios
    for i in range(len(members)):
        peers = [j for j in range(len(members)) if groups[j] == groups[i] and j != i]
        products = [np.clip(kept[i] * kept[j], 0.8, 1.2) if clip == "joint" else kept[i] * kept[j] for j in peers]
        terms = [(rewards[i] - rewards[j]) / 2 * product for j, product in zip(peers, products, strict=True)]
        assert result[i] == pytest.approx(sum(terms) / max(len(peers), 1), abs=1e-9)


def test_p3o_on_policy_is_half_of_leave_one_out() -> None:
    reward, groups = Rows.scalars([3, 1, 0, 5]), np.array([0, 0, 0, 1])
    np.testing.assert_allclose(pairwise(reward, groups).values, leave_one_out(reward, groups).values / 2)
    with pytest.raises(ValueError, match="expected those of both"):
        pairwise(reward, groups, log_probs=Rows.scalars([-1] * 4))


def test_pacs_is_the_slope_of_its_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    labels, mu = np.array([1.0, 0.0, 0.0]), np.array([-3.0, -4.0, -5.0])
    pi, beta = mu + rng.normal(size=3), 0.7

    def loss(log_probs: np.ndarray) -> float:
        score = beta * (log_probs - mu)
        logits = score - (score.sum() - score) / 2
        return float(np.sum(np.logaddexp(0, logits) - labels * logits))

    slopes = [(loss(pi + step) - loss(pi - step)) / 2e-6 for step in 1e-6 * np.eye(3)]
    advantages = implicit_actor_critic(
        Rows.scalars(labels), np.zeros(3, dtype=np.int64), Rows.scalars(pi), Rows.scalars(mu), beta
    )
    np.testing.assert_allclose(advantages.values, -np.array(slopes), rtol=1e-5)


def test_pacs_starts_as_leave_one_out() -> None:
    reward, same = Rows.scalars([1, 0, 1]), Rows.scalars([-1, -2, -3])
    groups = np.zeros(3, dtype=np.int64)
    np.testing.assert_allclose(
        implicit_actor_critic(reward, groups, same, same).values, leave_one_out(reward, groups).values
    )
