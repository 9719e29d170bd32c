"""The rubric judge in words (RubricJudgeWritten): verdicts, votes, and criteria that a judge leaves out."""

import json
import re

import pytest

from rewards.parameters import validate_parameters
from rewards.rubrics.aggregate import aggregate
from rewards.rubrics.content import Criterion, Level, RubricContent
from tests.workers.scripted_engine import Asked, ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.results import Scored, Unscored
from workers.sources.rubric_written import RubricJudgeWritten

SOURCE = RubricJudgeWritten()
DOSE = Criterion("dose", "States the dose.", importance="Essential")
SHORT = Criterion("short", "Is short.", importance="Optional")
CITED = Criterion("cited", "Names its source.", importance="Pitfall", may_be_na=True)
DEPTH = Criterion(
    "depth", "How deep?", kind="ordinal", levels=(Level("Weak", 0.0), Level("Fair", 0.5), Level("Strong", 1.0))
)
TONE = Criterion("tone", "Which tone?", kind="nominal", levels=(Level("Formal", 1.0), Level("Casual", 0.25)))


def item(*criteria: Criterion, response: str = "Take two.") -> SourceItem:
    return SourceItem(
        "k", (ChatMessage("user", "how much?"),), (OutputMessage("assistant", response),), criteria=criteria, seed=3
    )


def score(judged: SourceItem, *engines: ScriptedEngine, **given):
    parameters = validate_parameters(SOURCE.declaration.parameters, given)
    roles = dict(zip(("judge", "judge_2", "judge_3"), engines, strict=False))
    SOURCE.check(parameters, roles)
    [result] = SOURCE.score([judged], roles, parameters)
    return result


def says(**answers: str) -> ScriptedEngine:
    """A judge that answers the criterion whose text is asked, in one call or in many; without an entry it is silent."""
    texts = {one.text: answers[one.key] for one in (DOSE, SHORT, CITED, DEPTH, TONE) if one.key in answers}

    def script(asked: Asked) -> str:
        entry = {text: {"explanation": f"See {text}", "answer": answer} for text, answer in texts.items()}
        numbered = re.findall(r"^(criterion_\d+): (.+)$", asked.read, re.MULTILINE)
        if numbered:
            return json.dumps({name: entry[text] for name, text in numbered if text in entry})
        return json.dumps(next((said for text, said in entry.items() if text in asked.read), {}))

    return ScriptedEngine(script)


def verdicts(result):
    assert isinstance(result, Scored)
    return {verdict.criterion_key: verdict for verdict in result.verdicts}


@pytest.mark.parametrize("one_call", [False, True])
def test_a_yes_is_1_and_a_no_is_0_and_the_reasons_are_kept(one_call):
    result = score(item(DOSE, SHORT, CITED), says(dose="Yes", short="no", cited="Cannot assess"), one_call=one_call)
    found = verdicts(result)
    assert [(one.state, one.value, one.label) for one in found.values()] == [
        ("scored", 1.0, "Yes"),
        ("scored", 0.0, "No"),
        ("not_applicable", None, "Cannot assess"),
    ]
    assert found["dose"].explanation == "See States the dose."
    assert dict(found["dose"].probabilities) == {}
    assert len(result.replies) == (1 if one_call else 3)


def test_the_verdicts_add_up_as_equation_1_says():
    # Essential 1.0 met, Optional 0.3 not met, Pitfall 0.9 met: (1.0 + 0.9) / (1.0 + 0.3 + 0.9) = 1.9 / 2.2.
    result = score(item(DOSE, SHORT, CITED), says(dose="Yes", short="No", cited="Yes"))
    values = {key: verdict.value for key, verdict in verdicts(result).items()}
    content = RubricContent((DOSE, SHORT, CITED))
    assert aggregate(content, values, "rar_explicit").value == pytest.approx(1.9 / 2.2)


@pytest.mark.parametrize("one_call", [False, True])
def test_levels_are_worth_their_values(one_call):
    found = verdicts(score(item(DEPTH, TONE), says(depth="fair", tone="Casual"), one_call=one_call))
    assert (found["depth"].value, found["depth"].label) == (0.5, "Fair")
    assert (found["tone"].value, found["tone"].label) == (0.25, "Casual")


