"""The log-ratio source, against values worked by hand with the letter model."""

import math
from typing import Any

import numpy as np
import pytest

from rewards.parameters import ParameterError, validate_parameters
from tests.workers.tiny_model import LetterEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.log_ratio import LogRatio
from workers.sources.results import Scored, Unscored

SOURCE = LogRatio()


def item(task: str, *outputs: str | OutputMessage, context: str | None = None) -> SourceItem:
    messages = tuple(
        output if isinstance(output, OutputMessage) else OutputMessage("assistant", output) for output in outputs
    )
    return SourceItem("k", (ChatMessage("user", task),), messages, context=context)


def score(*items: SourceItem, engines: Any = None, **given):
    parameters = validate_parameters(SOURCE.declaration.parameters, given)
    return SOURCE.score(items, engines or {"view_a": LetterEngine()}, parameters)


def signals(result):
    """By channel and segmenter family."""
    assert isinstance(result, Scored)
    return {
        (found.channel, found.signal.segmentation.segmenter.split(":")[0].split("/")[0]): found.signal
        for found in result.signals
    }


def test_pointwise_mutual_information_by_hand():
    # Prompt "ab": a and b have probability 1/2, c 1/8. Neutral prompt "?": all 1/8.
    # r = ln(1/2) - ln(1/8) = ln 4 for a and b, 0 for c; together 2 ln 4.
    [result] = score(item("ab", "abc"))
    found = signals(result)
    ratio = found["log_ratio", "tokenizer"]
    np.testing.assert_allclose(ratio.values, [math.log(4), math.log(4), 0], rtol=1e-6)
    np.testing.assert_allclose(found["log_prob", "tokenizer"].values, np.log([1 / 2, 1 / 2, 1 / 8]), rtol=1e-6)
    np.testing.assert_allclose(found["log_prob_baseline", "tokenizer"].values, np.log([1 / 8] * 3), rtol=1e-6)
    assert ratio.segmentation.spans.tolist() == [[0, 0, 1], [0, 1, 2], [0, 2, 3]]


def test_steps_hold_the_sum_of_their_tokens_and_add_up_to_the_output():
    # "ab" + line break: 2 ln 4 (the break is 1/8 in both views); "cb": ln 4.
    [result] = score(item("ab", "ab\ncb"))
    found = signals(result)
    by_step = found["log_ratio", "step"]
    assert by_step.segmentation.spans.tolist() == [[0, 0, 3], [0, 3, 5]]
    np.testing.assert_allclose(by_step.values, [2 * math.log(4), math.log(4)], rtol=1e-6)
    assert by_step.total == pytest.approx(found["log_ratio", "tokenizer"].total)


def test_beta_scales_the_ratio_and_nothing_else():
    [one], [half] = score(item("ab", "abc")), score(item("ab", "abc"), beta=0.5)
    np.testing.assert_allclose(
        signals(half)["log_ratio", "tokenizer"].values, 0.5 * signals(one)["log_ratio", "tokenizer"].values
    )
    np.testing.assert_array_equal(
        signals(half)["log_prob", "tokenizer"].values, signals(one)["log_prob", "tokenizer"].values
    )


def test_the_implicit_process_reward_compares_two_models_under_one_prompt():
    class Forgetful(LetterEngine):
        def _read(self, prompt):
            super()._read(prompt)
            return ""

    reference = Forgetful(name="letters")
    engines = {"view_a": LetterEngine(), "view_b": reference}
    # The reference gives 1/8 to every letter: beta * ln 4 for a and b with beta 0.05.
    [result] = score(item("ab", "abc"), engines=engines, baseline="reference_model", beta=0.05)
    np.testing.assert_allclose(
        signals(result)["log_ratio", "tokenizer"].values, [0.05 * math.log(4)] * 2 + [0], rtol=1e-5
    )
    assert reference.asked[0].messages[-1].text == "ab"


def test_a_reference_model_that_is_not_there_is_named_before_the_run():
    parameters = validate_parameters(SOURCE.declaration.parameters, {"baseline": "reference_model"})
    with pytest.raises(ParameterError) as caught:
        SOURCE.check(parameters, ["view_a"])
    assert list(caught.value.problems) == ["view_b"]


