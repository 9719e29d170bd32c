"""Rank correlation with an interval over tasks."""

import numpy as np
import pytest
from scipy import stats

from rewards.statistics.correlation import cluster_bootstrap_spearman


def test_the_value_is_spearmans_rho_with_ties_and_without_the_unscored():
    first = np.array([1, 2, 2, 4, 5, np.nan, 7])
    second = np.array([2, 1, 3, 3, 6, 7, np.nan])
    found = cluster_bootstrap_spearman(first, second, list(range(7)))
    # Ranks of the five pairs: 1, 2.5, 2.5, 4, 5 and 2, 1, 3.5, 3.5, 5. Differences from 3: (-2, -.5, -.5, 1, 2) and
    # (-1, -2, .5, .5, 2); products 2 + 1 - .25 + .5 + 4 = 7.25; both sums of squares are 9.5.
    assert found.value == pytest.approx(7.25 / 9.5)
    assert found.n == 5


def test_the_value_is_scipys_on_many_pairs():
    draws = np.random.default_rng(1)
    first = draws.integers(0, 9, 300).astype(float)
    second = first + draws.normal(0, 3, 300)
    found = cluster_bootstrap_spearman(first, second, np.repeat(np.arange(60), 5).tolist())
    assert found.value == pytest.approx(stats.spearmanr(first, second).statistic)
    assert found.low < found.value < found.high


def test_outputs_of_one_task_that_are_alike_make_the_interval_wider():
    # 20 tasks whose 10 outputs are equal say no more than 20 outputs do.
    draws = np.random.default_rng(2)
    first = np.repeat(draws.normal(size=20), 10)
    second = np.repeat(draws.normal(size=20), 10)
    by_task = cluster_bootstrap_spearman(first, second, np.repeat(np.arange(20), 10).tolist())
    alone = cluster_bootstrap_spearman(first, second, list(range(200)))
    assert by_task.high - by_task.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("first", "second"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3]), ([np.nan, 1], [1, np.nan]), ([1, 2], [3, 3])]
)
def test_where_nothing_can_be_said_all_is_nan(first, second):
    found = cluster_bootstrap_spearman(first, second, list(range(len(first))))
    assert np.isnan([found.value, found.low, found.high]).all()


def test_one_cluster_has_a_value_and_no_interval():
    found = cluster_bootstrap_spearman([1, 2, 3], [1, 2, 3], ["t", "t", "t"])
    assert found.value == 1
    assert np.isnan([found.low, found.high]).all()


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="expected the same length"):
        cluster_bootstrap_spearman([1, 2], [1, 2], [0])
