"""Rows on levels: sums, places and projections, against values worked by hand and a walk over characters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.segmentation import Segmentation, sentences, words
from rewards.shaping.rows import Level, Rows, at_end
from rewards.signals import Preserve, RewardSignal, project

NAN = float("nan")


def test_an_output_adds_up_what_is_scored_and_nothing_is_not_zero() -> None:
    rows = Rows.ragged("token", [[1, 2, NAN], [], [NAN, NAN], [-4]])
    assert rows.total().tolist() == pytest.approx([3, NAN, NAN, -4], nan_ok=True)
    assert rows.mean().tolist() == pytest.approx([1.5, NAN, NAN, -4], nan_ok=True)
    assert rows.smallest().tolist() == pytest.approx([1, NAN, NAN, -4], nan_ok=True)
    assert rows.largest().tolist() == pytest.approx([2, NAN, NAN, -4], nan_ok=True)
    assert rows.n_scored().tolist() == [2, 0, 0, 1]


def test_a_reward_at_the_end_stands_on_the_last_token_and_its_output_keeps_its_sum() -> None:
    level = Level.of_lengths("token", [3, 1, 2])
    placed = at_end(Rows.scalars([2, -1, NAN]), level)
    assert placed.to_lists()[:2] == [[0, 0, 2], [-1]]
    assert np.isnan(placed.of(2)).all()


def test_an_output_without_tokens_has_nowhere_to_put_its_reward() -> None:
    level = Level.of_lengths("token", [1, 0])
    with pytest.raises(ValueError, match="output 1 has no token"):
        at_end(Rows.scalars([1, 1]), level)
    assert at_end(Rows.scalars([1, NAN]), level).to_lists() == [[1], []]


def test_a_value_too_many_or_without_bound_is_refused_with_its_place() -> None:
    level = Level.of_lengths("step", [1, 2])
    with pytest.raises(ValueError, match="expected one for each of 3 segments"):
        Rows(level, np.zeros(2))
    with pytest.raises(ValueError, match="output 1: value 1 is infinite"):
        Rows(level, np.array([0, 0, np.inf]))


TEXTS = st.lists(st.text(alphabet="ab .é👍\n", max_size=20), min_size=1, max_size=4)


@given(outputs=st.lists(TEXTS, min_size=1, max_size=4), preserve=st.sampled_from(["sum", "mean"]), data=st.data())
def test_many_outputs_at_once_are_projected_as_each_alone(
    outputs: list[list[str]], preserve: Preserve, data: st.DataObject
) -> None:
    coarse, fine = [sentences(texts) for texts in outputs], [words(texts) for texts in outputs]
    n_messages = [len(texts) for texts in outputs]
    levels = [Level.of_segmentations(name, cuts, n_messages) for name, cuts in (("sentence", coarse), ("token", fine))]
    numbers = st.floats(-8, 8, width=16)
    values = np.array(data.draw(st.lists(numbers, min_size=levels[0].size, max_size=levels[0].size)), dtype=np.float64)
    carried = Rows(levels[0], values).on(levels[1], preserve)
    for index, (cut, onto) in enumerate(zip(coarse, fine, strict=True)):
        alone = project(RewardSignal(cut, Rows(levels[0], values).of(index)), onto, preserve)
        np.testing.assert_allclose(carried.of(index), alone.values, rtol=1e-5, atol=1e-6)


def _level(name: str, *spans: tuple[int, int, int]) -> Level:
    return Level.of_segmentations(name, [Segmentation("by hand", np.array(spans, dtype=np.int32))], [1])


def test_a_step_lands_on_the_last_token_that_it_covers_and_an_unscored_step_leaves_its_own_unscored() -> None:
    tokens = _level("token", (0, 0, 2), (0, 2, 4), (0, 4, 6))
    steps = _level("step", (0, 0, 4), (0, 4, 6))
    assert Rows(steps, np.array([0.5, -1])).placed(tokens, "last").to_lists() == [[0, 0.5, -1]]
    assert Rows(steps, np.array([0.5, -1])).placed(tokens, "each").to_lists() == [[0.5, 0.5, -1]]
    assert Rows(steps, np.array([0.5, -1])).placed(tokens, "split").to_lists() == [[0.25, 0.25, -1]]
    half = Rows(steps, np.array([0.5, NAN])).placed(tokens, "last")
    assert half.to_lists()[0] == pytest.approx([0, 0.5, NAN], nan_ok=True)


def test_what_a_sum_does_not_reach_is_zero_only_where_the_output_was_scored() -> None:
    marked = Level.of_segmentations(
        "sentence",
        [Segmentation("by hand", np.array([[0, 0, 2]])), Segmentation("by hand", np.array([[0, 0, 2]]))],
        [1, 1],
    )
    tokens = Level.of_segmentations("token", [Segmentation("by hand", np.array([[0, 0, 2], [0, 2, 4]]))] * 2, [1, 1])
    carried = Rows(marked, np.array([3, NAN])).on(tokens)
    assert carried.of(0).tolist() == [3, 0]
    assert np.isnan(carried.of(1)).all()
