"""Where two readings of one output lie furthest apart, worked by hand."""

import numpy as np
import pytest

from rewards.disagreement import Apart, between_signals, from_spans, largest
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.text import Span


def signal(spans, values, segmenter="tokenizer:x"):
    return RewardSignal(Segmentation(segmenter, np.array(spans)), np.array(values))


WORDS = [[0, 0, 3], [0, 3, 7], [0, 7, 13], [0, 13, 13]]


def test_two_signals_are_apart_by_half_the_difference_of_their_shares_of_the_scale():
    a = signal(WORDS, [2.0, -1.0, 0.0, np.nan])
    b = signal(WORDS, [-0.05, -0.05, 0.1, 0.1], "tokenizer:y")

    # Shares of 2 and of 0.1: 1 and -0.5, -0.5 and -0.5, 0 and 1, nothing and 1.
    # -0.05 and 0.1 are float32, so 1e-8 is as near as it gets.
    assert between_signals(a, 2.0, b, 0.1).distance.tolist() == pytest.approx(
        [0.75, 0, 0.5, np.nan], abs=1e-8, nan_ok=True
    )


def test_values_beyond_the_scale_count_as_its_end():
    assert between_signals(signal(WORDS[:1], [50.0]), 2.0, signal(WORDS[:1], [-9.0]), 1.0).distance.tolist() == [1.0]


def test_a_sentence_has_its_level_in_each_of_its_words():
    words = signal(WORDS, [1.0, 0.0, -1.0, 1.0])
    sentence = signal([[0, 0, 7], [0, 7, 13]], [-4.0, -4.0], "sentence/1")

    for apart in (between_signals(words, 1.0, sentence, 4.0), between_signals(sentence, 4.0, words, 1.0)):
        # The sentences are at -1 and the words at 1, 0 and -1; at the end of the sequence there is no sentence.
        assert apart.distance.tolist() == pytest.approx([1.0, 0.5, 0.0, np.nan], nan_ok=True)
        assert apart.spans.tolist() == WORDS


def test_inside_a_span_a_high_value_disagrees_and_outside_a_low_one():
    found = signal([[0, 0, 2], [0, 2, 4], [0, 4, 6], [0, 6, 8], [0, 8, 10]], [0.5, -1.0, -0.8, 0.7, np.nan])

    # The span 1-4 touches the first two: (1 + 0.5) / 2 and (1 - 1) / 2. Outside -0.8 is 0.8 too low, 0.7 is fine.
    assert from_spans(found, 1.0, [Span(0, 1, 4)]).distance.tolist() == pytest.approx(
        [0.75, 0.0, 0.8, 0.0, np.nan], nan_ok=True
    )


def test_what_the_signal_says_nothing_about_is_half_a_miss_inside_a_span_and_none_outside():
    assert from_spans(signal(WORDS[:2], [0.0, 0.0]), 1.0, [Span(0, 0, 3)]).distance.tolist() == [0.5, 0.0]


def test_the_furthest_place_of_all_outputs_comes_first_and_equal_ones_in_reading_order():
    first = Apart(np.array(WORDS), np.array([0.5, np.nan, 0.9, 0.0]))
    second = Apart(np.array([[1, 0, 4], [0, 2, 4]]), np.array([0.5, 1.0]))

    places = largest([first, second], 4)

    assert [(place.which, place.span, place.distance) for place in places] == [
        (1, Span(0, 2, 4), 1.0),
        (0, Span(0, 7, 13), 0.9),
        (0, Span(0, 0, 3), 0.5),
        (1, Span(1, 0, 4), 0.5),
    ]
    assert largest([first, second], 1) == places[:1]


def test_nothing_stored_gives_no_places():
    nothing = signal(np.zeros((0, 3), dtype=int), [])

    assert largest([between_signals(nothing, 1.0, nothing, 1.0), from_spans(nothing, 1.0, [])], 9) == []
