"""Agreement against hand-worked cases, published reference values, and another implementation."""

import csv
import itertools
import math
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.agreement import METRICS, cohen_kappa, krippendorff_alpha, percent_agreement

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "llmfao"
NAN = float("nan")


def columns(table) -> Any:
    """Rows are raters and columns units, as in a coding sheet."""
    cells = [(unit, rater, value) for rater, row in enumerate(table) for unit, value in enumerate(row)]
    return tuple(zip(*cells, strict=True)) if cells else ((), (), ())


# Units (a,a), (a,b), (b,b), (b,b): n = 8 values, 3 a and 5 b. One unit disagrees: 2 ordered pairs over m - 1 = 1.
# All ordered pairs that differ: 2 * 3 * 5 = 30. alpha = 1 - (8 - 1) * 2 / 30 = 16/30
SHEET = [["a", "a", "b", "b"], ["a", "b", "b", "b"]]


def test_nominal_alpha_of_a_hand_worked_sheet():
    alpha = krippendorff_alpha(*columns(SHEET))
    assert alpha.value == pytest.approx(16 / 30)
    assert (alpha.n_units, alpha.n_raters, alpha.n_values) == (4, 2, 8)
    assert math.isnan(alpha.low)


def test_the_other_metrics_of_a_hand_worked_sheet():
    # Units (1,1), (1,2), (4,4): n = 6 with values 1, 1, 1, 2, 4, 4. One unit disagrees, 2 ordered pairs.
    sheet = columns([[1, 1, 4], [1, 2, 4]])
    # interval: observed 2 * 1 = 2; all ordered pairs: 2 * (3*1*1 + 3*2*9 + 1*2*4) = 130. alpha = 1 - 5 * 2 / 130
    assert krippendorff_alpha(*sheet, metric="interval").value == pytest.approx(1 - 10 / 130)
    # ordinal: mid-ranks 1.5, 3.5, 5: differences 2, 3.5, 1.5. observed 2 * 4 = 8;
    # all: 2 * (3 * 4 + 6 * 12.25 + 2 * 2.25) = 180. alpha = 1 - 5 * 8 / 180
    assert krippendorff_alpha(*sheet, metric="ordinal").value == pytest.approx(1 - 40 / 180)
    # ratio: (1/3)^2, (3/5)^2, (2/6)^2. observed 2/9; all: 2 * (3/9 + 6 * .36 + 2/9) = 2 * 2.7155556
    assert krippendorff_alpha(*sheet, metric="ratio").value == pytest.approx(1 - 5 * (2 / 9) / (2 * (5 / 9 + 2.16)))


@pytest.mark.skipif(not DATA.exists(), reason=f"the public codings are not at {DATA}")
@pytest.mark.parametrize(
    ("metric", "expected"),
    [("nominal", 0.7434211), ("ordinal", 0.8153875), ("interval", 0.8491071), ("ratio", 0.7974028)],
)
def test_krippendorffs_published_example_with_missing_cells(metric, expected):
    with (DATA / "codings.csv").open(newline="") as file:
        rows = [[float(cell) if cell else None for cell in row] for row in csv.reader(file)]
    alpha = krippendorff_alpha(*columns(rows), metric=metric)
    assert alpha.value == pytest.approx(expected, abs=5e-8)
    # 12 units, of which the last has one value
    assert (alpha.n_units, alpha.n_unpaired) == (11, 1)


def test_perfect_agreement_is_one_and_systematic_disagreement_below_zero():
    assert krippendorff_alpha(*columns([[1, 2, 3], [1, 2, 3]]), metric="interval").value == 1.0
    assert krippendorff_alpha(*columns([[1, 2], [2, 1]]), metric="interval").value < 0


@pytest.mark.parametrize(
    "table", [[], [[1, 2, 3]], [[1, None], [None, 2]], [[5, 5, 5], [5, 5, 5]], [[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]]]
)
@pytest.mark.parametrize("metric", METRICS)
def test_alpha_is_undefined_without_pairs_or_without_variation(table, metric):
    alpha = krippendorff_alpha(*columns(table), metric=metric, replicates=10)
    assert math.isnan(alpha.value)
    assert math.isnan(alpha.low)


def test_missing_repeated_and_unpaired_judgments_are_left_out_and_counted():
    rows = [(0, "x", 1), (0, "y", 2), (0, "x", 2), (1, "x", 3), (2, "x", None), (2, "y", NAN), (3, "x", 4), (3, "y", 4)]
    alpha = krippendorff_alpha(*zip(*rows, strict=True), metric="interval")
    # left are (1, 2) and (4, 4): the first judgment of x on unit 0 counts
    assert alpha.value == krippendorff_alpha(*columns([[1, 4], [2, 4]]), metric="interval").value
    assert (alpha.n_missing, alpha.n_duplicates, alpha.n_unpaired) == (2, 1, 1)


