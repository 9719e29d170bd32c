"""Exports in the browser."""

import asyncio
import hashlib
import io
import zipfile
from types import SimpleNamespace

import pytest
from django.core.files.storage import default_storage
from django.test import AsyncRequestFactory
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from rewards.actions.exports import create_export, export_now
from rewards.exporting.choices import ExportChoices
from rewards.exporting.downloads import archive_response
from rewards.models import Export
from tests.factories import make_comparison, make_output, make_rater, make_rating, make_task

NEW = "/p/quill/exports/new/"
PREVIEW = "/p/quill/exports/preview/"
FORM = {
    "format": "trl_preference",
    "file_type": "jsonl",
    "source": "comparisons",
    "combine": "together",
    "current_only": "on",
    "margin": "on",
    "pairing": "all",
    "question": "overall",
    "aggregation": "rar_explicit",
    "min_gap": "0",
    "train": "100",
    "validation": "0",
    "test": "0",
    "seed": "0",
}


@pytest.fixture
def judged(cast):
    """A task with two outputs, compared and rated."""
    task = make_task(cast.project, "t1", "<b>Say</b> hello.", licence="MIT")
    outputs = [make_output(task, "Hello!", "large"), make_output(task, "Hi <img src=x>", "small")]
    rater = make_rater(cast.project, "Annotator 1")
    make_comparison(rater, *outputs, "a")
    make_comparison(rater, *outputs, "tie", "both_good")
    for output, value in zip(outputs, (6, 3), strict=True):
        make_rating(rater, output, value)
    return SimpleNamespace(task=task, outputs=outputs, rater=rater)


@pytest.fixture
def export(cast, judged):
    return export_now(cast.project, choices=ExportChoices(combine="each", fractions={"train": 1.0}), name="My ./pairs")


def test_a_dataset_is_asked_for_built_and_shown(cast, browse, judged, django_capture_on_commit_callbacks):
    client = browse(cast.manager)
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(NEW, {**FORM, "name": "Pairs"})
    export = Export.objects.get()
    assertRedirects(response, f"/p/quill/exports/{export.pk}/")
    page = client.get(response.url)
    assertContains(page, "data/train.jsonl")
    assertContains(page, "Comparisons that found both good")
    assertContains(page, f'load_dataset("path/to/pairs-{export.pk}")')
    assertContains(page, export.files.get(path="data/train.jsonl").sha256)
    assertContains(client.get("/p/quill/exports/"), "Pairs")


def test_the_preview_counts_rows_and_shows_the_first_escaped(cast, browse, judged):
    page = browse(cast.manager).post(PREVIEW, FORM, headers={"HX-Request": "true"})
    assertContains(page, '<span class="preview-count">1</span> row of 1 task')
    assertContains(page, "Comparisons that found both good: 1")
    assertContains(page, "&lt;b&gt;Say&lt;/b&gt; hello.")
    assertNotContains(page, "<img src=x>")
    assertNotContains(page, "<html")
    assert not Export.objects.exists()


def test_the_preview_follows_the_choices(cast, browse, judged):
    client = browse(cast.manager)
    unpaired = {**FORM, "format": "trl_unpaired_conversational", "source": "ratings"}
    assertContains(client.post(PREVIEW, unpaired), "from which value on an output is desirable")
    page = client.post(PREVIEW, {**unpaired, "desirable_from": "5", "undesirable_to": "4"})
    assertContains(page, '<span class="preview-count">2</span> rows of 1 task')
    assertContains(page, "assistant: Hello!")
    assertContains(client.post(PREVIEW, {**FORM, "raters": [str(judged.rater.pk)]}), ">1</span> row of")
    assertContains(client.post(PREVIEW, {**FORM, "tag": "none"}), ">0</span> rows")


def test_fractions_that_do_not_sum_to_one_are_refused_beside_their_field(cast, browse, judged):
    response = browse(cast.manager).post(NEW, {**FORM, "train": "50"})
    assertContains(response, "The fractions sum to 0.5, not to 1.")
    assert not Export.objects.exists()


def test_a_file_is_downloaded_as_it_was_hashed(cast, browse, export):
    file = export.files.get(path="data/train.jsonl")
    response = browse(cast.viewer).get(f"/p/quill/exports/{export.pk}/files/{file.pk}/")
    content = b"".join(response.streaming_content)
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert response["Content-Disposition"] == 'attachment; filename="train.jsonl"'
    assert response["Content-Type"] == "application/jsonl"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert int(response["Content-Length"]) == len(content)


