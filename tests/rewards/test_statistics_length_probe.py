"""The off-topic length probe, on scorers whose failings are known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.length_probe import probe_texts, wrong_orderings

RESPONSES = st.lists(st.text("abc", min_size=1, max_size=9), min_size=2, max_size=8).filter(
    lambda found: len(set(found)) > 1
)


@given(responses=RESPONSES, longer=st.floats(1, 3), seed=st.integers(0, 9))
def test_what_is_off_topic_is_another_prompts_and_padding_reaches_its_length(responses, longer, seed):
    for own, (kept, swapped, padded) in zip(responses, probe_texts(responses, longer=longer, seed=seed), strict=True):
        assert kept == own
        assert swapped != own
        assert swapped in responses
        if padded is None:
            others = [text for text in responses if text != own]
            assert len("\n\n".join(others)) < longer * len(own)
        else:
            assert len(padded) >= longer * len(own)
            assert padded.startswith(swapped)
            assert own not in padded.split("\n\n")


def test_the_swap_hangs_on_the_seed_alone():
    responses = [f"response {number}" for number in range(9)]
    assert probe_texts(responses, seed=1) == probe_texts(responses, seed=1) != probe_texts(responses, seed=2)


def test_padding_by_hand():
    # Two prompts: each gets the other's. "abcd" needs eight characters and the other has two: it cannot be padded.
    short, long = probe_texts(["ab", "abcd"], longer=2)
    assert short == ("ab", "abcd", "abcd")
    assert long == ("abcd", "ab", None)


def test_a_scorer_that_only_measures_length_always_prefers_the_padded_text():
    texts = probe_texts(["one two", "three", "four five six", "seven"], longer=1.5)
    padded = [(len(own), len(long)) for own, _, long in texts if long]
    assert wrong_orderings(*zip(*padded, strict=True)).wrong.value == 1


def test_counts_by_hand():
    # Own 1 2 3 4 5; off topic 2 2 1 NaN 9: wrong, tie, right, unscored, wrong.
    found = wrong_orderings([1, 2, 3, 4, 5], [2, 2, 1, math.nan, 9])
    assert (found.wrong.successes, found.wrong.n, found.ties, found.n_unscored) == (2, 4, 1, 1)
    assert found.wrong.value == 1 / 2
    assert math.isnan(wrong_orderings([], []).wrong.value)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="two that differ"):
        probe_texts(["same", "same"])
    with pytest.raises(ValueError, match=r"longer=0\.5"):
        probe_texts(["a", "b"], longer=0.5)
    with pytest.raises(ValueError, match="same length"):
        wrong_orderings([1.0], [1.0, 2.0])
