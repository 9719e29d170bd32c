"""How signals are cut, scaled and stacked for display."""

import numpy as np
import pytest

from rewards.heat import display_block, lanes, merge_overlaps, pack_spans, pack_values, scale_limit
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.text import Span
from tests.rewards.paint import unpack_spans, unpack_values


def signal(spans, values):
    return RewardSignal(Segmentation("tokenizer:x", np.array(spans)), np.array(values))


def test_tokens_inside_one_character_become_one_piece_with_their_sum():
    merged = merge_overlaps(signal([[0, 0, 1], [0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 2, 3]], [1, 0.25, 0.5, np.nan, 2]))

    assert merged.spans.tolist() == [[0, 0, 1], [0, 1, 2], [0, 2, 3]]
    assert merged.values.tolist() == [1, 0.75, 2]
    assert merged.counts.tolist() == [1, 3, 1]


def test_a_piece_of_unscored_tokens_alone_stays_unscored():
    merged = merge_overlaps(signal([[0, 0, 1], [0, 0, 1], [0, 1, 2]], [np.nan, np.nan, 0]))

    assert np.isnan(merged.values[0])
    assert merged.values[1] == 0


def test_the_same_place_in_another_message_is_no_overlap():
    merged = merge_overlaps(signal([[0, 0, 4], [1, 0, 4]], [1, 2]))

    assert merged.values.tolist() == [1, 2]


def test_the_end_of_sequence_keeps_its_own_piece():
    merged = merge_overlaps(signal([[0, 0, 4], [0, 4, 4]], [1, 2]))

    assert merged.spans.tolist() == [[0, 0, 4], [0, 4, 4]]


def test_nothing_stored_gives_nothing_to_draw():
    block = display_block(merge_overlaps(signal(np.zeros((0, 3), dtype=int), [])), ["text"])

    assert (block["spans"], block["values"], block["merged"]) == ([""], "", {})


def test_the_page_gets_utf16_offsets_and_three_digits():
    # "a🙂b": a is 0-1; the emoji is one code point but two UTF-16 units, so b is 3-4.
    block = display_block(merge_overlaps(signal([[0, 1, 2], [0, 1, 2], [0, 2, 3]], [0.123456, 0, np.nan])), ["a🙂b"])

    assert unpack_spans(block["spans"][0]) == [(1, 3), (3, 4)]
    assert unpack_values(block["values"], block["base"]) == [0.123, None]
    assert block["merged"] == {"0": 2}


def test_a_span_takes_a_character_and_a_gap_one_more():
    # 0-3 without a gap: 3 * 2 = 6, G. 5-5 after a gap of 2: 0 * 2 + 1, B, and 2, C.
    # 5-205: 200 * 2 = 400 = 16 + 12 * 32, so digit 16 + 32, w, and digit 12, M.
    assert pack_spans(np.array([[0, 3], [5, 5], [5, 205]])) == "GBCwM"


def test_a_value_takes_two_characters():
    # 0.5 is 500e-3, the largest exponent, so the base is -3 - 3 = -6; its number 1 + 500 + 3000 = 3501 = 38 * 90 + 81;
    # -0.0123 is -123e-4: 1 + 123 + 2000 + 4000 = 6124 = 68 * 90 + 4; zero is 1, and nothing is 0. Of the characters
    # " !#$%()*+,-./0...9:;=?@A...Z[\\]^_`a...z{|}~" those are numbers 38 and 81, 68 and 4, 0 and 1, 0 and 0.
    characters = " !#$%()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    expected = "".join(characters[n] for n in (38, 81, 68, 4, 0, 1, 0, 0))

    assert len(characters) == 90
    assert pack_values([0.5, -0.0123, 0.0, np.nan]) == (expected, -6)


@pytest.mark.parametrize("scale", [1e-38, 1e-9, 1.0, 3e38])
def test_values_keep_three_digits_at_every_magnitude(scale):
    values = (np.random.default_rng(0).normal(size=200) * scale).tolist()

    assert unpack_values(*pack_values(values)) == [float(f"{value:.3g}") for value in values]


def test_small_values_beside_a_large_one_are_rounded_to_what_is_left():
    # 12.3 is 123e-1, so the base is -4: 0.0123 still has three digits, 0.001234 is 12e-4, and 0.00004 is nothing.
    assert unpack_values(*pack_values([12.3, 0.0123, -0.001234, 0.00004])) == [12.3, 0.0123, -0.0012, 0.0]


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ([], 1.0),
        ([0.0, 0.0], 1.0),
        ([np.nan, -0.5], 0.5),
        ([0.1234], 0.13),
        ([-12.1, 3], 13.0),
        ([1000.0], 1000.0),
        # 200 values: one outlier in 200 lies above the 99th percentile and does not stretch the scale.
        ([0.2] * 199 + [50.0], 0.2),
    ],
)
def test_the_scale_holds_nearly_all_values_in_round_numbers(values, limit):
    assert scale_limit([np.array(values)]) == limit


def test_texts_shown_together_share_one_scale():
    assert scale_limit([np.array([0.1]), np.array([-0.7])]) == 0.7


def test_overlapping_spans_get_lanes_of_their_own_and_others_reuse_the_first():
    spans = [Span(0, 0, 10), Span(0, 5, 15), Span(0, 8, 9), Span(0, 10, 20), Span(1, 0, 5)]

    # 0-10 takes lane 1, 5-15 lane 2, 8-9 lane 3; 10-20 finds lane 1 free again; another message starts anew.
    assert lanes(spans) == [1, 2, 3, 1, 1]


def test_more_overlaps_than_lanes_share_the_last_one():
    assert lanes([Span(0, 0, 5)] * 8) == [1, 2, 3, 4, 5, 6, 6, 6]
