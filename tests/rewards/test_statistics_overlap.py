"""Overlap of two sets of spans, against single characters."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.overlap import span_overlap
from rewards.text import Span


def test_the_overlap_of_two_spans_is_that_of_their_characters():
    # Characters 0-9 found, 5-19 marked: 5 shared of 10 and 15, 20 in either.
    found = span_overlap([Span(0, 0, 10)], [Span(0, 5, 20)])
    assert found[:4] == pytest.approx((0.5, 1 / 3, 0.4, 0.25))
    assert found[4:] == (10, 15, 5)


def test_a_character_counts_once_and_messages_are_kept_apart():
    twice = [Span(0, 0, 4), Span(0, 2, 6), Span(0, 6, 6)]
    found = span_overlap(twice, [Span(1, 0, 6), Span(0, 4, 8)])
    # 6 characters found, 10 marked, 2 shared.
    assert (found.found, found.marked, found.shared) == (6, 10, 2)


def test_what_is_not_defined_is_nan_and_one_empty_side_is_no_agreement():
    neither = span_overlap([], [])
    assert all(math.isnan(value) for value in neither[:4])
    missed = span_overlap([], [Span(0, 0, 3)])
    assert math.isnan(missed.precision)
    assert (missed.recall, missed.f1, missed.iou) == (0, 0, 0)
    invented = span_overlap([Span(0, 0, 3)], [])
    assert math.isnan(invented.recall)
    assert (invented.precision, invented.f1, invented.iou) == (0, 0, 0)


spans = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(0, 6)).map(
    lambda row: Span(row[0], row[1], row[1] + row[2])), max_size=6)  # fmt: skip


@given(spans, spans)
def test_it_equals_counting_characters_one_by_one(found, marked):
    def characters(some):
        return {(span.message, at) for span in some for at in range(span.start, span.end)}

    ours, theirs = characters(found), characters(marked)
    result = span_overlap(found, marked)
    assert (result.found, result.marked, result.shared) == (len(ours), len(theirs), len(ours & theirs))
    if ours | theirs:
        assert result.iou == pytest.approx(len(ours & theirs) / len(ours | theirs))
        assert span_overlap(marked, found).f1 == pytest.approx(result.f1)
