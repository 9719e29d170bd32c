"""Reward signals and their projection, against hand-worked cases and a character-by-character definition."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.signals import (
    RewardSignal,
    Segmentation,
    project,
    sentences,
    spans_to_tokens,
    turns,
    unplaced,
    whole,
)
from rewards.text import Span

NAN = float("nan")


def segmented(*rows, name="test"):
    return Segmentation(name, np.array(rows, dtype=np.int32).reshape(-1, 3))


def projected(source, values, target, preserve="sum"):
    signal = RewardSignal(segmented(*source), np.array(values, dtype=np.float32))
    return project(signal, segmented(*target), preserve).values.tolist()


def test_values_are_little_endian_float32():
    signal = RewardSignal(turns(["ab", "cd"]), np.array([1.0, -2.0]))
    assert signal.to_bytes() == bytes([0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0])
    assert RewardSignal.from_bytes(signal.segmentation, signal.to_bytes()) == signal


def test_one_value_for_each_segment_is_expected():
    with pytest.raises(ValueError, match=r"shape \(2,\): expected one for each of 1 segments"):
        RewardSignal(turns(["ab"]), np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="8 bytes: expected 4"):
        RewardSignal.from_bytes(turns(["ab"]), b"\x00" * 8)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_an_infinite_value_is_refused(value):
    with pytest.raises(ValueError, match="value 0 is infinite"):
        RewardSignal(turns(["ab"]), np.array([value]))


def test_unscored_segments_are_counted_apart_and_not_summed():
    signal = RewardSignal(turns(["a", "b", "c"]), np.array([1.0, NAN, 3.0]))
    assert (signal.n_scored, signal.total) == (2, 4.0)
    assert signal.filled(0.0).values.tolist() == [1.0, 0.0, 3.0]
    assert np.isnan(RewardSignal(turns(["a"]), np.array([NAN])).total)


def test_a_sentence_is_split_over_its_tokens_by_length():
    # 8 over 4 characters is 2 a character: tokens of 1 and 3 characters get 2 and 6.
    assert projected([(0, 0, 4)], [8], [(0, 0, 1), (0, 1, 4)]) == [2, 6]


def test_tokens_gather_into_sentences_in_proportion():
    # The token 3-5 has one character in each sentence: half of 4 goes to each.
    assert projected([(0, 0, 3), (0, 3, 5), (0, 5, 6)], [1, 4, 2], [(0, 0, 4), (0, 4, 6)]) == [3, 4]


def test_characters_that_no_target_covers_take_no_share():
    # A tokenizer without the space at 2-3: all of 6 stays on the two tokens, 2 and 3 characters long... 6/5 each.
    assert projected([(0, 0, 6)], [5], [(0, 0, 2), (0, 3, 6)]) == [2, 3]


def test_byte_level_tokens_share_a_character_without_counting_it_twice():
    # 4 over 2 characters; the first is shared by three tokens: 2/3 each, and the fourth token gets 2.
    result = projected([(0, 0, 2)], [4], [(0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 1, 2)])
    np.testing.assert_allclose(result, [2 / 3, 2 / 3, 2 / 3, 2], rtol=1e-6)


def test_the_mean_is_weighted_by_characters():
    # (3 characters of 1 + 1 character of 5) / 4 = 2
    assert projected([(0, 0, 3), (0, 3, 4)], [1, 5], [(0, 0, 4)], "mean") == [2]


def test_the_mean_leaves_unscored_characters_out():
    assert projected([(0, 0, 3), (0, 3, 4)], [NAN, 5], [(0, 0, 4), (0, 0, 2)][:1], "mean") == [5]
    np.testing.assert_equal(projected([(0, 0, 3), (0, 3, 4)], [NAN, 5], [(0, 0, 2), (0, 2, 4)], "mean"), [NAN, 5])


def test_a_sum_leaves_unscored_segments_out_and_is_unscored_where_nothing_else_arrives():
    np.testing.assert_equal(projected([(0, 0, 2), (0, 2, 4)], [NAN, 4], [(0, 0, 1), (0, 1, 3), (0, 3, 4)]), [NAN, 2, 2])


def test_targets_outside_every_segment_are_unscored():
    np.testing.assert_equal(projected([(0, 0, 2)], [4], [(0, 0, 2), (0, 5, 6), (3, 0, 1)]), [4, NAN, NAN])


def test_the_end_of_the_sequence_meets_the_end_of_the_sequence():
    np.testing.assert_equal(projected([(0, 0, 4), (0, 4, 4)], [8, 1], [(0, 0, 2), (0, 2, 4), (0, 4, 4)]), [4, 4, 1])


def test_a_reward_at_the_end_reaches_the_last_token_where_there_is_no_end_segment():
    np.testing.assert_equal(projected([(1, 2, 2)], [3], [(0, 0, 4), (1, 0, 1)]), [NAN, 3])
    np.testing.assert_equal(projected([(1, 0, 0)], [3], [(0, 0, 2), (0, 2, 4)]), [NAN, 3])


def test_a_zero_width_value_before_everything_reaches_the_first_token():
    np.testing.assert_equal(projected([(0, 0, 0)], [3], [(0, 0, 2), (0, 2, 4)]), [3, NAN])


def test_a_mean_gives_the_end_of_the_sequence_only_what_is_there():
    np.testing.assert_equal(projected([(0, 0, 4), (0, 4, 4)], [8, 1], [(0, 0, 4), (0, 4, 4)], "mean"), [8, 1])
    np.testing.assert_equal(projected([(0, 0, 4), (0, 4, 4)], [8, 1], [(0, 0, 4)], "mean"), [8])


def test_segments_that_cannot_be_placed_are_reported():
    signal = RewardSignal(segmented((0, 0, 2), (0, 2, 4), (0, 5, 6), (0, 6, 6)), np.array([1.0, 2.0, NAN, 3.0]))
    assert unplaced(signal, segmented((0, 0, 1))).tolist() == [False, True, False, False]
    assert unplaced(signal, segmented((0, 6, 6))).tolist() == [True, True, False, False]
    assert unplaced(signal, segmented((0, 7, 7))).tolist() == [True, True, False, True]
    assert unplaced(signal, segmented()).tolist() == [True, True, False, True]


def test_nothing_projects_to_unscored_and_onto_nothing():
    np.testing.assert_equal(projected([], [], [(0, 0, 1)]), [NAN])
    assert projected([(0, 0, 1)], [1], []) == []
    assert projected([], [], []) == []


def test_another_preserve_is_refused():
    with pytest.raises(ValueError, match="preserve='max': expected 'sum' or 'mean'"):
        projected([], [], [], "max")


def test_real_segmenters_keep_the_total():
    text = "One \U0001f600 two. Three\r\nfour. שלום."
    signal = RewardSignal(sentences([text]), np.array([1.0, -2.0, 4.0, 0.5]))
    tokens = segmented(*[(0, index, index + 1) for index in range(len(text))])
    assert project(signal, tokens).total == pytest.approx(3.5)
    assert project(signal, whole([text])).values.tolist() == [3.5]


def brute_force(source, values, target, preserve):
    """The definition in `project`'s docstring, one character at a time."""
    scored = [(tuple(row), value) for row, value in zip(source, values, strict=True) if not np.isnan(value)]
    covering: dict[Any, Any] = {}
    for index, (message, start, end) in enumerate(target):
        for character in range(start, end):
            covering.setdefault((message, character), []).append(index)
    result: list[Any] = [[] for _ in target]
    if preserve == "mean":
        level: dict[Any, Any] = {}
        for (message, start, end), value in scored:
            for character in range(start, end):
                level.setdefault((message, character), []).append(value)
        for character, indexes in covering.items():
            for index in indexes:
                result[index] += [np.mean(level[character])] if character in level else []
        for index, row in enumerate(target):
            if row[1] == row[2]:
                result[index] = [value for place, value in scored if place == tuple(row)]
        return [np.mean(parts) if parts else NAN for parts in result]
    for (message, start, end), value in scored:
        places = [(message, character) for character in range(start, end) if (message, character) in covering]
        same = [index for index, row in enumerate(target) if tuple(row) == (message, start, end)]
        if start == end and same:
            for index in same:
                result[index].append(value / len(same))
        elif start == end and covering:
            before = [place for place in covering if place < (message, start)]
            places = [max(before) if before else min(covering)]
        for place in places:
            for index in covering[place]:
                result[index].append(value / len(places) / len(covering[place]))
    return [sum(parts) if parts else NAN for parts in result]


