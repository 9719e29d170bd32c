"""Likert judges (DirectLikert, ReferenceLikert, RubricImplicit) and their panels, against values worked by hand."""

import json
import math

import numpy as np
import pytest

from rewards.parameters import ParameterError, validate_parameters
from rewards.rubrics.content import Criterion
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage, ErrorCode, Refusal
from workers.sources.asking import Said
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.likert import DirectLikert, ReferenceLikert
from workers.sources.panel import Pooled, pool
from workers.sources.results import Scored, Unscored
from workers.sources.rubric_implicit import RubricImplicit

CRITERIA = (
    Criterion("dose", "States the dose.", importance="Essential"),
    Criterion("short", "Is short.", importance="Optional"),
    Criterion("wrong", "Avoids naming the wrong drug.", importance="Pitfall"),
)
WRITTEN = {"answer_by": "written"}


def item(response: str = "Take two.", **given) -> SourceItem:
    fields = {"task_messages": (ChatMessage("user", "how much?"),), "seed": 5, **given}
    return SourceItem(key="k", output_messages=(OutputMessage("assistant", response),), **fields)


def rate(source, *items: SourceItem, engines=None, **given):
    parameters = validate_parameters(source.declaration.parameters, given)
    engines = engines or {"judge": ScriptedEngine()}
    source.check(parameters, engines)
    return source.score(items, engines, parameters)


def says(*numbers) -> ScriptedEngine:
    """A judge that writes each number in turn, then the last again."""
    waiting = list(numbers)

    def script(asked):
        number = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return json.dumps({"explanation": f"It is worth {number}.", "answer": number})

    return ScriptedEngine(script)


def dispersion(result) -> float:
    [found] = result.signals
    assert found.channel == "dispersion"
    return float(found.signal.values[0])


def test_the_rating_is_the_expected_number_over_those_that_are_offered():
    # The letter model gives a label (1 + how often it stands in the prompt) / 100. On the scale 1 to 5 the prompt says
    # "from 1 (useless) to 5" and offers "1, 2, 3, 4, 5"; the response says 4 six times.
    # Weights 1: 1+2, 2: 1+1, 3: 1+1, 4: 1+1+6, 5: 1+2, together 18.
    # Mean (3*1 + 2*2 + 2*3 + 8*4 + 3*5) / 18 = 60/18 = 10/3.
    # Mean of squares (3 + 8 + 18 + 128 + 75) / 18 = 232/18; variance 232/18 - 100/9 = 16/9, its root 4/3.
    [result] = rate(DirectLikert(), item("4 4 4 4 4 4"), scale="1-5")
    [rating] = result.ratings
    assert rating.value == pytest.approx(10 / 3)
    assert (rating.question, rating.low, rating.high) == ("overall", 1, 5)
    assert rating.probabilities == pytest.approx({"1": 3 / 18, "2": 2 / 18, "3": 2 / 18, "4": 8 / 18, "5": 3 / 18})
    assert dispersion(result) == pytest.approx(4 / 3, abs=1e-6)
    assert result.replies[0].offered_mass == pytest.approx(18 / 100)


def test_a_written_number_is_the_rating_and_shows_no_dispersion():
    [result] = rate(DirectLikert(), item(), engines={"judge": says(8)}, **WRITTEN)
    [rating] = result.ratings
    assert (rating.value, rating.low, rating.high, dict(rating.probabilities)) == (8, 1, 10, {})
    assert result.signals == ()
    assert "worth 8" in result.replies[0].text


def test_draws_of_one_judge_give_their_mean_and_its_standard_deviation():
    # 6, 8 and 10: mean 8, population standard deviation sqrt((4 + 0 + 4) / 3).
    engine = says(6, 8, 10)
    [result] = rate(DirectLikert(), item(), engines={"judge": engine}, samples=3, temperature=1.0, **WRITTEN)
    assert result.ratings[0].value == pytest.approx(8)
    assert dispersion(result) == pytest.approx(math.sqrt(8 / 3), abs=1e-6)
    assert result.ratings[0].probabilities["8"] == pytest.approx(1 / 3)
    assert len({asked.sampling.seed for asked in engine.requests}) == 3
    assert engine.requests[0].sampling.seed == 5
    assert [reply.purpose for reply in result.replies] == [f"overall (draw {number})" for number in (1, 2, 3)]


def test_a_panel_gives_the_mean_of_its_judges_and_keeps_every_reply():
    engines = {"judge": says(2), "judge_2": says(5), "judge_3": says(8)}
    [result] = rate(DirectLikert(), item(), engines=engines, **WRITTEN)
    assert result.ratings[0].value == pytest.approx(5)
    assert dispersion(result) == pytest.approx(math.sqrt(6), abs=1e-6)
    assert [reply.purpose for reply in result.replies] == [f"overall (judge {number})" for number in (1, 2, 3)]


