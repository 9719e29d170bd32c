"""Dense rewards of models read beside each other: implicit process reward, RTO, SimPO, length-desensitised."""

import numpy as np
import pytest

from rewards.parameters import ParameterError, validate_parameters
from tests.workers.letters import LN2, Letters, item, score, signals, tool
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ErrorCode, Refusal
from workers.sources.log_ratio import LogRatio
from workers.sources.logprobs.implicit_prm import ImplicitPrm
from workers.sources.logprobs.length_desensitised import LengthDesensitised
from workers.sources.logprobs.rto import Rto
from workers.sources.logprobs.simpo import Simpo
from workers.sources.results import Unscored

PRM, RTO, SIMPO, LD = ImplicitPrm(), Rto(), Simpo(), LengthDesensitised()
# What was read last: 1/2 against 1/8, a ratio of 2 ln 2. The rest: 1/8 against 1/4, a ratio of -ln 2.
PAIR = {"policy": Letters(), "reference": Letters(1 / 8, 1 / 4)}


def test_an_implicit_process_reward_by_hand():
    # rho of "ab\ncb" after "ab", in units of ln 2: 2 2 -1 | -1 2. Steps "ab\n" and "cb": 3 and 1; up to them 3 and 4.
    [result] = score(PRM, PAIR, item("ab", "ab\ncb"), beta=0.5)
    found = signals(result)
    np.testing.assert_allclose(found["token_reward", "tokenizer"].values, 0.5 * LN2 * np.array([2, 2, -1, -1, 2]))
    np.testing.assert_allclose(found["step_reward", "step"].values, 0.5 * LN2 * np.array([3, 1]), rtol=1e-6)
    np.testing.assert_allclose(found["step_value", "step"].values, 0.5 * LN2 * np.array([3, 4]), rtol=1e-6)
    assert found["token_reward", "tokenizer"].segmentation.segmenter == "tokenizer:letters"


@pytest.mark.parametrize(
    ("scored_by", "aggregate", "expected"),
    # Steps 3 and 1, up to them 3 and 4, in units of ln 2.
    [("single", "min", 1), ("single", "sum", 4), ("accumulative", "min", 3), ("accumulative", "sum", 7)],
)
def test_the_response_score_is_the_least_step_or_the_sum(scored_by, aggregate, expected):
    [result] = score(PRM, PAIR, item("ab", "ab\ncb"), beta=1.0, scored_by=scored_by, aggregate=aggregate)
    assert signals(result)["response_score", "whole"].total == pytest.approx(expected * LN2, rel=1e-6)


def test_primes_normalisation_divides_by_the_greatest_reverse_sum_of_the_output():
    # "bcc" after "ab": 2 -1 -1. Sums from the end: -1 -2 0, so the greatest is 2, though all together are 0.
    [result, _] = score(PRM, PAIR, item("ab", "bcc"), item("ab", "bbbbbb"), normalisation="reverse_sum")
    found = signals(result)
    expected = LN2 * np.array([2, -1, -1]) / (2 * LN2 + 1e-6)
    np.testing.assert_allclose(found["token_reward", "tokenizer"].values, expected, rtol=1e-6)
    assert found["step_reward", "step"].total == pytest.approx(0, abs=1e-6)


def test_primes_whole_granularity_puts_the_sum_on_the_last_token_and_leaves_steps_alone():
    [result] = score(PRM, PAIR, item("ab", "ab\ncb"), beta=1.0, granularity="whole")
    found = signals(result)
    np.testing.assert_allclose(found["token_reward", "tokenizer"].values, LN2 * np.array([0, 0, 0, 0, 4]), rtol=1e-6)
    np.testing.assert_allclose(found["step_reward", "step"].values, LN2 * np.array([3, 1]), rtol=1e-6)


def test_without_a_reference_its_log_probabilities_count_as_nothing():
    [result] = score(PRM, {"policy": Letters()}, item("ab", "ac"), beta=1.0, use_reference=False)
    np.testing.assert_allclose(signals(result)["token_reward", "tokenizer"].values, [-LN2, -3 * LN2], rtol=1e-6)


@pytest.mark.parametrize("source", [PRM, LD], ids=["implicit_prm", "length_desensitised_reward"])
def test_a_reference_that_is_asked_for_and_not_there_is_named_before_the_run(source):
    parameters = validate_parameters(source.declaration.parameters, {})
    with pytest.raises(ParameterError) as caught:
        source.check(parameters, ["policy"])
    assert list(caught.value.problems) == ["reference"]


