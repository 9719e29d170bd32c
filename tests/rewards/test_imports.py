"""Importing, its errors by row, and undoing it."""

import io
import json
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from projects.errors import AppError
from projects.models import Project
from rewards.actions.imports import create_import, import_files, run_import, undo_import
from rewards.formats.sources import SourceFile
from rewards.models import Comparison, ImportBatch, Judgment, Output, Policy, Rating, RubricVersion, SpanMark, Task
from tests.factories import make_project, make_rater, make_rating, make_user

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.django_db


def row(task_id="t1", prompt="Say hello.", outputs=("Hello.",), **fields):
    return {
        "id": task_id,
        "prompt": prompt,
        "outputs": [{"id": f"{task_id}/{n}", "policy": f"policy-{n}", "text": text} for n, text in enumerate(outputs)],
        **fields,
    }


def import_rows(project, *rows, **options):
    lines = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in rows)
    files = [SourceFile("data.jsonl", io.BytesIO(lines))]
    options.setdefault("format_name", "rubricate_jsonl")
    return import_files(project, by=None, files=files, bytes_total=len(lines), **options)


def test_tasks_outputs_policies_and_own_rubrics_are_stored_as_written():
    project = make_project()
    text = "e\u0301 \r\n\U0001f469\u200d\U0001f469 \u05e9\u05dc\u05d5\u05dd"
    rubric = {"criteria": [{"key": "kind", "text": "It is kind.", "importance": "Essential"}]}
    batch = import_rows(project, row(prompt=text, outputs=[text, "B"], reference="", tags=["x"], rubric=rubric))
    task = Task.objects.get(project=project)
    assert task.messages == [{"role": "user", "text": text}]
    assert task.reference == ""
    assert (task.output_count, task.tags) == (2, ["x"])
    assert task.outputs.order_by("id").first().messages[0]["text"] == text
    assert set(Policy.objects.values_list("name", flat=True)) == {"policy-0", "policy-1"}
    criterion = RubricVersion.objects.get(rubric__task_external_id="t1").criteria.get()
    assert (criterion.text, criterion.importance, criterion.weight) == ("It is kind.", "Essential", None)
    assert batch.status == ImportBatch.Status.DONE
    assert {name: n for name, n in batch.counts.items() if n} == {
        "tasks_created": 1,
        "outputs_created": 2,
        "rubric_versions": 1,
    }
    project.refresh_from_db()
    assert (project.task_count, project.output_count) == (1, 2)


def test_the_same_rows_again_change_nothing():
    project = make_project()
    rubric = {"criteria": [{"text": "It is kind."}]}
    import_rows(project, row(rubric=rubric))
    again = import_rows(project, row(rubric=rubric))
    assert {name: n for name, n in again.counts.items() if n} == {"tasks_unchanged": 1, "outputs_unchanged": 1}
    project.refresh_from_db()
    assert (Task.objects.count(), Output.objects.count(), project.task_count) == (1, 1, 1)


def test_equal_texts_under_different_ids_are_different_samples():
    project = make_project()
    import_rows(project, row("t1", outputs=["Same.", "Same."]), row("t2", outputs=["Same."]))
    assert Output.objects.count() == 3


def test_new_content_under_an_id_is_a_new_version_and_old_judgments_stay_with_the_old_one():
    project = make_project()
    import_rows(project, row(outputs=["Old."]))
    rating = make_rating(make_rater(project), Output.objects.get(), 4)
    import_rows(project, row(outputs=["New."]))
    old, new = Output.objects.order_by("version")
    assert (old.is_current, new.is_current, new.version) == (False, True, 2)
    assert rating.judgment.output_id == old.pk
    assert Task.objects.get().output_count == 1


def test_a_new_prompt_makes_new_versions_of_its_outputs_too():
    project = make_project()
    import_rows(project, row(prompt="Old prompt"))
    import_rows(project, row(prompt="New prompt"))
    task = Task.objects.get(is_current=True)
    assert (task.version, task.output_count) == (2, 1)
    assert Output.objects.get(is_current=True).task == task


def test_changed_labels_are_no_new_version():
    project = make_project()
    import_rows(project, row(tags=["a"]))
    import_rows(project, row(tags=["b"], split="test"))
    task = Task.objects.get()
    assert (task.version, task.tags, task.split) == (1, ["b"], "test")


