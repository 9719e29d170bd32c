"""Gradients and attention as rewards of tokens: what is asked of the model, and vectors worked by hand."""

from typing import Any

import numpy as np
import pytest

from rewards.parameters import ParameterError, validate_parameters
from tests.workers.scripted_engine import ScriptedEngine
from tests.workers.test_engine_encoders import load
from tests.workers.tiny_model import build_tiny_reward_model
from workers.engines.contract import ChatMessage, EngineError, ErrorCode, Refusal
from workers.sources.attribution.attention_redistribution import AttentionRedistribution
from workers.sources.attribution.gradients import GradientTimesInput, IntegratedGradients
from workers.sources.attribution.layer_relevance import LayerRelevance
from workers.sources.attribution.scalars import outcome_prompt
from workers.sources.attribution.tokens import asked_for, token_signal
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.log_ratio import LogRatio
from workers.sources.outcome_model import OutcomeModel
from workers.sources.results import Scored, Unscored
from workers.sources.scoring import score_items

SLOPE, INTEGRAL, ABC = GradientTimesInput(), IntegratedGradients(), AttentionRedistribution()
GRADIENTS = pytest.mark.parametrize("source", [SLOPE, INTEGRAL], ids=lambda source: source.declaration.name)
TRAJECTORY = (
    OutputMessage("assistant", "hm", channel="thinking"),
    OutputMessage("assistant", "call <response> it"),
    OutputMessage("tool", "found"),
    OutputMessage("assistant", "the end 😀"),
)


@pytest.fixture(scope="module")
def reward_engine(tmp_path_factory):
    return load(build_tiny_reward_model(tmp_path_factory.mktemp("models") / "reward"))


def item(*outputs: str | OutputMessage, task: str = "do it", **given) -> SourceItem:
    messages = tuple(
        output if isinstance(output, OutputMessage) else OutputMessage("assistant", output) for output in outputs
    )
    return SourceItem("k", (ChatMessage("user", task),), messages, **given)


def score(source, *items: SourceItem, engine=None, roles=None, **given):
    parameters = validate_parameters(source.declaration.parameters, given)
    [first, *_] = source.declaration.models
    return score_items(source, items, roles or {first.name: engine or ScriptedEngine()}, parameters)


def number(result: Scored, channel: str) -> float:
    [found] = [one.signal.values for one in result.signals if one.channel == channel]
    return float(found[0])


def parameters_of(source, **given):
    return validate_parameters(source.declaration.parameters, given)


@pytest.mark.parametrize("with_thinking", [True, False])
@pytest.mark.parametrize("outputs", [TRAJECTORY, ("a {task} <response>x</response>",), ("one\r\ntwo", "e\u0301")])
@pytest.mark.parametrize("name", ["outcome", "reward", "reference_mean"])
def test_stretches_are_what_the_policy_wrote(name, outputs, with_thinking):
    one = item(*outputs, reference="ref", context="map")
    given = parameters_of(SLOPE, answer_by=name, include_thinking=with_thinking)
    asked = asked_for(one, given, SLOPE.declaration.template(given))
    prompt = asked.request.prompt
    texts = [message.text for message in prompt.messages] + [prompt.prefill]
    for stretch, message in zip(asked.request.stretches, asked.messages, strict=True):
        shown = texts[stretch.message][stretch.start : stretch.end]
        # What reads like a delimiter is neutralised for a judge, character by character.
        assert shown.replace("(", "<") == one.texts[message].replace("(", "<")
    roles = [(message.role, message.channel) for message in one.output_messages]
    expected = [
        n for n, (role, channel) in enumerate(roles) if role == "assistant" and (with_thinking or channel == "answer")
    ]
    assert asked.messages == expected


def test_the_outcomes_prompt_is_that_of_the_outcome_model():
    one = item("YES it is", context="map")
    given = parameters_of(SLOPE)
    engine: Any = ScriptedEngine()
    score_items(
        OutcomeModel(), [one], {"judge": engine}, validate_parameters(OutcomeModel().declaration.parameters, {})
    )
    assert engine.asked == [outcome_prompt(SLOPE.declaration.template(given), one, one.output_messages, given)]


@GRADIENTS
def test_a_scripted_number_by_hand(source):
    # The scripted model's p is (1 + 3) / (4 + 2) with two YES in the answer beside the prompt's own: 2/3. It shares
    # it among the answer's seven characters.
    [result] = score(source, item("YES YES"))
    signal = result.signals[0].signal
    assert signal.values == pytest.approx([2 / 3 / 7] * 7)
    assert signal.segmentation.spans.tolist() == [[0, place, place + 1] for place in range(7)]
    assert number(result, "explained_number") == pytest.approx(2 / 3)
    assert number(result, "explained_number_empty") == 0
    assert number(result, "completeness_gap") == pytest.approx(0, abs=1e-6)


@GRADIENTS
def test_tokens_lie_in_the_messages_that_the_policy_wrote(source, tiny_engine):
    one = item(*TRAJECTORY, reference="yes")
    for name in ("outcome", "reference_sum"):
        [result] = score(source, one, engine=tiny_engine, answer_by=name, use_context=False)
        assert isinstance(result, Scored), result
        signal = result.signals[0].signal
        spans = signal.segmentation.spans[~np.isnan(signal.values)]
        signal.segmentation.check_within(one.texts)
        assert set(spans[:, 0].tolist()) == {1, 3}
        assert spans[spans[:, 0] == 3][-1].tolist()[2] == len("the end 😀")


@GRADIENTS
def test_a_reward_models_score_is_divided_among_tokens(source, reward_engine):
    [result] = score(source, item("the cat sat"), engine=reward_engine, answer_by="reward")
    [expected] = reward_engine.reward([(ChatMessage("user", "do it"), ChatMessage("assistant", "the cat sat"))])
    assert number(result, "explained_number") == pytest.approx(expected, abs=1e-4)


