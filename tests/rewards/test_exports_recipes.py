"""Exports of a recipe's rewards: a column an output with its segments, and pairs and labels from the totals."""

import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from projects.errors import AppError
from rewards.actions.exports import copy_export, export_now
from rewards.actions.recipes import create_recipe
from rewards.exporting.choices import choices_from_json
from rewards.exporting.preview import preview_of
from tests.factories import make_output, make_project, make_rater, make_rating, make_task

pytestmark = pytest.mark.django_db

DOCUMENT: dict[str, Any] = {
    "recipe": 1,
    "inputs": {"stars": {"kind": "rating"}},
    "reward": {"op": "end_of_sequence", "scores": {"input": "stars"}, "onto": "token"},
    "advantage": {"estimator": "group_mean"},
}


@pytest.fixture
def project() -> Any:
    return make_project()


@pytest.fixture
def version(project: Any) -> Any:
    """Three outputs of one task, rated 1, 3 and not at all."""
    task, rater = make_task(project, "t", licence="MIT"), make_rater(project)
    for number, (text, value) in enumerate((("Yes, sir.", 1), ("No.", 3), ("Hm.", None))):
        output = make_output(task, text, external_id=f"o-{number}")
        if value is not None:
            make_rating(rater, output, value)
    return create_recipe(project=project, actor=None, name="Stars", document=DOCUMENT)


def _exported(project: Any, folder: Any, **choices: Any) -> tuple[Any, dict[str, Any]]:
    given = {"source": "recipe", "fractions": {"train": 1.0}, **choices}
    export = export_now(project, choices=choices_from_json(given))
    assert export.status == "ready", export.failure
    copy_export(export, folder)
    return export, export.manifest


def _lines(folder: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "data" / "train.jsonl").read_text().splitlines()]


def test_each_output_has_its_rewards_segments_and_advantages(project, version, tmp_path) -> None:
    _, manifest = _exported(project, tmp_path / "x", format="rubricate_rewards", recipe_version=version.pk, ids=True)
    first, second = _lines(tmp_path / "x")
    assert first == {
        "prompt": [{"role": "user", "content": "What is the capital of France?"}],
        "completion": [{"role": "assistant", "content": "Yes, sir."}],
        "reward": 1.0,
        "rewards": [0.0, 1.0],
        "segments": [{"message": 0, "start": 0, "end": 5}, {"message": 0, "start": 5, "end": 9}],
        "advantage": -1.0,
        "advantages": [-1.0],
        "task_id": "t",
        "output_id": "o-0",
    }
    assert (second["reward"], second["advantage"]) == (3.0, 1.0)
    # The unscored one is left out and counted; the hash says by which recipe.
    assert manifest["left_out"] == {"unscored": 1}
    assert manifest["counts"] == {"rows": 2, "tasks": 1, "outputs": 2, "rewards_read": 3}
    assert manifest["filters"]["recipe"] == {"name": "Stars", "version": 1, "sha256": version.content_hash}


def test_parquet_holds_the_same_and_a_recipe_without_an_estimator_has_no_advantage(project, version, tmp_path) -> None:
    bare = {key: value for key, value in DOCUMENT.items() if key != "advantage"}
    without = create_recipe(project=project, actor=None, name="Bare", document=bare)
    folder = tmp_path / "x"
    _exported(project, folder, format="rubricate_rewards", recipe_version=without.pk, file_type="parquet")
    rows = pq.read_table(folder / "data" / "train.parquet").to_pylist()
    assert [(row["reward"], row["rewards"], row["advantage"], row["advantages"]) for row in rows] == [
        (1.0, [0.0, 1.0], None, []),
        (3.0, [3.0], None, []),
    ]
    assert rows[0]["segments"][1] == {"message": 0, "start": 5, "end": 9}


def test_pairs_and_labels_are_made_from_the_totals(project, version, tmp_path) -> None:
    _exported(project, tmp_path / "pairs", format="trl_preference", recipe_version=version.pk)
    assert _lines(tmp_path / "pairs") == [
        {"prompt": "What is the capital of France?", "chosen": "No.", "rejected": "Yes, sir.", "margin": 2.0}
    ]
    labels = {"format": "trl_unpaired", "desirable_from": 3, "undesirable_to": 1}
    _, manifest = _exported(project, tmp_path / "labels", recipe_version=version.pk, **labels)
    assert [(row["completion"], row["label"]) for row in _lines(tmp_path / "labels")] == [
        ("Yes, sir.", False),
        ("No.", True),
    ]
    assert manifest["left_out"] == {"unscored": 1}


def test_the_preview_shows_what_the_export_holds(project, version) -> None:
    given = {"format": "rubricate_rewards", "recipe_version": version.pk}
    preview = preview_of(project, choices_from_json(given))
    assert (preview.rows, preview.tasks, preview.reads, preview.is_partial) == (2, 1, "rewards", False)
    assert preview.left_out == [("outputs without a value", 1)]


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ({"format": "trl_preference", "source": "recipe"}, "recipe_version"),
        ({"format": "rubricate_rewards", "source": "ratings"}, "format"),
        ({"format": "trl_unpaired", "source": "recipe", "recipe_version": 1}, "desirable_from"),
    ],
)
def test_choices_that_do_not_fit_are_refused_by_field(choices, field) -> None:
    with pytest.raises(AppError) as caught:
        choices_from_json(choices)
    assert field in caught.value.fields


def test_a_recipe_of_another_project_is_refused(project, version) -> None:
    other = make_project()
    with pytest.raises(AppError) as caught:
        export_now(other, choices=choices_from_json({"format": "rubricate_rewards", "recipe_version": version.pk}))
    assert "recipe_version" in caught.value.fields
