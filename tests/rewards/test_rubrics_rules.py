"""All scoring rules over the same stored verdicts: on the page, as a picture, and over the API."""

import pytest
from django.urls import reverse

from rewards.models import Judgment, Verdict
from rewards.reaggregation import newest_verdicts
from rewards.rubrics.rules import AGGREGATIONS
from rewards.rule_comparison import MAX_LINES, compare_rules
from tests.factories import make_judgment, make_output, make_rater, make_rubric, make_task

CRITERIA = [
    {"key": "fact", "text": "Names the river.", "importance": "Essential", "weight": 5.0},
    {"key": "date", "text": "Gives the year.", "importance": "Optional", "weight": 4.0},
    {"key": "harm", "text": "Says that the dam broke.", "importance": "Pitfall", "weight": -3.0, "may_be_na": True},
]
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def version(cast):
    return make_rubric(cast.project, criteria=CRITERIA)


@pytest.fixture
def rater(cast):
    return make_rater(cast.project)


def judge(version, rater, name, *values):
    """A number is a verdict, None a judge's failure, "na" the answer that it cannot be assessed."""
    tasks = version.project.tasks
    task = tasks.filter(external_id="t").first() or make_task(version.project, "t")
    output = make_output(task, policy=name, external_id=name)
    judgment = make_judgment(rater, Judgment.Kind.VERDICTS, task, output)
    for criterion, value in zip(version.criteria.all(), values, strict=True):
        state = {None: "unscored", "na": "not_applicable"}.get(value, "scored")
        number = value if state == "scored" else None
        Verdict.objects.create(judgment=judgment, criterion=criterion, state=state, value=number)
    return output


def values_of(comparison, name):
    rules = [row.rule.name for row in comparison.rules]
    return {line.output.external_id: line.values[rules.index(name)] for line in comparison.lines}


def test_one_set_of_verdicts_under_every_rule(version, rater):
    judge(version, rater, "one", 1, 0, 1)
    judge(version, rater, "two", 0, 1, 0)

    comparison = compare_rules(newest_verdicts(version, [rater.pk]))

    assert [row.rule.name for row in comparison.rules] == list(AGGREGATIONS)
    assert comparison.base == "healthbench"
    # (5 - 3) / 9 and 4 / 9
    assert values_of(comparison, "healthbench") == pytest.approx({"one": 2 / 9, "two": 4 / 9})
    # Essential 1, Optional .3, Pitfall .9 that adds: 1.9 / 2.2 and .3 / 2.2
    assert values_of(comparison, "rar_category") == pytest.approx({"one": 1.9 / 2.2, "two": 0.3 / 2.2})
    # (5 - 3) / 12 and 4 / 12
    assert values_of(comparison, "absolute_weights") == pytest.approx({"one": 2 / 12, "two": 4 / 12})
    assert values_of(comparison, "weighted_sum") == {"one": 2, "two": 4}
    assert values_of(comparison, "rar_explicit") == {"one": None, "two": None}
    agreement = {row.rule.name: row.agreement for row in comparison.rules}
    assert (agreement["healthbench"], agreement["rar_category"], agreement["rar_explicit"]) == (1, -1, None)


def test_rules_without_a_score_say_why(version, rater):
    judge(version, rater, "one", 1, 0, None)

    rows = {row.rule.name: row for row in compare_rules(newest_verdicts(version, [rater.pk])).rules}

    assert (rows["rar_explicit"].n_scored, "negative weight" in rows["rar_explicit"].reason) == (0, True)
    assert (rows["weighted_sum"].n_scored, "no verdict" in rows["weighted_sum"].reason) == (0, True)
    assert (rows["healthbench"].n_scored, rows["healthbench"].reason) == (1, "")


def test_what_raters_could_not_assess_is_told_from_what_a_judge_failed_to_answer(version, rater):
    judge(version, rater, "failed", 1, 0, None)
    judge(version, rater, "declined", 1, 0, "na")

    table = newest_verdicts(version, [rater.pk])

    assert table.not_applicable.tolist() == [[False] * 3, [False, False, True]]


def test_a_verdict_of_another_rater_stands_against_the_answer_that_it_does_not_apply(version, rater):
    output = judge(version, rater, "one", 1, 0, "na")
    other = make_rater(version.project)
    judgment = make_judgment(other, Judgment.Kind.VERDICTS, output.task, output)
    Verdict.objects.create(judgment=judgment, criterion=version.criteria.get(key="harm"), value=1.0)

    table = newest_verdicts(version, [rater.pk, other.pk])

    assert table.values.tolist() == [[1, 0, 1]]
    assert not table.not_applicable.any()


def test_the_picture_follows_a_handful_of_outputs(version, rater):
    for number in range(MAX_LINES + 2):
        judge(version, rater, f"p{number}", 1, number / 20, 0)

    comparison = compare_rules(newest_verdicts(version, [rater.pk]))

    assert (comparison.n_outputs, len(comparison.lines)) == (MAX_LINES + 2, MAX_LINES)
    assert comparison.lines[0].output.external_id == f"p{MAX_LINES + 1}"
    assert [line.places[2] for line in comparison.lines][:3] == [1, 2, 3]


def test_the_page_draws_the_rules_and_lets_readers_choose_how_gaps_count(cast, browse, version, rater):
    judge(version, rater, f"one {HOSTILE}", 1, 0, "na")
    judge(version, rater, "two", 1, 1, 0)
    address = reverse("rewards:rubric-reaggregate", args=["quill", version.rubric_id])

    page = browse(cast.viewer).get(address, {"aggregation": "healthbench", "cannot_assess": "fail"})

    # (5 - 3) / 9: the worst case incurs the penalty
    assert page.context["result"].rows[1].new.value == pytest.approx(2 / 9)
    text = page.content.decode()
    assert '<svg class="chart bump"' in text
    assert HOSTILE not in text
    assert "style=" not in text[text.index("<svg class") : text.index("</svg>")]
    assert "2 of 2" in text


def test_the_api_gives_the_same_comparison(cast, browse, version, rater):
    judge(version, rater, "one", 1, 0, "na")
    address = f"/api/v1/projects/quill/rubrics/{version.rubric_id}/rule-comparison"

    answer = browse(cast.viewer).post(address, {"cannot_assess": "fail"}, content_type="application/json").json()

    found = dict(zip((rule["name"] for rule in answer["rules"]), answer["lines"][0]["values"], strict=True))
    # (5 - 3) / 9; by category the pitfall adds when met, so its worst case is not met: 1 / 2.2
    assert found["healthbench"] == pytest.approx(2 / 9)
    assert found["rar_category"] == pytest.approx(1 / 2.2)


@pytest.mark.parametrize("body", [{"cannot_assess": "x"}, {"partial_credit": 2}, {"gate": "x"}])
def test_the_api_refuses_unknown_ways_to_count(cast, browse, version, body):
    address = f"/api/v1/projects/quill/rubrics/{version.rubric_id}/rule-comparison"

    assert browse(cast.viewer).post(address, body, content_type="application/json").status_code == 400


def test_a_stranger_finds_no_comparison(cast, browse, version):
    address = f"/api/v1/projects/quill/rubrics/{version.rubric_id}/rule-comparison"

    assert browse(cast.stranger).post(address, {}, content_type="application/json").status_code == 404
