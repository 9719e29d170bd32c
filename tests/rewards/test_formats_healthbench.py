"""HealthBench's rows: read, stored as tasks with their own rubrics, undone, and written back without a loss."""

import io
import json

import pytest
from django.core.management import call_command

from projects.errors import AppError
from rewards.actions.exports import export_now
from rewards.actions.imports import import_files, undo_import
from rewards.actions.rubrics import save_version
from rewards.exporting.choices import choices_from_json
from rewards.formats import healthbench
from rewards.formats.records import RowError, TaskRecord
from rewards.formats.sources import SourceFile
from rewards.models import ImportBatch, Rubric, Task
from rewards.rubrics.aggregate import aggregate
from rewards.rubrics.parse import rubric_from_dict
from tests.factories import make_project, make_task, make_user

ROW = {
    "prompt": [
        {"role": "user", "content": "My ear hurts \U0001f615"},
        {"role": "assistant", "content": "Since when?"},
        {"role": "user", "content": "Two days.\r\n"},
    ],
    "prompt_id": "0a1b-2c",
    "rubrics": [
        {"criterion": "Asks about fever.", "points": 7, "tags": ["level:example", "axis:context_awareness"]},
        {"criterion": "Names ear drops.", "points": 5, "tags": ["axis:completeness"]},
        {"criterion": "Advises to see a doctor.", "points": 10, "tags": []},
        {"criterion": "Prescribes antibiotics outright.", "points": -6, "tags": ["axis:accuracy"]},
    ],
    "example_tags": ["theme:context_seeking", "physician_agreed_category:enough-context"],
    "ideal_completions_data": {
        "ideal_completion": "Ear pain for two days ...",
        "ideal_completions_group": "Group 1",
        "ideal_completions_ref_completions": ["See a doctor.", ""],
    },
    "canary": "do-not-train",
}
BARE = {
    "prompt": [{"role": "user", "content": "Hello"}],
    "prompt_id": "bare",
    "rubrics": [{"criterion": "Greets.", "points": 0.5, "tags": []}],
    "example_tags": [],
    "ideal_completions_data": None,
    "canary": None,
}


def source(*rows):
    lines = "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    return SourceFile("bench.jsonl", io.BytesIO(lines.encode()))


def read(*rows):
    return list(healthbench.read([source(*rows)], {}))


def written(records):
    file = io.BytesIO()
    healthbench.write(records, file)
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_a_row_becomes_a_task_with_its_rubric_and_the_ideal_completion_as_reference():
    [task] = read(ROW)

    assert isinstance(task, TaskRecord)
    assert (task.external_id, task.reference) == ("0a1b-2c", "Ear pain for two days ...")
    assert [message["role"] for message in task.messages] == ["user", "assistant", "user"]
    assert list(task.tags) == ROW["example_tags"]
    content = rubric_from_dict(task.rubric)
    assert list(content.weights) == [7, 5, 10, -6]
    # The golden vector of the benchmark: (7 + 10 - 6) / (7 + 5 + 10)
    met = dict(zip(content.keys, [1, 0, 1, 1], strict=True))
    assert aggregate(content, met, "healthbench").value == 11 / 22


def test_what_is_read_is_written_back_unchanged():
    assert written(read(ROW, BARE)) == [ROW, BARE]


def test_an_ideal_completion_that_is_null_stays_null():
    row = ROW | {"ideal_completions_data": ROW["ideal_completions_data"] | {"ideal_completion": None}}
    [task] = read(row)
    assert task.reference is None
    assert written([task]) == [row]


def test_keys_that_a_row_leaves_out_come_back_as_null():
    rubrics = [{"criterion": "Greets.", "points": 0.5}]
    sparse = {"prompt": BARE["prompt"], "prompt_id": "bare", "rubrics": rubrics}
    assert written(read(sparse)) == [BARE]


CRITERION = {"criterion": "x", "points": 1, "tags": []}


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"prompt_id": None}, "prompt_id", "a string"),
        ({"prompt_id": 7}, "prompt_id", "a string"),
        ({"prompt_id": " "}, "prompt_id", "1 to 200"),
        ({"prompt": []}, "prompt", "at least one message"),
        ({"prompt": [{"role": "doctor", "content": "x"}]}, "prompt[0].role", "one of assistant"),
        ({"prompt": [{"role": "user", "content": [1]}]}, "prompt[0].content", "a string"),
        ({"prompt": [{"role": "user", "text": "x"}]}, "prompt[0].text", "one of content, role"),
        ({"rubrics": []}, "rubrics", "at least one criterion"),
        ({"rubrics": ["x"]}, "rubrics[0]", "an object"),
        ({"rubrics": [CRITERION, CRITERION | {"criterion": " "}]}, "rubrics[1].criterion", "the text"),
        ({"rubrics": [CRITERION | {"points": "5"}]}, "rubrics[0].points", "from -10 to 10"),
        ({"rubrics": [CRITERION | {"points": 11}]}, "rubrics[0].points", "from -10 to 10"),
        ({"rubrics": [CRITERION | {"points": True}]}, "rubrics[0].points", "from -10 to 10"),
        ({"rubrics": [CRITERION | {"tags": "x"}]}, "rubrics[0].tags", "a list of strings"),
        ({"rubrics": [CRITERION | {"weight": 1}]}, "rubrics[0].weight", "one of criterion, points, tags"),
        ({"example_tags": ["x" * 101]}, "example_tags[0]", "1 to 100"),
        ({"ideal_completions_data": "x"}, "ideal_completions_data", "an object or null"),
        ({"ideal_completions_data": {"ideal_completion": 1}}, "ideal_completions_data.ideal_completion", "a string"),
        ({"canary": 1}, "canary", "a string or null"),
        ({"promt": "x"}, "promt", "prompt"),
    ],
)
def test_a_fault_names_its_row_and_field_and_what_was_expected(change, field, expected):
    good, error = read(BARE, ROW | change)

    assert isinstance(good, TaskRecord)
    assert isinstance(error, RowError)
    assert (error.row, error.field, error.file) == (2, field, "bench.jsonl")
    assert expected in error.expected