@st.composite
def segmentations(draw):
    rows = []
    for message in sorted(draw(st.sets(st.integers(0, 2), max_size=2))):
        start = end = draw(st.integers(0, 2))
        for _ in range(draw(st.integers(1, 6))):
            start = draw(st.integers(start, end + 1))
            end = draw(st.integers(max(start, end), max(start, end) + 3))
            rows.append((message, start, end))
    return rows


@given(segmentations(), segmentations(), st.data(), st.sampled_from(["sum", "mean"]))
def test_projection_equals_the_definition_character_by_character(source, target, data, preserve):
    values = data.draw(
        st.lists(st.floats(-100, 100, width=32) | st.just(NAN), min_size=len(source), max_size=len(source))
    )
    expected = brute_force(source, values, target, preserve)
    np.testing.assert_allclose(projected(source, values, target, preserve), expected, rtol=1e-4, atol=1e-4)


@given(segmentations(), segmentations(), st.data())
def test_the_total_is_kept_but_for_what_cannot_be_placed(source, target, data):
    values = data.draw(st.lists(st.integers(-50, 50), min_size=len(source), max_size=len(source)))
    signal = RewardSignal(segmented(*source), np.array(values, dtype=np.float32))
    onto = segmented(*target)
    placed = signal.values[~unplaced(signal, onto)].sum()
    assert np.nansum(project(signal, onto).values) == pytest.approx(placed, abs=1e-3)


