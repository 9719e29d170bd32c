"""Imports over the API, and single tasks."""

import json
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from projects.actions.token import issue_token
from rewards.actions.erasing import purge_judgments
from rewards.actions.imports import undo_import
from rewards.models import ImportBatch, Judgment, Output, RubricVersion, Task
from tests.factories import make_rater, make_rating

IMPORTS = "/api/v1/projects/quill/imports"
TASKS = "/api/v1/projects/quill/tasks"
ROW = {"id": "t1", "prompt": "Say hello.", "outputs": [{"text": "Hello.", "policy": "p"}]}


def lines(*rows):
    return b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)


@pytest.fixture
def worker(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def manager(cast, browse):
    return browse(cast.manager)


def post_task(client, row=ROW, query=""):
    body = row if isinstance(row, bytes) else json.dumps(row)
    return client.post(f"{TASKS}{query}", body, content_type="application/json")


def test_files_are_imported_as_multipart(cast, manager, worker):
    files = [SimpleUploadedFile("a.csv", b"Say hello.,,Hello.,6\r\n")]
    with worker():
        response = manager.post(
            IMPORTS, {"format": "sparse_feedback", "files": files, "options": '{"rater": "GPT"}', "on_error": "refuse"}
        )
    assert response.status_code == 201
    batch = ImportBatch.objects.get(pk=response.json()["id"])
    assert (batch.status, batch.on_error, batch.options) == ("done", "refuse", {"rater": "GPT"})


def test_jsonl_is_taken_as_the_body(cast, manager, worker):
    with worker():
        response = manager.post(
            f"{IMPORTS}?on_conflict=row_error", lines(ROW, b"broken"), content_type="application/jsonl"
        )
    pk = response.json()["id"]
    answer = manager.get(f"{IMPORTS}/{pk}").json()
    assert (answer["status"], answer["percent"], answer["counts"]["tasks_created"]) == ("done", 100, 1)
    assert (answer["on_conflict"], answer["error_count"]) == ("row_error", 1)
    (error,) = manager.get(f"{IMPORTS}/{pk}/errors").json()["results"]
    assert (error["row"], error["expected"]) == (2, "one JSON value")
    assert Task.objects.get().external_id == "t1"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "excel"}, "format"),
        ({"options": "[1]"}, "options"),
        ({"options": '{"surprise": "x"}'}, "options"),
        ({"format": "sparse_feedback", "options": '{"rater": "a\\u0000b"}'}, "options"),
        ({"on_error": "pray"}, "on_error"),
        ({"files": ""}, "files"),
    ],
)
def test_an_import_that_makes_no_sense_is_refused_with_the_field(cast, manager, change, field):
    form = {"format": "rubricate_jsonl", "files": SimpleUploadedFile("a.jsonl", lines(ROW)), **change}
    response = manager.post(IMPORTS, form)
    assert response.status_code == 400
    assert field in response.json()["fields"]
    assert not ImportBatch.objects.exists()


def test_an_import_is_undone_or_refused_with_the_reason(cast, manager, worker):
    with worker():
        pk = manager.post(IMPORTS, lines(ROW), content_type="application/jsonl").json()["id"]
    rating = make_rating(make_rater(cast.project), Output.objects.get(), 4)
    refused = manager.post(f"{IMPORTS}/{pk}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "import_in_use")
    purge_judgments(Judgment.objects.filter(pk=rating.judgment_id))
    assert manager.post(f"{IMPORTS}/{pk}/undo").json()["status"] == "undone"
    assert not Task.objects.exists()


def test_a_task_is_stored_with_outputs_and_rubric(cast, manager):
    row = {**ROW, "tags": ["x"], "rubric": {"criteria": [{"text": "It is kind."}]}}
    response = post_task(manager, row)
    assert response.status_code == 201
    answer = response.json()
    assert (answer["external_id"], answer["tags"], answer["output_count"]) == ("t1", ["x"], 1)
    assert Output.objects.get().policy.name == "p"
    assert RubricVersion.objects.get().rubric.task_external_id == "t1"
    cast.project.refresh_from_db()
    assert (cast.project.task_count, cast.project.output_count) == (1, 1)
    assert not ImportBatch.objects.exists()


def test_the_same_task_again_changes_nothing(cast, manager):
    first, again = post_task(manager), post_task(manager)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert (Task.objects.count(), Output.objects.count()) == (1, 1)


def test_new_content_is_a_new_version_or_a_conflict(cast, manager):
    post_task(manager)
    changed = {**ROW, "prompt": "Say goodbye."}
    conflict = post_task(manager, changed, "?on_conflict=row_error")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "task_conflict")
    assert post_task(manager, changed).json()["version"] == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": "t1"}, "prompt"),
        ({**ROW, "outputs": [{"text": 7}]}, "outputs[0].text"),
        ({**ROW, "surprise": 1}, "surprise"),
        (b'{"id": "t1", "prompt": "\\ud800"}', "prompt"),
        (b'{"id": "t1", "prompt": "a\\u0000b"}', "prompt"),
        ({**ROW, "rubric": {"criteria": [{"text": "x", "kind": "fuzzy"}]}}, "rubric"),
    ],
)
def test_a_task_with_a_fault_is_refused_whole_with_the_field(cast, manager, body, field):
    response = post_task(manager, body)
    assert (response.status_code, response.json()["code"]) == (400, "task_invalid")
    assert any(name.startswith(field) for name in response.json()["fields"])
    assert not Task.objects.exists()


def test_what_is_no_json_is_a_400(cast, manager):
    assert post_task(manager, b"{").status_code == 400
    assert post_task(manager, b"\xff\xfe").status_code == 400


def test_a_task_posted_alone_does_not_hold_an_import_back(cast, manager, worker):
    with worker():
        pk = manager.post(IMPORTS, lines(ROW), content_type="application/jsonl").json()["id"]
    post_task(manager, {**ROW, "id": "t2"})
    undo_import(ImportBatch.objects.get(pk=pk), by=cast.manager)
    assert Task.objects.get().external_id == "t2"


@pytest.mark.parametrize("imports", [1, 3])
def test_the_list_costs_the_same_whatever_its_length(cast, manager, django_assert_num_queries, imports):
    for _ in range(imports):
        ImportBatch.objects.create(project=cast.project, format="rubricate_jsonl")
    # session, user, project, imports
    with django_assert_num_queries(4):
        manager.get(IMPORTS)


def test_a_token_needs_the_scope_write_to_import(cast, client, make_token):
    for scope, status in (("read", 403), ("export", 403), ("write", 201)):
        secret = make_token(cast.manager, scope).secret
        response = client.post(
            IMPORTS, lines(ROW), content_type="application/jsonl", HTTP_AUTHORIZATION=f"Bearer {secret}"
        )
        assert response.status_code == status, scope


@pytest.fixture
def make_token():
    from datetime import timedelta

    from django.utils import timezone

    def make(user, *scopes):
        expires_at = timezone.now() + timedelta(days=1)
        return SimpleNamespace(
            secret=issue_token(user=user, name="a program", scopes=scopes, expires_at=expires_at).secret
        )

    return make


def test_who_may_not_import(cast, browse):
    for person, status in ((cast.stranger, 404), (cast.annotator, 403), (cast.viewer, 403)):
        client = browse(person)
        assert client.get(IMPORTS).status_code == status
        assert client.post(IMPORTS, lines(ROW), content_type="application/jsonl").status_code == status
        assert post_task(client).status_code == status
    assert not Task.objects.exists()
