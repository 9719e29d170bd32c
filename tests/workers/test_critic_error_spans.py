"""Error spans (ErrorSpans): severity maps, overlapping errors, the score of the whole."""

import json
from typing import Any

import pytest

from rewards.parameters import ParameterError, validate_parameters
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.critics.error_spans import ErrorSpans
from workers.sources.results import Scored, Unscored

SOURCE = ErrorSpans()
TEXT = "Der Hund ist sehr sehr gross."
#        0   1    2   3    4    5


def score(*errors, **given):
    """An error is (quote, category, severity)."""
    entries = [
        {"quote": quote, "occurrence": None, "explanation": "so", "category": category, "severity": severity}
        for quote, category, severity in errors
    ]
    engine: Any = ScriptedEngine(json.dumps({"explanation": "as it is", "spans": entries}))
    item = SourceItem("k", (ChatMessage("user", "Translate."),), (OutputMessage("assistant", TEXT),))
    parameters = validate_parameters(SOURCE.declaration.parameters, given)
    SOURCE.check(parameters, ["critic"])
    [result] = SOURCE.score([item], {"critic": engine}, parameters)
    return result


def signals(result):
    assert isinstance(result, Scored), result
    return {one.channel: one.signal.values.tolist() for one in result.signals}


@pytest.mark.parametrize(
    ("severity_map", "minor", "major", "critical"),
    [("mqm", -1, -5, -10), ("linear", -1, -2, -3), ("reversed", -10, -5, -1), ("binary", -1, -1, -1)],
)
def test_each_severity_is_worth_what_the_map_says_and_the_score_is_their_sum(severity_map, minor, major, critical):
    result = score(
        ("Der", "fluency", "minor"), ("Hund", "accuracy", "major"), ("gross", "style", "critical"),
        severity_map=severity_map,
    )  # fmt: skip
    found = signals(result)
    assert found["error_reward"] == [minor, major, 0, 0, 0, critical]
    assert found["error_score"] == [minor + major + critical]
    assert found["quotes_located"] == [1]
    assert [(span.type, span.severity, span.value) for span in result.spans] == [
        ("fluency", "minor", minor),
        ("accuracy", "major", major),
        ("style", "critical", critical),
    ]


def test_three_numbers_of_ones_own_and_a_value_for_clean_words():
    found = signals(score(("Hund", "accuracy", "major"), severity_map="custom", major_value=-0.5, clean_value=0.1))
    assert found["error_reward"] == pytest.approx([0.1, -0.5, 0.1, 0.1, 0.1, 0.1])
    # The score is of errors only.
    assert found["error_score"] == [-0.5]


def test_values_of_ones_own_do_not_count_under_another_map():
    assert signals(score(("Hund", "accuracy", "major"), major_value=-0.5))["error_score"] == [-5]


def test_overlapping_errors_add_up():
    found = signals(score(("Hund ist", "accuracy", "major"), ("ist sehr", "style", "minor")))
    assert found["error_reward"] == [0, -5, -6, -1, 0, 0]
    assert found["error_score"] == [-6]


def test_one_place_may_hold_errors_of_two_categories():
    result = score(("Hund", "accuracy", "major"), ("Hund", "style", "minor"), ("Hund", "style", "minor"))
    assert signals(result)["error_score"] == [-6]
    assert [span.type for span in result.spans] == ["accuracy", "style"]


def test_no_error_is_a_score_of_zero_and_clean_words():
    result = score()
    assert result.spans == ()
    assert signals(result) == {"error_reward": [0] * 6, "error_score": [0]}


@pytest.mark.parametrize("error", [("Hund", "spelling", "minor"), ("Hund", "style", "severe")])
def test_what_is_on_no_menu_is_no_error_of_any_kind(error):
    result = score(error)
    assert isinstance(result, Unscored)
    assert result.reason == "off_menu"


def test_categories_are_the_projects_own():
    result = score(("Hund", "tone  of voice", "minor"), categories="Tone of voice, , facts,facts")
    assert isinstance(result, Unscored)
    [span] = score(("Hund", "Facts", "minor"), categories="tone of voice, , facts,facts").spans
    assert span.type == "facts"


@pytest.mark.parametrize("categories", ["", " , ", "x" * 81, ",".join(map(str, range(31)))])
def test_categories_that_cannot_be_offered_are_refused_before_a_run(categories):
    with pytest.raises(ParameterError, match="categories"):
        score(categories=categories)
