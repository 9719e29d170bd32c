"""Campaigns and items over the API: roles, token scopes, the whole flow, and what a submit costs."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from annotations.models import Assignment, Campaign, Submission
from projects.actions.token import issue_token
from projects.models import TokenScope
from rewards.models import Judgment
from tests.annotations.campaigns import FULL, full_answer, make_campaign, make_item_outputs
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/projects/lab/campaigns"


@pytest.fixture
def people():
    return {role: make_user(role) for role in ("owner", "manager", "annotator", "viewer", "stranger")}


@pytest.fixture
def project(people):
    return make_project("lab", **{role: user for role, user in people.items() if role != "stranger"})


@pytest.fixture
def campaign(project, people):
    return make_campaign(project, people["owner"], items=4)


def send(client, path, body=None, method="post"):
    return getattr(client, method)(path, json.dumps(body or {}), content_type="application/json")


def leased(client, campaign):
    """The next item of the signed-in person, and its address."""
    pk = send(client, f"{ROOT}/{campaign.pk}/next").json()["assignment"]
    return Assignment.objects.get(pk=pk), f"/api/v1/assignments/{pk}"


def test_a_manager_makes_opens_pauses_and_closes_a_campaign(client, project, people):
    make_item_outputs(project, ["one", "two"])
    client.force_login(people["manager"])
    made = send(
        client,
        ROOT,
        {
            "name": "By API",
            "protocol": {"questions": FULL, "guidelines": "Read."},
            "selection": {"outputs_per_item": 2},
            "overlap": 2,
            "people": ["annotator"],
        },
    )
    assert made.status_code == 201
    body = made.json()
    assert (body["status"], body["item_count"], body["protocol"]["number"]) == ("draft", 1, 1)
    campaign = Campaign.objects.get()
    assert [member.user for member in campaign.campaign_members.all()] == [people["annotator"]]
    for change, status in (("open", "open"), ("pause", "paused"), ("close", "closed")):
        assert send(client, f"{ROOT}/{campaign.pk}/{change}").json()["status"] == status
    assert send(client, f"{ROOT}/{campaign.pk}/pause").json()["code"] == "campaign_status"


def test_problems_of_a_protocol_are_named_by_question_and_field(client, project, people):
    client.force_login(people["manager"])
    wrong = [{**FULL[0], "prompt": ""}, {**FULL[1], "ties": ["never"]}]
    refused = send(client, ROOT, {"name": "x", "protocol": {"questions": wrong}})
    assert refused.status_code == 400
    assert refused.json()["code"] == "protocol_invalid"
    assert set(refused.json()["fields"]) == {"questions.0.prompt", "questions.1.ties"}


def test_people_must_be_annotators(client, project, people):
    make_item_outputs(project, ["one", "two"])
    client.force_login(people["manager"])
    body = {"name": "x", "protocol": {"questions": FULL}, "people": ["viewer", "stranger"]}
    refused = send(client, ROOT, body)
    assert refused.json()["code"] == "annotator_unknown"
    assert not Campaign.objects.exists()


def test_a_criterion_of_another_project_is_refused(client, project, people):
    make_item_outputs(project, ["one", "two"])
    client.force_login(people["manager"])
    refused = send(client, ROOT, {"name": "x", "protocol": {"questions": [{**FULL[0], "criterion": 12345}]}})
    assert refused.json()["fields"] == {"questions.0.criterion": ["This project has no such criterion."]}


def test_a_new_version_of_the_questions(client, campaign, people):
    client.force_login(people["manager"])
    answer = send(client, f"{ROOT}/{campaign.pk}/protocols", {"questions": FULL[:1], "show_reference": True})
    assert (answer.status_code, answer.json()["number"]) == (200, 2)


ROLES = {
    ("get", ""): {"owner": 200, "manager": 200, "annotator": 200, "viewer": 200, "stranger": 404},
    ("get", "/{pk}"): {"owner": 200, "manager": 200, "annotator": 403, "viewer": 200, "stranger": 404},
    ("post", ""): {"owner": 400, "manager": 400, "annotator": 403, "viewer": 403, "stranger": 404},
    ("post", "/{pk}/protocols"): {"owner": 400, "manager": 400, "annotator": 403, "viewer": 403, "stranger": 404},
    ("post", "/{pk}/pause"): {"owner": 200, "manager": 200, "annotator": 403, "viewer": 403, "stranger": 404},
    ("post", "/{pk}/close"): {"owner": 200, "manager": 200, "annotator": 403, "viewer": 403, "stranger": 404},
    ("post", "/{pk}/open"): {"owner": 200, "manager": 200, "annotator": 403, "viewer": 403, "stranger": 404},
    ("post", "/{pk}/next"): {"owner": 200, "manager": 200, "annotator": 200, "viewer": 403, "stranger": 404},
}


@pytest.mark.parametrize("role", ["owner", "manager", "annotator", "viewer", "stranger"])
def test_every_address_answers_the_right_people_only(client, campaign, people, role):
    client.force_login(people[role])
    got = {
        (method, path): send(client, ROOT + path.format(pk=campaign.pk), method=method).status_code
        if method == "post"
        else client.get(ROOT + path.format(pk=campaign.pk)).status_code
        for method, path in ROLES
    }
    assert got == {address: expected[role] for address, expected in ROLES.items()}


OWN = [("get", ""), ("put", "/draft"), *(("post", f"/{name}") for name in (
    "heartbeat", "submit", "undo", "skip", "release", "resume",
))]  # fmt: skip


@pytest.mark.parametrize("role", ["owner", "manager", "viewer", "stranger"])
def test_somebody_elses_item_is_not_there(client, campaign, people, role):
    client.force_login(people["annotator"])
    assignment, own = leased(client, campaign)
    client.force_login(people[role])
    body = {"answer": {}, "revision": 0, "key": "k"}
    for method, path in OWN:
        answer = client.get(own) if method == "get" else send(client, own + path, body, method)
        assert answer.status_code == 404, path
    assignment.refresh_from_db()
    assert assignment.status == "leased"


def test_the_flow_from_the_next_item_to_undo(client, campaign, people):
    client.force_login(people["annotator"])
    assignment, own = leased(client, campaign)
    shown = client.get(own).json()
    assert [output["label"] for output in shown["outputs"]] == ["A", "B"]
    assert [question["kind"] for question in shown["questions"]] == ["rating", "comparison", "spans"]
    (pair,) = shown["questions"][1]["pairs"]
    assert (pair["name"], pair["left"], pair["right"]) == ("A-B", "A", "B")
    assert [choice["value"] for choice in pair["choices"]] == ["A", "both_good", "both_bad", "cannot_tell", "B"]
    assert shown["draft"] is None

    answer = full_answer(assignment)
    saved = send(client, f"{own}/draft", {"answer": answer, "revision": 0, "active_ms": 1000}, "put").json()
    assert saved["revision"] == 1
    assert client.get(own).json()["draft"]["answer"] == answer
    stale = send(client, f"{own}/draft", {"answer": {}, "revision": 0}, "put")
    assert (stale.status_code, stale.json()["code"]) == (409, "draft_conflict")

    first = send(client, f"{own}/submit", {"key": "k", "answer": answer, "active_ms": 2000})
    again = send(client, f"{own}/submit", {"key": "k", "answer": answer, "active_ms": 2000})
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert Submission.objects.count() == 1
    assert send(client, f"{own}/heartbeat").json()["code"] == "already_submitted"

    assert send(client, f"{own}/undo").json()["status"] == "leased"
    assert not Judgment.objects.standing().exists()
    assert client.get(own).json()["draft"]["answer"] == answer


def test_skip_release_and_resume(client, campaign, people):
    client.force_login(people["annotator"])
    _, own = leased(client, campaign)
    assert send(client, f"{own}/skip", {"reason": "x" * 301}).status_code == 400
    assert send(client, f"{own}/skip", {"reason": "broken"}).json()["status"] == "skipped"
    assert send(client, f"{own}/resume").json()["status"] == "leased"
    assert send(client, f"{own}/release").json()["status"] == "released"
    # Work on it takes it up again by itself.
    assert send(client, f"{own}/heartbeat").json()["status"] == "leased"


def test_the_next_item_comes_along_where_it_is_asked_for(client, campaign, people):
    client.force_login(people["annotator"])
    assert send(client, f"{ROOT}/{campaign.pk}/next").json()["item"] is None
    given = send(client, f"{ROOT}/{campaign.pk}/next", {"with_item": True}).json()
    asked_for = client.get(f"/api/v1/assignments/{given['assignment']}").json()
    assert given["item"] == asked_for
    assert len(given["item"]["outputs"]) == 2


def test_nothing_left_says_whether_to_come_back(client, project, people):
    campaign = make_campaign(project, people["owner"], items=1)
    client.force_login(people["manager"])
    assignment, own = leased(client, campaign)
    client.force_login(people["annotator"])
    waiting = send(client, f"{ROOT}/{campaign.pk}/next").json()
    assert waiting == {"assignment": None, "url": None, "is_done": False, "item": None, "page": None}
    client.force_login(people["manager"])
    send(client, f"{own}/submit", {"key": "k", "answer": full_answer(assignment)})
    client.force_login(people["annotator"])
    assert send(client, f"{ROOT}/{campaign.pk}/next").json()["is_done"] is True


@pytest.mark.parametrize(
    ("scope", "expected"), [(TokenScope.ANNOTATE, 200), (TokenScope.READ, 403), (TokenScope.WRITE, 403)]
)
def test_a_token_needs_the_scope_annotate_to_work_on_items(client, campaign, people, scope, expected):
    later = timezone.now() + timedelta(days=1)
    secret = issue_token(user=people["annotator"], name="t", scopes=[scope], expires_at=later).secret
    headers = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    assert client.post(f"{ROOT}/{campaign.pk}/next", **headers).status_code == expected
    if expected == 200:
        pk = Assignment.objects.get().pk
        assert client.get(f"/api/v1/assignments/{pk}", **headers).status_code == 200


def test_a_session_without_its_csrf_token_changes_nothing(campaign, people):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(people["annotator"])
    assert client.post(f"{ROOT}/{campaign.pk}/next").status_code == 403
    assert not Assignment.objects.exists()


def test_a_submit_makes_the_same_few_queries_the_first_time_and_later(
    client, campaign, people, django_assert_num_queries
):
    client.force_login(people["annotator"])
    # The first submit of a person also makes the rater.
    assignment, own = leased(client, campaign)
    send(client, f"{own}/submit", {"key": "k", "answer": full_answer(assignment)})
    for _ in range(3):
        assignment, own = leased(client, campaign)
        body = {"key": "k", "answer": full_answer(assignment)}
        # Session, user, item, outputs, and everything that is written.
        with django_assert_num_queries(5):
            send(client, f"{own}/submit", body)


def test_lists_of_campaigns_cost_the_same_however_long(client, campaign, project, people, django_assert_num_queries):
    client.force_login(people["owner"])
    with django_assert_num_queries(4):
        client.get(ROOT)
    for number in range(2):
        make_campaign(project, people["owner"], name=f"more {number}")
    with django_assert_num_queries(4):
        assert len(client.get(ROOT).json()["results"]) == 3


def test_leads_read_a_campaigns_items_and_the_answers_that_stand(
    client, campaign, people, django_assert_max_num_queries
):
    client.force_login(people["annotator"])
    assignment, own = leased(client, campaign)
    sent = full_answer(assignment)
    send(client, f"{own}/submit", {"key": "k", "answer": sent, "active_ms": 4000})
    client.force_login(people["owner"])
    with django_assert_max_num_queries(7):
        items = client.get(f"{ROOT}/{campaign.pk}/items").json()["results"]
    assert [row["position"] for row in items] == sorted(row["position"] for row in items)
    own_item = next(row for row in items if row["id"] == assignment.item_id)
    assert (own_item["submitted_count"], sorted(own_item["outputs"])) == (1, sorted(assignment.order))
    with django_assert_max_num_queries(5):
        [answer] = client.get(f"{ROOT}/{campaign.pk}/answers").json()["results"]
    assert (answer["answer"], answer["order"], answer["active_ms"]) == (sent, assignment.order, 4000)
    judged = Judgment.objects.filter(act=answer["act"])
    assert {judgment.rater.pseudonym for judgment in judged} == {answer["rater"]}
    assert people["annotator"].username not in str(answer)
    client.force_login(people["annotator"])
    send(client, f"{own}/undo")
    client.force_login(people["owner"])
    assert client.get(f"{ROOT}/{campaign.pk}/answers").json()["results"] == []
