"""The relevance mixture, against values worked by hand."""

import math
from typing import Any

import pytest

from rewards.parameters import validate_parameters
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.relevance_mixture import RelevanceMixture, repetition, word_f1, words
from workers.sources.results import Scored

SOURCE = RelevanceMixture()


def item(text: str, task: str = "ab", **given) -> SourceItem:
    return SourceItem("k", (ChatMessage("user", task),), (OutputMessage("assistant", text),), **given)


def score(*items: SourceItem, engine: Any = None, **given):
    parameters = validate_parameters(SOURCE.declaration.parameters, given)
    encoder: Any = engine or ScriptedEngine()
    return SOURCE.score(items, {"encoder": encoder}, parameters)


def values(result):
    assert isinstance(result, Scored), result
    return {found.channel: found.signal.total for found in result.signals}


def test_an_open_ended_answer_by_hand():
    # Prompt "ab" (1, 1), answer "a a a a" (4, 0): cosine 1 / sqrt 2. Four words of eight: 1/2. Its 3-grams are two,
    # one of them distinct: repetition 1/2. Together 1 / (4 sqrt 2).
    found = values(score(item("a a a a"), enough_words=8)[0])
    assert found == pytest.approx(
        {
            "relevance": 1 / math.sqrt(2),
            "length_incentive": 1 / 2,
            "repetition": 1 / 2,
            "relevance_mixture": 1 / (4 * math.sqrt(2)),
        }
    )


def test_more_words_than_enough_earn_nothing_more():
    assert values(score(item("a b c d"), enough_words=2)[0])["length_incentive"] == 1


def test_a_closed_ended_answer_by_hand():
    # Answer "a b b", reference "b c": one word in common of 3 + 2, F1 2/5. Prompt (1, 1), answer (1, 2): 3 / sqrt 10.
    closed = item("a b b", reference="b c", tags=("closed-ended", "easy"))
    found = values(score(closed)[0])
    assert found == pytest.approx(
        {
            "relevance": 3 / math.sqrt(10),
            "reference_overlap": 2 / 5,
            "relevance_mixture": 3 / math.sqrt(10) + 2 / 5,
        }
    )


def test_a_tasks_tag_decides_and_not_its_reference():
    with_reference = item("a b b", reference="b c", tags=("easy",))
    assert "length_incentive" in values(score(with_reference)[0])
    assert "reference_overlap" in values(score(with_reference, closed_tag="easy")[0])


def test_a_closed_ended_task_without_a_reference_is_unscored():
    assert score(item("a", tags=("closed-ended",)))[0].reason == "no_reference"


def test_an_answer_that_points_away_is_worth_nothing_however_long():
    class Opposed(ScriptedEngine):
        def embed(self, texts):
            return [
                vector if text == "ab" else -vector for text, vector in zip(texts, super().embed(texts), strict=True)
            ]

    for text in ("ab ab", "ab ab ab ab ab ab"):
        found = values(score(item(text), engine=Opposed())[0])
        assert found["relevance"] == found["relevance_mixture"] == 0


def test_words_of_scripts_with_and_without_spaces():
    assert words("The CAT's 2 hats") == ["the", "cat", "s", "2", "hats"]
    assert words("e\u0301te\u0301 हिन्दी कथा") == ["e\u0301te\u0301", "हिन्दी", "कथा"]
    assert words("猫坐在 mat") == ["猫", "坐", "在", "mat"]
    assert words("😀 …") == []


def test_repetition_by_hand():
    # a b c a b c: abc bca cab abc, three of four distinct.
    assert repetition("a b c a b c") == pytest.approx(1 / 4)
    assert repetition("a b") == 0
    assert repetition("a b c d") == 0


def test_the_overlap_of_words_counts_each_as_often_as_both_have_it():
    assert word_f1("a a b", "a c") == pytest.approx(2 * 1 / 5)
    assert word_f1("a b", "b a") == 1
    assert word_f1("…", "😀") == 0
