"""Which scorer decides, and a reward model below a verifier."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rubrics.precedence import COMBINATIONS, NOBODY, Evidence, by_precedence, verifier_gated

JUDGE, REFERENCED, VERIFIER = Evidence.JUDGE, Evidence.REFERENCED_JUDGE, Evidence.VERIFIER
NAN = math.nan
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def test_the_strongest_evidence_that_an_output_has_decides_whatever_the_columns_order():
    kinds = [JUDGE, VERIFIER, REFERENCED]
    decision = by_precedence([[0.9, 0.0, 0.5], [0.8, NAN, 0.4], [0.7, NAN, NAN], [NAN, NAN, NAN]], kinds)
    np.testing.assert_array_equal(decision.values, [0.0, 0.4, 0.7, NAN])
    assert decision.decided_by.tolist() == [1, 2, 0, NOBODY]
    assert [decision.evidence(index, kinds) for index in range(4)] == [VERIFIER, REFERENCED, JUDGE, None]


def test_of_equal_evidence_the_first_column_that_scored_decides():
    decision = by_precedence([[0.1, 0.2], [NAN, 0.3]], [JUDGE, JUDGE])
    np.testing.assert_array_equal(decision.values, [0.1, 0.3])
    assert decision.decided_by.tolist() == [0, 1]


def test_within_a_group_one_scorer_decides_and_what_it_did_not_score_stays_unscored():
    # The verifier scored one of task x: the judge's 0.9 must not stand beside its 0. Task y has only the judge.
    scores = [[0.0, 0.6], [NAN, 0.9], [NAN, 0.2], [NAN, 0.3]]
    decision = by_precedence(scores, [VERIFIER, JUDGE], groups=["x", "x", "y", "y"])
    np.testing.assert_array_equal(decision.values, [0.0, NAN, 0.2, 0.3])
    assert decision.decided_by.tolist() == [0, NOBODY, 1, 1]


def test_a_verifiers_zero_outweighs_any_judge():
    assert by_precedence([[1.0, 0.0]], [JUDGE, VERIFIER]).values.tolist() == [0.0]


def test_nothing_scored_by_nobody_is_no_decision():
    assert len(by_precedence(np.zeros((0, 2)), [JUDGE, VERIFIER]).values) == 0
    assert by_precedence(np.zeros((2, 0)), []).decided_by.tolist() == [NOBODY, NOBODY]


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="a column for each of 2 scorers"):
        by_precedence([[1.0]], [JUDGE, VERIFIER])
    with pytest.raises(ValueError, match="1 groups"):
        by_precedence([[1.0], [0.0]], [JUDGE], groups=["x"])


def test_the_gated_reward_by_hand():
    # alpha 0.5, r_m = 2 ln 3: sigmoid(ln 3) = 3/4. Right: 3/4; wrong: -1/4. r_m = 0: 1/2 and -1/2.
    values = verifier_gated([1, 0, 1, 0], [2 * math.log(3), 2 * math.log(3), 0.0, 0.0])
    np.testing.assert_allclose(values, [3 / 4, -1 / 4, 1 / 2, -1 / 2], rtol=1e-15)


@given(right=FINITE, wrong=FINITE, alpha=st.floats(1e-6, 1e6))
def test_any_right_answer_lies_between_0_and_1_and_any_wrong_one_between_minus_1_and_0(right, wrong, alpha):
    above, below = verifier_gated([1, 0], [right, wrong], alpha)
    assert 0 < above < 1
    assert -1 < below < 0
    assert np.float32(above) > 0 > np.float32(below)


@given(scores=st.lists(st.floats(-30, 30), min_size=2, max_size=8))
def test_the_reward_model_orders_each_side_of_the_gate(scores):
    ordered = np.sort(scores)
    for verdict in (0, 1):
        assert (np.diff(verifier_gated(np.full(len(ordered), verdict), ordered)) >= 0).all()


def test_unscored_by_either_is_unscored():
    np.testing.assert_array_equal(verifier_gated([NAN, 1], [0.0, NAN]), [NAN, NAN])


def test_a_verifier_says_0_or_1_and_alpha_is_positive():
    with pytest.raises(ValueError, match="expected 0 or 1"):
        verifier_gated([0.5], [1.0])
    with pytest.raises(ValueError, match="alpha=0"):
        verifier_gated([1.0], [1.0], alpha=0)
    with pytest.raises(ValueError, match="same length"):
        verifier_gated([1.0], [1.0, 2.0])


def test_recipes_find_all_by_name():
    assert COMBINATIONS["precedence"].function is by_precedence
    assert COMBINATIONS["verifier_gate"].function([1], [0.0]).tolist() == [0.5]
    assert COMBINATIONS["weighed_dimensions"].function([[1.0], [3.0]], ["x", "x"], [2.0]).tolist() == [-2, 2]