def test_a_judge_that_fails_has_no_vote_and_is_not_a_zero():
    engines = {"judge": ScriptedEngine("no idea"), "judge_2": says(6)}
    [result] = rate(DirectLikert(), item(), engines=engines, retries=0, **WRITTEN)
    assert result.ratings[0].value == 6
    assert [reply.is_understood for reply in result.replies] == [False, True]
    [nothing] = rate(DirectLikert(), item(), engines={"judge": ScriptedEngine("no idea")}, retries=0, **WRITTEN)
    assert isinstance(nothing, Unscored)
    assert (nothing.reason, len(nothing.replies)) == ("no_json", 1)


def test_a_cascade_asks_the_strong_judge_only_where_the_cheap_one_is_unsure():
    # Two draws of the cheap judge. Sure: 3 and 3, entropy 0. Unsure: 1 and 5, entropy log 2 over log 5 = 0.43 > 0.4.
    def cheap(asked):
        number = 3 if "sure" in asked.read else 1 if asked.sampling.seed % 2 else 5
        return json.dumps({"explanation": "so", "answer": number})

    sure, unsure = item("sure"), item("hm", seed=7)
    strong = says(4)
    engines = {"judge": ScriptedEngine(cheap), "judge_2": strong}
    given = {"panel": "cascade", "unsure_above": 0.4, "samples": 2, "temperature": 1.0, "scale": "1-5", **WRITTEN}
    first, second = rate(DirectLikert(), sure, unsure, engines=engines, **given)
    seeds = [asked.sampling.seed for asked in engines["judge"].requests if "hm" in asked.read]
    assert {seed % 2 for seed in seeds} == {0, 1}, "the draws of this seed must differ"
    assert first.ratings[0].value == 3
    assert second.ratings[0].value == 4
    assert len(strong.requests) == 2
    assert all("hm" in asked.read for asked in strong.requests)
    # The cheap judge's opinions are kept, but do not count.
    assert len(second.replies) == 4
    assert (len(first.replies), dispersion(first), dispersion(second)) == (2, 0, 0)
    given["unsure_above"] = 0.45
    engines["judge_2"] = says(4)
    [held] = rate(DirectLikert(), unsure, engines=engines, **given)
    assert held.ratings[0].value == 3
    assert dispersion(held) == pytest.approx(2)


def test_a_cascade_goes_on_where_the_cheap_judge_could_not_answer():
    failing = ScriptedEngine(lambda asked: Refusal(ErrorCode.ENDPOINT_TIMEOUT, "too slow"))
    engines = {"judge": failing, "judge_2": says(9)}
    given = {"panel": "cascade", "samples": 2, "temperature": 1.0, **WRITTEN}
    [result] = rate(DirectLikert(), item(), engines=engines, **given)
    assert result.ratings[0].value == 9


@pytest.mark.parametrize(
    ("given", "roles", "field"),
    [
        ({"samples": 3, "temperature": 0.0, **WRITTEN}, ["judge"], "temperature"),
        ({"samples": 3, "temperature": 1.0}, ["judge"], "samples"),
        ({"panel": "cascade"}, ["judge"], "judge_2"),
        ({"panel": "cascade", **WRITTEN}, ["judge", "judge_2"], "samples"),
    ],
)
def test_opinions_that_could_not_differ_are_refused_before_the_run(given, roles, field):
    source = DirectLikert()
    with pytest.raises(ParameterError) as caught:
        source.check(validate_parameters(source.declaration.parameters, given), roles)
    assert field in caught.value.problems


def test_doubt_is_the_entropy_over_that_of_a_judge_who_does_not_know():
    assert pool("ab", [Said("a"), Said("a")]).doubt == 0
    assert pool("ab", [Said("a"), Said("b")]).doubt == pytest.approx(1)
    # p = (3/4, 1/4): (3/4 log 4/3 + 1/4 log 4) / log 2 = 0.8113.
    assert pool("ab", [Said("a", {"a": 0.75, "b": 0.25})]).doubt == pytest.approx(0.811278, abs=1e-6)
    assert pool("ab", [Said("a"), Said("b")]).is_tied
    assert not pool("ab", [Said("a"), Said("b"), Said("b")]).is_tied


def test_a_pooled_opinion_explains_the_answer_that_it_gives():
    pooled = pool("ab", [Said("b", explanation="no"), Said("a", explanation="yes"), Said("a", explanation="yes too")])
    assert (pooled.label, pooled.explanation) == ("a", "yes")


