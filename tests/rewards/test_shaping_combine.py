"""Sums, mixtures, products, extremes and logic of rewards, against values worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.combine import (
    logical_and,
    logical_or,
    maximum,
    minimum,
    product,
    simplex_mixture,
    sum_of_products,
    weighted_sum,
)
from rewards.shaping.rows import Rows

NAN = float("nan")
NUMBERS = st.floats(-100, 100, allow_subnormal=False)
WEIGHTS = st.floats(0, 10, allow_subnormal=False)


def _scalars(*values: float) -> Rows:
    return Rows.scalars(values)


def _same(rows: Rows, expected: list[float]) -> None:
    np.testing.assert_allclose(rows.values, expected, rtol=1e-12, atol=0)


def test_three_fine_grained_rewards_are_added_by_their_weights_on_each_segment() -> None:
    # Fine-Grained RLHF, Eq. 1, two sentences: .3 (1, -1) + .5 (1, 1) + .3 (0, 2) = (.8, .8).
    terms = [Rows.ragged("sentence", [values]) for values in ([1.0, -1.0], [1.0, 1.0], [0.0, 2.0])]
    _same(weighted_sum(terms, [0.3, 0.5, 0.3]), [0.8, 0.8])


def test_a_sum_without_one_of_its_terms_is_unscored_or_that_of_the_others_as_asked() -> None:
    terms = [_scalars(1, NAN, NAN), _scalars(10, 10, NAN)]
    _same(weighted_sum(terms, [1, 1]), [11, NAN, NAN])
    _same(weighted_sum(terms, [1, 1], unscored="skip"), [11, 10, NAN])


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5), NUMBERS, NUMBERS)
def test_a_sum_is_linear_in_its_terms_and_rises_with_those_of_positive_weight(
    pairs: list[tuple[float, float]], weight: float, shift: float
) -> None:
    one, other = (_scalars(*column) for column in zip(*pairs, strict=True))
    moved = one.with_values(one.values + shift)
    before, after = (weighted_sum([term, other], [weight, 2.0]).values for term in (one, moved))
    np.testing.assert_allclose(after - before, np.full(len(pairs), weight * shift), rtol=1e-6, atol=1e-6)


def test_terms_on_other_segments_are_refused_by_number() -> None:
    for combine in (product, minimum, maximum):
        with pytest.raises(ValueError, match="term 1 stands on other segments"):
            combine([_scalars(1, 2), _scalars(1)])


def test_mixture_weights_are_brought_to_a_sum_of_one() -> None:
    # (1 x 3 + 3 x 7) / 4 = 6.
    _same(simplex_mixture([_scalars(3), _scalars(7)], [1, 3]), [6])
    _same(simplex_mixture([_scalars(3), _scalars(7)], [10, 30]), [6])


def test_a_mixture_that_skips_a_term_stays_a_mean_of_the_others() -> None:
    # A weighted sum would fall to 1/4 x 3 here; the mixture of one term alone is that term.
    terms = [_scalars(3, 3, NAN), _scalars(NAN, 7, NAN)]
    _same(simplex_mixture(terms, [1, 3], unscored="skip"), [3, 6, NAN])
    _same(simplex_mixture(terms, [0, 1], unscored="skip"), [NAN, 7, NAN])
    _same(simplex_mixture(terms, [1, 3]), [NAN, 6, NAN])


@pytest.mark.parametrize("weights", [[0, 0], [1, -1]])
def test_mixture_weights_below_zero_or_all_zero_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="expected none below 0 and at least one above"):
        simplex_mixture([_scalars(3), _scalars(7)], weights)


@given(st.lists(st.tuples(NUMBERS, WEIGHTS), min_size=1, max_size=6).filter(lambda terms: any(w for _, w in terms)))
def test_a_mixture_lies_between_its_smallest_and_largest_term(terms: list[tuple[float, float]]) -> None:
    values = [value for value, _ in terms]
    mixed = float(simplex_mixture([_scalars(value) for value in values], [weight for _, weight in terms]).values[0])
    assert min(values) - 1e-9 <= mixed <= max(values) + 1e-9


def test_weights_that_differ_by_output_are_those_of_each_output() -> None:
    # Output 0: (1 x 2 + 3 x 10) / 4 = 8; output 1: (1 x 2 + 0 x 10) / 1 = 2; output 2 has weights of 0 only.
    terms, factors = [_scalars(2, 2, 2), _scalars(10, 10, 10)], [_scalars(1, 1, 0), _scalars(3, 0, 0)]
    _same(sum_of_products(terms, factors), [8, 2, NAN])
    _same(sum_of_products(terms, factors, normalised=False), [32, 2, 0])


def test_a_term_without_its_weight_does_not_count_and_its_weight_neither() -> None:
    terms, factors = [_scalars(2, 2), _scalars(10, NAN)], [_scalars(1, 1), _scalars(NAN, 3)]
    _same(sum_of_products(terms, factors, unscored="skip"), [2, 2])
    _same(sum_of_products(terms, factors), [NAN, NAN])


def test_weights_of_another_number_or_sign_are_refused() -> None:
    with pytest.raises(ValueError, match="1 factors for 2 terms"):
        sum_of_products([_scalars(1), _scalars(2)], [_scalars(1)])
    with pytest.raises(ValueError, match="output 1: value 0 of factors is -3: expected at least 0"):
        sum_of_products([_scalars(1, 1)], [_scalars(1, -3)])
    _same(sum_of_products([_scalars(1)], [_scalars(-3)], normalised=False), [-3])


def test_a_product_pays_conciseness_only_where_the_answer_is_right() -> None:
    right, concise = _scalars(1, 0, 1, NAN), _scalars(0.4, 0.9, NAN, 0.5)
    _same(product([right, concise]), [0.4, 0, NAN, NAN])
    _same(product([right, concise], unscored="skip"), [0.4, 0, 1, 0.5])


def test_a_product_too_large_for_a_number_is_refused_by_its_output() -> None:
    with pytest.raises(ValueError, match="output 1: value 0 is infinite"):
        product([_scalars(1, 1e200), _scalars(1, 1e200)])


def test_smallest_and_largest_of_the_terms_that_are_scored() -> None:
    terms = [_scalars(1, 5, NAN, NAN), _scalars(2, -5, 3, NAN)]
    _same(minimum(terms), [1, -5, NAN, NAN])
    _same(minimum(terms, unscored="skip"), [1, -5, 3, NAN])
    _same(maximum(terms), [2, 5, NAN, NAN])
    _same(maximum(terms, unscored="skip"), [2, 5, 3, NAN])


@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=4))
def test_the_smallest_is_minus_the_largest_of_the_negatives(values: list[list[float]]) -> None:
    terms = [_scalars(*row) for row in values]
    negatives = [_scalars(*(-number for number in row)) for row in values]
    np.testing.assert_array_equal(minimum(terms).values, -maximum(negatives).values)


def test_all_must_reach_their_own_threshold_and_reaching_is_enough() -> None:
    terms = [_scalars(1, 1, 0.4), _scalars(3, 2.9, 3)]
    _same(logical_and(terms, [0.5, 3.0]), [1, 0, 0])
    _same(logical_or(terms, [0.5, 3.0]), [1, 1, 1])
    _same(logical_or(terms, [2.0, 3.0]), [1, 0, 1])


@pytest.mark.parametrize(
    ("unscored", "conjunction", "disjunction"),
    [
        ("unscored", [NAN, NAN, NAN], [NAN, NAN, NAN]),
        ("skip", [1, 0, NAN], [1, 0, NAN]),
        # Three-valued logic (Kleene): a term that fails decides a conjunction, one that holds a disjunction.
        ("decided", [NAN, 0, NAN], [1, NAN, NAN]),
    ],
)
def test_an_unscored_term_leaves_open_what_the_others_do_not_decide(
    unscored: str, conjunction: list[float], disjunction: list[float]
) -> None:
    terms = [_scalars(1, 0, NAN), _scalars(NAN, NAN, NAN)]
    _same(logical_and(terms, [0.5, 0.5], unscored), conjunction)
    _same(logical_or(terms, [0.5, 0.5], unscored), disjunction)


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=4, max_size=4), min_size=1, max_size=3))
def test_not_all_hold_is_that_one_does_not(values: list[list[float]]) -> None:
    # De Morgan, in three-valued logic too.
    terms = [_scalars(*row) for row in values]
    denied = [_scalars(*(1 - number for number in row)) for row in values]
    half = [0.5] * len(terms)
    one, other = logical_and(terms, half, "decided").values, logical_or(denied, half, "decided").values
    np.testing.assert_array_equal(1 - one, other)
