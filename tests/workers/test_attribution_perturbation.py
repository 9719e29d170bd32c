"""Leave one out, LIME and Partition SHAP, against values worked by hand with the letter and the scripted model."""

import math
from typing import Any

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from rewards.segmentation import words
from tests.workers.scripted_engine import ScriptedEngine
from tests.workers.tiny_model import LetterEngine
from workers.engines.contract import Capability, ChatMessage, EngineError, ErrorCode, Refusal
from workers.sources.attribution.leave_one_out import LeaveOneOut
from workers.sources.attribution.lime import Lime
from workers.sources.attribution.partition_shap import PartitionShap
from workers.sources.attribution.parts import Parts
from workers.sources.attribution.scalars import reference_prompt
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.log_ratio import LogRatio
from workers.sources.outcome_model import OutcomeModel
from workers.sources.results import Scored, Unscored
from workers.sources.reward_model import RewardModel
from workers.sources.scoring import score_items
from workers.sources.similarity import SemanticSimilarity

LEAVE, LIME, SHAP = LeaveOneOut(), Lime(), PartitionShap()
ALL = pytest.mark.parametrize("source", [LEAVE, LIME, SHAP], ids=lambda source: source.declaration.name)
# Sentences "YES. ", "YES. " and "NO.".
ANSWERS = "YES. YES. NO."


def item(*outputs: str | OutputMessage, task: str = "do it", **given) -> SourceItem:
    messages = tuple(
        output if isinstance(output, OutputMessage) else OutputMessage("assistant", output) for output in outputs
    )
    return SourceItem("k", (ChatMessage("user", task),), messages, **{"seed": 5, **given})


def score(source, *items: SourceItem, engine: Any = None, **given):
    parameters = validate_parameters(source.declaration.parameters, given)
    model: Any = engine or ScriptedEngine()
    return score_items(source, items, {"model": model}, parameters)


def scored(source, one: SourceItem, **given) -> Scored:
    [result] = score(source, one, **given)
    assert isinstance(result, Scored), result
    return result


def values(result: Scored) -> list[float]:
    return result.signals[0].signal.values.tolist()


def number(result: Scored, channel: str) -> float:
    [found] = [one.signal.values for one in result.signals if one.channel == channel]
    assert len(found) == 1
    return float(found[0])


def test_leaving_sentences_out_of_an_outcome_by_hand():
    # The letter model's weights are 1 + occurrences, and the prompt says YES and NO once each: a YES and b NO in the
    # response give p = (2 + a) / (4 + a + b). Whole 4/7, nothing 1/2; without a YES 3/6, without the NO 4/6.
    result = scored(LEAVE, item(ANSWERS), engine=LetterEngine())
    assert values(result) == pytest.approx([4 / 7 - 1 / 2, 4 / 7 - 1 / 2, 4 / 7 - 2 / 3])
    assert result.signals[0].channel == "leave_one_out"
    assert result.signals[0].signal.segmentation.spans.tolist() == [[0, 0, 5], [0, 5, 10], [0, 10, 13]]
    assert number(result, "explained_number") == pytest.approx(4 / 7)
    assert number(result, "explained_number_empty") == pytest.approx(1 / 2)
    # 1/14 + 1/14 - 2/21 = 1/21, and the whole adds 1/14: they are -1/42 apart.
    assert number(result, "completeness_gap") == pytest.approx(-1 / 42, abs=1e-6)


def test_shapley_values_of_an_outcome_by_hand():
    # NO adds 2/5 - 1/2 when it comes first, 3/6 - 3/5 second and 4/7 - 4/6 last: on average -31/315. What is left of
    # 1/14 is shared by the two YES: (1/14 + 31/315) / 2 = 107/1260.
    result = scored(SHAP, item(ANSWERS), engine=LetterEngine(), hierarchy="flat")
    assert values(result) == pytest.approx([107 / 1260, 107 / 1260, -31 / 315])
    assert number(result, "completeness_gap") == pytest.approx(0, abs=1e-7)
    assert number(result, "evaluations") == 8


