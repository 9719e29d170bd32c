"""Imports in the browser."""

import csv
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from rewards.actions.imports import import_files
from rewards.formats.sources import SourceFile
from rewards.models import ImportBatch, ImportRowError, Output, Task
from tests.factories import make_rater, make_rating

NEW = "/p/quill/imports/new/"
ROW = {"id": "t1", "prompt": "Say hello.", "outputs": [{"text": "Hello.", "policy": "p"}]}
HOW = {"on_conflict": "new_version", "on_error": "keep_good"}


def upload(*rows, name="tasks.jsonl"):
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return SimpleUploadedFile(name, b"\n".join(lines))


def imported(project, *rows, **options):
    content = b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)
    files = [SourceFile("tasks.jsonl", io.BytesIO(content))]
    return import_files(project, by=None, format_name="rubricate_jsonl", files=files, bytes_total=1, **options)


@pytest.fixture
def worker(django_capture_on_commit_callbacks):
    """Everything that is sent within it is worked off at its end."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def test_a_file_is_imported_and_its_page_says_what_it_brought(cast, browse, worker):
    client = browse(cast.manager)
    with worker():
        response = client.post(f"{NEW}?format=rubricate_jsonl", {"files": upload(ROW), **HOW})
    batch = ImportBatch.objects.get()
    assertRedirects(response, f"/p/quill/imports/{batch.pk}/")
    page = client.get(response.url)
    assertContains(page, ">Done</span>")
    assertContains(page, f"/p/quill/tasks/?imported={batch.pk}")
    assert Task.objects.get().import_batch == batch
    assertContains(client.get("/p/quill/imports/"), "tasks.jsonl")


def test_several_files_and_the_formats_own_options_are_taken(cast, browse, worker):
    rows = "Say hello.,,Hello.,6\r\nSay hello.,,Hi.,2\r\n"
    files = [SimpleUploadedFile(f"{n}.csv", rows.encode()) for n in range(2)]
    with worker():
        browse(cast.owner).post(f"{NEW}?format=sparse_feedback", {"files": files, "option_rater": "GPT", **HOW})
    batch = ImportBatch.objects.get()
    assert (batch.file_names, batch.options) == (["0.csv", "1.csv"], {"rater": "GPT"})
    assert cast.project.raters.get().name == "GPT"


def test_the_help_and_options_follow_the_format(cast, browse):
    client = browse(cast.manager)
    assertNotContains(client.get(NEW), "option_rater")
    assertContains(client.get(f"{NEW}?format=sparse_feedback"), 'name="option_rater"')
    partial = client.get(f"{NEW}?format=sparse_feedback", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in partial
    assertContains(client.get(f"{NEW}?format=nonsense"), "One JSON object a line")


def test_an_import_without_a_file_is_asked_for_one(cast, browse):
    response = browse(cast.manager).post(f"{NEW}?format=rubricate_jsonl", HOW)
    assertContains(response, "Choose a file.")
    assert not ImportBatch.objects.exists()


def test_faults_stand_by_row_with_what_was_expected(cast, browse):
    batch = imported(cast.project, ROW, {"id": "t2", "prompt": 7}, b"<script>")
    page = browse(cast.manager).get(f"/p/quill/imports/{batch.pk}/").content.decode()
    assert "2 rows with faults" in page
    assert "<code>prompt</code>" in page
    assert "It is the number 7" in page
    assert "a string" in page
    assert "<script>" not in page.replace('<script type="module"', "").replace("<script src", "")


@pytest.mark.parametrize("errors", [2, 120])
def test_a_page_of_errors_costs_the_same_whatever_their_number(cast, browse, django_assert_num_queries, errors):
    batch = imported(cast.project, *[b"broken"] * errors)
    client = browse(cast.manager)
    # session, user, project, import, errors
    with django_assert_num_queries(5):
        client.get(f"/p/quill/imports/{batch.pk}/")


@pytest.mark.parametrize("imports", [1, 3])
def test_the_list_costs_the_same_whatever_its_length(cast, browse, django_assert_num_queries, imports):
    for _ in range(imports):
        imported(cast.project, ROW)
    client = browse(cast.manager)
    # session, user, project, imports
    with django_assert_num_queries(4):
        client.get("/p/quill/imports/")


def test_errors_are_paged(cast, browse):
    batch = imported(cast.project, *[b"broken"] * 60)
    client = browse(cast.manager)
    first = client.get(f"/p/quill/imports/{batch.pk}/")
    page = first.context["page"]
    assert len(page.rows) == 50
    second = client.get(f"/p/quill/imports/{batch.pk}/", {"cursor": page.next_cursor})
    assert [error.row for error in second.context["page"].rows] == [*range(51, 61)]


def test_errors_come_as_csv_that_no_spreadsheet_runs(cast, browse):
    batch = imported(cast.project, b"broken")
    ImportRowError.objects.create(batch=batch, row=2, field="=1+1", message="@SUM(A1)", expected='a "b",\nc')
    response = browse(cast.manager).get(f"/p/quill/imports/{batch.pk}/errors/")
    assert response["Content-Disposition"] == f'attachment; filename="import-{batch.pk}-errors.csv"'
    rows = list(csv.reader(io.StringIO(response.content.decode())))
    assert rows[0] == ["file", "row", "field", "message", "expected"]
    assert rows[2] == ["", "2", "'=1+1", "'@SUM(A1)", 'a "b",\nc']


def test_an_open_import_asks_for_itself_again_and_an_ended_one_does_not(cast, browse):
    batch = imported(cast.project, ROW)
    client = browse(cast.manager)
    address = f"/p/quill/imports/{batch.pk}/"
    assertNotContains(client.get(address), "every 1s")
    ImportBatch.objects.update(status="running", bytes_total=200, bytes_read=50)
    partial = client.get(address, headers={"HX-Request": "true"})
    assertContains(partial, "every 1s")
    assertContains(partial, 'value="25"')
    assertNotContains(partial, "<html")


def test_an_import_is_undone_from_its_page(cast, browse):
    batch = imported(cast.project, ROW)
    client = browse(cast.manager)
    response = client.post(f"/p/quill/imports/{batch.pk}/undo/", follow=True)
    assertContains(response, "The import is undone")
    assertContains(response, ">Undone</span>")
    assert not Task.objects.exists()


def test_a_refusal_to_undo_says_why_on_the_page(cast, browse):
    batch = imported(cast.project, ROW)
    make_rating(make_rater(cast.project), Output.objects.get(), 4)
    response = browse(cast.manager).post(f"/p/quill/imports/{batch.pk}/undo/", follow=True)
    assertContains(response, "its outputs have been judged since")
    assert Task.objects.exists()


def test_the_tasks_of_an_import_can_be_listed_alone(cast, browse):
    first = imported(cast.project, ROW)
    imported(cast.project, {**ROW, "id": "t2", "outputs": []})
    page = browse(cast.viewer).get(f"/p/quill/tasks/?imported={first.pk}")
    assertContains(page, "t1")
    assertNotContains(page, ">t2<")
    assert [task.external_id for task in page.context["page"].rows] == ["t1"]


@pytest.mark.parametrize("name", ["list", "create", "detail", "errors", "undo"])
def test_who_may_not_manage_imports(cast, browse, name):
    batch = imported(cast.project, ROW)
    arguments = ["quill"] if name in {"list", "create"} else ["quill", batch.pk]
    address = reverse(f"rewards:import-{name}", args=arguments)

    def status(user):
        client = browse(user)
        return (client.post if name == "undo" else client.get)(address).status_code

    assert status(cast.stranger) == 404
    assert status(cast.annotator) == status(cast.viewer) == 403
    assert status(cast.manager) in {200, 302}


def test_an_import_of_another_project_is_not_found(cast, browse):
    batch = imported(cast.other, ROW)
    assert browse(cast.manager).get(f"/p/quill/imports/{batch.pk}/").status_code == 404
