"""The criterion table of a task's page: verdicts by rater, scores of n, and where each number comes from."""

import pytest
from django.urls import reverse

from rewards.models import Judgment, JudgmentTrace, Verdict
from rewards.provenance import Fact, facts_about_raters, register_rater_describer
from tests.factories import make_judgment, make_output, make_rater, make_rubric, make_task


@pytest.fixture
def task(cast):
    return make_task(cast.project)


def page_of(client, task, **query):
    return client.get(reverse("rewards:task-detail", args=[task.project.slug, task.pk]), query)


def judge(rater, output, version, repeat=0, **verdicts):
    judgment = make_judgment(rater, Judgment.Kind.VERDICTS, output.task, output, repeat=repeat)
    for criterion in version.criteria.all():
        Verdict.objects.create(judgment=judgment, criterion=criterion, **verdicts[criterion.key])
    return judgment


def test_verdicts_stand_by_criterion_and_rater_with_a_score_of_n(cast, browse, task):
    version = make_rubric(
        cast.project,
        criteria=[{"key": key, "text": key, "weight": weight} for key, weight in [("a", 3.0), ("b", 1.0), ("c", 1.0)]],
    )
    judge(
        make_rater(cast.project),
        make_output(task),
        version,
        a={"value": 0.75, "label": "yes", "probabilities": {"yes": 0.75, "no": 0.25}, "prior": {"yes": 0.6, "no": 0.4}},
        b={"state": "unscored", "reason": "context_overrun"},
        c={"state": "not_applicable"},
    )

    response = page_of(browse(cast.viewer), task)

    [table] = response.context["page"].tables
    # Only a has a verdict, so the score is 3 x 0.75 / 3.
    assert table.columns[0].score[:3] == (0.75, 1, 3)
    page = response.content.decode()
    for words in ("prior 0.60", "context_overrun", "not applicable", "1 of 3"):
        assert words in page


def test_another_aggregation_gives_another_score(cast, browse, task):
    criteria = [{"key": "good", "text": "good", "weight": 1.0}, {"key": "bad", "text": "bad", "weight": -1.0}]
    version = make_rubric(cast.project, criteria=criteria)
    judge(make_rater(cast.project), make_output(task), version, good={"value": 1.0}, bad={"value": 0.5})
    client = browse(cast.viewer)

    def score(**query):
        return page_of(client, task, **query).context["page"].tables[0].columns[0].score.value

    # (1 - 0.5) / 1 and (1 - 0.5) / 2; Rubrics as Rewards has no place for a negative weight.
    assert score(aggregation="healthbench") == 0.5
    assert score(aggregation="absolute_weights") == 0.25
    assert score(aggregation="rar_explicit") is None
    # Without a choice the rubric gets one that suits it.
    assert score() == 0.5


def test_the_newest_judgment_of_a_repeat_stands(cast, browse, task):
    version, rater, output = make_rubric(cast.project), make_rater(cast.project), make_output(task)
    for value in (0.1, 0.9):
        judge(rater, output, version, correct={"value": value})
    judge(rater, output, version, repeat=1, correct={"value": 0.5})

    columns = page_of(browse(cast.viewer), task).context["page"].tables[0].columns

    assert [column.score.value for column in columns] == [0.9, 0.5]


def test_each_number_tells_where_it_comes_from(cast, browse, task):
    version, rater = make_rubric(cast.project), make_rater(cast.project)
    judgment = judge(rater, make_output(task), version, correct={"value": 1.0})
    JudgmentTrace.objects.create(
        judgment=judgment, prompt_hash="p" * 64, served_model="tiny-judge", seed=7, code_version="0.1.0"
    )

    page = page_of(browse(cast.viewer), task).content.decode()

    for words in ("p" * 64, "tiny-judge", "<dd>7</dd>", "0.1.0", str(version), f"#{judgment.pk}"):
        assert words in page


def test_whoever_knows_more_of_a_rater_may_say_it(cast, monkeypatch):
    monkeypatch.setattr("rewards.provenance._describers", [])
    rater, other = make_rater(cast.project), make_rater(cast.project)
    register_rater_describer(lambda pks: {rater.pk: [Fact("Model", "tiny")]})

    facts = facts_about_raters([rater, other])

    assert Fact("Model", "tiny") in facts[rater.pk]
    assert Fact("Model", "tiny") not in facts[other.pk]
