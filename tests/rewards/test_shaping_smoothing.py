"""Smoothing kernels, by hand and by what they keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.shaping.rows import Rows
from rewards.shaping.smoothing import smooth_exponential, smooth_gaussian, smooth_uniform

NAN = float("nan")
MAYBE = st.one_of(st.floats(-4, 4, width=16), st.just(NAN))
OUTPUTS = st.lists(st.lists(MAYBE, max_size=9), min_size=1, max_size=5)
KERNELS = {
    "gaussian": lambda rows: smooth_gaussian(rows, 1.3),
    "uniform": lambda rows: smooth_uniform(rows, 3),
    "exponential": lambda rows: smooth_exponential(rows, 0.7),
}


def _steps(*outputs: list[float]) -> Rows:
    return Rows.ragged("step", outputs)


def _approx(values: list[float]) -> object:
    return pytest.approx(values, nan_ok=True)


def test_a_reward_in_the_middle_is_shared_with_its_neighbours() -> None:
    assert smooth_uniform(_steps([0, 0, 6, 0, 0]), 1).of(0).tolist() == pytest.approx([0, 2, 2, 2, 0])


def test_a_reward_at_the_end_keeps_its_total_or_counts_more() -> None:
    last = _steps([0, 0, 6])
    # Of three places two are inside: 6 / 2 each. Repeated: 6 stands at t = 3 and 4: (0 + 0 + 6) / 3, (0 + 6 + 6) / 3.
    assert smooth_uniform(last, 1).of(0).tolist() == pytest.approx([0, 3, 3])
    assert smooth_uniform(last, 1, "repeat").of(0).tolist() == pytest.approx([0, 2, 4])
    wide = smooth_uniform(last, 3, "repeat").of(0).tolist()
    # A window of seven, wider than the output.
    # Around t = 1: 0 0 0 0 0 6 6 = 12 / 7; t = 2: 0 0 0 0 6 6 6 = 18 / 7; t = 3: 0 0 0 6 6 6 6 = 24 / 7.
    assert wide == pytest.approx([12 / 7, 18 / 7, 24 / 7])


def test_a_gaussian_falls_by_its_density() -> None:
    smoothed = smooth_gaussian(_steps([0.0] * 20 + [1.0] + [0.0] * 20), 2.0).of(0)
    # exp(-1/8) one segment away, exp(-1/2) two, none beyond 8.
    assert smoothed[21] / smoothed[20] == pytest.approx(np.exp(-1 / 8))
    assert smoothed[18] / smoothed[20] == pytest.approx(np.exp(-1 / 2))
    assert smoothed[20 + 9] == 0
    # The density at 0, 1 / (2 sqrt(2 pi)), is within 1e-3 of the cut kernel's.
    assert smoothed[20] == pytest.approx(1 / (2 * np.sqrt(2 * np.pi)), rel=1e-3)


def test_an_exponential_reward_is_handed_on_and_never_back() -> None:
    # a = 1/2: (1/2) 8 = 4, then 2, 1; the tail of 1 is lost, or 8 is shared 4 : 2 : 1.
    rows = _steps([0, 8, 0, 0], [8])
    assert smooth_exponential(rows, 0.5, "lose_tail").to_lists() == [[0, 4, 2, 1], [4]]
    kept = smooth_exponential(rows, 0.5).to_lists()
    assert kept[0] == pytest.approx([0, 32 / 7, 16 / 7, 8 / 7])
    assert kept[1] == [8]


def test_the_exponential_recursion_holds_along_long_outputs() -> None:
    rewards = np.random.default_rng(0).normal(size=300)
    smoothed = smooth_exponential(_steps(rewards.tolist()), 0.9, "lose_tail").of(0)
    before = np.concatenate([[0], smoothed[:-1]])
    np.testing.assert_allclose(smoothed, 0.9 * before + 0.1 * rewards, atol=1e-12)


def test_an_unscored_step_gives_and_receives_nothing() -> None:
    assert smooth_uniform(_steps([4, NAN, 2]), 1).of(0).tolist() == _approx([4, NAN, 2])
    # The average of what is known around it: t = 1 sees 4 4 -, t = 3 sees - 2 2.
    assert smooth_uniform(_steps([4, NAN, 2]), 1, "repeat").of(0).tolist() == _approx([4, NAN, 2])
    # a = 1/2: 4 gives 1/2 to itself, nothing to the gap, 1/8 to the third: 4 : 1 parts of 4.
    assert smooth_exponential(_steps([4, NAN, 0]), 0.5).of(0).tolist() == _approx([3.2, NAN, 0.8])
    assert np.isnan(smooth_gaussian(_steps([NAN, NAN]), 1).values).all()


@pytest.mark.parametrize("kernel", KERNELS)
@given(outputs=OUTPUTS)
def test_every_output_keeps_its_total_and_what_is_unscored(kernel: str, outputs: list[list[float]]) -> None:
    rewards = _steps(*outputs)
    smoothed = KERNELS[kernel](rewards)
    np.testing.assert_allclose(smoothed.total(), rewards.total(), atol=1e-9)
    assert (np.isnan(smoothed.values) == np.isnan(rewards.values)).all()


@pytest.mark.parametrize("kernel", KERNELS)
@given(outputs=OUTPUTS)
def test_every_output_is_smoothed_as_if_it_were_alone(kernel: str, outputs: list[list[float]]) -> None:
    apart = [value for output in outputs for value in KERNELS[kernel](_steps(output)).values]
    np.testing.assert_allclose(KERNELS[kernel](_steps(*outputs)).values, apart, atol=1e-12)


@given(outputs=OUTPUTS, value=st.floats(-4, 4))
def test_a_constant_stays_constant_where_its_ends_are_repeated(outputs: list[list[float]], value: float) -> None:
    rewards = _steps(*outputs)
    constant = rewards.with_values(np.where(rewards.scored, value, np.nan))
    for smoothed in (smooth_gaussian(constant, 1.3, "repeat"), smooth_uniform(constant, 4, "repeat")):
        np.testing.assert_allclose(smoothed.values, constant.values, atol=1e-9)


def test_a_kernel_of_no_width_changes_nothing() -> None:
    rewards = _steps([1, NAN, -2], [3])
    for smoothed in (smooth_gaussian(rewards, 0.0), smooth_uniform(rewards, 0), smooth_exponential(rewards, 0.0)):
        np.testing.assert_array_equal(smoothed.values, rewards.values)


def test_a_kernel_without_sense_is_refused() -> None:
    rewards = _steps([1])
    for smooth, message in (
        (lambda: smooth_gaussian(rewards, -1), "sigma -1"),
        (lambda: smooth_uniform(rewards, -1), "reach -1"),
        (lambda: smooth_exponential(rewards, 1.0), "decay 1"),
    ):
        with pytest.raises(ValueError, match=message):
            smooth()