def test_owen_values_of_an_outcome_by_hand():
    # Halves are the two YES and the NO, which never comes between them: (-1/10 - 2/21) / 2 = -41/420.
    result = scored(SHAP, item(ANSWERS), engine=LetterEngine())
    assert values(result) == pytest.approx([71 / 840, 71 / 840, -41 / 420])
    assert (number(result, "evaluations"), number(result, "is_exact")) == (8, 1)


@pytest.mark.parametrize("budget", [2, 3, 4, 7, 20, 100])
def test_partition_shap_is_complete_with_any_budget(budget):
    text = "YES and NO, then YES. NO or YES! NO NO. YES."
    result = scored(SHAP, item(text), engine=LetterEngine(), segments="word", budget=budget)
    total = number(result, "explained_number") - number(result, "explained_number_empty")
    assert result.signals[0].signal.total == pytest.approx(total, abs=1e-6)
    assert number(result, "completeness_gap") == pytest.approx(0, abs=1e-6)
    assert number(result, "evaluations") <= budget


@ALL
def test_an_additive_score_is_divided_exactly_by_every_method(source):
    # The scripted head counts words, less ten for each "!": 2, 1 - 10 and 3. Nothing left is worth 0.
    result = scored(source, item("One two. Three! Four five six."), answer_by="reward")
    assert values(result) == pytest.approx([2, -9, 3], abs=1e-5)
    assert number(result, "explained_number") == -4
    assert number(result, "explained_number_empty") == 0
    assert number(result, "completeness_gap") == pytest.approx(0, abs=1e-5)


def test_lime_says_how_well_its_line_fits():
    additive = scored(LIME, item("One two. Three! Four five six."), answer_by="reward")
    assert number(additive, "r_squared") == pytest.approx(1)
    assert number(additive, "intercept") == pytest.approx(0, abs=1e-5)
    bent = scored(LIME, item("abc. abd. xyz. zzz. a.", reference="abc"), answer_by="similarity")
    assert number(bent, "r_squared") < 0.999
    flat = scored(LIME, item("Maybe. Perhaps."), engine=LetterEngine())
    assert "r_squared" not in [found.channel for found in flat.signals]
    assert values(flat) == pytest.approx([0, 0], abs=1e-9)