@pytest.mark.models
def test_more_steps_close_the_gap(tiny_engine):
    one = item("the cat sat on the mat because")
    few, many = (score(INTEGRAL, one, engine=tiny_engine, steps=steps)[0] for steps in (1, 200))
    assert abs(number(many, "completeness_gap")) < abs(number(few, "completeness_gap"))
    assert abs(number(many, "completeness_gap")) < 0.01


def test_an_output_has_the_same_tokens_whichever_source_read_it(tiny_engine):
    one = item(*TRAJECTORY, reference="yes")
    cuts = [
        score(source, one, engine=tiny_engine, **given)[0].signals[0].signal.segmentation
        for source, given in (
            (SLOPE, {"answer_by": "outcome"}),
            (SLOPE, {"answer_by": "reference_sum", "include_thinking": True}),
            (LayerRelevance(), {}),
            (LogRatio(), {"baseline": "no_prompt"}),
        )
    ]
    assert all(cut == cuts[-1] for cut in cuts)


def test_values_of_tokens_that_the_prompt_cut_otherwise_keep_their_sum(tiny_engine):
    # Read within a prompt "ab" and "c" were one token each; by itself the text is cut into other ones.
    one = item("abc the")
    [own] = tiny_engine.token_spans(["abc the"])
    spans = np.array([[0, 0, 2], [0, 2, 3], [0, 3, 7]], dtype=np.int32)
    found = token_signal(one, tiny_engine, [0], spans, np.array([1.0, 2.0, 4.0]))
    assert found.segmentation.spans[:, 1:].tolist() == own.tolist()
    assert len(found.values) != 3
    assert found.total == pytest.approx(7)


@GRADIENTS
def test_items_without_a_number_are_unscored_beside_others(source):
    engine: Any = ScriptedEngine(context_length=2_000)
    thought = item(OutputMessage("assistant", "hm", channel="thinking"), reference="r")
    results = score(
        source,
        item("a"),
        item("x" * 3_000, reference="r"),
        thought,
        item("a", reference="r"),
        engine=engine,
        answer_by="reference_mean",
    )
    assert [getattr(result, "reason", None) for result in results] == [
        "no_reference",
        "context_overrun",
        "empty_output",
        None,
    ]


@GRADIENTS
def test_a_number_that_the_model_cannot_give_is_an_error(source, reward_engine):
    with pytest.raises(EngineError, match="choose"):
        score(source, item("a"), engine=reward_engine)


def test_attention_spreads_the_score_by_hand():
    # The scripted head gives 3 for three words; its last of 5 characters pays 1, 2, 3, 4, 5 to them: fifteenths. Half
    # of 3 goes by these, the other half to the last.
    [result] = score(ABC, item("a b c"))
    signal = result.signals[0].signal
    assert signal.values == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5 + 1.5])
    assert result.signals[0].channel == "redistributed_reward"
    assert number(result, "explained_number") == 3
    assert number(result, "completeness_gap") == pytest.approx(0, abs=1e-6)


def test_a_generators_attention_is_averaged_over_the_tokens_that_pay_it():
    # Each token that can pay to j pays j + 1: the means are 1, 2 and 3 of 6. Two words, beta 1.
    engine: Any = ScriptedEngine()
    [result] = score(ABC, item("a b"), roles={"reward_model": engine, "generator": engine}, answer_by="abc_d", beta=1.0)
    assert result.signals[0].signal.values == pytest.approx([2 / 6, 4 / 6, 1])


def test_equal_shares_by_hand():
    # 4 words in the last message, less ten for the "!": -6, of which a half in four shares and a half at the end.
    [result] = score(ABC, item("before that", "do it now please!"), answer_by="uniform")
    signal = result.signals[0].signal
    np.testing.assert_allclose(signal.values, [np.nan, np.nan, -0.75, -0.75, -0.75, -0.75 - 3])


@pytest.mark.parametrize("kind", ["abc", "abc_d", "uniform"])
@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_what_is_spread_sums_to_the_score(kind, beta, reward_engine, tiny_engine):
    for text in ("the cat sat on the mat 😀", "e\u0301\u0323 Z\u0351", "one\r\ntwo", "a"):
        roles = {"reward_model": reward_engine, "generator": tiny_engine}
        [result] = score(ABC, item(text), roles=roles, answer_by=kind, beta=beta)
        expected = number(result, "explained_number")
        assert result.signals[0].signal.total == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert number(result, "completeness_gap") == pytest.approx(0, abs=1e-5)


def test_refusals_of_either_model_are_said():
    engine: Any = ScriptedEngine()
    engine._rewarded = lambda messages: Refusal(ErrorCode.CHAT_TEMPLATE_REFUSED, "roles must alternate")
    assert score(ABC, item("a"), engine=engine) == [Unscored("chat_template_refused", "roles must alternate")]
    small = ScriptedEngine(context_length=8)
    roles = {"reward_model": ScriptedEngine(), "generator": small}
    [long, fine] = score(ABC, item("abcdef"), item("a"), roles=roles, answer_by="abc_d")
    assert long.reason == "context_overrun"
    assert isinstance(fine, Scored)
    engine._rewarded = lambda messages: float("nan")
    assert score(ABC, item("a"), engine=engine)[0].reason == "not_finite"


def test_a_generators_attention_needs_a_generator():
    with pytest.raises(ParameterError, match="generator"):
        ABC.check(parameters_of(ABC, answer_by="abc_d"), ["reward_model"])
    ABC.check(parameters_of(ABC), ["reward_model"])