def test_models_that_cut_the_output_differently_leave_it_unscored(tiny_engine, other_engine):
    engines = {"view_a": tiny_engine, "view_b": other_engine}
    [result] = score(item("what?", "the answer is right"), engines=engines, baseline="reference_model")
    assert isinstance(result, Unscored)
    assert result.reason == "tokenizers_differ"


def test_only_what_the_policy_wrote_is_scored_after_all_that_came_before_it():
    engine = LetterEngine()
    output = [
        OutputMessage("assistant", "ax", channel="thinking"),
        OutputMessage("tool", "xy", channel="tool"),
        OutputMessage("assistant", "yz"),
    ]
    [result] = score(item("ab", *output), engines={"view_a": engine})
    ratio = signals(result)["log_ratio", "tokenizer"]
    assert ratio.segmentation.spans[:, 0].tolist() == [0, 0, 2, 2]
    # Message 0: a is in the prompt, x is not: ln 4, 0. Message 2 follows the tool's "xy" in both views: 0, 0.
    np.testing.assert_allclose(ratio.values, [math.log(4), 0, 0, 0], rtol=1e-6)
    assert [message.text for message in engine.asked[1].messages] == ["ab", "ax", "xy"]
    assert [message.text for message in engine.asked[3].messages] == ["?", "ax", "xy"]
    # The tool's message has no step value: it is unscored, not zero.
    by_step = signals(result)["log_ratio", "step"]
    assert np.isnan(by_step.values).tolist() == [False, True, False]


def test_context_is_read_with_the_prompt_unless_switched_off():
    engine = LetterEngine()
    score(item("b", "a", context="a"), engines={"view_a": engine})
    assert engine.asked[0].messages[-1].text == "a\n\nb"
    [result] = score(item("b", "a", context="a"), use_context=False)
    assert signals(result)["log_ratio", "tokenizer"].values.tolist() == [0]


def test_the_plain_layout_needs_no_chat_template():
    engine = LetterEngine()
    score(item("ab", "a"), engines={"view_a": engine}, layout="plain", neutral_prompt="")
    assert [prompt.plain_text for prompt in engine.asked] == ["ab\n\n", ""]


def test_tokens_that_share_a_character_still_add_up(tiny_engine):
    # The tiny tokenizer gives the emoji four tokens, each over the same character.
    [result] = score(item("what?", "a 😀\nb"), engines={"view_a": tiny_engine})
    found = signals(result)
    spans = found["log_ratio", "tokenizer"].segmentation.spans
    assert (spans[:, 1:] == [2, 3]).all(axis=1).sum() >= 3
    assert found["log_ratio", "step"].total == pytest.approx(found["log_ratio", "tokenizer"].total, abs=1e-4)


def test_an_overrun_is_unscored_and_says_which_view():
    short = LetterEngine(context_length=12)
    [long_prompt, long_output] = score(item("prompt prompt", "ab"), item("ab", "a" * 13), engines={"view_a": short})
    assert isinstance(long_prompt, Unscored)
    assert long_prompt.reason == "context_overrun"
    assert "with the prompt" in long_prompt.detail
    assert isinstance(long_output, Unscored)


@pytest.mark.parametrize("wrong", [{"beta": 0}, {"beta": float("nan")}, {"beta": "1"}, {"layout": "other"}, {"new": 1}])
def test_parameters_out_of_range_are_named(wrong):
    with pytest.raises(ParameterError) as caught:
        validate_parameters(SOURCE.declaration.parameters, wrong)
    assert list(caught.value.problems) == list(wrong)


def test_the_estimate_counts_two_readings_of_each_message():
    # Prompt 2 and neutral prompt 1, output 3 in both: 5 + 4 characters, 3 tokens at four characters each.
    estimate = SOURCE.estimate([item("ab", "abc")], validate_parameters(SOURCE.declaration.parameters, {}))
    assert (estimate.requests, estimate.characters, estimate.tokens) == (2, 9, 3)