def test_an_id_is_used_once_and_a_broken_line_is_one_error():
    found = read(BARE, "{", BARE)
    assert [type(each).__name__ for each in found] == ["TaskRecord", "RowError", "RowError"]
    assert "used by an earlier row" in found[2].message


@pytest.fixture
def project(db):
    return make_project("quill", owner=make_user("owner"))


def imported(project, *rows):
    return import_files(project, by=None, format_name="healthbench", files=[source(*rows)])


def exported(project, tmp_path, name="healthbench", **options):
    call_command(
        "export_data", project=project.slug, format=name, out=tmp_path / "out", fractions=["train=1"], **options
    )
    return [json.loads(line) for line in (tmp_path / "out/data/train.jsonl").read_bytes().splitlines()]


def test_a_file_goes_through_a_project_and_comes_out_the_same(project, tmp_path):
    batch = imported(project, ROW, BARE)

    assert (batch.status, batch.counts["tasks_created"], batch.counts["rubric_versions"]) == ("done", 2, 2)
    assert exported(project, tmp_path) == [ROW, BARE]


def test_undoing_the_import_removes_the_rubrics_with_the_tasks(project):
    owner = project.memberships.get().user
    batch = imported(project, ROW)
    assert Rubric.objects.get().task_external_id == "0a1b-2c"

    undo_import(batch, by=owner)

    assert not Rubric.objects.exists()
    assert not Task.objects.exists()
    assert ImportBatch.objects.get().status == "undone"


def test_an_undo_that_would_take_a_persons_version_with_it_is_refused(project):
    owner = project.memberships.get().user
    batch = imported(project, BARE)
    save_version(rubric=Rubric.objects.get(), actor=owner, content=rubric_from_dict([{"text": "Mine."}]))

    with pytest.raises(AppError, match="rubrics have been changed since"):
        undo_import(batch, by=owner)

    assert Rubric.objects.get().versions.count() == 2


def test_undoing_an_import_that_changed_a_rubric_leaves_the_version_before_it(project):
    owner = project.memberships.get().user
    imported(project, BARE)
    second = imported(project, BARE | {"rubrics": ROW["rubrics"]})
    assert Rubric.objects.get().versions.count() == 2

    undo_import(second, by=owner)

    assert [version.number for version in Rubric.objects.get().versions.all()] == [1]


def test_an_edited_rubric_is_written_as_it_stands_with_the_tags_that_still_fit(project, tmp_path):
    imported(project, ROW)
    content = rubric_from_dict(
        [
            {"key": "criterion-2", "text": "Names ear drops by name.", "weight": 4},
            {"key": "new", "text": "Is kind.", "weight": 1},
        ]
    )
    save_version(rubric=Rubric.objects.get(), actor=None, content=content)

    [row] = exported(project, tmp_path)

    assert row["rubrics"] == [
        {"criterion": "Names ear drops by name.", "points": 4, "tags": ["axis:completeness"]},
        {"criterion": "Is kind.", "points": 1, "tags": []},
    ]
    assert row["ideal_completions_data"] == ROW["ideal_completions_data"]


def test_tasks_that_the_format_cannot_hold_are_left_out_and_counted(project):
    imported(project, BARE)
    make_task(project, "none")
    levels = [{"label": "low", "anchor": "a"}, {"label": "high", "anchor": "b"}]
    for name, criterion in [
        ("levels", {"text": "x", "kind": "ordinal", "levels": levels}),
        ("heavy", {"text": "x", "weight": 11}),
    ]:
        make_task(project, name)
        rubric = Rubric.objects.create(project=project, name=name, task_external_id=name)
        save_version(rubric=rubric, actor=None, content=rubric_from_dict([criterion]))

    export = export_now(project, choices=choices_from_json({"format": "healthbench", "fractions": {"train": 1.0}}))

    assert export.status == "ready"
    assert export.manifest["counts"] == {"rows": 1, "tasks": 1, "outputs": 0, "tasks_read": 4}
    assert export.manifest["left_out"] == {"no_rubric": 1, "not_binary": 1, "points_out_of_range": 1}


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ({"format": "healthbench", "source": "comparisons"}, "format"),
        ({"format": "trl_preference", "source": "rubrics"}, "format"),
        ({"format": "healthbench", "file_type": "parquet"}, "file_type"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(choices, field):
    with pytest.raises(AppError) as refused:
        choices_from_json(choices)
    assert field in refused.value.fields
