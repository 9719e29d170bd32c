"""Where rewards are put: on which segments, in which parts, and that nothing is lost on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.recipes.evaluate import Frame, evaluate
from rewards.recipes.tree import read_recipe
from rewards.segmentation import Segmentation
from rewards.shaping.placement import carry, cumulative, difference, evenly, fill, mask
from rewards.shaping.redistribution import match_sum, redistribute, return_error
from rewards.shaping.rows import Level, Rows
from rewards.shaping.sparsity import keep_largest, on_most_important, sparsify

NAN = float("nan")
NUMBERS = st.floats(-4, 4, width=16)
MAYBE = st.one_of(NUMBERS, st.just(NAN))
TOKENS = st.lists(st.lists(MAYBE, max_size=8), min_size=1, max_size=5)


def _tokens(*outputs: list[float]) -> Rows:
    return Rows.ragged("token", outputs)


def _level(name: str, *spans: tuple[int, int, int]) -> Level:
    return Level.of_segmentations(name, [Segmentation("by hand", np.array(spans, dtype=np.int32))], [1])


def _totals_are_kept(before: np.ndarray, after: Rows) -> None:
    np.testing.assert_allclose(after.total(), before, atol=1e-9)


FINE = _level("token", (0, 0, 2), (0, 2, 4), (0, 4, 6), (0, 6, 8))
COARSE = _level("sentence", (0, 0, 6), (0, 6, 8))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("sum", [1, 1, 1, 5]),
        ("mean", [3, 3, 3, 5]),
        ("each", [3, 3, 3, 5]),
        ("split", [1, 1, 1, 5]),
        ("last", [0, 0, 3, 5]),
    ],
)
def test_a_sentence_is_carried_to_its_tokens(how: str, expected: list[float]) -> None:
    assert carry(Rows(COARSE, np.array([3, 5.0])), FINE, how).to_lists() == [expected]


@pytest.mark.parametrize(
    ("how", "expected"),
    [("sum", [3, 3]), ("mean", [6, 6]), ("each", [6, 6]), ("split", [3, 3]), ("last", [0, 6])],
)
def test_a_whole_output_is_carried_to_its_tokens(how: str, expected: list[float]) -> None:
    level = Level.of_lengths("token", [2, 1, 0])
    placed = carry(Rows.scalars([6, NAN, NAN]), level, how)
    assert placed.to_lists()[0] == expected
    assert np.isnan(placed.of(1)).all()


def test_rewards_that_stand_on_the_segments_already_stay_as_they_are() -> None:
    rewards = Rows(FINE, np.array([1, NAN, 2, 3]))
    for how in ("sum", "mean", "each", "split", "last"):
        np.testing.assert_array_equal(carry(rewards, FINE, how).values, rewards.values)


def test_a_reward_without_a_segment_to_go_to_is_an_error_that_names_the_output() -> None:
    level = Level.of_lengths("token", [2, 0])
    for place in (lambda scores: carry(scores, level, "split"), lambda scores: evenly(scores, level, 2)):
        with pytest.raises(ValueError, match="output 1 has no token"):
            place(Rows.scalars([1, 2]))


def test_a_reward_is_put_on_evenly_spaced_segments() -> None:
    # T = 7, k = 3: ceil(7/3) = 3, ceil(14/3) = 5, 7.
    level = Level.of_lengths("token", [7, 2, 1])
    placed = evenly(Rows.scalars([6, 6, NAN]), level, 3)
    assert placed.to_lists()[:2] == [[0, 0, 2, 0, 2, 0, 2], [3, 3]]
    assert np.isnan(placed.of(2)).all()


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5), places=st.integers(1, 50))
def test_even_places_are_k_or_all_and_keep_the_sum(lengths: list[int], places: int) -> None:
    scores = Rows.scalars(np.arange(1.0, len(lengths) + 1))
    placed = evenly(scores, Level.of_lengths("token", lengths), places)
    _totals_are_kept(scores.values, placed)
    used = [np.flatnonzero(row) + 1 for row in placed.to_lists()]
    for length, segments in zip(lengths, used, strict=True):
        k = min(places, length)
        assert segments.tolist() == sorted({-(-j * length // k) for j in range(1, k + 1)})
        assert len(segments) == k


def test_an_unscored_segment_counts_as_the_stated_value() -> None:
    assert fill(_tokens([1, NAN], [NAN], []), -2).to_lists() == [[1, -2], [-2], []]


def test_a_mask_keeps_what_is_above_zero_and_knows_nothing_where_it_is_unscored() -> None:
    rewards, keep = _tokens([1, 2, 3, NAN, NAN]), _tokens([1, 0, NAN, 0, 1])
    assert mask(rewards, keep).of(0).tolist() == pytest.approx([1, 0, NAN, NAN, NAN], nan_ok=True)
    assert mask(rewards, keep, "unscored").of(0).tolist() == pytest.approx([1, NAN, NAN, NAN, NAN], nan_ok=True)
    with pytest.raises(ValueError, match="mask: expected the same segments"):
        mask(rewards, _tokens([1]))


def test_rewards_are_what_each_value_adds_to_the_last_known_one() -> None:
    values = _tokens([2, NAN, 5, 4], [NAN, 1], [])
    assert difference(values, 1.0).of(0).tolist() == pytest.approx([1, NAN, 3, -1], nan_ok=True)
    assert difference(values, 1.0).of(1).tolist() == pytest.approx([NAN, 0], nan_ok=True)


@given(outputs=TOKENS, start=NUMBERS)
def test_a_running_total_of_differences_gives_the_values_back(outputs: list[list[float]], start: float) -> None:
    rows = _tokens(*outputs)
    np.testing.assert_allclose(cumulative(difference(rows, start), start).values, rows.values, atol=1e-9)
    np.testing.assert_allclose(difference(cumulative(rows, start), start).values, rows.values, atol=1e-9)


def test_a_reward_goes_to_the_most_important_segments() -> None:
    importance = _tokens([1, 3, 3, NAN, 2], [NAN, NAN], [0, 0], [])
    scores = Rows.scalars([6, 1, 4, NAN])
    equal = on_most_important(scores, importance, 2)
    assert equal.of(0).tolist() == pytest.approx([0, 3, 3, NAN, 0], nan_ok=True)
    assert np.isnan(equal.of(1)).all()
    # 1 : 3 : 3 : 2 without the fourth, three largest: 3 + 3 + 2 = 8 parts of 6.
    by_weight = on_most_important(scores, importance, 3, "proportional")
    assert by_weight.of(0).tolist() == pytest.approx([0, 2.25, 2.25, NAN, 1.5], nan_ok=True)
    assert by_weight.of(2).tolist() == [2, 2]
    with pytest.raises(ValueError, match="output 0: value 1 of importance is -1: expected at least 0"):
        on_most_important(Rows.scalars([1]), _tokens([1, -1]), 1, "proportional")


def test_only_the_largest_rewards_are_kept() -> None:
    rewards = _tokens([1, -3, NAN, 2, 3], [0.5], [])
    by_magnitude = keep_largest(rewards, 2)
    assert by_magnitude.of(0).tolist() == pytest.approx([0, -3, NAN, 0, 3], nan_ok=True)
    assert by_magnitude.to_lists()[1:] == [[0.5], []]
    assert keep_largest(rewards, 2, "value").of(0).tolist() == pytest.approx([0, 0, NAN, 2, 3], nan_ok=True)


@given(outputs=st.lists(st.lists(st.sampled_from([1.0, -2.0, 2.0, NAN]), max_size=9), min_size=1), k=st.integers(1, 10))
def test_the_largest_are_those_of_a_sort_that_keeps_the_order_of_equals(outputs: list[list[float]], k: int) -> None:
    kept = keep_largest(_tokens(*outputs), k, "value")
    for index, output in enumerate(outputs):
        known = [place for place, value in enumerate(output) if not np.isnan(value)]
        chosen = sorted(known, key=lambda place: -output[place])[:k]
        expected = [value if place in chosen or np.isnan(value) else 0 for place, value in enumerate(output)]
        assert kept.of(index).tolist() == pytest.approx(expected, nan_ok=True)


def test_every_nth_reward_is_kept_and_the_last() -> None:
    rewards = _tokens([1, 2, 3, 4, 5], [6])
    rng = np.random.default_rng(0)
    assert sparsify(rewards, rng, every=2).to_lists() == [[0, 2, 0, 4, 5], [6]]
    assert sparsify(rewards, rng, every=2, rest="carry").to_lists() == [[0, 3, 0, 7, 5], [6]]


@given(outputs=TOKENS, how=st.sampled_from(["every", "random"]), seed=st.integers(0, 9))
def test_what_waits_for_the_next_kept_reward_keeps_the_sum(outputs: list[list[float]], how: str, seed: int) -> None:
    rewards = _tokens(*outputs)
    sparse = sparsify(rewards, np.random.default_rng(seed), how, every=3, rest="carry")
    _totals_are_kept(rewards.total(), sparse)
    assert (np.isnan(sparse.values) == np.isnan(rewards.values)).all()


def test_rewards_are_kept_by_chance_as_often_as_stated() -> None:
    rewards = _tokens([1.0] * 20_000)
    sparse = sparsify(rewards, np.random.default_rng(3), "random", probability=0.25)
    # Binomial, standard deviation sqrt(20000 x 0.25 x 0.75) = 61; five of them.
    assert abs(sparse.values.sum() - 5_000) < 310
    again = sparsify(rewards, np.random.default_rng(3), "random", probability=0.25)
    np.testing.assert_array_equal(sparse.values, again.values)


def test_a_reward_is_redistributed_by_attention_and_the_end() -> None:
    # a = (1/4, 3/4), beta = 1/2, r = 8: (1, 3) and 4 more at the end.
    assert redistribute(Rows.scalars([8]), _tokens([1, 3])).to_lists() == [[1, 7]]
    # Weights of 0 count as equal.
    assert redistribute(Rows.scalars([8]), _tokens([0, 0]), 1.0).to_lists() == [[4, 4]]
    assert redistribute(Rows.scalars([8]), _tokens([1, 3]), 0.0).to_lists() == [[0, 8]]


def test_a_segment_without_a_weight_gets_no_share() -> None:
    weights = _tokens([1, NAN, 3], [1, NAN], [NAN, NAN], [2])
    scores = Rows.scalars([8, 8, 8, NAN])
    half = redistribute(scores, weights)
    assert half.of(0).tolist() == pytest.approx([1, NAN, 7], nan_ok=True)
    assert half.of(1).tolist() == [4, 4]
    assert np.isnan(half.of(2)).all()
    assert np.isnan(half.of(3)).all()
    assert redistribute(scores, weights, 1.0).of(1).tolist() == pytest.approx([8, NAN], nan_ok=True)
    with pytest.raises(ValueError, match="output 1: value 1 of weights is -3: expected at least 0"):
        redistribute(Rows.scalars([1, 1]), _tokens([1], [1, -3]))


@given(
    outputs=st.lists(
        st.lists(st.one_of(st.floats(0, 4, width=16), st.just(NAN)), min_size=1, max_size=8), min_size=1, max_size=5
    ),
    beta=st.floats(0, 1),
)
def test_redistribution_keeps_the_sum(outputs: list[list[float]], beta: float) -> None:
    weights = _tokens(*outputs)
    scores = Rows.scalars(np.arange(len(outputs)) - 1.5)
    expected = np.where(weights.n_scored() > 0, scores.values, np.nan)
    spread = redistribute(scores, weights, beta)
    _totals_are_kept(expected, spread)
    np.testing.assert_allclose(return_error(spread, scores, "skip").values, expected * 0, atol=1e-9)
    _totals_are_kept(expected, on_most_important(scores, weights, 3, "proportional"))


def test_contributions_are_corrected_to_their_score() -> None:
    contributions = _tokens([1, NAN, 3], [1, -1], [NAN], [2])
    scores = Rows.scalars([6, 1, 1, NAN])
    # 2 are missing over two scored steps.
    assert match_sum(contributions, scores).of(0).tolist() == pytest.approx([2, NAN, 4], nan_ok=True)
    assert match_sum(contributions, scores, "last").of(0).tolist() == pytest.approx([1, NAN, 5], nan_ok=True)
    scaled = match_sum(contributions, scores, "scale")
    assert scaled.of(0).tolist() == pytest.approx([1.5, NAN, 4.5], nan_ok=True)
    # 1 - 1 = 0 cannot be scaled to 1, but is 0 already.
    assert np.isnan(scaled.of(1)).all()
    assert match_sum(contributions, Rows.scalars([6, 0, 1, NAN]), "scale").of(1).tolist() == [1, -1]
    for how in ("shift", "last", "scale"):
        corrected = match_sum(contributions, scores, how)
        assert np.isnan(corrected.of(2)).all()
        assert np.isnan(corrected.of(3)).all()


@given(outputs=TOKENS, how=st.sampled_from(["shift", "last"]))
def test_corrected_contributions_add_up_to_the_score(outputs: list[list[float]], how: str) -> None:
    contributions = _tokens(*outputs)
    scores = Rows.scalars(np.linspace(-2, 2, len(outputs)))
    corrected = match_sum(contributions, scores, how)
    _totals_are_kept(np.where(contributions.n_scored() > 0, scores.values, np.nan), corrected)


def test_the_error_of_a_sum_is_what_is_too_much() -> None:
    contributions, scores = _tokens([1, 2], [1, NAN], [NAN]), Rows.scalars([2.5, 0, 1])
    assert return_error(contributions, scores).values.tolist() == pytest.approx([0.5, NAN, NAN], nan_ok=True)
    assert return_error(contributions, scores, "skip").values.tolist() == pytest.approx([0.5, 1, NAN], nan_ok=True)


def test_the_token_rewards_of_rto_are_put_together_in_a_recipe() -> None:
    """r_t = clip(b1 (log p_dpo - log p_ref), -c, c) - b2 (log p - log p_ref) + 1[t = T] clip(r_RM, -10, 10)."""
    clipped = {"op": "clip", "rewards": {"op": "weighted_sum", "terms": [{"of": {"input": "dpo"}, "weight": 0.05}]}}
    recipe = read_recipe(
        {
            "recipe": 1,
            "inputs": {"dpo": {"level": "token"}, "kl": {"level": "token"}, "rm": {"level": "output"}},
            "reward": {
                "op": "weighted_sum",
                "terms": [
                    {"of": {**clipped, "low": -0.05, "high": 0.05}},
                    {"of": {"input": "kl"}, "weight": -0.01},
                    {
                        "of": {
                            "op": "end_of_sequence",
                            "scores": {"op": "clip", "rewards": {"input": "rm"}, "low": -10, "high": 10},
                        }
                    },
                ],
            },
        }
    )
    dpo, kl = _tokens([0.4, -3, 2]), _tokens([1, 0, -2])
    frame = Frame(np.array([0]), {"dpo": dpo, "kl": kl, "rm": Rows.scalars([12])}, {"token": dpo.level})
    # 0.05 x (0.4, -3, 2) = (0.02, -0.15, 0.1), clipped (0.02, -0.05, 0.05); less 0.01 x kl; 10 of the 12 at the end.
    assert evaluate(recipe, frame).reward.of(0).tolist() == pytest.approx([0.01, -0.05, 10.07])


def test_scores_of_other_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="2 numbers for 1 outputs"):
        redistribute(Rows.scalars([1, 2]), _tokens([1]))