def test_the_order_of_judgments_and_the_kind_of_column_do_not_matter():
    generator = np.random.default_rng(3)
    units, raters, values = np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30), generator.integers(1, 6, 120)
    order = generator.permutation(120)
    for metric in METRICS:
        plain = krippendorff_alpha(units, raters, values, metric=metric)
        shuffled = krippendorff_alpha(
            [f"u{u}" for u in units[order]],
            [f"r{r}" for r in raters[order]],
            values[order].astype(float).tolist(),
            metric=metric,
        )
        assert shuffled.value == pytest.approx(plain.value, abs=1e-12)


def test_a_large_offset_costs_no_precision():
    small = krippendorff_alpha(*columns([[1, 2, 3, 5], [1, 3, 3, 4]]), metric="interval").value
    large = krippendorff_alpha(
        *columns([[1e9 + x for x in row] for row in [[1, 2, 3, 5], [1, 3, 3, 4]]]), metric="interval"
    )
    assert large.value == pytest.approx(small, abs=1e-9)


def test_values_that_a_metric_cannot_compare_are_refused():
    with pytest.raises(ValueError, match="value 'a' for the interval metric: expected finite numbers"):
        krippendorff_alpha(*columns(SHEET), metric="interval")
    with pytest.raises(ValueError, match="at least 0"):
        krippendorff_alpha(*columns([[-1, 2], [1, 2]]), metric="ratio")
    with pytest.raises(ValueError, match="metric 'cardinal'"):
        krippendorff_alpha((), (), (), metric="cardinal")
    with pytest.raises(ValueError, match="expected as many of each"):
        krippendorff_alpha([1], [1], [])
    with pytest.raises(ValueError, match="without a unit or a rater"):
        krippendorff_alpha([None, 1], [1, 1], [1, 1])


def test_the_bootstrap_is_seeded_and_holds_the_value():
    generator = np.random.default_rng(5)
    truth = generator.integers(1, 6, 80)
    sheet = columns([(truth + (generator.random(80) < 0.3)).tolist() for _ in range(3)])
    alpha = krippendorff_alpha(*sheet, metric="ordinal", replicates=200, seed=1)
    assert alpha.low < alpha.value < alpha.high
    assert krippendorff_alpha(*sheet, metric="ordinal", replicates=200, seed=1) == alpha
    assert krippendorff_alpha(*sheet, metric="ordinal", replicates=200, seed=2) != alpha
    wider = krippendorff_alpha(*sheet, metric="ordinal", replicates=200, seed=1, confidence=0.99)
    assert wider.high - wider.low > alpha.high - alpha.low


def test_a_replicate_that_draws_each_unit_once_is_alpha_itself():
    # Two units alike: whichever are drawn, the table is the same, so that the interval has no width.
    alpha = krippendorff_alpha(*columns([[1, 1], [2, 2], [2, 2]]), metric="interval", replicates=20)
    assert alpha.low == alpha.high == pytest.approx(alpha.value)


def test_one_unit_or_one_cluster_says_nothing_of_others():
    assert math.isnan(krippendorff_alpha(*columns([[1], [2], [2]]), metric="interval", replicates=20).low)
    sheet = columns([[1, 2, 3], [1, 2, 2], [1, 1, 3]])
    together = dict.fromkeys(sheet[0], "one text")
    assert math.isnan(krippendorff_alpha(*sheet, replicates=20, clusters=together).low)


@given(
    st.lists(st.lists(st.none() | st.integers(0, 4), min_size=5, max_size=5), min_size=2, max_size=5),
    st.sampled_from(METRICS),
)
def test_alpha_equals_the_krippendorff_package(table, metric):
    ours = krippendorff_alpha(*columns(table), metric=metric)
    per_unit = [[value for value in unit if value is not None] for unit in zip(*table, strict=True)]
    if len({value for unit in per_unit if len(unit) > 1 for value in unit}) < 2:
        assert math.isnan(ours.value)
        return
    data = np.array([[np.nan if value is None else value for value in row] for row in table], dtype=float)
    with np.errstate(all="ignore"):
        theirs = krippendorff.alpha(reliability_data=data, level_of_measurement=metric)
    assert ours.value == pytest.approx(theirs, abs=1e-9)
    assert ours.value <= 1