def test_steps_of_a_real_model_add_up_to_the_sequences_value(tiny_engine):
    engines = {"policy": tiny_engine, "reference": Shifted(tiny_engine)}
    text = "Step 1: add.\nStep 2: the cat 😀.\n\nYes"
    [result] = score(PRM, engines, item("what?", text), beta=1.0, aggregate="sum")
    found = signals(result)
    n = len(found["token_reward", "tokenizer"].values)
    # The reference gives every token 1/4 nat less.
    assert found["step_reward", "step"].total == pytest.approx(n / 4, abs=1e-4)
    assert found["step_value", "step"].values[-1] == pytest.approx(n / 4, abs=1e-4)
    assert found["response_score", "whole"].total == pytest.approx(n / 4, abs=1e-4)


class Shifted:
    """A model that gives every token a log-probability lower by 1/4."""

    def __init__(self, engine):
        self.capabilities, self.identity, self._engine = engine.capabilities, engine.identity, engine

    def logprobs(self, requests):
        found = self._engine.logprobs(requests)
        return [type(one)(one.token_ids, one.spans, one.logprobs - np.float32(0.25)) for one in found]


def test_identical_models_give_zeros(tiny_engine):
    [result] = score(PRM, tiny_engine, item("what?", "the cat\nsat"), beta=1.0)
    assert all(not found.signal.values.any() for found in result.signals)


def test_the_last_step_keeps_its_last_two_tokens():
    # The released code ends it two tokens early, where one chat template closes an answer: "b" and "b" would be lost.
    [result] = score(PRM, PAIR, item("ab", "cc\nbb"), beta=1.0)
    np.testing.assert_allclose(signals(result)["step_reward", "step"].values, LN2 * np.array([-3, 4]), rtol=1e-6)


def test_what_a_tool_says_is_no_step_and_enters_no_least_value():
    # The released code marks steps that are not there by a reward of 1000, which its means must leave out.
    # "ab" after "ab": 2 2. "zb" after the tool's "z": 2 -1. Each message is one step: 4 and 1, the tool's is unscored.
    [result] = score(PRM, PAIR, item("ab", "ab", tool("z"), "zb"), beta=1.0)
    found = signals(result)
    np.testing.assert_allclose(found["step_reward", "step"].values, LN2 * np.array([4, np.nan, 1]), rtol=1e-6)
    np.testing.assert_allclose(found["step_value", "step"].values, LN2 * np.array([4, np.nan, 5]), rtol=1e-6)
    assert found["response_score", "whole"].total == pytest.approx(LN2)


def test_it_equals_the_log_ratio_of_the_same_two_models(tiny_engine):
    engines = {"policy": tiny_engine, "reference": Shifted(tiny_engine)}
    views = {"view_a": tiny_engine, "view_b": Shifted(tiny_engine)}
    one = item("what?", "the cat", tool("mat"), "sat\non", context="a mat")
    [implicit] = score(PRM, engines, one, beta=2.0)
    [ratio] = score(LogRatio(), views, one, baseline="reference_model", beta=2.0)
    for place, other in (("tokenizer", "token_reward"), ("step", "step_reward")):
        assert signals(implicit)[other, place] == signals(ratio)["log_ratio", place]


@pytest.mark.parametrize("source", [PRM, LD], ids=["implicit_prm", "length_desensitised_reward"])
def test_models_that_cut_the_text_differently_leave_it_unscored(source, tiny_engine, other_engine):
    engines = {"policy": tiny_engine, "reference": other_engine}
    [result] = score(source, engines, item("what?", "the answer is right"))
    assert isinstance(result, Unscored)
    assert result.reason == "tokenizers_differ"


def test_a_refusal_of_one_model_is_said_with_its_role():
    class Short(Letters):
        def __init__(self):
            super().__init__()
            self.context_length = 5

    [long, short] = score(PRM, {"policy": Letters(), "reference": Short()}, item("ab", "abab"), item("ab", "ab"))
    assert (long.reason, long.detail) == ("context_overrun", "Reference model: too many letters")
    assert not isinstance(short, Unscored)


def test_a_token_of_no_probability_leaves_the_output_unscored():
    class Never(Letters):
        def _score(self, request):
            found = super()._score(request)
            return type(found)(found.token_ids, found.spans, np.full_like(found.logprobs, -np.inf))

    [result] = score(SIMPO, Never(), item("ab", "ab"))
    assert result.reason == "not_finite"