def test_new_content_is_a_row_error_where_the_import_says_so():
    project = make_project()
    import_rows(project, row(prompt="Old"))
    batch = import_rows(project, row(prompt="New"), row("t2"), on_conflict="row_error")
    error = batch.row_errors.get()
    assert (error.row, error.field) == (1, "id")
    assert "'t1' is stored with other content" in error.message
    assert Task.objects.get(external_id="t1").messages[0]["text"] == "Old"
    assert Task.objects.filter(external_id="t2").exists()


def test_good_rows_are_kept_and_bad_ones_named():
    project = make_project()
    batch = import_rows(
        project,
        row("t1"),
        b'{"id": "t2", "prompt": "\\ud800"}',
        b"not json",
        row("t1"),
        {"id": "t3", "prompt": "x", "outputs": [{"text": 7}]},
        b"\xff\xfe\xff",
        row("t4", prompt="<script>alert(1)</script>"),
    )
    assert batch.status == ImportBatch.Status.DONE
    assert sorted(batch.row_errors.values_list("row", flat=True)) == [2, 3, 4, 5, 6]
    assert batch.row_errors.get(row=5).field == "outputs[0].text"
    assert batch.error_count == 5
    assert set(Task.objects.values_list("external_id", flat=True)) == {"t1", "t4"}


def test_a_refused_file_leaves_nothing_behind():
    project = make_project()
    batch = import_rows(project, row("t1"), b"not json", on_error="refuse")
    assert batch.status == ImportBatch.Status.REFUSED
    assert batch.row_errors.get().row == 2
    project.refresh_from_db()
    assert (Task.objects.count(), project.task_count) == (0, 0)


def test_a_file_without_faults_is_not_refused():
    project = make_project()
    batch = import_rows(project, row("t1"), on_error="refuse")
    assert (batch.status, Task.objects.count()) == (ImportBatch.Status.DONE, 1)
    project.refresh_from_db()
    assert project.task_count == 1


def test_a_rubric_that_cannot_be_read_rejects_its_row():
    project = make_project()
    batch = import_rows(project, row(rubric={"criteria": [{"text": "x", "kind": "fuzzy"}]}))
    assert batch.row_errors.get().field.startswith("rubric")
    assert not Task.objects.exists()


def test_an_output_id_of_another_task_is_a_row_error():
    project = make_project()
    import_rows(project, row("t1"))
    other = row("t2")
    other["outputs"][0]["id"] = "t1/0"
    batch = import_rows(project, other)
    assert "belongs to the task 't1'" in batch.row_errors.get().message


def test_an_undone_import_leaves_what_was_there_before():
    project = make_project()
    user = make_user()
    import_rows(project, row(prompt="Old", outputs=["Old."]))
    second = import_rows(project, row(prompt="New", outputs=["New."]), row("t2"))
    undo_import(second, by=user)
    project.refresh_from_db()
    task = Task.objects.get()
    assert (task.is_current, task.messages[0]["text"], task.output_count) == (True, "Old", 1)
    assert (project.task_count, project.output_count) == (1, 1)
    second.refresh_from_db()
    assert second.status == ImportBatch.Status.UNDONE


def test_an_import_whose_outputs_were_judged_is_not_undone():
    project = make_project()
    batch = import_rows(project, row())
    make_rating(make_rater(project), Output.objects.get(), 4)
    with pytest.raises(AppError, match="judged since") as caught:
        undo_import(batch, by=make_user())
    assert caught.value.code == "import_in_use"
    batch.refresh_from_db()
    assert (batch.status, Task.objects.count()) == (ImportBatch.Status.DONE, 1)


def test_an_import_that_a_later_one_built_on_is_not_undone():
    project = make_project()
    first = import_rows(project, row(prompt="Old"))
    import_rows(project, row(prompt="New"))
    with pytest.raises(AppError, match="later import"):
        undo_import(first, by=make_user())