def test_lime_is_drawn_by_the_items_seed():
    text = "abc. abd. xyz. zzz. a. b. c. d. e. f."
    given = {"answer_by": "similarity", "samples": 20}
    one, same, other = (values(scored(LIME, item(text, reference="abc", seed=seed), **given)) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_more_ridge_gives_smaller_values():
    text = item("One two. Three! Four five six.")
    shrunk = scored(LIME, text, answer_by="reward", ridge=100.0)
    assert np.linalg.norm(values(shrunk)) < 0.5 * np.linalg.norm([2, -9, 3])


@ALL
@pytest.mark.parametrize(
    ("name", "explained", "role", "given"),
    [
        ("outcome", OutcomeModel(), "judge", {"include_thinking": False}),
        ("reward", RewardModel(), "reward_model", {"use_context": True}),
        ("similarity", SemanticSimilarity(), "encoder", {}),
    ],
)
def test_the_number_is_that_of_the_source_it_is_named_for(source, name, explained, role, given):
    one = item("YES, it is. NO doubt!", reference="It is.", context="A map.")
    result = scored(source, one, answer_by=name)
    parameters = validate_parameters(explained.declaration.parameters, given)
    model: Any = ScriptedEngine()
    [expected] = score_items(explained, [one], {role: model}, parameters)
    assert number(result, "explained_number") == pytest.approx(expected.signals[0].signal.values[0])


def test_the_reference_after_the_output_by_hand():
    # The reference "ab" after the turn that the output begins; a letter of the prompt's last message has 1/2, another
    # 1/8. The letter model reads the last message, which is the task's: "a" 1/2, "b" 1/8.
    one = item("hm. so.", task="a", reference="ab")
    total = scored(LEAVE, one, answer_by="reference_sum")
    assert number(total, "explained_number") == pytest.approx(math.log(1 / 2) + math.log(1 / 8))
    mean = scored(LEAVE, one, answer_by="reference_mean")
    assert number(mean, "explained_number") == pytest.approx(math.log(1 / 16) / 2)
    prompt = reference_prompt(one, one.output_messages, {"use_context": True, "include_thinking": False})
    assert prompt.messages == (ChatMessage("user", "a"),)
    assert prompt.prefill == "hm. so.\n\n"


def test_the_tiny_models_reference_gains_what_the_log_ratio_source_would_say(tiny_engine):
    # s(y) - s(empty) with the sum is log p(reference | output) - log p(reference): a part of one is credited with it.
    one = item("the cat sat", task="what is right?", reference="the mat")
    result = scored(SHAP, one, engine=tiny_engine, answer_by="reference_sum")
    turn = ChatMessage("assistant", "the mat")
    parameters = validate_parameters(LogRatio().declaration.parameters, {})
    bare = SourceItem("k", one.task_messages, (OutputMessage("assistant", turn.text),))
    [without] = score_items(LogRatio(), [bare], {"view_a": tiny_engine}, parameters)
    log_prob = next(found.signal for found in without.signals if found.channel == "log_prob")
    assert number(result, "explained_number_empty") == pytest.approx(log_prob.total, abs=1e-3)
    assert values(result)[0] == pytest.approx(number(result, "explained_number") - log_prob.total, abs=1e-3)


@ALL
@pytest.mark.parametrize("name", ["reference_mean", "reference_sum", "similarity"])
def test_a_number_about_the_reference_needs_one(source, name):
    [lacking, fine] = score(source, item("a. b."), item("a. b.", reference="b"), answer_by=name)
    assert lacking == Unscored("no_reference", "this task has no reference answer")
    assert isinstance(fine, Scored)


@ALL
def test_one_part_gets_all_of_it(source):
    result = scored(source, item("one two"), answer_by="reward")
    assert values(result) == pytest.approx([2])
    assert number(result, "completeness_gap") == pytest.approx(0, abs=1e-6)


@ALL
@pytest.mark.parametrize(
    "text",
    ["e\u0301\u0323a Z\u0351 b", "😀👩‍👩‍👧‍👦 🏳️‍🌈 x", "one\r\ntwo\r\n\r\nthree", "猫坐在垫子上。因此答案是对的。"],
)
@pytest.mark.parametrize("segments", ["word", "sentence", "step", "turn"])
def test_parts_are_whole_pieces_of_the_text(source, text, segments):
    engine: Any = ScriptedEngine()
    read: list[str] = []

    def length(messages):
        read.append(messages[-1].text)
        return float(len(messages[-1].text))

    engine._rewarded = length
    result = scored(source, item(text), engine=engine, answer_by="reward", segments=segments)
    spans = result.signals[0].signal.segmentation.spans
    pieces = [text[start:end] for _, start, end in spans.tolist()]
    assert "".join(pieces) == text
    # The number of characters is additive: each part is worth its own.
    assert values(result) == pytest.approx([len(piece) for piece in pieces], abs=1e-3)
    assert read[0] == text


def test_words_stand_together_by_sentence():
    parts = Parts.of(item("a b c. d e.\nf", "g h."), {"segments": "word", "include_thinking": False, "replacement": ""})
    assert parts.by_sentence() == [[0, 1, 2], [3, 4], [5], [6, 7]]


def test_only_what_the_policy_wrote_and_the_model_reads_is_left_out():
    trajectory = (
        OutputMessage("assistant", "think so", channel="thinking"),
        OutputMessage("assistant", "call it"),
        OutputMessage("tool", "found !"),
        "the end is",
    )
    result = scored(LEAVE, item(*trajectory), answer_by="reward", segments="word")
    segmentation = words(item(*trajectory).texts)
    found = dict(zip(map(tuple, segmentation.spans.tolist()), values(result), strict=True))
    assert [math.isnan(value) for (message, _, _), value in found.items() if message in (0, 2)] == [True] * 4
    # The head reads the last message alone: words before it are worth nothing.
    assert [value for (message, _, _), value in found.items() if message == 1] == [0, 0]
    assert [value for (message, _, _), value in found.items() if message == 3] == [1, 1, 1]
    shown = scored(LEAVE, item(*trajectory), answer_by="reward", segments="word", include_thinking=True)
    assert values(shown)[:2] == [0, 0]


def test_a_mask_stands_where_a_part_was():
    parts = Parts.of(item("One. Two.\nThree."), {"segments": "sentence", "include_thinking": True, "replacement": "…"})
    [message] = parts.without(np.array([True, False, False]))
    assert message.text == "One. …\n…"


@ALL
def test_the_drop_as_parts_go_is_given_where_wanted(source):
    # 3, 2 and -9 go in this order: -4 falls to -7, -9 and 0, by 3, 5 and -4 on average 4/3.
    one = item("One two. Three! Four five six.")
    result = scored(source, one, answer_by="reward", deletion_curve=True)
    assert number(result, "deletion_area") == pytest.approx(4 / 3)
    assert "deletion_area" not in [found.channel for found in scored(source, one, answer_by="reward").signals]


@ALL
def test_an_edited_text_that_the_model_refuses_leaves_the_item_unscored_with_its_reason(source):
    engine: Any = ScriptedEngine()
    fine = engine._rewarded
    refusal = Refusal(ErrorCode.CHAT_TEMPLATE_REFUSED, "not like this")
    engine._rewarded = lambda messages: refusal if messages[-1].text == "One. " else fine(messages)
    [refused, beside] = score(source, item("One. Two."), item("Three. Four."), engine=engine, answer_by="reward")
    assert refused == Unscored("chat_template_refused", "not like this")
    assert isinstance(beside, Scored)


@ALL
def test_a_text_beyond_the_context_is_asked_about_once_and_unscored(source):
    engine: Any = ScriptedEngine(context_length=900)
    [result] = score(source, item("word. " * 300), engine=engine)
    assert (result.reason, len(result.detail) > 0) == ("context_overrun", True)
    assert len(engine.asked) <= 2


@ALL
def test_a_number_that_is_none_is_unscored(source):
    engine: Any = ScriptedEngine()
    engine._rewarded = lambda messages: math.nan
    [result] = score(source, item("One. Two."), engine=engine, answer_by="reward")
    assert result.reason == "not_finite"


@ALL
def test_a_model_that_cannot_give_the_number_is_an_error(source):
    with pytest.raises(EngineError, match="reward"):
        score(source, item("One."), engine=LetterEngine(), answer_by="reward")
    [role] = source.declaration.models
    assert role.missing({Capability.EMBED}, "similarity") == frozenset()
    assert role.missing({Capability.EMBED}, "outcome") == {Capability.CHOOSE}


def test_too_many_parts_for_shapley_values_are_unscored():
    [result] = score(SHAP, item("go on. " * 13), hierarchy="flat", answer_by="reward")
    assert result.reason == "too_many_parts"


@pytest.mark.models
@ALL
@pytest.mark.parametrize("name", ["outcome", "reference_mean"])
def test_values_do_not_depend_on_what_is_scored_together(source, tiny_engine, name, monkeypatch):
    one = item("the cat sat. the mat is right. because", reference="Yes")
    given = {"engine": tiny_engine, "answer_by": name, "segments": "word", "use_context": False}
    together = values(scored(source, one, **given))
    monkeypatch.setattr("workers.sources.attribution.parts._AT_ONCE", 1)
    np.testing.assert_allclose(values(scored(source, one, **given)), together, atol=1e-4)


@ALL
def test_the_estimate_is_not_less_than_what_is_asked(source):
    engine: Any = LetterEngine()
    one = item("a b c. d e.")
    parameters = validate_parameters(source.declaration.parameters, {"segments": "word", "deletion_curve": True})
    estimate = source.estimate([one], parameters)
    score_items(source, [one], {"model": engine}, parameters)
    assert estimate.requests >= len(engine.asked) > 5
