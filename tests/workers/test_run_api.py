"""The API of sources, models, scorers and runs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from projects.actions.token import issue_token
from projects.models import TokenScope
from tests.factories import make_output, make_project, make_task, make_user
from tests.workers.counting_source import BREAKS, REFUSED, counting_scorer, start
from workers.models import ModelEndpoint, Run
from workers.scoring import work_once

pytestmark = pytest.mark.django_db

BASE = "/api/v1/projects/mine"


@pytest.fixture
def people():
    return {role: make_user(role) for role in ("manager", "viewer", "annotator", "stranger")}


@pytest.fixture
def project(people):
    return make_project("mine", **{role: people[role] for role in ("manager", "viewer", "annotator")})


@pytest.fixture
def api(people, project):
    client = APIClient()
    client.force_authenticate(people["manager"])
    return client


def with_token(user, *scopes):
    client = APIClient()
    secret = issue_token(user=user, name="t", scopes=scopes, expires_at=timezone.now() + timedelta(days=1)).secret
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def run(project, counting):
    task = make_task(project)
    for text in ("a", REFUSED, BREAKS):
        make_output(task, text)
    run = start(project)
    while work_once("cpu"):
        pass
    run.refresh_from_db()
    return run


def test_strangers_get_404_annotators_403_and_nobody_401(people, project, run):
    gets = ["sources", "endpoints", "scorers", "runs", f"runs/{run.pk}", f"runs/{run.pk}/items"]
    gets += [f"scorers/{run.scorer_id}"]
    posts = ["endpoints", "scorers", "runs", "runs/estimate"]
    posts += [f"runs/{run.pk}/{verb}" for verb in ("cancel", "resume", "retry-failed")]
    for who, expected in (("stranger", 404), ("annotator", 403), (None, 401)):
        client = APIClient()
        if who:
            client.force_authenticate(people[who])
        for path in gets:
            answer = client.get(f"{BASE}/{path}")
            assert answer.status_code == expected, path
            assert set(answer.json()) == {"code", "message", "fields"}
        for path in posts:
            assert client.post(f"{BASE}/{path}", {}, format="json").status_code == expected, path
    client.force_authenticate(people["viewer"])
    for path in gets:
        assert client.get(f"{BASE}/{path}").status_code == 200, path
    for path in posts:
        assert client.post(f"{BASE}/{path}", {}, format="json").status_code == 403, path


def test_starting_needs_a_token_with_the_scope_score(people, project, counting):
    make_output(make_task(project), "a")
    wanted = {"scorer": counting_scorer(project).pk}
    reader = with_token(people["manager"], TokenScope.READ, TokenScope.WRITE)
    assert reader.get(f"{BASE}/runs").status_code == 200
    refused = reader.post(f"{BASE}/runs", wanted, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_required")
    scorer = with_token(people["manager"], TokenScope.SCORE)
    assert scorer.post(f"{BASE}/runs", wanted, format="json").status_code == 201
    assert scorer.get(f"{BASE}/runs").status_code == 403


def test_sources_tell_what_they_need_and_give_and_why_they_cannot_be_used(api):
    sources = {source["name"]: source for source in api.get(f"{BASE}/sources").json()}
    judge = sources["rubric_judge"]
    assert judge["needs"] == ["criteria", "output", "task"]
    assert judge["gives"] == ["verdicts"]
    assert judge["parameters"]["properties"]["calibrate"]["type"] == "boolean"
    assert "No model is registered" in judge["obstacle"]


def test_a_scorer_is_made_once(api, counting):
    wanted = {"source": "counting", "parameters": {"factor": 2}, "name": "twice"}
    first = api.post(f"{BASE}/scorers", wanted, format="json")
    second = api.post(f"{BASE}/scorers", wanted | {"name": "again"}, format="json")
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["content"]["parameters"] == {"factor": 2.0}
    assert [row["name"] for row in api.get(f"{BASE}/scorers").json()["results"]] == ["twice"]


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        ({"source": "counting", "parameters": {"factor": 11}}, "scorer_invalid", "factor"),
        ({"source": "counting", "parameters": {"unknown": 1}}, "scorer_invalid", "unknown"),
        ({"source": "counting", "uses_task_rubric": True}, "scorer_invalid", "rubric"),
        ({"source": "rubric_judge"}, "scorer_invalid", "judge"),
        ({"source": "no_such"}, "source_unknown", None),
    ],
)
def test_what_is_wrong_with_a_scorer_is_named_by_field(api, counting, wanted, code, field):
    answer = api.post(f"{BASE}/scorers", wanted, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert field is None or field in answer.json()["fields"]


def test_a_run_from_start_to_end(api, project, counting):
    make_output(make_task(project, tags=["maths"]), "a", external_id="o-1")
    make_output(make_task(project), "b")
    scorer = counting_scorer(project)
    wanted = {"scorer": scorer.pk, "selection": {"tags": ["maths"]}, "seed": 7, "name": "first"}
    estimate = api.post(f"{BASE}/runs/estimate", wanted, format="json").json()
    assert (estimate["outputs"], estimate["items"], estimate["reused"]) == (1, 1, 0)
    started = api.post(f"{BASE}/runs", wanted, format="json")
    assert started.status_code == 201
    pk = started.json()["id"]
    assert api.post(f"{BASE}/runs/{pk}/cancel").json()["status"] == "cancelled"
    assert api.post(f"{BASE}/runs/{pk}/resume").json()["status"] == "running"
    while work_once("cpu"):
        pass
    detail = api.get(f"{BASE}/runs/{pk}").json()
    assert detail["run"]["status"] == "finished"
    assert (detail["run"]["seed"], detail["percent"], detail["selection"]) == (7, 100, {"tags": ["maths"]})
    [item] = api.get(f"{BASE}/runs/{pk}/items").json()["results"]
    assert (item["output_id"], item["status"], item["last_attempt"]["number"]) == ("o-1", "scored", 1)


def test_items_are_found_by_status_and_reason(api, run):
    detail = api.get(f"{BASE}/runs/{run.pk}").json()
    assert {(reason["status"], reason["code"], reason["count"]) for reason in detail["reasons"]} == {
        ("unscored", "context_overrun", 1),
        ("failed", "unexpected_error", 1),
    }
    failed = api.get(f"{BASE}/runs/{run.pk}/items", {"status": "failed", "reason": "unexpected_error"}).json()
    assert [item["last_attempt"]["detail"] for item in failed["results"]] == ["RuntimeError: this source breaks"]
    assert "traceback" not in failed["results"][0]["last_attempt"]
    assert api.get(f"{BASE}/runs/{run.pk}/items", {"status": "nonsense"}).json()["results"] == []


def test_only_what_failed_is_tried_again(api, run):
    assert api.post(f"{BASE}/runs/{run.pk}/retry-failed").json()["failed_count"] == 0
    assert Run.objects.get().items.filter(status="pending").count() == 1
    again = api.post(f"{BASE}/runs/{run.pk}/retry-failed")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_failed")


def test_pages_of_runs_follow_each_other(api, project, counting):
    make_output(make_task(project), "a")
    scorer = counting_scorer(project)
    runs = [start(project, scorer).pk for _ in range(3)]
    first = api.get(f"{BASE}/runs", {"limit": 2}).json()
    second = api.get(first["next"]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == runs[::-1]
    assert second["next"] is None


@pytest.mark.parametrize("path", ["runs", "scorers", "endpoints"])
def test_a_list_costs_the_same_for_one_and_for_three_rows(api, project, counting, path):
    counted = []
    for number in range(1, 4):
        make_output(make_task(project), "a")
        start(project, counting_scorer(project, factor=float(number)))
        ModelEndpoint.objects.create(project=project, name=f"m{number}", engine="transformers", reference="r")
        with CaptureQueriesContext(connection) as queries:
            assert len(api.get(f"{BASE}/{path}").json()["results"]) == number
        counted.append(len(queries))
    assert counted[0] == counted[2]


def test_a_model_is_registered_and_probed_again(api, project):
    wanted = {"name": "big", "reference": "owner/big", "revision": "main"}
    made = api.post(f"{BASE}/endpoints", wanted, format="json")
    assert (made.status_code, made.json()["state"]) == (201, "waiting")
    ModelEndpoint.objects.update(failure="missing", probed_at="2026-01-01T00:00Z")
    assert api.get(f"{BASE}/endpoints/{made.json()['id']}").json()["state"] == "failed"
    probed = api.post(f"{BASE}/endpoints/{made.json()['id']}/probe")
    assert (probed.status_code, probed.json()["state"]) == (202, "waiting")
    taken = api.post(f"{BASE}/endpoints", wanted, format="json")
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")


def test_the_operators_model_cannot_be_probed_from_a_project(api):
    shared = ModelEndpoint.objects.create(name="shared", engine="transformers", reference="r")
    assert api.get(f"{BASE}/endpoints/{shared.pk}").status_code == 200
    assert api.post(f"{BASE}/endpoints/{shared.pk}/probe").status_code == 404
