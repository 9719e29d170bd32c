"""How soon a reward tells good outputs from bad ones."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.shaping import informativeness as module
from rewards.shaping.informativeness import informativeness
from rewards.shaping.rows import Rows

NAN = float("nan")


def test_a_reward_is_informative_from_where_it_says_what_the_outcome_is() -> None:
    # Task 0: outcomes 1 and 0, first segments 2 and 0, sums 2 and 4. Task 1 has one output: nothing to compare.
    rewards = Rows.ragged("step", [[2, 0], [0, 4], [7, 7]])
    found = informativeness(rewards, Rows.scalars([1, 0, 1]), np.array([0, 0, 1]), [0.5, 1.0])
    # Differences: outcome +-1/2; after a half +-1, in all -+1. Covariances 1/2 and -1/2; deviations 1/2 and 1.
    np.testing.assert_allclose(found.values, [0.5, -0.5])
    np.testing.assert_allclose(found.shares, [1.0, -1.0])
    assert found.n_outputs == 2


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(module).failed == 0


def test_nothing_is_said_where_outcomes_or_rewards_are_equal_or_missing() -> None:
    rewards = Rows.ragged("step", [[0.1, 0.2], [0.3], [NAN]])
    equal = informativeness(rewards, Rows.scalars([1, 0, 1]), np.zeros(3, dtype=np.int64), [1.0])
    assert equal.values.tolist() == [0.0]
    assert np.isnan(equal.shares).all()
    assert equal.n_outputs == 2
    nobody = informativeness(rewards, Rows.scalars([NAN, NAN, 1]), np.zeros(3, dtype=np.int64), [1.0])
    assert np.isnan(nobody.values).all()
    assert nobody.n_outputs == 0
    with pytest.raises(ValueError, match="expected shares of an output"):
        informativeness(rewards, Rows.scalars([1, 0, 1]), np.zeros(3, dtype=np.int64), [0.0])


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 1), st.lists(st.integers(-4, 4), min_size=1, max_size=4)),
        min_size=2,
        max_size=9,
    ),
    scale=st.sampled_from([0.5, 3.0]),
)
def test_all_of_the_reward_gives_the_correlation_within_tasks_whatever_its_scale_and_the_tasks_offsets(
    rows: list[tuple[int, int, list[int]]], scale: float
) -> None:
    tasks = np.array([task for task, _, _ in rows])
    rewards = Rows.ragged("step", [[scale * v for v in values] for *_, values in rows])
    outcome = Rows.scalars([passed + 10.0 * task for task, passed, _ in rows])
    found = informativeness(rewards, outcome, tasks, [1.0])
    kept = [at for at in range(len(rows)) if (tasks == tasks[at]).sum() > 1]
    right, total = (
        np.array([value[at] - np.mean(value[tasks == tasks[at]]) for at in kept])
        for value in (outcome.values, rewards.total())
    )
    if not kept or min(np.abs(right).max(), np.abs(total).max()) < 1e-9:
        assert np.isnan(found.shares).all()
    else:
        np.testing.assert_allclose(found.shares, np.corrcoef(right, total)[0, 1], atol=1e-9)
