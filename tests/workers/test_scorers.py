"""Scorers: identified by all that decides their numbers, and by nothing else."""

import pytest

from projects.errors import AppError
from rewards.models import Judgment, JudgmentTrace, Rater, RewardSignal, Rubric, RubricVersion, Verdict
from tests.factories import make_output, make_project, make_rubric, make_task
from tests.workers.counting_source import start
from tests.workers.tiny_model import LetterEngine
from workers import model_loading
from workers.actions.scorers import create_scorer
from workers.models import Attempt, ModelEndpoint
from workers.scoring import work_once

pytestmark = pytest.mark.django_db

RESOLVED = {"weights": "sha256:aa", "tokenizer": "bb", "chat_template": "cc", "dtype": "float32", "pinned": True}


@pytest.fixture
def project():
    return make_project()


def make_endpoint(name="letters", **fields):
    fields = {"resolved": RESOLVED, "capabilities": ["choose", "logprobs"], "probed_at": "2026-01-01T00:00Z"} | fields
    return ModelEndpoint.objects.create(name=name, engine="transformers", reference=name, **fields)


@pytest.fixture
def endpoint():
    return make_endpoint()


@pytest.fixture
def letters(monkeypatch):
    """Every endpoint is the model that can be worked out by hand."""
    engine = LetterEngine()
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: engine)
    return engine


def judge(project, endpoint, **fields):
    fields = {"rubric_version": None, "uses_task_rubric": False} | fields
    return create_scorer(project=project, source="rubric_judge", endpoints={"judge": endpoint}, actor=None, **fields)


def work_through(run):
    while work_once(run.scorer.queue, run=run):
        pass
    run.refresh_from_db()
    return run


def test_the_same_content_is_the_same_scorer_whatever_its_name(project, endpoint):
    rubric = make_rubric(project)
    first = judge(project, endpoint, rubric_version=rubric, name="first")
    second = judge(project, endpoint, rubric_version=rubric, name="second")
    assert first == second
    assert second.name == "first"
    assert Rater.objects.get(kind="scorer").scorer_hash == first.hash


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"calibrate": True}},
        {"parameters": {"use_reference": False}},
        {"uses_task_rubric": True, "rubric_version": None},
    ],
)
def test_every_part_of_the_content_makes_another_scorer(project, endpoint, change):
    plain = {"rubric_version": make_rubric(project)}
    assert judge(project, endpoint, **plain).hash != judge(project, endpoint, **(plain | change)).hash


def test_other_weights_of_the_model_are_another_scorer_and_another_name_of_it_is_not(project, endpoint):
    rubric = make_rubric(project)
    scorer = judge(project, endpoint, rubric_version=rubric)
    renamed = make_endpoint("same model, other name")
    assert judge(project, renamed, rubric_version=rubric) == scorer
    for part in ("weights", "tokenizer", "chat_template", "dtype"):
        other = make_endpoint(f"other {part}", resolved=RESOLVED | {part: "other"})
        assert judge(project, other, rubric_version=rubric).hash != scorer.hash


def test_a_new_version_of_a_rubric_is_another_scorer(project, endpoint):
    first = make_rubric(project)
    second = RubricVersion.objects.create(project=project, rubric=first.rubric, number=2, content_hash="2" * 64)
    assert judge(project, endpoint, rubric_version=first).hash != judge(project, endpoint, rubric_version=second).hash


def test_a_raised_version_of_the_source_is_another_scorer(project, counting):
    from dataclasses import replace

    first = create_scorer(project=project, source="counting", actor=None)
    counting.declaration = replace(counting.declaration, version=2)
    assert create_scorer(project=project, source="counting", actor=None).hash != first.hash


def test_the_hash_covers_no_address_and_no_name(project, endpoint):
    scorer = judge(project, endpoint, rubric_version=make_rubric(project))
    assert set(scorer.content) == {"source", "source_version", "parameters", "prompt", "rubric", "models"}
    assert set(scorer.content["models"]["judge"]) == set(RESOLVED)
    assert len(scorer.content["prompt"]) == 64


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"capabilities": ["embed"]}, "judge"),
        ({"failure": "gone"}, "judge"),
        ({"probed_at": None}, "judge"),
    ],
)
def test_a_model_that_cannot_serve_is_refused_with_the_reason(project, fields, field):
    with pytest.raises(AppError) as error:
        judge(project, make_endpoint("m", **fields), rubric_version=make_rubric(project))
    assert error.value.code == "scorer_invalid"
    assert field in error.value.fields


