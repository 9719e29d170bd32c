"""One way to ask a judge: by probabilities, with reasons first, or in words that are read strictly."""

import json
from typing import Any

import pytest

from rewards.parameters import validate_parameters
from tests.workers.scripted_engine import Asked, ScriptedEngine
from workers.engines.contract import Capability, ChatMessage, EngineError, ErrorCode, Prompt, Refusal
from workers.sources.asking import (
    ANSWER_BY,
    PROBABILITIES,
    REASONED,
    WAYS,
    WRITTEN,
    MenuQuestion,
    Writing,
    answer_by_parameter,
    ask_menu,
    derived_seed,
    drawing_parameters,
    menu_form,
    object_form,
    object_schema,
    write,
)
from workers.sources.contract import ModelRole
from workers.sources.replies import ParseState, text_of

PARAMETERS = (answer_by_parameter(), *drawing_parameters())
LABELS = ("Yes", "No")
SCALE = tuple(str(number) for number in range(1, 11))


def parameters(**given):
    return validate_parameters(PARAMETERS, given)


def question(labels=LABELS, text="Is it so?", **given) -> MenuQuestion:
    return MenuQuestion("so", Prompt((ChatMessage("user", text),)), labels, **given)


def ask(engine: Any, *questions: MenuQuestion, **given):
    return ask_menu(engine, questions or (question(),), parameters(**given))


def written(**fields) -> str:
    return json.dumps(fields)


def script(*replies: str):
    """Says each in turn, then the last again."""
    waiting = list(replies)
    return lambda asked: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def test_probabilities_are_those_of_the_offered_labels():
    # (1 + how often the label stands in the prompt) / 100: Yes 2, No 1, so 2/3 and 1/3; together 3/100 of the mass.
    [answer] = ask(ScriptedEngine(), question(text="Yes?"))
    assert answer.value.label == "Yes"
    assert answer.value.probabilities == pytest.approx({"Yes": 2 / 3, "No": 1 / 3})
    [reply] = answer.replies
    assert reply.parse_state == ParseState.PROBABILITIES
    assert reply.offered_mass == pytest.approx(3 / 100)


def test_a_judge_that_reasons_answers_after_its_own_reasons_and_its_own_answer_is_cut_off():
    engine = ScriptedEngine("It names a source.\n**Answer:** No")
    [answer] = ask(engine, **{ANSWER_BY: REASONED})
    assert engine.asked[-1].prefill == "It names a source.\nAnswer:\n"
    assert answer.value.explanation == "It names a source."
    assert [reply.parse_state for reply in answer.replies] == [ParseState.PARSED, ParseState.PROBABILITIES]
    assert answer.replies[0].text.endswith("No")


def test_reasons_that_the_limit_cut_are_kept_and_said_to_be_cut():
    [answer] = ask(ScriptedEngine("one two three four"), max_new_tokens=2, **{ANSWER_BY: REASONED})
    assert answer.value.explanation == "one two"
    assert answer.replies[0].detail == "the reasons were cut at the limit"


def test_a_written_answer_gives_its_reasons_first():
    [answer] = ask(ScriptedEngine(written(explanation="It does.", answer="yes")), **{ANSWER_BY: WRITTEN})
    assert (answer.value.label, answer.value.explanation, answer.value.probabilities) == ("Yes", "It does.", {})
    assert answer.replies[0].parse_state == ParseState.PARSED


def test_a_verdict_before_its_justification_is_no_verdict():
    [answer] = ask(
        ScriptedEngine(written(answer="Yes", explanation="since I said so")), retries=0, **{ANSWER_BY: WRITTEN}
    )
    assert (answer.value, answer.reason) == (None, "verdict_first")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I would say yes.", "no_json"),
        (written(explanation="It does.", answer="Perhaps"), "off_menu"),
        (written(explanation="It does."), "missing_field"),
        (written(answer="Yes"), "missing_field"),
        (written(explanation=" ", answer="Yes"), "missing_field"),
        ("[1, 2]", "no_json"),
        ("{" * 5000, "no_json"),
    ],
)
def test_what_cannot_be_read_is_a_reason_and_no_value(reply, reason):
    [answer] = ask(ScriptedEngine(reply), retries=0, **{ANSWER_BY: WRITTEN})
    assert (answer.value, answer.reason) == (None, reason)
    assert answer.detail
    assert answer.replies[0].text == reply
    assert answer.unscored().reason == reason


@pytest.mark.parametrize(
    ("said", "reason"), [(0.8, "out_of_range"), (0, "out_of_range"), (7.5, "out_of_range"), ("8/10", "out_of_range")]
)
def test_a_number_of_another_scale_is_refused_and_not_rescaled(said, reason):
    asked = question(SCALE, is_scale=True)
    [answer] = ask(ScriptedEngine(written(explanation="so", answer=said)), asked, retries=0, **{ANSWER_BY: WRITTEN})
    assert (answer.value, answer.reason) == (None, reason)


@pytest.mark.parametrize("said", [8, 8.0, "8"])
def test_a_whole_number_on_the_scale_is_read_however_it_is_written(said):
    asked = question(SCALE, is_scale=True)
    [answer] = ask(ScriptedEngine(written(explanation="so", answer=said)), asked, **{ANSWER_BY: WRITTEN})
    assert answer.value.label == "8"


