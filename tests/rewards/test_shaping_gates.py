"""Gates, stages and the consistency of rewards, against values worked by hand."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.consistency import consistency_matrix
from rewards.shaping.gates import concise_if_correct, gate, gated_accumulation, hierarchical
from rewards.shaping.rows import Rows
from rewards.shaping.stages import density_levels, difficulty_weight, staircase, surplus_penalty

NAN = float("nan")


def _tokens(*outputs: list[float]) -> Rows:
    return Rows.ragged("token", outputs)


def _approx(values: list[float]) -> object:
    return pytest.approx(values, nan_ok=True)


# z = (h - 2) / 4: 1, 0.5, unscored.
HOLISTIC = Rows.scalars([6, 4, NAN])
ASPECT = _tokens([0.5, 0, -0.5], [0.5, 0], [1])
SETTING = {"mean": 2.0, "deviation": 4.0, "threshold": 0.6, "holistic_weight": 5.0}


@pytest.mark.parametrize(
    ("mode", "good", "poor", "unscored"),
    [
        # Above the threshold: 2 a_t and 5 z = 5 at the end; below it: 5 z = 2.5 at the end alone.
        ("hierarchical", [1, 0, 4], [0, 2.5], [NAN]),
        ("weighted_sum", [1, 0, 4], [1, 2.5], [NAN]),
        ("holistic_only", [0, 0, 5], [0, 2.5], [NAN]),
        ("aspect_only", [1, 0, -1], [1, 0], [2]),
    ],
)
def test_aspects_count_above_the_threshold_and_in_the_modes_it_is_compared_with(
    mode: str, good: list[float], poor: list[float], unscored: list[float]
) -> None:
    rewards = hierarchical(HOLISTIC, [ASPECT], [2.0], mode=mode, **SETTING)
    assert [rewards.of(index).tolist() for index in range(3)] == [_approx(good), _approx(poor), _approx(unscored)]


def test_an_output_at_the_threshold_gets_its_aspects() -> None:
    rewards = hierarchical(Rows.scalars([0.6]), [_tokens([1, 1])], [1.0], threshold=0.6, holistic_weight=0.0)
    assert rewards.to_lists() == [[1, 1]]


def test_a_sigmoid_stands_on_every_segment_or_on_those_that_carry_a_reward() -> None:
    # 1 / (1 + e^-ln 3) = 3/4; of 0 it is 1/2.
    aspect = _tokens([float(np.log(3)), 0])
    holistic = Rows.scalars([1])
    everywhere = hierarchical(holistic, [aspect], [1.0], mode="aspect_only", shaping="everywhere")
    assert everywhere.of(0).tolist() == pytest.approx([0.75, 0.5])
    marked = hierarchical(holistic, [aspect], [1.0], mode="aspect_only", shaping="marked")
    assert marked.of(0).tolist() == pytest.approx([0.75, 0])


@pytest.mark.parametrize("mode", ["hierarchical", "aspect_only", "weighted_sum", "holistic_only"])
def test_what_is_too_short_gets_minus_ten_holistic_weights_whatever_else_is_known(mode: str) -> None:
    holistic, aspect = Rows.scalars([NAN, 9, 1]), _tokens([1, NAN], [1, 1, 1], [1])
    rewards = hierarchical(holistic, [aspect], [1.0], mode=mode, shortest=2, holistic_weight=3.0)
    assert rewards.of(0).tolist() == [0, -30]
    assert rewards.of(2).tolist() == [-30]
    assert rewards.of(1)[0] == (0 if mode == "holistic_only" else 1)


def test_lengths_may_be_counted_elsewhere_and_an_unknown_one_leaves_the_output_unscored() -> None:
    aspect = _tokens([1], [1], [1])
    lengths = Rows.scalars([2, 3, NAN])
    rewards = hierarchical(Rows.scalars([1, 1, 1]), [aspect], [1.0], lengths, shortest=2, holistic_weight=1.0)
    assert rewards.values.tolist() == _approx([-10, 2, NAN])


def test_an_unscored_aspect_matters_only_where_it_counts() -> None:
    rewards = hierarchical(Rows.scalars([1, 0]), [_tokens([NAN, 1], [NAN, 1])], [1.0], holistic_weight=1.0)
    assert rewards.of(0).tolist() == _approx([NAN, 2])
    assert rewards.of(1).tolist() == [0, 0]


def test_a_hierarchy_without_a_place_or_a_spread_is_refused() -> None:
    with pytest.raises(ValueError, match="output 1 has no token"):
        hierarchical(Rows.scalars([1, 1]), [_tokens([1], [])], [1.0])
    with pytest.raises(ValueError, match="deviation 0: expected above 0"):
        hierarchical(Rows.scalars([1]), [_tokens([1])], [1.0], deviation=0.0)
    with pytest.raises(ValueError, match="aspect 1 stands on other segments"):
        hierarchical(Rows.scalars([1]), [_tokens([1]), _tokens([1, 2])], [1.0, 1.0])


def test_immediate_rewards_add_up_only_behind_a_good_outcome() -> None:
    outcome, steps = Rows.scalars([1, 0.5, 1, NAN]), _tokens([1, 2], [9, 9], [], [1])
    assert gated_accumulation(outcome, steps).values.tolist() == _approx([4, 0.5, 1, NAN])
    # The hacked trajectory, a failed outcome with many immediate rewards, ranks first without the gate.
    assert gated_accumulation(outcome, steps, gated=False).values.tolist() == _approx([4, 18.5, 1, NAN])


def test_an_unscored_step_matters_only_behind_an_open_gate() -> None:
    outcome, steps = Rows.scalars([1, 0, 1]), _tokens([1, NAN], [1, NAN], [NAN])
    assert gated_accumulation(outcome, steps).values.tolist() == _approx([NAN, 0, NAN])
    assert gated_accumulation(outcome, steps, unscored="skip").values.tolist() == _approx([2, 0, NAN])


def test_a_gate_keeps_rewards_where_they_stand() -> None:
    gated = gate(_tokens([1, NAN], [2, NAN], [3]), Rows.scalars([1, 0, NAN]), below=-1.0)
    assert [gated.of(index).tolist() for index in range(3)] == [_approx([1, NAN]), [-1, -1], _approx([NAN])]


def test_conciseness_pays_only_where_the_answer_is_right() -> None:
    outcome, concise = Rows.scalars([1, 0, 0, 1, NAN]), Rows.scalars([0.8, 0.8, NAN, NAN, 0.8])
    assert concise_if_correct(outcome, concise).values.tolist() == _approx([1.4, 0, 0, NAN, NAN])
    # Added, a short wrong answer earns 0.4: what the multiplied form is against.
    assert concise_if_correct(outcome, concise, form="added").values.tolist() == _approx([1.4, 0.4, NAN, NAN, NAN])


PARSED, FORMED = Rows.scalars([0, 1, 1, 1, 1, NAN]), Rows.scalars([1, 0, 1, 1, NAN, 1])


def test_a_staircase_pays_for_each_gate_and_for_quality_behind_the_last() -> None:
    quality = Rows.scalars([1, 1, 0.5, NAN, 1, 1])
    # 0.2 parsed, 0.4 formed, then 0.4 + 0.6 x 0.5 = 0.7.
    rewards = staircase([PARSED, FORMED], [0.2, 0.4], quality)
    assert rewards.values.tolist() == _approx([0, 0.2, 0.7, NAN, NAN, NAN])
    assert staircase([PARSED, FORMED], [0.2, 0.4]).values.tolist() == _approx([0, 0.2, 0.4, 0.4, NAN, NAN])


def test_a_gate_behind_a_failed_one_is_not_asked() -> None:
    assert staircase([Rows.scalars([0]), Rows.scalars([NAN])], [0.2, 0.4]).values.tolist() == [0]


def test_a_staircase_that_goes_down_or_out_of_range_is_refused() -> None:
    one = Rows.scalars([1])
    with pytest.raises(ValueError, match=r"bands 0\.4, 0\.2: expected rising"):
        staircase([one, one], [0.4, 0.2])
    with pytest.raises(ValueError, match="value 0 of quality is 2: expected 0 to 1"):
        staircase([one], [0.2], Rows.scalars([2]))


@given(
    checks=st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=3, max_size=3), min_size=1, max_size=4),
    quality=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_a_passed_gate_never_costs(checks: list[list[float]], quality: list[float]) -> None:
    bands = [(index + 1) / (len(checks) + 1) for index in range(len(checks))]
    rewards = staircase([Rows.scalars(check) for check in checks], bands, Rows.scalars(quality)).values
    assert ((rewards >= 0) & (rewards <= 1)).all()
    for index in range(len(checks)):
        passed = [[1.0] * 3 if other == index else check for other, check in enumerate(checks)]
        better = staircase([Rows.scalars(check) for check in passed], bands, Rows.scalars(quality)).values
        assert (better >= rewards).all()


CHECKS = [Rows.scalars(values) for values in ([1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, NAN])]
KINDS = ["common", "common", "hard"]


@pytest.mark.parametrize(
    ("density", "expected"),
    [
        # Output 2: shares 1/2 and 1, whole categories 0 and 1. Output 3: 0 and 1, 0 and 1.
        ("dense", [5, 2.5, 2, NAN]),
        ("category", [3, 1, 1, NAN]),
        ("sparse", [1, 0, 0, NAN]),
    ],
)
def test_the_same_checks_are_dense_by_category_or_sparse(density: str, expected: list[float]) -> None:
    assert density_levels(CHECKS, KINDS, density=density).values.tolist() == _approx(expected)


def test_what_cannot_be_read_earns_nothing() -> None:
    schema = Rows.scalars([1, 1, 1, 0])
    # 1 more for the schema than above; the fourth fails it, so that its unscored check does not matter.
    assert density_levels(CHECKS, KINDS, schema).values.tolist() == _approx([6, 3.5, 3, 0])
    assert density_levels(CHECKS, KINDS, schema, normalised=True).values[0] == 1
    weighted = density_levels(CHECKS, KINDS, schema, "weighted", micro=0.5, macro=0.0, final=2.0)
    assert weighted.values.tolist() == _approx([3.5, 1.25, 1, 0])
    with pytest.raises(ValueError, match="weights add up to 0"):
        density_levels(CHECKS, KINDS, density="weighted", micro=0.0, macro=0.0, final=0.0, normalised=True)


def test_hard_tasks_are_worth_more() -> None:
    rewards = _tokens([10, NAN], [10], [10], [10], [10])
    difficulty, transfers = Rows.scalars([0, 1, 2, 0.5, NAN]), Rows.scalars([1, 0, 2, 0, 0])
    weighted = difficulty_weight(rewards, difficulty, transfers)
    # 1 + 0.5; 1.2; 1.5 + 0.5; half way from 1 to 1.2.
    assert weighted.values.tolist() == _approx([15, NAN, 12, 20, 11, NAN])
    with pytest.raises(ValueError, match="value 0 of difficulty is 3: expected 0 to 2"):
        difficulty_weight(Rows.scalars([1]), Rows.scalars([3]))


def test_reward_maps_minus_five_spares_the_segments_that_a_route_needs() -> None:
    """The authors' code charges segment i + 1 > transfers, which is the last one of every right route, the only one of
    a route without transfers included."""
    segments, transfers = Rows.scalars([1, 2, 2, 4, NAN]), Rows.scalars([0, 1, 0, 0, 0])
    assert surplus_penalty(segments, transfers).values.tolist() == _approx([0, 0, -5, -10, NAN])
    assert not np.signbit(surplus_penalty(segments, transfers).values[:2]).any()


def test_consistency_is_the_share_of_pairs_ordered_alike() -> None:
    # Task 0: pairs (0,1), (0,2), (1,2); task 1: (3,4). Holistic orders 3 < 1 < 2, and 1 < 2: it leaves none equal.
    groups = np.array([0, 0, 0, 1, 1])
    holistic = Rows.scalars([3, 1, 2, 1, 2])
    same, turned, partly = (
        Rows.scalars(values) for values in ([30, 10, 20, 5, 6], [-3, -1, -2, -1, -2], [1, 1, 2, NAN, 0])
    )
    matrix = consistency_matrix(holistic, [same, turned, partly], groups)
    # The third leaves (0,1) equal, turns (0,2) round, keeps (1,2), and does not know output 3.
    np.testing.assert_allclose(matrix.agreement[0], [1, 1, 0, 0.5])
    assert matrix.n_pairs[0].tolist() == [4, 4, 4, 2]
    assert matrix.n_ties[0].tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(matrix.agreement, matrix.agreement.T)


def test_outputs_of_different_tasks_are_never_compared() -> None:
    matrix = consistency_matrix(Rows.scalars([1, 2]), [Rows.scalars([2, 1])], np.array([0, 1]))
    assert np.isnan(matrix.agreement).all()
    assert matrix.n_pairs.sum() == 0
    empty = consistency_matrix(Rows.scalars([]), [Rows.scalars([])], np.array([], dtype=np.int64))
    assert np.isnan(empty.agreement).all()


def test_a_dense_aspect_is_compared_by_its_sum() -> None:
    matrix = consistency_matrix(Rows.scalars([1, 2]), [_tokens([1, 1, 1], [4])], np.array([0, 0]))
    assert matrix.agreement[0, 1] == 1
    with pytest.raises(ValueError, match="aspect 0 has 1 outputs: expected 2"):
        consistency_matrix(Rows.scalars([1, 2]), [_tokens([1])], np.array([0, 0]))


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.one_of(st.integers(0, 3), st.just(NAN))),
        min_size=1,
        max_size=12,
    )
)
def test_consistency_is_that_of_a_walk_over_all_pairs(rows: list[tuple[int, float, float]]) -> None:
    matrix = consistency_matrix(
        Rows.scalars([row[1] for row in rows]),
        [Rows.scalars([row[2] for row in rows])],
        np.array([row[0] for row in rows]),
    )
    products = [
        float(np.sign(one[1] - other[1]) * np.sign(one[2] - other[2]))
        for one, other in combinations(rows, 2)
        if one[0] == other[0] and not np.isnan(one[2] - other[2])
    ]
    assert matrix.n_pairs[0, 1] == sum(product != 0 for product in products)
    assert matrix.n_ties[0, 1] == sum(product == 0 for product in products)
    if matrix.n_pairs[0, 1]:
        expected = sum(product > 0 for product in products) / matrix.n_pairs[0, 1]
        assert matrix.agreement[0, 1] == pytest.approx(expected)