def test_rto_by_hand():
    # "ac" after "ab". The trained model against the reference: ln(1/2 / 1/8) = 2 ln 2 for a, times 0.05 is 0.069, cut
    # to 0.05; ln(1/16 / 1/8) = -ln 2 for c, times 0.05 is -0.0347. The policy: ln(1/4 / 1/8) = ln 2 for a, 0 for c.
    engines = {"dpo": Letters(1 / 2, 1 / 16), "reference": Letters(1 / 8, 1 / 8), "policy": Letters(1 / 4, 1 / 8)}
    [result] = score(RTO, engines, item("ab", "ac"))
    found = signals(result)
    np.testing.assert_allclose(found["dpo_term", "tokenizer"].values, [0.05, -0.05 * LN2], rtol=1e-6)
    np.testing.assert_allclose(found["kl_term", "tokenizer"].values, [-0.01 * LN2, 0], rtol=1e-5)
    expected = [0.05 - 0.01 * LN2, -0.05 * LN2]
    np.testing.assert_allclose(found["token_reward", "tokenizer"].values, expected, rtol=1e-5)
    assert found["token_reward", "step"].total == pytest.approx(sum(expected), rel=1e-5)
    assert ("final_reward", "whole") not in found


@pytest.mark.parametrize(("bound", "ending"), [(10.0, 2.0), (0.5, 0.5)])
def test_rtos_reward_model_speaks_at_the_last_token_and_is_cut(bound, ending):
    # The scripted reward is the number of words in the last message: 2.
    same = Letters()
    engines = {"dpo": same, "reference": same, "policy": same, "reward_model": ScriptedEngine()}
    [result] = score(RTO, engines, item("ab", "a b"), final_bound=bound)
    found = signals(result)
    np.testing.assert_allclose(found["token_reward", "tokenizer"].values, [0, 0, ending])
    assert found["final_reward", "whole"].total == ending


def test_rto_without_the_reward_models_answer_is_unscored():
    class Mute(ScriptedEngine):
        def reward(self, conversations):
            return [Refusal(ErrorCode.OUT_OF_MEMORY, "no memory") for _ in conversations]

    same = Letters()
    engines = {"dpo": same, "reference": same, "policy": same, "reward_model": Mute()}
    [result] = score(RTO, engines, item("ab", "a b"))
    assert (result.reason, result.detail) == ("out_of_memory", "Reward model: no memory")


def test_simpo_reward_by_hand():
    # "abc" after "ab": -ln 2, -ln 2, -3 ln 2; 2 / 3 of their sum.
    [result] = score(SIMPO, Letters(), item("ab", "abc"), beta=2.0)
    found = signals(result)
    np.testing.assert_allclose(found["token_reward", "tokenizer"].values, -2 / 3 * LN2 * np.array([1, 1, 3]), rtol=1e-6)
    assert found["simpo_reward", "whole"].total == pytest.approx(-10 / 3 * LN2)
    assert found["token_reward", "step"].total == pytest.approx(-10 / 3 * LN2)


def test_simpo_reward_of_a_text_said_twice_is_that_of_the_text():
    [once], [twice] = (score(SIMPO, Letters(), item("ab", text)) for text in ("abc", "abcabc"))
    assert signals(twice)["simpo_reward", "whole"].total == pytest.approx(signals(once)["simpo_reward", "whole"].total)


def test_the_length_desensitised_reward_by_hand():
    # "abcb" after "ab", with the reference in units of ln 2: 2 2 -1 2; from the third on at 1/4: 2 2 -0.25 0.5.
    [result] = score(LD, PAIR, item("ab", "abcb"), beta=1.0, alpha=0.25, partner_length=2)
    found = signals(result)
    np.testing.assert_allclose(found["token_reward", "tokenizer"].values, LN2 * np.array([2, 2, -0.25, 0.5]), rtol=1e-6)
    assert found["length_desensitised_reward", "whole"].total == pytest.approx(4.25 * LN2)


@pytest.mark.parametrize("given", [{"alpha": 1.0, "partner_length": 1}, {"alpha": 0.0, "partner_length": 4}])
def test_alpha_one_or_no_excess_is_dpos_own_reward(given):
    [result] = score(LD, PAIR, item("ab", "abcb"), beta=0.1, **given)
    assert signals(result)["length_desensitised_reward", "whole"].total == pytest.approx(0.1 * 5 * LN2)


def test_the_estimate_counts_a_reading_by_each_model():
    one = item("ab", "abc")
    for source, given, models in ((PRM, {}, 2), (PRM, {"use_reference": False}, 1), (RTO, {}, 3), (SIMPO, {}, 1)):
        parameters = validate_parameters(source.declaration.parameters, given)
        estimate = source.estimate([one], parameters)
        assert (estimate.requests, estimate.characters) == (models, 5 * models)
