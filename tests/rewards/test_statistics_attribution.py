"""Attribution of a number to the parts of a text: values worked by hand, and what must hold for any value function."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.attribution import (
    area_over_deletion_curve,
    binary_hierarchy,
    completeness_gap,
    deletion_masks,
    flat_hierarchy,
    leave_one_out_masks,
    leaves,
    local_linear_fit,
    owen_values,
    proximity,
    redistributed,
    sample_masks,
)

AMPLE = 10**6


def game(seed: int, n: int):
    """A value function with a number of its own for each of the 2^n masks."""
    table = np.random.default_rng(seed).normal(size=2**n)
    return lambda masks: table[masks @ (1 << np.arange(n))]


def shapley_by_orders(value, n: int) -> np.ndarray:
    """The definition: what each part adds when it comes, averaged over all orders of coming."""
    total = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        mask = np.zeros((1, n), dtype=bool)
        for part in order:
            before = value(mask)[0]
            mask[0, part] = True
            total[part] += value(mask)[0] - before
    return total / len(orders)


def shapley_by_allowed_orders(value, hierarchy, n: int) -> np.ndarray:
    """Owen's definition: the same over the orders in which the parts of each node stand together."""
    orders = [
        order for order in permutations(range(n)) if all(_together(order, leaves(node)) for node in _nodes(hierarchy))
    ]
    total = np.zeros(n)
    for order in orders:
        mask = np.zeros((1, n), dtype=bool)
        for part in order:
            before = value(mask)[0]
            mask[0, part] = True
            total[part] += value(mask)[0] - before
    return total / len(orders)


def _together(order, parts) -> bool:
    places = sorted(order.index(part) for part in parts)
    return places[-1] - places[0] == len(parts) - 1


def _nodes(node):
    return [node] if isinstance(node, int) else [node, *(found for child in node for found in _nodes(child))]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_owen_values_over_a_flat_hierarchy_are_shapley_values(n):
    value = game(n, n)
    found = owen_values(value, flat_hierarchy(n), budget=AMPLE)
    np.testing.assert_allclose(found.values, shapley_by_orders(value, n), atol=1e-12)
    assert found.is_exact
    assert found.evaluations == 2**n


@pytest.mark.parametrize(
    "hierarchy", [((0, 1), (2, 3)), (0, (1, (2, 3))), ((0, 1, 2), (3, 4)), binary_hierarchy([[0, 1, 2], [3], [4]])]
)
def test_owen_values_are_shapley_values_over_the_orders_that_keep_each_node_together(hierarchy):
    n = len(leaves(hierarchy))
    value = game(7, n)
    found = owen_values(value, hierarchy, budget=AMPLE)
    np.testing.assert_allclose(found.values, shapley_by_allowed_orders(value, hierarchy, n), atol=1e-12)


def test_three_parts_by_hand():
    # Worth 1 where parts 0 and 1 are both there, 2 more with part 2, and nodes (0, 1) and 2. As in any hierarchy part
    # 2 gets 2. Parts 0 and 1 are worth nothing alone and 1 together: 1/2 each.
    def value(masks):
        return (masks[:, 0] & masks[:, 1]) + 2.0 * masks[:, 2]

    found = owen_values(value, ((0, 1), 2), budget=AMPLE)
    assert found.values.tolist() == [0.5, 0.5, 2.0]
    assert (found.full, found.empty) == (3.0, 0.0)


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(2, 60))
def test_owen_values_are_complete_with_any_budget_and_never_beyond_it(seed, n, budget):
    found = owen_values(game(seed, n), binary_hierarchy([list(range(n))]), budget=budget)
    assert completeness_gap(found.values, found.full, found.empty) == pytest.approx(0, abs=1e-12)
    assert found.evaluations <= budget


def test_a_budget_of_two_splits_the_whole_evenly():
    found = owen_values(lambda masks: masks.sum(1) * 1.5, binary_hierarchy([[0, 1, 2, 3]]), budget=2)
    assert found.values.tolist() == [1.5] * 4
    assert (found.evaluations, found.is_exact) == (2, False)


def test_hierarchies_are_halved_and_groups_stay_together():
    assert binary_hierarchy([[0, 1, 2, 3]]) == ((0, 1), (2, 3))
    assert binary_hierarchy([[0, 1, 2], [], [3]]) == (((0, 1), 2), 3)
    assert binary_hierarchy([[0]]) == 0


@pytest.mark.parametrize(
    ("hierarchy", "budget", "message"),
    [((0, 2), 9, "each of 0 .. 1"), ((0, 1), 1, "a budget of 1"), (flat_hierarchy(13), AMPLE, "13 children")],
)
def test_what_cannot_be_credited_is_refused(hierarchy, budget, message):
    with pytest.raises(ValueError, match=message):
        owen_values(lambda masks: masks.sum(1).astype(float), hierarchy, budget=budget)