def test_the_folder_comes_as_a_zip_with_safe_names_and_nothing_to_run(cast, browse, export):
    response = browse(cast.viewer).get(f"/p/quill/exports/{export.pk}/archive/")
    folder = f"my-pairs-{export.pk}"
    assert response["Content-Disposition"] == f'attachment; filename="{folder}.zip"'
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == [
        f"{folder}/README.md",
        f"{folder}/data/train.jsonl",
        f"{folder}/manifest.json",
    ]
    assert not any((entry.external_attr >> 16) & 0o111 for entry in archive.infolist())
    file = export.files.get(path="manifest.json")
    assert hashlib.sha256(archive.read(f"{folder}/manifest.json")).hexdigest() == file.sha256


def test_downloads_stream_under_asgi_too(export):
    # pytest turns Django's warning about synchronous iterators into an error.
    response = archive_response(AsyncRequestFactory().get("/"), export)

    async def received():
        return b"".join([piece async for piece in response])

    assert response.is_async
    assert zipfile.ZipFile(io.BytesIO(asyncio.run(received()))).testzip() is None


def test_a_file_that_the_storage_has_lost_is_not_found(cast, browse, export):
    file = export.files.get(path="data/train.jsonl")
    default_storage.delete(file.stored_as)
    client = browse(cast.viewer)
    assert client.get(f"/p/quill/exports/{export.pk}/files/{file.pk}/").status_code == 404
    assert client.get(f"/p/quill/exports/{export.pk}/archive/").status_code == 404
    assert client.get(f"/p/quill/exports/{export.pk}/").status_code == 200


def test_an_open_export_asks_for_itself_again_and_can_be_cancelled(cast, browse):
    export = create_export(cast.project, by=cast.manager, choices=ExportChoices())
    Export.objects.update(status="running", rows_written=25, rows_expected=100)
    client = browse(cast.manager)
    page = client.get(f"/p/quill/exports/{export.pk}/", headers={"HX-Request": "true"})
    assertContains(page, "every 1s")
    assertContains(page, 'value="25"')
    client.post(f"/p/quill/exports/{export.pk}/cancel/")
    page = client.get(f"/p/quill/exports/{export.pk}/")
    assertNotContains(page, "every 1s")
    assertContains(page, "Cancelled; nothing of it is kept.")


def test_an_export_is_deleted_from_its_page(cast, browse, export):
    response = browse(cast.manager).post(f"/p/quill/exports/{export.pk}/delete/", follow=True)
    assertContains(response, "Export deleted.")
    assert not Export.objects.exists()


def test_a_viewer_reads_and_downloads_but_builds_nothing(cast, browse, export):
    client = browse(cast.viewer)
    assertNotContains(client.get("/p/quill/exports/"), NEW)
    assertNotContains(client.get(f"/p/quill/exports/{export.pk}/"), "delete/")
    for name in ("new", "preview", f"{export.pk}/cancel", f"{export.pk}/delete"):
        assert client.post(f"/p/quill/exports/{name}/", FORM).status_code == 403


@pytest.mark.parametrize("name", ["list", "create", "preview", "detail", "archive", "file", "cancel", "delete"])
def test_strangers_find_nothing_and_annotators_may_not(cast, browse, export, name):
    arguments = ["quill"] if name in {"list", "create", "preview"} else ["quill", export.pk]
    if name == "file":
        arguments.append(export.files.first().pk)
    address = reverse(f"rewards:export-{name}", args=arguments)
    for person, status in ((cast.stranger, 404), (cast.annotator, 403)):
        client = browse(person)
        send = client.post if name in {"preview", "cancel", "delete"} else client.get
        assert send(address).status_code == status


def test_a_file_of_another_export_is_not_found(cast, browse, export):
    other = export_now(cast.other, choices=ExportChoices())
    client = browse(cast.manager)
    assert client.get(f"/p/quill/exports/{other.pk}/").status_code == 404
    file = other.files.first()
    assert client.get(f"/p/quill/exports/{export.pk}/files/{file.pk}/").status_code == 404


@pytest.mark.parametrize("exports", [1, 3])
def test_the_list_costs_the_same_whatever_its_length(cast, browse, django_assert_num_queries, exports):
    for _ in range(exports):
        export_now(cast.project, choices=ExportChoices())
    client = browse(cast.viewer)
    # session, user, project, exports
    with django_assert_num_queries(4):
        client.get("/p/quill/exports/")
