"""A finished run that is run again asks the model nothing: counted by the engine itself."""

import pytest
from django.urls import reverse

from tests.factories import make_output, make_project, make_rubric, make_task, make_user
from tests.workers.counting_source import start
from workers import model_loading
from workers.actions.endpoints import probe_endpoint, register_endpoint
from workers.actions.scorers import create_scorer
from workers.engines.contract import Usage
from workers.models import Run
from workers.scoring import work_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(tiny_folder, settings):
    settings.MODEL_ROOTS = [tiny_folder.parent]
    endpoint = register_endpoint(
        project=None, name="tiny", reference=str(tiny_folder), actor=None, dtype="float32", probe=False
    )
    assert probe_endpoint(endpoint=endpoint)
    yield endpoint
    model_loading.let_go_of_models()


def work_through(run: Run) -> Run:
    while work_once(run.scorer.queue, run=run):
        pass
    run.refresh_from_db()
    return run


def test_running_a_finished_run_again_makes_no_model_call(endpoint):
    project = make_project()
    for number in range(3):
        make_output(make_task(project, external_id=f"task-{number}"), text=f"answer {number}")
    scorer = create_scorer(
        project=project,
        source="rubric_judge",
        endpoints={"judge": endpoint},
        rubric_version=make_rubric(project),
        actor=None,
    )
    engine = model_loading.engine_for(endpoint)
    before = engine.usage
    first = work_through(start(project, scorer))
    used = engine.usage - before
    assert first.status == Run.Status.FINISHED
    assert first.scored_count == 3
    assert used.requests >= 3
    assert used.prompt_tokens > used.requests
    before = engine.usage
    again = work_through(start(project, scorer))
    assert (again.status, again.scored_count, again.reused_count) == (Run.Status.FINISHED, 3, 3)
    assert engine.usage - before == Usage()


def test_an_endpoint_says_whether_its_model_shares_beginnings(endpoint):
    assert endpoint.resolved["prefix_sharing"] == "yes"
    before = endpoint.resolved
    assert probe_endpoint(endpoint=endpoint, load=False)
    assert endpoint.resolved == before


def test_the_page_of_models_shows_what_the_engine_states(endpoint, client):
    viewer = make_user()
    project = make_project(viewer=viewer)
    client.force_login(viewer)
    page = client.get(reverse("workers:endpoint-list", args=[project.slug])).content.decode()
    assert "<dt>Prefix sharing</dt><dd>yes</dd>" in page
    assert "hidden_states" in page