def test_percent_agreement_counts_pairs_within_units():
    # unit 0: a, a, b has 1 of 3 pairs equal; unit 1: c, c has 1 of 1; unit 2 has no pair
    rows = [(0, 1, "a"), (0, 2, "a"), (0, 3, "b"), (1, 1, "c"), (1, 2, "c"), (2, 1, "d")]
    assert percent_agreement(*zip(*rows, strict=True)) == (0.5, 4)
    assert math.isnan(percent_agreement([], [], []).value)


def test_cohens_kappa_of_a_hand_worked_table():
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: agree 35/50 = .7; chance .5 * .6 + .5 * .4 = .5; (.7 - .5) / .5 = .4
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    kappa = cohen_kappa(*zip(*pairs, strict=True))
    assert kappa.value == pytest.approx(0.4)
    assert kappa.n_pairs == 50


@pytest.mark.parametrize("weighting", ["none", "linear"])
def test_kappas_interval_is_as_wide_as_leaving_one_pair_out_after_the_other_says(weighting):
    generator = np.random.default_rng(6)
    first = generator.integers(0, 3, 400)
    second = np.where(generator.random(400) < 0.7, first, generator.integers(0, 3, 400))
    without = [
        cohen_kappa(np.delete(first, place), np.delete(second, place), weighting=weighting).value
        for place in range(400)
    ]
    error = np.sqrt(399 / 400 * ((without - np.mean(without)) ** 2).sum())
    found = cohen_kappa(first, second, weighting=weighting)
    assert (found.high - found.low) / (2 * 1.959964) == pytest.approx(error, rel=0.02)


def test_units_that_are_judged_together_count_as_one_for_the_interval():
    generator = np.random.default_rng(2)
    values = generator.integers(0, 2, (60, 2))
    copies = [[(f"{unit}/{copy}", rater, value) for copy in range(4) for rater, value in enumerate(row)]
              for unit, row in enumerate(values.tolist())]  # fmt: skip
    rows = list(zip(*itertools.chain(*copies), strict=True))
    of = {unit: unit.split("/")[0] for unit in rows[0]}
    plain = krippendorff_alpha(*rows, replicates=400)
    together = krippendorff_alpha(*rows, clusters=of, replicates=400)
    # Four copies of each unit tell nothing new: the interval without clusters is half as wide.
    assert (together.high - together.low) / (plain.high - plain.low) == pytest.approx(2, rel=0.2)


def test_weighted_kappa_counts_far_misses_more():
    # values (1,1), (2,3), (3,1): observed |d|: 0, 1, 2; first {1,2,3} each once, second {1: 2, 3: 1}
    # linear: expected sum over first x second of |a - b| / 3 = (2*(0+1+2) + (2+1+0)) / 3 = 3; 1 - 3 / 3 = 0
    assert cohen_kappa([1, 2, 3], [1, 3, 1], weighting="linear").value == pytest.approx(0.0)
    # quadratic: observed 0 + 1 + 4 = 5; expected (2*(0+1+4) + (4+1+0)) / 3 = 5
    assert cohen_kappa([1, 2, 3], [1, 3, 1], weighting="quadratic").value == pytest.approx(0.0)
    # numbers sort as numbers: 10 is two steps from 2, with 9 between; observed 2, expected ((0+1+2)*2 + (1+0+1)) / 3
    assert cohen_kappa([2, 9, 10], [2, 9, 2], weighting="linear").value == pytest.approx(1 - 2 / (8 / 3))


def test_kappa_is_undefined_where_both_always_say_the_same_word():
    assert math.isnan(cohen_kappa(["a", "a"], ["a", "a"]).value)
    assert cohen_kappa(["a", None, NAN], ["a", "b", "b"]).n_pairs == 1
    assert cohen_kappa([], []).n_pairs == 0
    with pytest.raises(ValueError, match="2 and 1 values"):
        cohen_kappa([1, 2], [1])
    with pytest.raises(ValueError, match="expected at most 1000 categories"):
        cohen_kappa(list(range(1001)), list(range(1001)))


def test_a_million_judgments_are_a_matter_of_counting():
    # Three raters of 333,334 units say u, u and u + 1 modulo 5: a loop over pairs in Python would take minutes.
    units = np.repeat(np.arange(333_334), 3)
    values = (units + np.tile([0, 0, 1], 333_334)) % 5
    # nominal: each unit has 4 of 6 ordered pairs that differ, / (m - 1) = 2 a unit; n = 1,000,002 with each value
    # (nearly) a fifth: all that differ (nearly) n^2 * .8. alpha = 1 - n/3 * 2 / (.8 n) = 1 - 5/6
    alpha = krippendorff_alpha(units, np.tile([0, 1, 2], 333_334), values)
    assert alpha.value == pytest.approx(1 / 6, abs=1e-5)
