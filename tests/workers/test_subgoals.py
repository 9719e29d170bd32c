"""Sub-goals over turns, against a judge that finds what the turn says."""

import math
import re
from typing import Any

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from rewards.rubrics.content import Criterion, Level
from rewards.statistics.confusion import confusion
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage, Choice, ErrorCode, Refusal
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.results import Scored, Unscored
from workers.sources.subgoals import Subgoals, Turn, turns_of

SOURCE = Subgoals()
KEY = Criterion("key", "key")
DOOR = Criterion("door", "door")
LEVELS = Criterion("style", "How elegant?", kind="ordinal", levels=(Level("Not", 0.0), Level("Very", 1.0)))


class Finder(ScriptedEngine):
    """P(Yes) is 3/4 where the sub-goal's word stands in the turn, 1/4 where it does not; "?" in a turn is refused."""

    def choose(self, questions, *, length_handling="sum"):
        return [self._find(question) for question in questions]

    def _find(self, question):
        self.asked.append(question.prompt)
        shown = question.prompt.messages[-1].text
        turn = re.search(r"<turn>\n(.*)\n</turn>", shown, re.DOTALL)[1]
        goal = re.search(r"<criterion>\n(.*)\n</criterion>", shown, re.DOTALL)[1]
        if "?" in turn:
            return Refusal(ErrorCode.OUT_OF_MEMORY, "no memory")
        yes = 3 / 4 if goal in turn else 1 / 4
        return Choice(question.labels, (math.log(yes), math.log(1 - yes)), (1, 1))


def message(text: str) -> OutputMessage:
    role, _, words = text.partition(": ")
    if role == "thinking":
        return OutputMessage("assistant", words, channel="thinking")
    return OutputMessage(role, words, channel="tool" if role == "tool" else "answer")


def item(*messages: str, criteria=(KEY, DOOR), **given) -> SourceItem:
    output = tuple(message(text) for text in messages)
    return SourceItem("k", (ChatMessage("user", "get out"),), output, criteria=criteria, **given)


def score(*items, engine: Any = None, **given):
    parameters = validate_parameters(SOURCE.declaration.parameters, given)
    judge: Any = engine or Finder()
    return SOURCE.score(items, {"judge": judge}, parameters)


def rows(result):
    assert isinstance(result, Scored), result
    return {found.channel: found.signal.values.tolist() for found in result.signals}


GAME = ("assistant: look", "tool: a key", "assistant: take key", "tool: taken", "assistant: open door with key")


def test_each_subgoal_pays_once_in_the_turn_that_first_achieves_it():
    # Turns: look + a key (the key is seen: found), take key (again), open door with key (the door; the key again).
    # Messages of the tool carry nothing.
    [result] = score(item(*GAME))
    nan = math.nan
    np.testing.assert_array_equal(rows(result)["subgoal:key"], [1, nan, 0, nan, 0])
    np.testing.assert_array_equal(rows(result)["subgoal:door"], [0, nan, 0, nan, 1])
    np.testing.assert_array_equal(rows(result)["subgoals"], [1, nan, 0, nan, 1])
    assert [(one.criterion_key, one.state, one.label) for one in result.verdicts] == [
        ("key", "scored", "Yes"),
        ("door", "scored", "Yes"),
    ]
    assert [one.value for one in result.verdicts] == pytest.approx([3 / 4, 3 / 4])


def test_the_marks_of_a_person_meet_the_rewards_in_a_confusion_matrix():
    # A person says: the key was taken in turn 2, the door opened in turn 3. The judge had the key in turn 1.
    found = rows(score(item(*GAME))[0])
    nan = math.nan
    met = confusion([found["subgoal:key"], found["subgoal:door"]], [[0, nan, 1, nan, 0], [0, nan, 0, nan, 1]])
    assert met[:4] == (1, 1, 1, 3)


