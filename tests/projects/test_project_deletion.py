"""Projects that go: hidden, restored in time, or erased with their rows and files and nobody else's."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.actions import project_deletion
from projects.actions.project_deletion import ask_for_deletion, erase_due_projects, restore_project, tables_of_projects
from projects.errors import AppError
from projects.models import AuditEvent, Project
from rewards.models import Export, ExportFile, Judgment
from tests.factories import make_judgment, make_output, make_rater, make_rating, make_task, make_user
from tests.populated import populate
from workers.models import Artefact, Run


@pytest.fixture
def _own_storage(tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path


def marked(project, owner, *, is_due=False):
    ask_for_deletion(project=project, actor=owner, typed=project.slug)
    if is_due:
        Project.objects.filter(pk=project.pk).update(deletion_due_at=timezone.now() - timedelta(seconds=1))


def test_a_project_is_hidden_from_everybody_and_comes_back_as_it_was(cast, browse):
    owner, viewer = browse(cast.owner), browse(cast.viewer)
    refused = owner.post("/p/quill/delete/", {"typed": "Quill"})
    assertContains(refused, "Type quill")
    assertRedirects(owner.post("/p/quill/delete/", {"typed": "quill"}), "/p/quill/deletion/")
    assert {client.get("/p/quill/").status_code for client in (owner, viewer)} == {404}
    assertContains(owner.get("/"), "is marked for deletion")
    assertNotContains(viewer.get("/"), "Quill")
    assert viewer.get("/p/quill/deletion/").status_code == 404
    owner.post("/p/quill/deletion/restore/")
    assert viewer.get("/p/quill/").status_code == 200


def test_letters_tell_who_deletes_a_project_until_when_it_comes_back_and_that_it_is_gone(
    cast, mailoutbox, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        marked(cast.project, cast.owner)
    [letter] = mailoutbox
    assert (letter.to, letter.subject) == (["owner@example.org"], "The project “Quill” is marked for deletion")
    assert "/p/quill/deletion/" in letter.body
    Project.objects.filter(pk=cast.project.pk).update(deletion_due_at=timezone.now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        erase_due_projects()
    assert (mailoutbox[1].to, mailoutbox[1].subject) == (["owner@example.org"], "The project “Quill” is erased")


def test_a_token_opens_a_marked_project_no_more(cast, make_token, client):
    secret = make_token(cast.owner, project=cast.project).secret
    marked(cast.project, cast.owner)
    answer = client.get("/api/v1/projects/quill", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 404


def test_nothing_is_erased_before_its_time(cast):
    marked(cast.project, cast.owner)
    assert erase_due_projects() == 0
    assert Project.objects.filter(pk=cast.project.pk).exists()


@pytest.mark.usefixtures("_own_storage")
def test_everything_of_the_project_goes_and_nothing_of_others(db):
    house = populate()
    project, owner = house.project, house.people["owner"]
    other = Project.objects.get(slug="elsewhere")
    output = make_output(make_task(other))
    kept = make_rating(make_rater(other, "theirs"), output, 3)
    shared = default_storage.save("artefacts/shared", ContentFile(b"weights"))
    for where, sha in ((project, "a" * 64), (other, "b" * 64)):
        Artefact.objects.create(project=where, name="x", source="x", stored_as=shared, sha256=sha)
    mine = default_storage.save("exports/mine", ContentFile(b"rows"))
    export = Export.objects.filter(project=project)[0]
    ExportFile.objects.create(export=export, path="data/mine", stored_as=mine, sha256="")
    marked(project, owner, is_due=True)
    # It was running: whoever deletes a project does not want to pay for it any longer.
    assert Run.objects.get(project=project).status == "cancelled"
    assert erase_due_projects() == 1
    assert rows_left(project.pk) == []
    assert not default_storage.exists(mine)
    assert default_storage.exists(shared)
    assert Judgment.objects.get() == kept.judgment
    event = AuditEvent.objects.get(verb="project.erased")
    assert (event.actor, event.data["slug"], event.data["rows"] > 100) == (owner, "lab", True)


def rows_left(pk):
    """Tables in which some row still names the project: asked of the database, not of the models' order."""
    left = []
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a row that points at nothing fails here
        cursor.execute("SELECT table_name FROM information_schema.columns WHERE column_name = 'project_id'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT EXISTS (SELECT 1 FROM "{table}" WHERE project_id = %s)', [pk])
            left += [table] * cursor.fetchone()[0]
    return left


def test_every_table_that_belongs_to_a_project_is_known():
    known = {table.model for table in tables_of_projects()}
    ours = [model for model in apps.get_models() if model._meta.app_label in ("rewards", "workers", "annotations")]
    # What is left belongs to the server: workers show themselves there.
    assert {model.__name__ for model in ours if model not in known} == {"WorkerHeartbeat"}


def test_an_interrupted_erasing_goes_on_and_shows_how_far_it_is(cast, monkeypatch, browse):
    rater, output = make_rater(cast.project), make_output(make_task(cast.project))
    for _ in range(5):
        make_judgment(rater, "critique", output.task, output)
    marked(cast.project, cast.owner, is_due=True)
    monkeypatch.setattr(project_deletion, "CHUNK_ROWS", 2)
    done = []

    def broken(pk, gone):
        done.append(gone)
        if len(done) == 3:
            raise OSError("the disk")
        note(pk, gone)

    note = project_deletion._note_progress
    monkeypatch.setattr(project_deletion, "_note_progress", broken)
    with pytest.raises(OSError, match="the disk"):
        erase_due_projects()
    project = Project.objects.get(pk=cast.project.pk)
    with pytest.raises(AppError, match="cannot be restored"):
        restore_project(project=project, actor=cast.owner)
    assert 0 < project.deletion_progress["rows_gone"] < project.deletion_progress["rows_total"]
    assertContains(browse(cast.owner).get("/p/quill/deletion/"), "rows are gone")
    monkeypatch.setattr(project_deletion, "_note_progress", note)
    assert erase_due_projects() == 1


def test_only_owners_delete_and_strangers_see_nothing(cast, browse):
    assert browse(cast.manager).post("/p/quill/delete/", {"typed": "quill"}).status_code == 403
    stranger = browse(make_user("nobody"))
    assert stranger.post("/p/quill/delete/", {"typed": "quill"}).status_code == 404
    marked(cast.project, cast.owner)
    for path in ("restore", "now"):
        assert browse(cast.manager).post(f"/p/quill/deletion/{path}/").status_code == 404


def test_a_program_marks_and_restores_a_project_and_only_a_person_gives_up_the_days(cast, make_token, client, browse):
    headers = {"Authorization": f"Bearer {make_token(cast.owner, 'read', 'write').secret}"}
    url = "/api/v1/projects/quill/deletion"

    def send(method, path=url, **data):
        return getattr(client, method)(path, data or None, content_type="application/json", headers=headers)

    assert client.get(url, headers=headers).status_code == 404
    refused = send("post", typed="Quill")
    assert (refused.status_code, refused.json()["code"]) == (400, "name_differs")
    assert send("post", typed="quill").json()["rows_gone"] is None
    assert client.get("/api/v1/projects/quill", headers=headers).status_code == 404
    assert client.get(url, headers=headers).json()["due_at"] > timezone.now().isoformat()
    assert browse(cast.manager).get(url).status_code == browse(cast.stranger).delete(url).status_code == 404
    assert send("delete").status_code == 204
    assert client.get("/api/v1/projects/quill", headers=headers).status_code == 200
    send("post", typed="quill")
    refused = send("post", f"{url}/now")
    assert (refused.status_code, refused.json()["code"]) == (403, "session_required")
    assert browse(cast.stranger).post(f"{url}/now").status_code == 404
    now = browse(cast.owner).post(f"{url}/now")
    assert now.json()["due_at"] <= timezone.now().isoformat()
