"""Evidence verdicts (EvidenceVerdicts) and missing information (MissingInformation)."""

import json

import pytest

from rewards.parameters import validate_parameters
from rewards.rubrics.content import Criterion, Level
from tests.workers.scripted_engine import Asked, ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.critics.evidence_verdicts import EvidenceVerdicts
from workers.sources.critics.missing_information import MissingInformation
from workers.sources.results import Scored, Unscored

EVIDENCE, MISSING = EvidenceVerdicts(), MissingInformation()
TEXT = "Take two tablets. Drink water."
DOSE = Criterion("dose", "States the dose.")
SHORT = Criterion("short", "Is short.", may_be_na=True)
DEPTH = Criterion("depth", "How deep?", kind="ordinal", levels=(Level("Weak", 0.25), Level("Strong", 1.0)))


def item(*criteria: Criterion, text: str = TEXT, **given) -> SourceItem:
    fields = {"criteria": criteria, "seed": 3, **given}
    return SourceItem("k", (ChatMessage("user", "How much, and when?"),), (OutputMessage("assistant", text),), **fields)


def score(source, judged: SourceItem, script, **given):
    engine = script if isinstance(script, ScriptedEngine) else ScriptedEngine(script)
    parameters = validate_parameters(source.declaration.parameters, given)
    [result] = source.score([judged], {"critic": engine}, parameters)
    return result


def says(**answers):
    """A critic with (answer, quotes) by criterion."""
    texts = {one.text: answers[one.key] for one in (DOSE, SHORT, DEPTH) if one.key in answers}

    def script(asked: Asked) -> str:
        answer, quotes = next(said for text, said in texts.items() if text in asked.read)
        entries = [{"quote": quote, "occurrence": None} for quote in quotes]
        return json.dumps({"explanation": f"because {answer}", "quotes": entries, "answer": answer})

    return ScriptedEngine(script)


def test_each_verdict_has_the_words_that_it_rests_on():
    critic = says(dose=("Yes", ["two tablets"]), short=("No", []), depth=("weak", ["Drink water.", "two"]))
    result = score(EVIDENCE, item(DOSE, SHORT, DEPTH), critic)
    assert isinstance(result, Scored)
    assert [(one.criterion_key, one.state, one.value, one.label) for one in result.verdicts] == [
        ("dose", "scored", 1.0, "Yes"),
        ("short", "scored", 0.0, "No"),
        ("depth", "scored", 0.25, "Weak"),
    ]
    assert result.verdicts[0].explanation == "because Yes"
    assert [(TEXT[span.start : span.end], span.criterion_key, span.type) for span in result.spans] == [
        ("two", "depth", "evidence"),
        ("two tablets", "dose", "evidence"),
        ("Drink water.", "depth", "evidence"),
    ]
    [located] = result.signals
    assert (located.channel, located.signal.values.tolist()) == ("quotes_located", [1])
    assert [reply.detail for reply in result.replies] == [
        "1 of 1 quotes located", "nothing was quoted", "2 of 2 quotes located",
    ]  # fmt: skip


def test_a_verdict_that_rests_on_made_up_words_alone_is_unscored_beside_the_others():
    critic = says(dose=("Yes", ["three tablets", "four"]), short=("Cannot assess", ["Take", "never"]))
    result = score(EVIDENCE, item(DOSE, SHORT), critic)
    dose, short = result.verdicts
    assert (dose.state, dose.reason, dose.detail) == ("unscored", "unlocated", "0 of 2 quotes located")
    assert short.state == "not_applicable"
    # Half of the readable verdict's quotes stand in the text.
    assert result.signals[0].signal.values.tolist() == [0.5]
    assert len(result.replies) == 3


def test_without_any_readable_verdict_the_item_is_unscored():
    result = score(EVIDENCE, item(DOSE), says(dose=("Yes", ["three"])))
    assert isinstance(result, Unscored)
    assert result.reason == "unlocated"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"explanation": "so", "quotes": [], "answer": "Rather"}, "off_menu"),
        ({"explanation": "so", "answer": "Yes", "quotes": []}, "verdict_first"),
        ({"answer": "Yes", "explanation": "so", "quotes": []}, "verdict_first"),
        ({"explanation": "so", "answer": "Yes"}, "missing_field"),
        ({"explanation": "so", "quotes": "two", "answer": "Yes"}, "missing_field"),
    ],
)
def test_a_verdict_that_breaks_the_form_is_none(reply, reason):
    result = score(EVIDENCE, item(DOSE), json.dumps(reply))
    assert isinstance(result, Unscored)
    assert result.reason == reason


def missing(*notes) -> str:
    entries = [{"information": information, "quote": quote} for information, quote in notes]
    return json.dumps({"explanation": "as it is", "missing": entries})


SOURCES = {"context": "Take two tablets after meals. Not with milk.", "reference": "Two, after meals, for a week."}


def test_notes_that_rest_on_the_reference_the_context_or_the_task_are_critiques_and_counted():
    notes = missing(
        ("not with milk", "Not with milk."),
        ("how long", "for a week"),
        ("when", "and when?"),
        # Made up, and said by the answer already.
        ("the price", "It costs five."),
        ("the dose", "two tablets"),
    )
    result = score(MISSING, item(**SOURCES), notes)
    assert isinstance(result, Scored)
    assert [(one.kind, one.text) for one in result.critiques] == [
        ("missing", "not with milk\n“Not with milk.”"),
        ("missing", "how long\n“for a week”"),
        ("missing", "when\n“and when?”"),
    ]
    [count] = result.signals
    assert (count.channel, count.signal.values.tolist()) == ("missing_count", [3])
    assert result.replies[0].detail == "3 of 5 notes rest on words that the response lacks"


def test_nothing_missing_is_a_count_of_zero_and_no_critique():
    result = score(MISSING, item(**SOURCES), missing())
    assert result.critiques == ()
    assert result.signals[0].signal.values.tolist() == [0]
    assert result.replies[0].detail == "nothing is missing"


def test_notes_that_rest_on_nothing_are_unscored_and_no_zero():
    result = score(MISSING, item(**SOURCES), missing(("the price", "It costs five.")))
    assert isinstance(result, Unscored)
    assert result.reason == "unlocated"
    assert result.detail == "0 of 1 notes rest on words that the response lacks"


def test_what_the_critic_is_not_shown_is_nothing_to_rest_on():
    engine = ScriptedEngine(missing(("how long", "for a week"), ("milk", "Not with milk.")))
    result = score(MISSING, item(**SOURCES), engine, use_reference=False)
    assert [one.text for one in result.critiques] == ["milk\n“Not with milk.”"]
    assert "for a week" not in engine.requests[0].read


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"explanation": "so", "missing": [{"information": "", "quote": "for a week"}]}, "missing_field"),
        ({"explanation": "so", "missing": [{"information": "x"}]}, "missing_field"),
        ({"missing": [], "explanation": "so"}, "verdict_first"),
        ({"explanation": "so", "missing": [{"information": "x", "quote": "for a week"}] * 101}, "out_of_range"),
    ],
)
def test_notes_that_break_the_form_are_not_read(reply, reason):
    result = score(MISSING, item(**SOURCES), json.dumps(reply))
    assert isinstance(result, Unscored)
    assert result.reason == reason