def test_uploads_are_imported_by_the_worker_and_then_deleted(django_capture_on_commit_callbacks, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    project = make_project()
    upload = SimpleUploadedFile("../../tasks.jsonl", json.dumps(row()).encode())
    with django_capture_on_commit_callbacks(execute=True):
        batch = create_import(project, by=make_user(), format_name="rubricate_jsonl", uploads=[upload])
    batch.refresh_from_db()
    assert (batch.status, batch.file_names) == (ImportBatch.Status.DONE, ["tasks.jsonl"])
    assert not default_storage.exists(batch.stored_files[0])
    assert Task.objects.get().import_batch == batch


def test_an_import_that_fails_lets_go_of_its_uploads_and_says_why(monkeypatch):
    batch = create_import(
        make_project(),
        by=None,
        format_name="rubricate_jsonl",
        uploads=[SimpleUploadedFile("tasks.jsonl", json.dumps(row()).encode())],
    )

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("rewards.actions.imports.ChunkWriter.write", fail)
    with pytest.raises(OSError, match="disk full"):
        run_import(batch.pk)
    stored = batch.stored_files[0]
    batch.refresh_from_db()
    assert (batch.status, batch.failure) == (ImportBatch.Status.FAILED, "OSError: disk full")
    assert not default_storage.exists(stored)


def test_an_import_whose_worker_died_is_finished_by_running_it_again(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    project = make_project()
    upload = SimpleUploadedFile("tasks.jsonl", b"\n".join(json.dumps(row(f"t{n}")).encode() for n in range(3)))
    batch = create_import(project, by=None, format_name="rubricate_jsonl", uploads=[upload])
    # What the dead worker left: one row written, the batch marked running, its heartbeat long ago.
    half = import_rows(project, row("t0"))
    Task.objects.update(import_batch=batch)
    Output.objects.update(import_batch=batch)
    half.delete()
    ImportBatch.objects.filter(pk=batch.pk).update(status="running", heartbeat_at="2020-01-01T00:00Z")
    run_import(batch.pk)
    batch.refresh_from_db()
    project.refresh_from_db()
    assert (batch.status, batch.counts["tasks_created"]) == (ImportBatch.Status.DONE, 3)
    assert (Task.objects.count(), project.task_count, project.output_count) == (3, 3, 3)


def test_an_unknown_format_is_named_with_the_known_ones():
    with pytest.raises(AppError, match="rubricate_jsonl"):
        import_rows(make_project(), row(), format_name="excel")


def test_the_command_creates_a_project_and_says_what_it_took(tmp_path, capsys):
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(row()) + "\nbroken\n")
    owner = make_user("ada")
    call_command(
        "import_data", "--project", "new-one", "--create", "--owner", "ada", "--format", "rubricate_jsonl", str(path)
    )
    printed = capsys.readouterr()
    assert "1 tasks created" in printed.out
    assert "tasks.jsonl row 2" in printed.err
    assert Project.objects.get(slug="new-one").memberships.get().user == owner


def test_the_command_refuses_a_project_that_does_not_exist(tmp_path):
    with pytest.raises(CommandError, match="--create"):
        call_command("import_data", "--project", "none", "--format", "rubricate_jsonl", str(tmp_path / "x"))


@pytest.mark.skipif(not DATA.exists(), reason="the public data folder is not here")
def test_fine_grained_rlhf_brings_every_span_and_preference():
    project = make_project()
    path = DATA / "fine_grained_rlhf" / "dev_feedback.json"
    with path.open("rb") as file:
        batch = import_files(project, by=None, format_name="fine_grained_rlhf", files=[SourceFile(path.name, file)])
    assert batch.error_count == 0
    # data/README.md: 500 questions, 4 answers each, 1,373 spans, 3,000 preferences of which 384 are ties.
    assert (Task.objects.count(), Output.objects.count(), SpanMark.objects.count()) == (500, 2000, 1373)
    assert Comparison.objects.count() == 3000
    assert Comparison.objects.filter(choice="tie").count() == 384
    span = SpanMark.objects.select_related("output").first()
    assert span.output.messages[span.message]["text"][span.start : span.end] == span.quote


@pytest.mark.skipif(not DATA.exists(), reason="the public data folder is not here")
def test_sparse_feedback_brings_ratings_and_rankings_of_the_same_outputs():
    project = make_project()
    folder = DATA / "sparse_feedback"
    names = ["feedback_ratings_sample_generation.csv", "feedback_rankings_sample_generation.csv"]
    files = [SourceFile(name, io.BytesIO((folder / name).read_bytes())) for name in names]
    batch = import_files(project, by=None, format_name="sparse_feedback", files=files)
    assert batch.error_count == 0
    assert (Task.objects.count(), Rating.objects.count(), Comparison.objects.count()) == (20, 99, 118)
    assert set(Judgment.objects.values_list("rater__name", flat=True)) == {"AI annotator"}