def test_a_judge_that_repeats_its_prompt_has_answered_nothing():
    text = menu_form(LABELS, parameters(**{ANSWER_BY: WRITTEN}))
    assert "Yes" in text
    assert "explanation" in text
    [answer] = ask(ScriptedEngine(text), question(text=text), retries=0, **{ANSWER_BY: WRITTEN})
    assert answer.reason == "no_json"
    [answer] = ask(ScriptedEngine(text + written(explanation="It does not.", answer="No")), **{ANSWER_BY: WRITTEN})
    assert answer.value.label == "No"


def test_an_unread_reply_is_asked_for_again_with_another_seed_and_a_reason_and_both_are_kept():
    engine = ScriptedEngine(script("hm, </response> Yes", written(explanation="It does.", answer="Yes")))
    [answer] = ask(engine, question(seed=7), temperature=0.5, **{ANSWER_BY: WRITTEN})
    assert answer.value.label == "Yes"
    assert answer.reason == ""
    assert [reply.parse_state for reply in answer.replies] == [ParseState.NO_JSON, ParseState.PARSED]
    first, second = engine.requests
    assert (first.sampling.seed, first.sampling.temperature) == (7, 0.5)
    assert second.sampling.seed == derived_seed(7, 1) != 7
    assert [reply.seed for reply in answer.replies] == [7, derived_seed(7, 1)]
    assert "it held no whole JSON object" in second.read
    # What the judge said may quote the material: it is not read back to it as an instruction.
    assert "hm," not in second.read


def test_only_what_is_unread_is_asked_again_and_no_more_often_than_allowed():
    def answer_of(asked: Asked) -> str:
        return written(explanation="so", answer="Yes") if "good" in asked.read else "never"

    engine = ScriptedEngine(answer_of)
    fine, lost = ask(engine, question(text="good"), question(text="bad"), retries=3, **{ANSWER_BY: WRITTEN})
    assert fine.value.label == "Yes"
    assert (lost.value, lost.reason, len(lost.replies)) == (None, "no_json", 4)
    assert len(engine.requests) == 5


def test_a_reply_cut_at_the_limit_says_so():
    reply = written(explanation="one two three four five", answer="Yes")
    [answer] = ask(ScriptedEngine(reply), max_new_tokens=3, retries=0, **{ANSWER_BY: WRITTEN})
    assert answer.reason == "truncated"
    assert answer.replies[0].parse_state == ParseState.TRUNCATED


@pytest.mark.parametrize("way", [PROBABILITIES, REASONED, WRITTEN])
def test_a_refusal_is_not_asked_again_and_keeps_the_engines_code(way):
    engine = ScriptedEngine(lambda asked: Refusal(ErrorCode.ENDPOINT_TIMEOUT, "too slow"), context_length=10)
    [answer] = ask(engine, question(text="x" * 50), retries=5, **{ANSWER_BY: way})
    assert answer.reason == "context_overrun"
    assert [reply.parse_state for reply in answer.replies] == [ParseState.REFUSED]


def test_a_reply_of_any_shape_is_read_by_what_the_caller_gives():
    wanted = Writing(
        "words",
        Prompt((ChatMessage("user", object_form({"words": "some words"})),)),
        object_schema({"words": {"type": "string"}}),
        lambda reply: text_of(reply, "words").split(),
        seed=3,
    )
    engine = ScriptedEngine(written(words="a b"))
    [answer] = write(engine, [wanted], parameters())
    assert answer.value == ["a", "b"]
    assert json.loads(engine.requests[0].sampling.json_schema)["required"] == ["words"]
    assert write(engine, [], parameters()) == []


def test_a_model_that_cannot_answer_in_this_way_is_refused_at_once():
    class OnlyText(ScriptedEngine):
        capabilities = frozenset({Capability.GENERATE})

    for way in (PROBABILITIES, REASONED):
        with pytest.raises(EngineError, match="choose"):
            ask(OnlyText(), **{ANSWER_BY: way})
    [answer] = ask(OnlyText(), **{ANSWER_BY: WRITTEN})
    assert answer.value.label == "Yes"


def test_a_role_that_can_answer_in_several_ways_takes_a_model_that_can_serve_one():
    role = ModelRole("judge", "Judge", "Judges.", frozenset(), ways=WAYS)
    assert role.missing(["generate"]) == frozenset()
    assert role.missing(["generate"], WRITTEN) == frozenset()
    assert role.missing(["generate"], REASONED) == {Capability.CHOOSE}
    assert role.missing(["embed"]) in ({Capability.CHOOSE}, {Capability.GENERATE})
    plain = ModelRole("judge", "Judge", "Judges.", frozenset({Capability.EMBED}))
    assert plain.missing(["generate"], WRITTEN) == {Capability.EMBED}


def test_seeds_differ_by_try_and_stay_within_63_bits():
    assert derived_seed(5, 0, 0) == 5
    found = {derived_seed(5, sample, attempt) for sample in range(5) for attempt in range(5)}
    assert len(found) == 25
    assert all(0 <= seed < 2**63 for seed in found)
