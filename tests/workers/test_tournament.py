"""Tournaments and written orders, played by hand."""

import json
import random
import re

import pytest

from rewards.models import Judgment
from rewards.parameters import validate_parameters
from tests.factories import make_output, make_project, make_task
from tests.workers.scripted_engine import ScriptedEngine
from tests.workers.test_pairwise import Taster, group
from tests.workers.test_stored_judgments import GivingSource, run
from workers.sources.listwise import ListwiseJudge
from workers.sources.replies import ParseState
from workers.sources.results import RankingResult, Scored, Unscored
from workers.sources.tournament import Tournament

MATCHES, LISTS = Tournament(), ListwiseJudge()


def play(*items, engine=None, source=MATCHES, **given):
    parameters = validate_parameters(source.declaration.parameters, given)
    return source.score(items, {"judge": engine or Taster()}, parameters)


def writing(*tiers, **more):
    return json.dumps({"explanation": "as I see it", "ranking": list(tiers), **more})


def test_all_pairs_rank_by_share_of_points():
    # Worth 1, 4, 2, 2.5 and a bias of 1 for the first place: 2 against 2.5 and 1 against 2 flip (difference at most 1,
    # and 1 against 2 shown 1 + 1 = 2 against 2 is a tie, then 2 + 1 -> b: the orders differ).
    # Points of 3: output 2 wins all, 3. Output 4 beats 1, ties with 3: 1.5. Output 3 ties twice: 1. Output 1: 1/2.
    [result] = play(group("1", "4", "2", "2.5"), engine=Taster(bias=1))
    assert result.ranking.tiers == (4, 1, 3, 2)
    assert result.ranking.order == ()


def test_outputs_with_equal_points_share_a_tier():
    [result] = play(group("7", "3", "7", "1"))
    assert result.ranking.tiers == (1, 2, 1, 3)


def test_a_knockout_is_drawn_with_the_items_seed_and_the_draw_is_kept():
    # The draw is Python's shuffle of 0 1 2 3 with seed 5; the best of four wins two matches wherever it is drawn.
    order = list(range(4))
    random.Random(5).shuffle(order)
    engine = Taster()
    [result] = play(group("2", "9", "4", "1", seed=5), rule="knockout", engine=engine)
    assert result.ranking.order == tuple(order)
    assert result.ranking.tiers[1] == 1
    worth = {0: 2, 1: 9, 2: 4, 3: 1}
    first, second = sorted(order[:2], key=worth.get), sorted(order[2:], key=worth.get)
    assert {result.ranking.tiers[first[0]], result.ranking.tiers[second[0]]} == {3}
    assert len(engine.shown) == 2 * 3


def test_a_draw_that_names_the_later_output_first_gives_the_same_winner():
    for seed in range(8):
        [result] = play(group("1", "2", "3", seed=seed), rule="knockout")
        assert result.ranking.tiers[2] == 1


def test_a_knockout_cannot_go_on_without_a_match_and_all_pairs_can():
    [lost] = play(group("1", "?", "3"), rule="knockout")
    assert isinstance(lost, Unscored)
    assert lost.reason == "out_of_memory"
    # Of all pairs only 1 against 3 has a result: the second output met nobody, so it has no place.
    [nowhere] = play(group("1", "?", "3"))
    assert nowhere.reason == "out_of_memory"
    assert len(nowhere.replies) == 6


def test_too_many_outputs_are_said_to_be_too_many_before_anything_is_asked():
    engine = Taster()
    [result] = play(group(*"12345"), engine=engine, max_pairs=9)
    assert (result.reason, engine.shown) == ("too_many_outputs", [])
    assert "10 times" in result.detail
    [knocked] = play(group(*"12345"), max_pairs=9, rule="knockout")
    assert isinstance(knocked, Scored)


@pytest.mark.parametrize("source", [MATCHES, LISTS])
def test_an_output_without_text_cannot_be_placed(source):
    [result] = play(group("1", "", "3"), source=source, engine=Taster(script=writing([1], [2], [3])))
    assert result.reason == "empty_output"
    assert "1 of 3" in result.detail


def test_a_written_order_is_of_the_outputs_as_they_were_shown():
    # Seed 3 shows the outputs in the order below; the judge puts the one shown second first, then the others equally.
    order = list(range(3))
    random.Random(3).shuffle(order)
    engine = ScriptedEngine(writing([2], [1, 3]))
    [result] = play(group("x0", "x1", "x2", seed=3), source=LISTS, engine=engine)
    assert result.ranking.order == tuple(order)
    assert result.ranking.tiers == tuple(1 if member == order[1] else 2 for member in range(3))
    shown = re.findall(r"Response (\d):\n<response>\n(x\d)", engine.requests[0].read)
    assert shown == [(str(place), f"x{member}") for place, member in enumerate(order, 1)]


def test_the_order_shown_hangs_on_the_seed_alone():
    texts = [f"x{number}" for number in range(6)]
    orders = [
        play(group(*texts, seed=seed), source=LISTS, engine=ScriptedEngine(writing(1, 2, 3, 4, 5, 6)))[0].ranking.order
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    "written",
    [writing([1]), writing([1, 1], [2]), writing([0], [1]), writing([1], [2], [3]), writing(["1"], ["2"]), writing()],
    ids=["one left out", "one twice", "counted from 0", "one that was not shown", "texts", "nothing"],
)
def test_an_order_of_some_is_no_order(written):
    [result] = play(group("a", "b"), source=LISTS, engine=ScriptedEngine(written), retries=0)
    assert isinstance(result, Unscored)
    assert result.reason == ParseState.OFF_MENU
    assert result.replies[0].text == written


def test_reasons_that_follow_the_order_are_refused():
    late = json.dumps({"ranking": [[1], [2]], "explanation": "because"})
    [result] = play(group("a", "b"), source=LISTS, engine=ScriptedEngine(late), retries=0)
    assert result.reason == ParseState.VERDICT_FIRST


@pytest.mark.django_db
def test_the_order_shown_is_stored_with_the_ranking():
    project = make_project("order")
    task = make_task(project)
    keys = [make_output(task, text, external_id=text).pk for text in ("one", "two", "three")]
    source = GivingSource(Scored(ranking=RankingResult((1, 3, 2), order=(2, 0, 1))), reads_group=True)
    run(project, source)
    judgment = Judgment.objects.get(project=project, kind="ranking")
    assert judgment.presentation["order"] == [keys[2], keys[0], keys[1]]
    assert dict(judgment.ranking.places.values_list("output_id", "tier")) == dict(zip(keys, (1, 3, 2), strict=True))
