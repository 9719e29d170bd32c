"""`manage.py score`: the whole way from the command line."""

import pytest
from django.core.management import CommandError, call_command

from rewards.models import RewardSignal
from tests.factories import make_output, make_project, make_rubric, make_task
from tests.workers.counting_source import BREAKS, REFUSED
from tests.workers.test_scorers import make_endpoint
from tests.workers.tiny_model import LetterEngine
from workers import model_loading
from workers.actions.prompts import add_prompt_version, create_prompt
from workers.models import Run, Scorer
from workers.sources.registry import source_named

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project("mine")


def score(*arguments):
    from io import StringIO

    output = StringIO()
    call_command("score", "--project", "mine", *arguments, stdout=output)
    return output.getvalue()


def test_inline_it_computes_in_this_process_and_says_what_came_of_it(project, counting):
    for text in ("four", REFUSED):
        make_output(make_task(project), text)
    said = score("--source", "counting", "--param", "factor=2", "--inline")
    assert "Finished: 1 of 2 scored." in said
    assert "1 unscored: Longer than the model's context (context_overrun)" in said
    assert RewardSignal.objects.get().total == 8.0


def test_failed_items_make_the_command_fail(project, counting):
    make_output(make_task(project), BREAKS)
    with pytest.raises(CommandError, match="1 items failed"):
        score("--source", "counting", "--inline")


def test_outputs_takes_the_next_ones_that_are_not_scored_yet(project, counting):
    for number in range(3):
        make_output(make_task(project), "x" * (number + 1), external_id=f"o{number}")
    score("--source", "counting", "--outputs", "2", "--inline")
    score("--source", "counting", "--outputs", "2", "--inline")
    assert [run.item_count for run in Run.objects.order_by("id")] == [2, 1]
    score("--source", "counting", "--output-ids", "o0", "o2", "--inline")
    assert Run.objects.latest("id").reused_count == 2


def test_without_inline_the_workers_compute_it(project, counting):
    make_output(make_task(project), "a")
    assert "The workers compute it" in score("--source", "counting")
    assert Run.objects.get().status == Run.Status.PENDING


def test_rubrics_and_models_are_named(project, monkeypatch):
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: LetterEngine())
    make_rubric(project, "Quality")
    make_endpoint("letters")
    make_output(make_task(project))
    score("--source", "rubric_judge", "--rubric", "Quality", "--model", "judge=letters", "--inline")
    scorer = Scorer.objects.get()
    assert str(scorer.rubric_version) == "Quality v1"
    assert not scorer.uses_task_rubric


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "counting", "--param", "factor"], "expected NAME=VALUE"),
        (["--source", "counting", "--param", "factor=lots"], "expected a number"),
        (["--source", "counting", "--param", "factor=11"], "expected at most 10"),
        (["--source", "counting", "--model", "judge=none"], "There is no model 'none'"),
        (["--source", "counting", "--rubric", "Nothing"], "There is no rubric 'Nothing'"),
        (["--source", "counting", "--output-ids", "nothing"], "No output fits"),
    ],
)
def test_what_cannot_be_understood_is_one_clear_line(project, counting, arguments, message):
    with pytest.raises(CommandError, match=message):
        score(*arguments)


def test_an_unknown_project_is_named(db):
    with pytest.raises(CommandError, match="There is no project 'mine'"):
        score("--source", "log_ratio")


def test_a_prompt_is_named_with_or_without_its_version(project, monkeypatch):
    engine = LetterEngine()
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: engine)
    make_endpoint()
    make_output(make_task(project), "Paris.")
    make_rubric(project, "Quality")
    default = source_named("rubric_judge").declaration.prompt.default
    first = create_prompt(
        project=project, source="rubric_judge", name="strict", template=f"Be strict. {default}", actor=None
    )
    second = add_prompt_version(prompt=first.prompt, template=f"Be mild. {default}", actor=None)
    judge = ("--source", "rubric_judge", "--rubric", "Quality", "--inline")
    score(*judge, "--prompt", "strict")
    score(*judge, "--prompt", "strict@1")
    assert [scorer.prompt_version for scorer in Scorer.objects.order_by("id")] == [second, first]
    assert any(prompt.messages[-1].text.startswith("Be mild.") for prompt in engine.asked)
    with pytest.raises(CommandError, match="no prompt 'kind' for rubric_judge; there are: strict@2, strict@1"):
        score(*judge, "--prompt", "kind")


@pytest.mark.models
def test_in_a_new_project_each_source_gets_the_shipped_model_that_can_serve_it(project):
    make_output(make_task(project, reference="Four."), "Four.")
    assert "Finished: 1 of 1 scored." in score("--source", "semantic_similarity", "--inline")
    assert [endpoint.name for endpoint in Scorer.objects.get().endpoints.all()] == ["all-MiniLM-L6-v2"]
