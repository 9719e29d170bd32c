"""Rewards of a model's whole distribution: values, logit differences, entropy, forks and bands."""

import numpy as np
import pytest

from rewards.parameters import ParameterError, validate_parameters
from rewards.segmentation import Segmentation
from tests.workers.letters import LN2, Letters, item, score, signals, tool
from workers.engines.contract import EngineError, ErrorCode
from workers.sources.logprobs.checkpoint_values import CheckpointValues
from workers.sources.logprobs.logit_delta import LogitDelta
from workers.sources.logprobs.reading import OutputTokens
from workers.sources.logprobs.uncertainty import Uncertainty, forks

VALUES, DELTA, UNCERTAINTY = CheckpointValues(), LogitDelta(), Uncertainty()


def test_checkpoint_values_by_hand():
    # "abc" after "ab": log p is -ln 2, -ln 2, -3 ln 2; V is 1, 2, 3; so Q is 1 - ln 2, 2 - ln 2, 3 - 3 ln 2.
    # r_t = Q_t - V_(t+1): -1 - ln 2, -1 - ln 2, and 3 - 3 ln 2 at the end. All times beta 2.
    [result] = score(VALUES, Letters(), item("ab", "abc"), beta=2.0)
    found = signals(result)
    expected = {
        "advantage": [-LN2, -LN2, -3 * LN2],
        "state_value": [1, 2, 3],
        "q_value": [1 - LN2, 2 - LN2, 3 - 3 * LN2],
        "token_reward": [-1 - LN2, -1 - LN2, 3 - 3 * LN2],
    }
    for channel, values in expected.items():
        np.testing.assert_allclose(found[channel, "tokenizer"].values, 2 * np.array(values), rtol=1e-6)


def test_rewards_of_a_checkpoint_telescope_to_its_first_value_and_the_log_probability(tiny_engine):
    [result] = score(VALUES, tiny_engine, item("what?", "the cat 😀\nsat", tool("mat"), "Yes"), beta=1.5)
    found = signals(result)
    first = found["state_value", "tokenizer"].values[0]
    advantage = found["advantage", "tokenizer"].total
    assert found["token_reward", "tokenizer"].total == pytest.approx(first + advantage, abs=1e-3)
    for channel in ("token_reward", "advantage"):
        assert found[channel, "step"].total == pytest.approx(found[channel, "tokenizer"].total, abs=1e-3)


def test_an_advantage_does_not_hang_on_what_the_softmax_takes_away():
    [low], [high] = (score(VALUES, Letters(level=level), item("ab", "abc")) for level in (0.0, 7.0))
    assert signals(low)["advantage", "tokenizer"] == signals(high)["advantage", "tokenizer"]
    assert signals(low)["token_reward", "tokenizer"] != signals(high)["token_reward", "tokenizer"]


def test_logit_delta_by_hand():
    # "ac" after "ab". Trained: log p -ln 2, -3 ln 2, logsumexp 3, 6. Base: -3 ln 2, -2 ln 2, logsumexp 1, 2.
    engines = {"trained": Letters(1 / 2, 1 / 8, level=3), "base": Letters(1 / 8, 1 / 4, level=1)}
    [result] = score(DELTA, engines, item("ab", "ac"))
    found = signals(result)
    np.testing.assert_allclose(found["logit_delta", "tokenizer"].values, [2 + 2 * LN2, 4 - LN2], rtol=1e-6)
    np.testing.assert_allclose(found["value_delta", "tokenizer"].values, [2, 4], rtol=1e-6)
    np.testing.assert_allclose(found["log_ratio", "tokenizer"].values, [2 * LN2, -LN2], rtol=1e-6)
    assert found["logit_delta", "step"].total == pytest.approx(6 + LN2)


def test_equal_checkpoints_have_no_delta(tiny_engine):
    [result] = score(DELTA, tiny_engine, item("what?", "the cat\nsat"))
    assert all(not found.signal.values.any() for found in result.signals)


def test_checkpoints_of_different_tokenizers_leave_the_output_unscored(tiny_engine, other_engine):
    [result] = score(DELTA, {"trained": tiny_engine, "base": other_engine}, item("what?", "the answer is right"))
    assert result.reason == "tokenizers_differ"


@pytest.mark.parametrize("source", [VALUES, DELTA, UNCERTAINTY], ids=lambda source: source.declaration.name)
def test_a_model_that_gives_no_distributions_is_an_error_of_the_run(source):
    class Served(Letters):
        capabilities = frozenset({"logprobs"})

    engines = {role.name: Served() for role in source.declaration.models}
    with pytest.raises(EngineError, match="distributions") as caught:
        score(source, engines, item("ab", "ab"))
    assert caught.value.code == ErrorCode.UNSUPPORTED


