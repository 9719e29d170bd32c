"""Stored signal values: bulk, idempotent, exact."""

import numpy as np
import pytest

from rewards import models, signal_store
from rewards.segmentation import Segmentation, sentences
from rewards.signal_store import NewSignal
from rewards.signals import RewardSignal
from tests.factories import make_output, make_project, make_rater, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def output():
    return make_output(make_task(make_project()), text="One. Two. Three.")


@pytest.fixture
def rater(output):
    return make_rater(output.project)


def new_signal(output, rater, values, **fields):
    cut = sentences([message["text"] for message in output.messages])
    defaults = {"channel": "score", "input_hash": "h"}
    return NewSignal(output=output, rater=rater, signal=RewardSignal(cut, np.array(values)), **(defaults | fields))


def test_values_come_back_exactly_and_unscored_stays_unscored(output, rater):
    [pk] = signal_store.save_many([new_signal(output, rater, [0.1, np.nan, -3e38])])

    [stored] = signal_store.load([pk])

    assert stored.signal.values.dtype == np.float32
    np.testing.assert_array_equal(stored.signal.values, np.array([0.1, np.nan, -3e38], dtype=np.float32))
    assert stored.signal.segmentation == sentences(["One. Two. Three."])
    assert (stored.rater, stored.channel, stored.output_id) == (rater, "score", output.pk)


def test_bytes_are_little_endian_whatever_the_machine(output, rater):
    signal_store.save_many([new_signal(output, rater, [1.0, 2.0, 3.0])])

    row = models.RewardSignal.objects.get()

    # IEEE 754: 1.0 is 3f800000, 2.0 is 40000000, 3.0 is 40400000; the lowest byte comes first.
    assert bytes(row.values).hex() == "0000803f0000004000004040"
    # "One. " is 0-5, "Two. " 5-10, "Three." 10-16, all of message 0.
    assert bytes(row.segmentation.spans)[12:24].hex() == "00000000050000000a000000"


def test_lists_find_total_and_count_without_the_values(output, rater):
    signal_store.save_many([new_signal(output, rater, [1.0, np.nan, 0.5])])

    row = models.RewardSignal.objects.get()

    assert (row.total, row.scored_count) == (1.5, 2)


def test_a_signal_without_any_score_has_no_total(output, rater):
    signal_store.save_many([new_signal(output, rater, [np.nan] * 3)])

    row = models.RewardSignal.objects.get()

    assert (row.total, row.scored_count) == (None, 0)


def test_saving_twice_keeps_the_first_values(output, rater):
    first = signal_store.save_many([new_signal(output, rater, [1, 2, 3])])
    second = signal_store.save_many([new_signal(output, rater, [7, 8, 9]), new_signal(output, rater, [7, 8, 9])])

    assert second == first * 2
    assert signal_store.load(first)[0].signal.values.tolist() == [1, 2, 3]


def test_equal_identities_in_one_call_keep_the_first(output, rater):
    keys = signal_store.save_many([new_signal(output, rater, [1, 2, 3]), new_signal(output, rater, [7, 8, 9])])

    assert signal_store.load(keys[:1])[0].signal.values.tolist() == [1, 2, 3]


def test_channels_and_repeats_share_one_segmentation(output, rater):
    keys = signal_store.save_many(
        [
            new_signal(output, rater, [1, 2, 3]),
            new_signal(output, rater, [4, 5, 6], channel="view_a"),
            new_signal(output, rater, [7, 8, 9], repeat=1),
        ]
    )

    assert len(set(keys)) == 3
    assert models.Segmentation.objects.count() == 1
    first, second, _ = signal_store.load(keys)
    assert first.signal.segmentation is second.signal.segmentation


def test_loading_follows_the_order_asked_for(output, rater):
    keys = signal_store.save_many([new_signal(output, rater, [n, n, n], repeat=n) for n in range(3)])

    assert [stored.repeat for stored in signal_store.load([keys[2], keys[0]])] == [2, 0]
    assert [stored.repeat for stored in signal_store.load(models.RewardSignal.objects.order_by("-repeat"))] == [2, 1, 0]


def test_segments_outside_the_text_are_refused(output):
    with pytest.raises(ValueError, match="within texts of"):
        signal_store.segmentation_for(output, "tokenizer:x", np.array([[0, 0, 17]]))


def test_a_segmenter_that_changed_its_mind_is_refused(output):
    signal_store.segmentation_for(output, "tokenizer:x", np.array([[0, 0, 5]]))

    with pytest.raises(ValueError, match="differently before"):
        signal_store.segmentation_for(output, "tokenizer:x", np.array([[0, 0, 6]]))


def test_overlapping_tokens_inside_one_character_survive(rater, output):
    emoji = make_output(output.task, text="a🙂")
    cut = Segmentation("tokenizer:bytes", np.array([[0, 0, 1], [0, 1, 2], [0, 1, 2], [0, 2, 2]]))
    signal = RewardSignal(cut, np.array([1.0, 2.0, 3.0, 4.0]))

    keys = signal_store.save_many([NewSignal(emoji, rater, "score", signal, "h")])

    assert signal_store.load(keys)[0].signal == signal


def test_reading_takes_three_queries_however_many_signals(output, rater, django_assert_num_queries):
    keys = signal_store.save_many([new_signal(output, rater, [n, n, n], repeat=n) for n in range(5)])

    # signals, raters, segmentations
    for n in (1, 5):
        with django_assert_num_queries(3):
            signal_store.load(keys[:n])
