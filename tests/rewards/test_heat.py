"""How signals are cut, scaled and stacked for display."""

import numpy as np
import pytest

from rewards.heat import display_block, lanes, merge_overlaps, scale_limit
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.text import Span


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
    assert display_block(merge_overlaps(signal(np.zeros((0, 3), dtype=int), [])), ["text"]) == {
        "spans": [[]],
        "values": [],
        "merged": {},
    }


def test_the_page_gets_utf16_offsets_gaps_and_three_digits():
    # "a🙂b": a is 0-1; the emoji is one code point but two UTF-16 units, so b is 3-4.
    block = display_block(merge_overlaps(signal([[0, 1, 2], [0, 1, 2], [0, 2, 3]], [0.123456, 0, np.nan])), ["a🙂b"])

    assert block == {"spans": [[1, 2, 0, 1]], "values": [0.123, None], "merged": {"0": 2}}


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