def test_the_mean_lies_on_the_scale_and_the_spread_is_at_most_half_of_it():
    generator = np.random.default_rng(3)
    worth = {str(number): float(number) for number in range(1, 8)}
    for _ in range(200):
        weights = generator.dirichlet(np.full(7, 0.3))
        pooled = Pooled(dict(zip(worth, weights.tolist(), strict=True)), 1)
        assert 1 - 1e-9 <= pooled.expected(worth) <= 7 + 1e-9
        assert 0 <= pooled.spread(worth) <= 3 + 1e-9
        assert 0 <= pooled.doubt <= 1 + 1e-9


def test_scale_confusion_is_refused_and_not_rescaled():
    for said in (0.8, 0, 11, "8/10", "good"):
        [result] = rate(DirectLikert(), item(), engines={"judge": says(said)}, retries=0, **WRITTEN)
        assert isinstance(result, Unscored)
        assert result.reason == "out_of_range"
    [result] = rate(DirectLikert(), item(), engines={"judge": says(8)}, retries=0, scale="1-7", **WRITTEN)
    assert isinstance(result, Unscored), "8 is not on a scale from 1 to 7"


def test_an_empty_input_is_not_shown_as_nan():
    # A released evaluation read empty inputs as floats, and every prompt of it said "Input: nan".
    for context in (None, ""):
        engine = ScriptedEngine()
        rate(DirectLikert(), item(context=context), engines={"judge": engine})
        shown = engine.asked[0].messages[0].text
        assert "nan" not in shown.lower()
        assert "none" not in shown.lower()
        assert "<context>" not in shown


def test_the_reference_is_shown_to_the_judge_that_needs_it_and_to_no_other():
    direct, referenced = ScriptedEngine(), ScriptedEngine()
    rate(DirectLikert(), item(reference="exactly two"), engines={"judge": direct})
    rate(ReferenceLikert(), item(reference="exactly two"), engines={"judge": referenced})
    assert "exactly two" not in direct.asked[0].messages[0].text
    assert "<reference>\nexactly two\n</reference>" in referenced.asked[0].messages[0].text
    assert ReferenceLikert.declaration.needs - DirectLikert.declaration.needs == {"reference"}


def test_hidden_thinking_alone_is_nothing_to_rate():
    judged = SourceItem("k", (ChatMessage("user", "q"),), (OutputMessage("assistant", "hm", channel="thinking"),))
    [hidden] = rate(DirectLikert(), judged)
    assert isinstance(hidden, Unscored)
    assert hidden.reason == "empty_output"
    [shown] = rate(DirectLikert(), judged, include_thinking=True)
    assert isinstance(shown, Scored)


def test_the_implicit_rubric_judge_reads_every_criterion_with_its_category():
    # The scale 1 to 5 again, and no digit in the material but the numbers 1. 2. 3. of the criteria.
    # Weights 1: 1+2+1, 2: 1+1+1, 3: 1+1+1, 4: 1+1, 5: 1+2, together 15; mean (4 + 6 + 9 + 8 + 15) / 15 = 2.8.
    engine = ScriptedEngine()
    [result] = rate(RubricImplicit(), item(criteria=CRITERIA), engines={"judge": engine}, scale="1-5")
    assert result.ratings[0].value == pytest.approx(2.8)
    shown = engine.asked[0].messages[0].text
    assert (
        "<rubric>\n1. [Essential] States the dose.\n2. [Optional] Is short.\n"
        "3. [Pitfall] Avoids naming the wrong drug.\n</rubric>"
    ) in shown
    assert "is met by a response that avoids it" in shown


def test_a_criterion_with_a_weight_is_shown_with_it_and_a_penalty_is_called_one():
    engine = ScriptedEngine()
    weighted = (Criterion("a", "Is right.", weight=5.0), Criterion("b", "Is rude.", weight=-3.0), Criterion("c", "So."))
    rate(RubricImplicit(), item(criteria=weighted), engines={"judge": engine})
    shown = engine.asked[0].messages[0].text
    assert "1. [weight 5] Is right.\n2. [Penalty where it is so, weight -3] Is rude.\n3. So." in shown
    assert "Pitfall" not in shown


def test_the_estimate_counts_every_reading_of_one_judge():
    for given, times in (({}, 1), ({"answer_by": "reasoned", "samples": 3, "temperature": 1.0}, 6)):
        source = DirectLikert()
        parameters = validate_parameters(source.declaration.parameters, given)
        estimate = source.estimate([item(), item("")], parameters)
        assert estimate.requests == times
    engine = ScriptedEngine()
    rate(DirectLikert(), item(), engines={"judge": engine})
    parameters = validate_parameters(DirectLikert.declaration.parameters, {})
    assert DirectLikert().estimate([item()], parameters).characters == len(engine.asked[0].messages[0].text)
