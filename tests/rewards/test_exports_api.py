"""Exports over the API."""

import hashlib
import io
import zipfile
from datetime import timedelta

import pytest
from django.utils import timezone

from projects.actions.token import issue_token
from rewards.actions.exports import export_now
from rewards.exporting.choices import ExportChoices
from rewards.models import Export
from tests.factories import make_comparison, make_output, make_rater, make_task

EXPORTS = "/api/v1/projects/quill/exports"


@pytest.fixture
def judged(cast):
    task = make_task(cast.project, "t1", "Say hello.")
    make_comparison(make_rater(cast.project), make_output(task, "Hello!"), make_output(task, "Hi."), "a")


@pytest.fixture
def bearer(cast, client):
    """`bearer(user, "export")` sends requests with such a token."""

    def signed(user, *scopes):
        issued = issue_token(user=user, name="p", scopes=scopes, expires_at=timezone.now() + timedelta(days=1))
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {issued.secret}"
        return client

    return signed


def test_a_program_asks_for_a_dataset_and_fetches_it(cast, judged, bearer, django_capture_on_commit_callbacks):
    client = bearer(cast.manager, "export")
    asked = {"format": "trl_preference", "name": "Pairs", "combine": "each", "fractions": {"train": 1.0}, "seed": 3}
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(EXPORTS, asked, content_type="application/json")
    assert response.status_code == 201
    answer = client.get(f"{EXPORTS}/{response.json()['id']}").json()
    assert (answer["status"], answer["percent"], answer["rows_written"]) == ("ready", 100, 1)
    assert answer["manifest"]["split"] == {"by": "task", "seed": 3, "fractions": {"train": 1.0}}
    rows = next(file for file in answer["files"] if file["split"] == "train")
    content = b"".join(client.get(rows["url"]).streaming_content)
    assert hashlib.sha256(content).hexdigest() == rows["sha256"]
    assert content == b'{"prompt":"Say hello.","chosen":"Hello!","rejected":"Hi.","margin":1.0}\n'
    archive = b"".join(client.get(f"{EXPORTS}/{answer['id']}/archive").streaming_content)
    assert len(zipfile.ZipFile(io.BytesIO(archive)).namelist()) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "excel"}, "format"),
        ({"fractions": {"train": 0.5}}, "fractions"),
        ({"source": "scores", "rubric_version": 10**6}, "rubric_version"),
        ({"raters": [10**6]}, "raters"),
        ({"source": "ratings", "format": "trl_unpaired"}, "desirable_from"),
        ({"min_gap": -1}, "min_gap"),
        ({"tag": "\x00"}, "tag"),
    ],
)
def test_choices_that_make_no_sense_are_refused_with_the_field(cast, browse, change, field):
    asked = {"format": "trl_preference", **change}
    response = browse(cast.manager).post(EXPORTS, asked, content_type="application/json")
    assert response.status_code == 400
    assert field in response.json()["fields"]
    assert not Export.objects.exists()


def test_an_export_is_cancelled_then_deleted(cast, judged, browse):
    client = browse(cast.manager)
    pk = client.post(EXPORTS, {"format": "trl_unpaired"}, content_type="application/json").json()["id"]
    refused = client.delete(f"{EXPORTS}/{pk}")
    assert (refused.status_code, refused.json()["code"]) == (409, "export_open")
    assert client.post(f"{EXPORTS}/{pk}/cancel").json()["status"] == "cancelled"
    assert client.post(f"{EXPORTS}/{pk}/cancel").json()["code"] == "export_ended"
    assert client.delete(f"{EXPORTS}/{pk}").status_code == 204
    assert not Export.objects.exists()


def test_a_token_needs_the_scope_export_even_to_read(cast, judged, bearer):
    export = export_now(cast.project, choices=ExportChoices())
    addresses = [EXPORTS, f"{EXPORTS}/{export.pk}", f"{EXPORTS}/{export.pk}/archive"]
    for address in addresses:
        assert bearer(cast.manager, "read", "write").get(address).status_code == 403
        assert bearer(cast.manager, "export").get(address).status_code == 200


def test_a_viewer_reads_and_downloads_but_builds_nothing(cast, judged, browse):
    export = export_now(cast.project, choices=ExportChoices())
    client = browse(cast.viewer)
    assert client.get(f"{EXPORTS}/{export.pk}").status_code == 200
    assert client.get(f"{EXPORTS}/{export.pk}/archive").status_code == 200
    assert client.post(EXPORTS, {"format": "trl_unpaired"}, content_type="application/json").status_code == 403
    assert client.post(f"{EXPORTS}/{export.pk}/cancel").status_code == 403
    assert client.delete(f"{EXPORTS}/{export.pk}").status_code == 403


def test_strangers_find_nothing_and_annotators_may_not(cast, judged, browse):
    export = export_now(cast.project, choices=ExportChoices())
    file = export.files.first()
    for person, status in ((cast.stranger, 404), (cast.annotator, 403)):
        client = browse(person)
        for path in ("", f"/{export.pk}", f"/{export.pk}/archive", f"/{export.pk}/files/{file.pk}"):
            assert client.get(f"{EXPORTS}{path}").status_code == status


@pytest.mark.parametrize("exports", [1, 3])
def test_the_list_costs_the_same_whatever_its_length(cast, browse, django_assert_num_queries, exports):
    for _ in range(exports):
        export_now(cast.project, choices=ExportChoices())
    client = browse(cast.viewer)
    # session, user, project, exports
    with django_assert_num_queries(4):
        client.get(EXPORTS)