def test_uncertainty_by_hand():
    # "abc" after "ab": entropy ln 2, ln 2, 3 ln 2 by the model of letters; confidence exp(-5/3 ln 2).
    [result] = score(UNCERTAINTY, Letters(), item("ab", "abc"))
    found = signals(result)
    np.testing.assert_allclose(found["entropy", "tokenizer"].values, LN2 * np.array([1, 1, 3]), rtol=1e-6)
    assert found["confidence", "whole"].total == pytest.approx(2 ** (-5 / 3))
    assert found["turn_entropy", "turn"].total == pytest.approx(5 / 3 * LN2)
    assert not found["fork", "tokenizer"].values.any(), "tokens of one character are no forks"
    assert ("band_penalty", "turn") not in found, "a first turn has nothing before it"


def tokens_of(*spans):
    return OutputTokens(Segmentation("tokenizer:x", np.array(spans, dtype=np.int32)), {}, {})


def test_forks_are_the_tokens_of_most_entropy_that_are_longer_than_one_character():
    # "so", " a", ",", " but", " then": " a" is one character beside its space, the comma is one.
    text = "so a, but then"
    cut = tokens_of((0, 0, 2), (0, 2, 4), (0, 4, 5), (0, 5, 9), (0, 9, 14))
    entropy = np.array([1.0, 9.0, 8.0, 2.0, 2.0])
    assert forks([text], cut, entropy, 2).tolist() == [0, 0, 0, 1, 1]
    # Of equals the earlier one is taken.
    assert forks([text], cut, entropy, 1).tolist() == [0, 0, 0, 1, 0]
    assert forks([text], cut, entropy, 20).tolist() == [1, 0, 0, 1, 1]


def test_forks_of_a_real_model_begin_where_a_token_does(tiny_engine):
    text = "the answer is right because the cat sat on the mat"
    [result] = score(UNCERTAINTY, tiny_engine, item("what?", text), forks=3)
    found = signals(result)
    marked = found["fork", "tokenizer"]
    assert marked.total == 3
    entropy = found["entropy", "tokenizer"].values
    spans = marked.segmentation.spans
    long = np.array([len(text[start:end].strip()) > 1 for _, start, end in spans])
    chosen = marked.values == 1
    assert long[chosen].all()
    assert entropy[chosen].min() >= entropy[long & ~chosen].max()


def test_a_turn_is_held_against_the_mean_of_the_outputs_earlier_turns():
    # "ab" after "ab": ln 2 a letter. "zc" after the tool's "z": ln 2 and 3 ln 2, mean 2 ln 2. "zz" after "z": ln 2.
    # Third message: h = ln 2, up to 1.2 ln 2, out by 0.8 ln 2. Fifth: h = 1.5 ln 2, from 1.2 ln 2 on, out by 0.2 ln 2.
    one = item("ab", "ab", tool("z"), "zc", tool("z"), "zz")
    found = signals(score(UNCERTAINTY, Letters(), one)[0])
    nan = np.nan
    np.testing.assert_allclose(found["turn_entropy", "turn"].values, LN2 * np.array([1, nan, 2, nan, 1]), rtol=1e-6)
    np.testing.assert_allclose(
        found["band_distance", "turn"].values, LN2 * np.array([nan, nan, 0.8, nan, 0.2]), rtol=1e-5
    )
    np.testing.assert_allclose(found["band_penalty", "turn"].values, [nan, nan, 0.1, nan, 0.1], rtol=1e-6)


def test_epos_penalty_is_one_number_however_far_a_turn_is_out_and_the_distance_is_not():
    # The released penalty is constant in the model's parameters: as a part of a loss it moves nothing.
    near = signals(score(UNCERTAINTY, Letters(), item("ab", "ab"), history=0.5)[0])
    far = signals(score(UNCERTAINTY, Letters(), item("ab", "cc"), history=0.5)[0])
    inside = signals(score(UNCERTAINTY, Letters(), item("ab", "ab"), history=LN2)[0])
    assert near["band_penalty", "turn"].total == far["band_penalty", "turn"].total == pytest.approx(0.1)
    # ln 2 and 3 ln 2 against 1.2 * 0.5 = 0.6.
    assert near["band_distance", "turn"].total == pytest.approx(LN2 - 0.6, rel=1e-5)
    assert far["band_distance", "turn"].total == pytest.approx(3 * LN2 - 0.6, rel=1e-5)
    assert inside["band_penalty", "turn"].total == inside["band_distance", "turn"].total == 0


def test_a_band_of_no_width_is_refused():
    with pytest.raises(ParameterError):
        UNCERTAINTY.check(validate_parameters(UNCERTAINTY.declaration.parameters, {"low": 1, "high": 1}), ["policy"])
