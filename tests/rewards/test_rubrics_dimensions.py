"""Dimensions normalised within their task and weighed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rubrics.dimensions import normalised_in_groups, weighed_dimensions

NAN = math.nan


def test_each_task_is_normalised_by_itself():
    # Task x: 1 and 3, mean 2, population sd 1. Task y: 10, 20, 30, mean 20, sd sqrt(200/3).
    z = normalised_in_groups([[1], [10], [3], [20], [30]], ["x", "y", "x", "y", "y"])
    far = 10 / math.sqrt(200 / 3)
    np.testing.assert_allclose(z[:, 0], [-1, -far, 1, 0, far], atol=1e-15)


def test_the_reward_is_the_weighed_sum_by_hand():
    # First dimension z = -1, 1; second z = 1, -1; weights 2 and 1/2: -2 + 1/2 and 2 - 1/2.
    total = weighed_dimensions([[0, 5], [4, 1]], ["x", "x"], [2, 0.5])
    np.testing.assert_allclose(total, [-1.5, 1.5])


def test_a_dimension_in_which_all_are_equal_tells_nothing_apart():
    assert normalised_in_groups([[0.1], [0.1], [0.1]], "xxx").tolist() == [[0], [0], [0]]
    assert normalised_in_groups([[7.0]], ["alone"]).tolist() == [[0]]


def test_an_unscored_dimension_leaves_the_reward_unscored_unless_it_has_no_weight():
    values = [[1, NAN], [3, 2], [5, 4]]
    np.testing.assert_array_equal(np.isnan(weighed_dimensions(values, "xxx", [1, 1])), [True, False, False])
    assert not np.isnan(weighed_dimensions(values, "xxx", [1, 0])).any()
    # The others' mean and spread are of what is scored: 2 and 4 are one sd from 3.
    np.testing.assert_allclose(normalised_in_groups(values, "xxx")[:, 1], [NAN, -1, 1])


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6).filter(lambda found: np.ptp(found) > 1e-3),
    shift=st.floats(-1e3, 1e3),
    scale=st.floats(1e-2, 1e3),
)
def test_the_unit_and_the_zero_of_a_dimension_do_not_matter(values, shift, scale):
    column = np.array(values)[:, None]
    group = ["x"] * len(values)
    np.testing.assert_allclose(
        normalised_in_groups(column * scale + shift, group), normalised_in_groups(column, group), atol=1e-5
    )


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="a group for each row"):
        normalised_in_groups([[1.0], [2.0]], ["x"])
    with pytest.raises(ValueError, match="expected 1 finite"):
        weighed_dimensions([[1.0]], ["x"], [1.0, 2.0])