def test_leaving_one_out_keeps_all_but_that_one():
    assert leave_one_out_masks(3).tolist() == [[False, True, True], [True, False, True], [True, True, False]]


def test_leaving_one_out_is_complete_for_sums_and_not_for_products():
    # v = a + b: 3 - 0; phi = 1, 2. v = a b (both needed, worth 1): each gets 1, together 2, and the whole is worth 1.
    assert completeness_gap([1.0, 2.0], 3.0, 0.0) == 0
    assert completeness_gap([1.0, 1.0], 1.0, 0.0) == 1
    assert completeness_gap([1.0, math.nan], 1.0, 0.0) == 0


def test_a_linear_value_function_is_recovered_exactly():
    masks = sample_masks(6, 64, seed=3)
    truth = np.array([0.5, -1.0, 0.0, 2.0, 3.0, -0.25])
    fit = local_linear_fit(masks, 0.75 + masks @ truth, proximity(masks, 0.35))
    np.testing.assert_allclose(fit.coefficients, truth, atol=1e-9)
    assert fit.intercept == pytest.approx(0.75)
    assert fit.r_squared == pytest.approx(1)


def test_a_fit_of_one_part_by_hand():
    # One part, kept twice with 4 and 2 and left out once with 1; weights 1, 1, 2. The best fit meets the weighted
    # means: 3 with the part and 1 without, so phi = 2 and b = 1. Residual 1 + 1, spread about the mean
    # (4 + 2 + 2)/4 = 2: 4 + 0 + 2 = 6; R^2 = 1 - 2/6.
    masks = np.array([[True], [True], [False]])
    fit = local_linear_fit(masks, [4.0, 2.0, 1.0], [1.0, 1.0, 2.0])
    assert fit.coefficients == pytest.approx([2])
    assert fit.intercept == pytest.approx(1)
    assert fit.r_squared == pytest.approx(2 / 3)
    # With ridge 1: centred z is 1/2, 1/2, -1/2 with weights 1, 1, 2, so z'wz = 1 and z'wv = 1 + 0 + 1 = 2: 2/(1+1).
    assert local_linear_fit(masks, [4.0, 2.0, 1.0], [1.0, 1.0, 2.0], ridge=1.0).coefficients == pytest.approx([1])


def test_equal_values_leave_nothing_to_explain():
    masks = sample_masks(3, 8, seed=0)
    fit = local_linear_fit(masks, np.full(8, 0.3), proximity(masks, 0.35))
    np.testing.assert_allclose(fit.coefficients, 0, atol=1e-12)
    assert math.isnan(fit.r_squared)


def test_near_masks_weigh_more_by_the_stated_kernel():
    # Kept 4, 1 and 0 of 4: distances 0, 1 - 1/2 and 1; width 1/2: e^0, e^-1, e^-4.
    masks = np.array([[True] * 4, [True, False, False, False], [False] * 4])
    assert proximity(masks, 0.5) == pytest.approx([1, math.exp(-1), math.exp(-4)])


def test_samples_are_of_their_seed_and_begin_with_the_whole():
    masks = sample_masks(5, 200, seed=1)
    assert masks[0].all()
    assert (masks[1:].sum(1) < 5).all()
    assert set(masks[1:].sum(1).tolist()) == {0, 1, 2, 3, 4}
    assert (sample_masks(5, 200, seed=1) == masks).all()
    assert (sample_masks(5, 200, seed=2) != masks).any()


def test_deletion_takes_the_largest_first_and_its_area_is_the_mean_drop():
    masks = deletion_masks([0.1, 0.9, 0.1])
    assert masks.astype(int).tolist() == [[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]]
    # 3 falls to 1, 1 and 0: drops 2, 2 and 3.
    assert area_over_deletion_curve([3, 1, 1, 0]) == pytest.approx(7 / 3)


def test_a_reward_is_spread_by_hand():
    # r = 2, beta 1/2: half of it by the weights 1/4, 1/4, 1/2, the other half on the last.
    assert redistributed(2.0, [1, 1, 2], beta=0.5).tolist() == [0.25, 0.25, 1.5]
    assert redistributed(-3.0, [1, 1, 1], beta=1.0).tolist() == pytest.approx([-1, -1, -1])
    assert redistributed(2.0, [5, 0], beta=0.0).tolist() == [0, 2]


@given(
    st.floats(-1e3, 1e3),
    st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=50),
    st.floats(0, 1),
)
def test_what_is_spread_sums_to_the_reward(reward, weights, beta):
    values = redistributed(reward, weights, beta=beta)
    assert values.sum() == pytest.approx(reward, rel=1e-12, abs=1e-12)
    assert values.astype(np.float32).sum(dtype=np.float64) == pytest.approx(reward, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0], [math.nan], [math.inf, 1.0]])
def test_weights_that_spread_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="at least one weight"):
        redistributed(1.0, weights, beta=0.5)