def test_a_subgoal_that_is_never_met_has_the_highest_probability_of_any_turn():
    [result] = score(item("assistant: look", "tool: nothing", "assistant: wait"))
    assert [one.label for one in result.verdicts] == ["No", "No"]
    assert [one.value for one in result.verdicts] == pytest.approx([1 / 4, 1 / 4])
    assert np.nansum(rows(result)["subgoals"]) == 0


def test_the_threshold_says_what_counts_as_achieved():
    assert np.nansum(rows(score(item(*GAME), threshold=0.8)[0])["subgoals"]) == 0
    assert rows(score(item(*GAME), threshold=0.2)[0])["subgoals"][0] == 2


def test_what_the_policy_saw_is_shown_and_all_of_it_where_wanted():
    engine = Finder()
    score(item(*GAME, criteria=(KEY,), context="a cell"), engine=engine)
    first, second, third = (prompt.messages[-1].text for prompt in engine.asked)
    assert "<earlier>" not in first
    assert "a cell" in first
    assert "<earlier>\n[tool, tool]\na key\n</earlier>" in second
    assert "<turn>\n[assistant, answer]\ntake key\n\n[tool, tool]\ntaken\n</turn>" in second
    assert "look" not in third
    everything = Finder()
    score(item(*GAME, criteria=(KEY,)), engine=everything, earlier="all")
    assert "look" in everything.asked[2].messages[-1].text


def test_messages_of_the_policy_in_a_row_are_one_turn():
    found = turns_of(item("thinking: hm", "assistant: take key", "tool: taken", "user: go on", "assistant: done"))
    assert found == [Turn(1, 0, 4), Turn(4, 4, 5)]


def test_only_yes_and_no_criteria_are_subgoals():
    [mixed], [none] = score(item(*GAME, criteria=(LEVELS, KEY))), score(item(*GAME, criteria=(LEVELS,)))
    assert [(one.criterion_key, one.state, one.reason) for one in mixed.verdicts] == [
        ("style", "unscored", "not_a_subgoal"),
        ("key", "scored", ""),
    ]
    assert none.reason == "no_subgoals"


def test_a_turn_that_was_not_understood_has_no_reward_and_may_leave_a_verdict_open():
    # The second turn is refused. The key was found before it; the door might have been opened in it.
    [result] = score(item("assistant: key", "tool: ok", "assistant: ?", "tool: ok", "assistant: wait"))
    nan = math.nan
    np.testing.assert_array_equal(rows(result)["subgoal:key"], [1, nan, nan, nan, 0])
    np.testing.assert_array_equal(rows(result)["subgoals"], [1, nan, nan, nan, 0])
    key, door = result.verdicts
    assert (key.state, door.state, door.reason) == ("scored", "unscored", "out_of_memory")
    [nothing] = score(item("assistant: ?"))
    assert isinstance(nothing, Unscored)
    assert nothing.reason == "out_of_memory"


def test_a_written_yes_is_certain():
    def judge(asked):
        goal = re.search(r"<criterion>\n(.*)\n</criterion>", asked.read)[1]
        turn = re.search(r"<turn>\n(.*)\n</turn>", asked.read, re.DOTALL)[1]
        return f'{{"explanation": "it says so", "answer": "{"Yes" if goal in turn else "No"}"}}'

    [result] = score(item(*GAME), engine=ScriptedEngine(judge), answer_by="written")
    assert [one.value for one in result.verdicts] == [1, 1]
    assert result.verdicts[0].explanation == "it says so"
    assert len(result.replies) == 6


def test_the_estimate_counts_every_turn_and_subgoal():
    estimated = SOURCE.estimate([item(*GAME)], validate_parameters(SOURCE.declaration.parameters, {}))
    engine = Finder()
    score(item(*GAME), engine=engine)
    assert estimated.requests == len(engine.asked) == 6
    assert estimated.characters == sum(len(prompt.messages[0].text) for prompt in engine.asked)
