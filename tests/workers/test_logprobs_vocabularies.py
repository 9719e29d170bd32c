"""Models whose tokens are compared have one vocabulary: said before a run where it is known."""

import json
import shutil

import pytest

from projects.errors import AppError
from tests.factories import make_project
from tests.workers.test_scorers import RESOLVED, make_endpoint
from tests.workers.tiny_model import build_tiny_model
from workers.actions.endpoints import probe_endpoint, register_endpoint
from workers.actions.scorers import create_scorer
from workers.engines.folders import resolve_model
from workers.engines.vocabularies import vocabulary_hash


def change(folder, **fields):
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_model_that_was_trained_on_keeps_its_vocabulary_with_other_tokenizer_files(tiny_folder, tmp_path):
    trained = tmp_path / "trained"
    shutil.copytree(tiny_folder, trained)
    settings = json.loads((trained / "tokenizer_config.json").read_text())
    (trained / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": "another"}))
    tokenizer = json.loads((trained / "tokenizer.json").read_text())
    added = {**tokenizer["added_tokens"][0], "id": 9999, "content": "<|tool|>"}
    change(trained, added_tokens=[*tokenizer["added_tokens"], added])
    base, found = (resolve_model(str(folder), models_dir=tmp_path) for folder in (tiny_folder, trained))
    assert found.tokenizer != base.tokenizer
    assert found.vocabulary == base.vocabulary != ""
    assert "vocabulary" not in found.identity, "hashes of scorers stay what they were"


def test_other_tokens_or_another_order_are_another_vocabulary(tiny_folder, tmp_path):
    other = build_tiny_model(tmp_path / "other", merges=5)
    assert vocabulary_hash(other) != vocabulary_hash(tiny_folder)
    shutil.copytree(tiny_folder, tmp_path / "turned")
    model = json.loads((tiny_folder / "tokenizer.json").read_text())["model"]
    names = list(model["vocab"])
    change(tmp_path / "turned", model={**model, "vocab": {name: place for place, name in enumerate(names[::-1])}})
    assert vocabulary_hash(tmp_path / "turned") != vocabulary_hash(tiny_folder)


def test_a_vocabulary_of_scored_pieces_is_read_in_their_order(tmp_path):
    found = []
    for name, pieces in (
        ("a", [["x", -1.0], ["y", -2.0]]),
        ("b", [["x", -3.0], ["y", -4.0]]),
        ("c", [["y", 0], ["x", 0]]),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer.json").write_text(json.dumps({"model": {"type": "Unigram", "vocab": pieces}}))
        found.append(vocabulary_hash(tmp_path / name))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("content", [None, "no JSON", "[]", '{"model": {"vocab": 3}}'])
def test_a_vocabulary_that_cannot_be_read_is_unknown_and_no_error(tmp_path, content):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    assert vocabulary_hash(tmp_path) == ""


def scorer(source, **vocabularies):
    """Made in a project with models of these vocabularies by role."""
    project = make_project()
    given = {"project": project, "capabilities": ["logprobs", "distributions", "reward"]}
    endpoints = {
        role: make_endpoint(role, resolved={**RESOLVED, "vocabulary": known}, **given)
        for role, known in vocabularies.items()
    }
    return create_scorer(project=project, source=source, actor=None, endpoints=endpoints)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("source", "first", "second"),
    [
        ("implicit_prm", "policy", "reference"),
        ("length_desensitised_reward", "policy", "reference"),
        ("logit_delta", "trained", "base"),
        ("thought_gain", "model", "baseline"),
        ("log_ratio", "view_a", "view_b"),
    ],
)
def test_a_reference_of_another_vocabulary_is_refused_before_the_run(source, first, second):
    with pytest.raises(AppError) as error:
        scorer(source, **{first: "one", second: "another"})
    assert error.value.code == "scorer_invalid"
    assert set(error.value.fields) == {second}
    assert scorer(source, **{first: "one", second: "one"}).pk


@pytest.mark.django_db
def test_every_model_of_another_vocabulary_is_named_but_not_the_reward_model():
    with pytest.raises(AppError) as error:
        scorer("rto", dpo="one", reference="two", policy="three", reward_model="four")
    assert set(error.value.fields) == {"reference", "policy"}
    assert scorer("rto", dpo="one", reference="one", policy="one", reward_model="four").pk


@pytest.mark.django_db
def test_a_vocabulary_that_is_not_known_is_left_to_the_run():
    assert scorer("implicit_prm", policy="one", reference="").pk


@pytest.mark.django_db
def test_a_probe_notes_the_vocabulary_and_a_later_one_adds_it(tiny_folder, tmp_path, settings):
    settings.MODEL_ROOTS = [tmp_path]
    shutil.copytree(tiny_folder, tmp_path / "tiny")
    endpoint = register_endpoint(
        project=None, name="m", reference=str(tmp_path / "tiny"), actor=None, dtype="float32", probe=False
    )
    assert probe_endpoint(endpoint=endpoint, load=False)
    assert endpoint.resolved["vocabulary"] == vocabulary_hash(tiny_folder)
    assert "distributions" in endpoint.capabilities
    without = {name: value for name, value in endpoint.resolved.items() if name != "vocabulary"}
    type(endpoint).objects.filter(pk=endpoint.pk).update(resolved=without, capabilities=["logprobs"])
    endpoint.refresh_from_db()
    assert probe_endpoint(endpoint=endpoint, load=False)
    assert endpoint.resolved == {**without, "vocabulary": vocabulary_hash(tiny_folder)}
    assert "distributions" in endpoint.capabilities