@given(segmentations(), st.floats(-10, 10, width=32), segmentations())
def test_a_constant_stays_constant_in_the_mean(source, constant, target):
    result = np.array(projected(source, [constant] * len(source), target, "mean"))
    np.testing.assert_allclose(result[~np.isnan(result)], constant, rtol=1e-5, atol=1e-6)


def test_each_token_that_touches_a_span_gets_its_value_and_the_rest_zero():
    tokens = segmented((0, 0, 3), (0, 3, 6), (0, 6, 9), (0, 9, 9))
    spans = [Span(0, 4, 7), Span(0, 8, 9)]
    assert spans_to_tokens(spans, [-0.5, 1.0], tokens).values.tolist() == [0, -0.5, 0.5, 0]
    assert spans_to_tokens(spans, [-0.5, 1.0], tokens, "last").values.tolist() == [0, 0, 0.5, 0]
    # -0.6 over 3 characters: two in the second token, one in the third
    split = spans_to_tokens(spans, [-0.6, 1.0], tokens, "split").values
    np.testing.assert_allclose(split, [0, -0.4, 0.8, 0], rtol=1e-6)


def test_an_equal_word_elsewhere_is_not_rewarded():
    # The defect of matching text instead of offsets: "the" occurs twice, only the second is marked.
    tokens = segmented((0, 0, 3), (0, 3, 7), (0, 7, 11))
    assert spans_to_tokens([Span(0, 8, 11)], [1.0], tokens).values.tolist() == [0, 0, 1]


def test_an_unscored_span_adds_nothing_and_a_zero_width_one_goes_to_the_end():
    tokens = segmented((0, 0, 3), (0, 3, 6))
    assert spans_to_tokens([Span(0, 0, 3), Span(0, 6, 6)], [NAN, 2.0], tokens).values.tolist() == [0, 2]


def test_spans_and_values_must_pair_up():
    with pytest.raises(ValueError, match="1 spans with 2 values"):
        spans_to_tokens([Span(0, 0, 1)], [1.0, 2.0], segmented((0, 0, 1)))
    with pytest.raises(ValueError, match="place='first'"):
        spans_to_tokens([Span(0, 0, 1)], [1.0], segmented((0, 0, 1)), "first")


@given(segmentations(), segmentations())
def test_spans_reach_exactly_the_segments_they_share_characters_with(spans, tokens):
    result = spans_to_tokens(
        [Span(*row) for row in spans if row[1] < row[2]], [1.0] * sum(r[1] < r[2] for r in spans), segmented(*tokens)
    )
    expected = [sum(m == n and max(s, a) < min(e, b) for m, s, e in spans) for n, a, b in tokens]
    assert result.values.tolist() == expected