def test_one_call_grading_asks_again_for_the_criteria_that_the_judge_dropped():
    def script(asked: Asked) -> str:
        entry = {"explanation": "so", "answer": "Yes"}
        return json.dumps({"criterion_1": entry})

    engine = ScriptedEngine(script)
    result = score(item(DOSE, SHORT, CITED), engine, one_call=True, retries=1)
    found = verdicts(result)
    # The first call answers the first criterion, the second the first of the two that were left: one stays out.
    assert [one.state for one in found.values()] == ["scored", "scored", "unscored"]
    assert (found["cited"].reason, found["cited"].value) == ("unverified", None)
    first, second = engine.requests
    assert "criterion_3" in first.read
    assert "States the dose." not in second.read
    assert "criterion_1: Is short." in second.read
    assert first.sampling.seed != second.sampling.seed
    assert json.loads(first.sampling.json_schema)["required"] == ["criterion_1", "criterion_2", "criterion_3"]
    assert [reply.purpose for reply in result.replies] == ["all criteria", "left out: short, cited"]
    found = verdicts(score(item(DOSE, SHORT, CITED), ScriptedEngine(script), one_call=True, retries=2))
    assert [one.value for one in found.values()] == [1.0, 1.0, 1.0]


def test_an_answer_off_the_menu_is_unscored_beside_the_others_and_no_zero():
    found = verdicts(score(item(DOSE, SHORT), says(dose="Yes", short="Rather"), one_call=True, retries=0))
    assert (found["short"].state, found["short"].value, found["short"].reason) == ("unscored", None, "off_menu")
    assert found["dose"].value == 1.0


@pytest.mark.parametrize("one_call", [False, True])
def test_a_judge_that_answers_nothing_leaves_the_item_unscored_with_what_it_said(one_call):
    result = score(item(DOSE, SHORT), ScriptedEngine("I would rather not."), one_call=one_call)
    assert isinstance(result, Unscored)
    assert result.reason == "no_json"
    assert {reply.text for reply in result.replies} == {"I would rather not."}
    assert len(result.replies) == (2 if one_call else 4)


def test_a_panel_gives_the_share_of_yes_and_the_majority_a_yes_or_a_no():
    judges = [says(dose="Yes", depth="Weak"), says(dose="Yes", depth="Strong"), says(dose="No", depth="Strong")]
    mean = score(item(DOSE, DEPTH), *judges)
    found = verdicts(mean)
    # Yes, Yes, No: 2/3. Levels 0, 1, 1: 2/3.
    assert found["dose"].value == pytest.approx(2 / 3)
    assert found["dose"].label == "Yes"
    assert found["dose"].probabilities == pytest.approx({"Yes": 2 / 3, "No": 1 / 3})
    assert found["depth"].value == pytest.approx(2 / 3)
    # Standard deviation of (1, 1, 0) and of (0, 1, 1): sqrt(2)/3 each.
    [signal] = mean.signals
    assert signal.channel == "dispersion"
    assert float(signal.signal.values[0]) == pytest.approx(2**0.5 / 3, abs=1e-6)
    majority = verdicts(score(item(DOSE, DEPTH), *judges, combine="majority"))
    assert (majority["dose"].value, majority["depth"].value) == (1.0, 1.0)


def test_even_votes_are_no_majority():
    judges = [says(dose="Yes", tone="Formal", short="No"), says(dose="No", tone="Casual", short="No")]
    found = verdicts(score(item(DOSE, TONE, SHORT), *judges, combine="majority"))
    assert [(one.state, one.value, one.reason) for one in found.values()] == [
        ("unscored", None, "tied_vote"),
        ("unscored", None, "tied_vote"),
        ("scored", 0.0, ""),
    ]
    # By the mean a binary criterion has a value; a nominal one has no mean.
    found = verdicts(score(item(DOSE, TONE, SHORT), *judges))
    assert [one.value for one in found.values()] == [0.5, None, 0.0]


def test_in_one_call_a_panel_and_its_draws_are_asked_apart():
    judges = [says(dose="Yes", short="No"), says(dose="No", short="No")]
    result = score(item(DOSE, SHORT), *judges, one_call=True, samples=2, temperature=0.7)
    assert verdicts(result)["dose"].value == 0.5
    assert [len(judge.requests) for judge in judges] == [2, 2]
    assert len({asked.sampling.seed for judge in judges for asked in judge.requests}) == 4
    assert len(result.replies) == 4


def test_the_estimate_counts_calls():
    judged = item(DOSE, SHORT, CITED)
    for given, n_calls in (({}, 3), ({"one_call": True}, 1), ({"samples": 2, "temperature": 1.0}, 6)):
        parameters = validate_parameters(SOURCE.declaration.parameters, given)
        estimate = SOURCE.estimate([judged], parameters)
        engine = says(dose="Yes", short="Yes", cited="Yes")
        score(judged, engine, **given)
        assert estimate.requests == n_calls == len(engine.requests)
        assert estimate.characters == sum(len(asked.read) for asked in engine.requests)