def test_models_and_rubrics_of_other_projects_are_refused(project, endpoint):
    elsewhere = make_project()
    with pytest.raises(AppError) as error:
        judge(project, make_endpoint("theirs", project=elsewhere), rubric_version=make_rubric(elsewhere))
    assert set(error.value.fields) == {"judge", "rubric"}


def test_a_judge_stores_verdicts_with_probabilities_prior_and_trace(project, endpoint, letters):
    rubric = make_rubric(
        project,
        criteria=[
            {"key": "clear", "text": "Is it clear?"},
            {"key": "short", "text": "Is it short?", "may_be_na": True},
        ],
    )
    output = make_output(make_task(project), "Yes, Yes.")
    run = work_through(start(project, judge(project, endpoint, rubric_version=rubric)))
    assert (run.scored_count, run.failed_count) == (1, 0), Attempt.objects.get().traceback
    judgment = Judgment.objects.get()
    assert (judgment.kind, judgment.output, judgment.rater) == ("verdicts", output, run.scorer.rater)
    assert len(judgment.input_hash) == 64
    clear = Verdict.objects.get(criterion__key="clear")
    # The prompt offers "Yes" and "No" once each, and the output says "Yes" twice: (1 + 3) to (1 + 1).
    assert clear.value == pytest.approx(2 / 3)
    assert clear.probabilities == pytest.approx({"Yes": 2 / 3, "No": 1 / 3})
    assert clear.prior == pytest.approx({"Yes": 1 / 2, "No": 1 / 2})
    trace = JudgmentTrace.objects.get()
    assert trace.served_model == "sha256:aa"
    assert "offered_mass" in trace.replies[0]
    assert trace.code_version
    project.refresh_from_db()
    assert project.judgment_count == 1


def test_a_changed_rubric_of_the_task_is_judged_anew_and_an_unchanged_one_is_taken_over(project, endpoint, letters):
    task = make_task(project, "t")
    make_output(task)
    rubric = Rubric.objects.create(project=project, name="own", task_external_id="t")
    for number in (1, 2):
        version = RubricVersion.objects.create(
            project=project, rubric=rubric, number=number, content_hash=str(number) * 64
        )
        version.criteria.create(project=project, position=0, key="k", text=f"Question {number}?")
        scorer = judge(project, endpoint, uses_task_rubric=True)
        assert work_through(start(project, scorer)).reused_count == 0
        assert work_through(start(project, scorer)).reused_count == 1
    assert Judgment.objects.count() == 2
    assert Judgment.objects.values("input_hash").distinct().count() == 2


def test_a_task_without_a_rubric_is_unscored(project, endpoint, letters):
    make_output(make_task(project))
    run = work_through(start(project, judge(project, endpoint, uses_task_rubric=True)))
    assert run.unscored_count == 1
    assert Attempt.objects.get().reason == "no_criteria"


def test_log_ratio_stores_tokens_and_steps(project, endpoint, letters):
    make_output(make_task(project, prompt="aa"), "ab\nb")
    scorer = create_scorer(project=project, source="log_ratio", endpoints={"view_a": endpoint}, actor=None)
    run = work_through(start(project, scorer))
    assert run.scored_count == 1, Attempt.objects.get().traceback
    signals = RewardSignal.objects.filter(channel="log_ratio").values_list("segmentation__segmenter", "scored_count")
    # Four letters are four tokens; two lines are two steps.
    assert dict(signals) == {"tokenizer:letters": 4, "step/1": 2}


def test_a_hosted_alias_is_taken_over_within_its_run_only(project, letters):
    make_output(make_task(project))
    unpinned = make_endpoint("alias", resolved=RESOLVED | {"pinned": False})
    scorer = create_scorer(project=project, source="log_ratio", endpoints={"view_a": unpinned}, actor=None)
    assert not scorer.is_pinned
    first, second = work_through(start(project, scorer)), work_through(start(project, scorer))
    assert (first.reused_count, second.reused_count) == (0, 0)
    assert Attempt.objects.filter(status="scored").count() == 2


def test_a_context_overrun_is_unscored_and_nothing_is_cut(project, endpoint, letters):
    letters.context_length = 50
    make_output(make_task(project), "x" * 100)
    scorer = create_scorer(project=project, source="log_ratio", endpoints={"view_a": endpoint}, actor=None)
    run = work_through(start(project, scorer))
    assert (run.scored_count, run.unscored_count) == (0, 1)
    assert Attempt.objects.get().reason == "context_overrun"
    assert not RewardSignal.objects.exists()
