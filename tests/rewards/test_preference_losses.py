"""Previews of preference losses: values worked by hand, and pulls that are the slopes of the losses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.parameters import ParameterError
from rewards.preferences import LOSSES, PairLogProbs, preview_loss
from rewards.shaping.rows import Rows

NAN = float("nan")
EVERY = pytest.mark.parametrize("name", list(LOSSES))


def pairs_of(seed: int, lengths: list[tuple[int, int]]) -> PairLogProbs:
    rng = np.random.default_rng(seed)
    sides = [[(-rng.random(pair[side]) * 3).tolist() for pair in lengths] for side in (0, 1, 0, 1)]
    return PairLogProbs(*(Rows.ragged("token", side) for side in sides))


def moved(pairs: PairLogProbs, chosen: np.ndarray, rejected: np.ndarray) -> PairLogProbs:
    return PairLogProbs(
        pairs.chosen.with_values(pairs.chosen.values + chosen),
        pairs.rejected.with_values(pairs.rejected.values + rejected),
        pairs.chosen_reference,
        pairs.rejected_reference,
    )


@EVERY
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999))
def test_the_pull_on_each_token_is_minus_the_slope_of_the_loss(name: str, seed: int) -> None:
    pairs = pairs_of(seed, [(3, 2), (1, 4)])
    preview = preview_loss(name, pairs)
    step = 1e-5
    for side, weights in ((0, preview.chosen_weights), (1, preview.rejected_weights)):
        for at, weight in enumerate(weights.values):
            nudge = [np.zeros(4), np.zeros(6)]
            nudge[side][at] = step
            up, down = preview_loss(name, moved(pairs, *nudge)), preview_loss(name, moved(pairs, -nudge[0], -nudge[1]))
            slope = (up.losses.sum() - down.losses.sum()) / (2 * step)
            assert weight == pytest.approx(-slope, rel=1e-4, abs=1e-7)


# Two tokens against one; log-ratios 0.5 + 0.5 = 1 and -1.
PAIR = PairLogProbs(
    Rows.ragged("token", [[-0.5, -1.5]]),
    Rows.ragged("token", [[-3]]),
    Rows.ragged("token", [[-1, -2]]),
    Rows.ragged("token", [[-2]]),
)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_dpo_by_hand() -> None:
    # u = 0.1 (1 - -1) = 0.2.
    preview = preview_loss("dpo", PAIR)
    assert preview.margins.tolist() == pytest.approx([0.2])
    assert preview.losses.tolist() == pytest.approx([-math.log(sigmoid(0.2))])
    assert preview.chosen_weights.values.tolist() == pytest.approx([0.1 * sigmoid(-0.2)] * 2)
    assert preview.rejected_weights.values.tolist() == pytest.approx([-0.1 * sigmoid(-0.2)])
    smooth = preview_loss("dpo", PAIR, {"label_smoothing": 0.25})
    assert smooth.losses.tolist() == pytest.approx([-0.75 * math.log(sigmoid(0.2)) - 0.25 * math.log(sigmoid(-0.2))])


def test_ipo_by_hand_pulls_back_beyond_its_distance() -> None:
    # h = 2 and 1/(2 * 0.5) = 1: (2 - 1)^2, and the slope 2 (2 - 1) pulls the chosen one down.
    preview = preview_loss("ipo", PAIR, {"beta": 0.5})
    assert preview.losses.tolist() == [1]
    assert preview.margins.tolist() == [1]
    assert preview.chosen_weights.values.tolist() == [-2, -2]
    assert preview.rejected_weights.values.tolist() == [2]
    # Over tokens: 1/2 - -1 = 3/2.
    assert preview_loss("ipo", PAIR, {"beta": 0.5, "per_token": True}).losses.tolist() == [0.25]


def test_kto_by_hand() -> None:
    # beta 1, z = 0.5: s(1 - 0.5) and s(0.5 - -1).
    preview = preview_loss("kto", PAIR, {"beta": 1, "reference_kl": 0.5, "undesirable_weight": 2})
    up, down = sigmoid(0.5), sigmoid(1.5)
    assert preview.losses.tolist() == pytest.approx([(1 - up + 2 * (1 - down)) / 2])
    assert preview.chosen_weights.values.tolist() == pytest.approx([up * (1 - up) / 2] * 2)
    assert preview.rejected_weights.values.tolist() == pytest.approx([-down * (1 - down)])


def test_simpo_by_hand_without_a_reference() -> None:
    # Means -1 and -3: u = 2 * 2 = 4, gamma = 0.5 * 2 = 1.
    preview = preview_loss("simpo", PairLogProbs(PAIR.chosen, PAIR.rejected))
    assert preview.margins.tolist() == [4]
    assert preview.losses.tolist() == pytest.approx([-math.log(sigmoid(3))])
    assert preview.chosen_weights.values.tolist() == pytest.approx([sigmoid(-3)] * 2)
    assert preview.rejected_weights.values.tolist() == pytest.approx([-2 * sigmoid(-3)])


def test_ld_dpo_by_hand_and_dpo_at_alpha_one() -> None:
    # The second token is beyond the shorter length 1: r = 0.5 + 0.5 alpha.
    preview = preview_loss("length_desensitised_dpo", PAIR, {"alpha": 0})
    assert preview.margins.tolist() == pytest.approx([0.1 * (0.5 + 1)])
    assert preview.chosen_weights.values[1] == 0
    same, plain = preview_loss("length_desensitised_dpo", PAIR, {"alpha": 1}), preview_loss("dpo", PAIR)
    assert same.losses.tolist() == plain.losses.tolist()
    assert same.chosen_weights.values.tolist() == plain.chosen_weights.values.tolist()
    many = pairs_of(5, [(3, 3), (2, 2)])
    equal = preview_loss("length_desensitised_dpo", many, {"alpha": 0.3})
    assert equal.losses.tolist() == preview_loss("dpo", many).losses.tolist(), "equal lengths leave nothing over"


@EVERY
def test_an_unknown_token_leaves_its_pair_unscored_and_no_other(name: str) -> None:
    pairs = pairs_of(1, [(2, 2), (2, 2)])
    holes = moved(pairs, np.array([0, NAN, 0, 0]), np.zeros(4))
    preview, whole = preview_loss(name, holes), preview_loss(name, pairs)
    assert np.isnan(preview.losses[0])
    assert np.isnan(preview.margins[0])
    assert np.isnan(preview.chosen_weights.of(0)).all()
    assert np.isnan(preview.rejected_weights.of(0)).all()
    assert preview.losses[1] == whole.losses[1]
    assert preview.rejected_weights.of(1).tolist() == whole.rejected_weights.of(1).tolist()


@EVERY
def test_the_loss_falls_as_the_chosen_output_gains_on_the_rejected(name: str) -> None:
    pairs = pairs_of(2, [(3, 3)])
    better = moved(pairs, np.full(3, 0.2), np.full(3, -0.2))
    assert preview_loss(name, better).losses[0] < preview_loss(name, pairs).losses[0]
    assert preview_loss(name, better).margins[0] > preview_loss(name, pairs).margins[0]


def test_an_output_without_tokens_has_no_mean_for_simpo() -> None:
    empty = PairLogProbs(Rows.ragged("token", [[]]), Rows.ragged("token", [[-1]]))
    preview = preview_loss("simpo", empty)
    assert np.isnan(preview.losses[0])
    assert np.isnan(preview.rejected_weights.values[0])


def test_extreme_log_probs_stay_numbers() -> None:
    far = PairLogProbs(*(Rows.ragged("token", [[value]]) for value in (-9e4, -1, -1, -9e4)))
    for name in LOSSES:
        preview = preview_loss(name, far)
        assert np.isfinite(preview.losses).all()
        assert np.isfinite(preview.chosen_weights.values).all()


def test_what_a_preview_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="there is no loss 'orpo': expected one of dpo"):
        preview_loss("orpo", PAIR)
    with pytest.raises(ValueError, match="needs the reference's log-probs"):
        preview_loss("dpo", PairLogProbs(PAIR.chosen, PAIR.rejected))
    with pytest.raises(ParameterError, match="beta: expected at least"):
        preview_loss("dpo", PAIR, {"beta": 0})
    one, two = Rows.ragged("token", [[-1]]), Rows.ragged("token", [[-1], [-1]])
    with pytest.raises(ValueError, match="1 chosen outputs and 2 rejected"):
        PairLogProbs(one, two)
    with pytest.raises(ValueError, match="of one side"):
        PairLogProbs(one, one, one)
    with pytest.raises(ValueError, match="rejected: the reference's log-probs stand on other tokens"):
        PairLogProbs(one, one, one, Rows.ragged("token", [[-1, -1]]))


def test_every_loss_is_declared_whole() -> None:
    for name, loss in LOSSES.items():
        assert loss.name == name
        assert loss.label
        assert loss.formula
        assert loss.papers
        assert loss.summary.endswith(".")
        assert loss.needs_reference == (name != "simpo")
