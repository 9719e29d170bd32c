"""The pairwise judge, against a judge whose taste and position bias are set by hand."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.parameters import validate_parameters
from rewards.rubrics.content import Criterion
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage, Choice, ErrorCode, Refusal
from workers.sources.contract import Member, OutputMessage, SourceItem
from workers.sources.pairwise import PairwiseJudge, drawn_pairs, settle
from workers.sources.replies import ParseState
from workers.sources.results import Scored, Unscored

SOURCE = PairwiseJudge()
_SHOWN = re.compile(r"<response_(a|b)>\n(.*?)\n</response_\1>", re.DOTALL)


class Taster(ScriptedEngine):
    """Responses are numbers, their worth. log p(A) = worth of the first + bias, log p(B) = worth of the second; every
    way of saying tie has log p = tie. A response "?" is refused."""

    def __init__(self, *, bias: float = 0.0, tie: float = -100.0, **given) -> None:
        super().__init__(**given)
        self.bias, self.tie = bias, tie
        self.shown: list[tuple[str, str]] = []

    def choose(self, questions, *, length_handling="sum"):
        return [self._taste(question) for question in questions]

    def _taste(self, question):
        texts = dict(_SHOWN.findall(question.prompt.messages[-1].text))
        self.shown.append((texts["a"], texts["b"]))
        if "?" in texts.values():
            return Refusal(ErrorCode.OUT_OF_MEMORY, "no memory")
        by_label = {"A": float(texts["a"]) + self.bias, "B": float(texts["b"])}
        return Choice(question.labels, tuple(by_label.get(label, self.tie) for label in question.labels), (1, 1, 1))


def group(*texts: str, seed: int = 0, **given) -> SourceItem:
    members = tuple(Member(str(index), (OutputMessage("assistant", text),)) for index, text in enumerate(texts))
    return SourceItem("k", (ChatMessage("user", "say a number"),), (), members=members, seed=seed, **given)


def score(*items, engine: Any = None, **given):
    parameters = validate_parameters(SOURCE.declaration.parameters, given)
    judge: Any = engine or Taster()
    return SOURCE.score(items, {"judge": judge}, parameters)


def found(result):
    assert isinstance(result, Scored)
    return [(one.a, one.b, one.choice, one.tie_kind, one.order_choices) for one in result.comparisons]


def test_a_win_is_the_choice_of_both_orders_and_a_bias_beyond_the_difference_is_a_flip():
    # Worth 1, 2, 5 and a bias of 2 for the first place. 1 against 2: shown first 1 + 2 > 2 -> a; then 2 + 2 > 1 -> b:
    # a flip. 1 against 5: 3 < 5 -> b; 7 > 1 -> b. 2 against 5: 4 < 5 -> b; 7 > 2 -> b.
    [result] = score(group("1", "2", "5"), engine=Taster(bias=2))
    assert found(result) == [
        (0, 1, "tie", "flip", ("a", "b")),
        (0, 2, "b", "", ("b", "b")),
        (1, 2, "b", "", ("b", "b")),
    ]


def test_each_pair_is_shown_in_both_orders():
    engine = Taster()
    score(group("1", "2", "5"), engine=engine)
    assert engine.shown == [("1", "2"), ("2", "1"), ("1", "5"), ("5", "1"), ("2", "5"), ("5", "2")]


def test_a_tie_that_both_orders_see_is_a_tie_and_one_that_only_one_order_sees_is_a_flip():
    # Tie at 3.5. 3 against 3 with bias 0: 3.5 is above both, twice. 3 against 4 with bias 1: 3 + 1 = 4 against 4 is
    # likelier than the tie but the two are equal, so a tie; then 4 + 1 -> b.
    [equal] = score(group("3", "3"), engine=Taster(tie=3.5))
    assert found(equal) == [(0, 1, "tie", "equal", ("tie", "tie"))]
    [flip] = score(group("3", "4"), engine=Taster(tie=3.5, bias=1))
    assert found(flip) == [(0, 1, "tie", "flip", ("tie", "b"))]


def test_equal_probabilities_are_a_tie_even_where_none_is_offered():
    # The menu's order would else decide: always A.
    [result] = score(group("3", "3"), ties="none")
    assert found(result) == [(0, 1, "tie", "equal", ("tie", "tie"))]


def test_settling_two_orders():
    assert settle("A", "B") == ("a", "")
    assert settle("B", "A") == ("b", "")
    assert settle("A", "A") == ("tie", "flip")
    assert settle("B", "B") == ("tie", "flip")
    assert settle("Tie", "A") == ("tie", "flip")
    assert settle("Both bad", "Both bad") == ("tie", "both_bad")
    assert settle("Both good", "Cannot tell") == ("tie", "equal")


def test_a_written_answer_gives_the_same_with_its_reasons_kept():
    def judge(asked):
        texts = dict(_SHOWN.findall(asked.read))
        winner = "A" if int(texts["a"]) > int(texts["b"]) else "B"
        return f'{{"explanation": "larger", "answer": "{winner}"}}'

    [result] = score(group("1", "4"), engine=ScriptedEngine(judge), answer_by="written")
    assert found(result) == [(0, 1, "b", "", ("b", "b"))]
    [comparison] = result.comparisons
    assert [reply.purpose for reply in comparison.replies] == ["1 against 2, first order", "1 against 2, second order"]
    assert comparison.replies[0].text == '{"explanation": "larger", "answer": "B"}'
    assert result.replies == ()


def test_a_pair_without_an_answer_is_left_out_and_never_a_tie():
    [result] = score(group("1", "?", "5"))
    assert found(result) == [(0, 2, "b", "", ("b", "b"))]
    assert {reply.parse_state for reply in result.replies} == {ParseState.REFUSED}
    assert len(result.replies) == 4
    [nothing] = score(group("1", "?"))
    assert isinstance(nothing, Unscored)
    assert nothing.reason == "out_of_memory"
    assert len(nothing.replies) == 2


def test_outputs_without_text_meet_nobody():
    [some, none] = score(group("1", " ", "5"), group("1", ""))
    assert found(some) == [(0, 2, "b", "", ("b", "b"))]
    assert none.reason == "too_few_outputs"


def test_of_many_pairs_as_many_as_set_are_drawn_with_the_items_seed():
    texts = [str(number) for number in range(7)]
    drawn = [
        [(one.a, one.b) for one in score(group(*texts, seed=seed), max_pairs=5)[0].comparisons] for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(len(set(pairs)) == 5 for pairs in drawn)


@given(members=st.sets(st.integers(0, 50), max_size=12), most=st.integers(1, 80), seed=st.integers(0, 5))
def test_drawn_pairs_are_different_pairs_of_the_members_in_order(members, most, seed):
    pairs = drawn_pairs(list(members), most, seed)
    assert len(pairs) == len(set(pairs)) == min(most, math.comb(len(members), 2))
    assert pairs == sorted(pairs)
    assert all(a < b and {a, b} <= members for a, b in pairs)


def test_every_pair_is_drawn_about_as_often():
    counts = dict.fromkeys(drawn_pairs(range(5), 10, 0), 0)
    for seed in range(1000):
        for pair in drawn_pairs(range(5), 2, seed):
            counts[pair] += 1
    # 2,000 draws over 10 pairs: 200 each, standard deviation about 13.
    assert all(140 < count < 260 for count in counts.values())


def test_the_rubric_the_reference_and_the_context_are_shown_where_wanted():
    item = group("1", "2", criteria=(Criterion("c", "It is odd."),), reference="the answer", context="the book")
    engine = ScriptedEngine()
    score(item, engine=engine)
    shown = engine.asked[0].messages[-1].text
    for part in ("<rubric>\n- It is odd.", "<reference>\nthe answer", "<context>\nthe book"):
        assert part in shown
    engine.asked.clear()
    score(item, engine=engine, use_rubric=False, use_reference=False, use_context=False)
    shown = engine.asked[0].messages[-1].text
    assert not any(part in shown for part in ("odd", "the answer", "the book"))


def test_the_estimate_counts_both_orders_of_the_pairs_to_ask():
    estimated = SOURCE.estimate([group("1", "2", "3")], validate_parameters(SOURCE.declaration.parameters, {}))
    engine = Taster()
    score(group("1", "2", "3"), engine=engine)
    assert estimated.requests == len(engine.shown) == 6
    reasoned = validate_parameters(SOURCE.declaration.parameters, {"answer_by": "reasoned"})
    assert SOURCE.estimate([group("1", "2", "3")], reasoned).requests == 12


@pytest.mark.parametrize("ties", ["none", "tie", "kinds"])
def test_only_what_is_offered_can_be_written(ties):
    engine = ScriptedEngine('{"explanation": "so", "answer": "Tie"}')
    [result] = score(group("1", "2"), engine=engine, ties=ties, answer_by="written", retries=0)
    if ties == "tie":
        assert found(result) == [(0, 1, "tie", "equal", ("tie", "tie"))]
    else:
        assert result.reason == ParseState.OFF_MENU
