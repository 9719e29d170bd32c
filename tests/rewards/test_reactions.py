"""Reactions of an application's users: stored once as ratings, replaced where a person changes their mind, limited."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from projects.actions.token import issue_token
from projects.models import TokenScope
from rewards.models import Judgment, Rating
from rewards.reactions import read_reaction
from tests.factories import make_output, make_project, make_task, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("👍", None, ("thumbs", 1.0)),
        ("👍🏽", None, ("thumbs", 1.0)),
        ("thumbs_down", None, ("thumbs", 0.0)),
        ("❤️", None, ("reaction-heavy-black-heart", 1.0)),
        ("Love", 0.0, ("reaction-love", 0.0)),
        ("so good!", 0.5, ("reaction-so-good", 0.5)),
    ],
)
def test_a_reaction_is_a_question_and_a_number(name, value, expected):
    assert read_reaction(name, value) == expected


@pytest.mark.parametrize(("name", "value"), [("", None), ("!!", None), ("x" * 61, None), ("love", 1.5)])
def test_what_names_no_reaction_is_refused(name, value):
    with pytest.raises(ValueError, match="expected"):
        read_reaction(name, value)


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner, viewer=make_user("vera"))


@pytest.fixture
def output(project):
    return make_output(make_task(project, "t1"), "Hello.", external_id="t1/0")


def post(owner, body, path="reactions", scopes=(TokenScope.WRITE,)):
    until = timezone.now() + timedelta(days=1)
    secret = issue_token(user=owner, name="app", scopes=list(scopes), expires_at=until).secret
    headers = {"Authorization": f"Bearer {secret}"}
    return Client().post(f"/api/v1/projects/lab/{path}", body, content_type="application/json", headers=headers)


def reacted(key="k1", reaction="love", **fields):
    return {"key": key, "reaction": reaction, "task_id": "t1", "output_id": "t1/0", **fields}


def values():
    rows = Rating.objects.filter(judgment__withdrawn_at__isnull=True).order_by("pk")
    return list(rows.values_list("question", "value"))


def test_an_application_stores_reactions_once_by_a_rater_of_its_name(owner, project, output):
    body = {"app": "chat", "reactions": [reacted(), reacted("k2", "👎", output=output.pk)]}
    assert post(owner, body).json() == {"stored": 2, "unchanged": 0, "replaced": 0}
    assert post(owner, body).json() == {"stored": 0, "unchanged": 2, "replaced": 0}
    assert values() == [("reaction-love", 1.0), ("thumbs", 0.0)]
    judgment = Judgment.objects.first()
    assert (judgment.rater.name, judgment.rater.kind, judgment.output) == ("chat", "external", output)
    project.refresh_from_db()
    assert project.judgment_count == 2
    changed = {"app": "chat", "reactions": [reacted(value=0)]}
    assert post(owner, changed).json()["code"] == "key_reused"


def test_a_person_who_reacts_anew_has_changed_their_mind_and_others_have_not(owner, project, output):
    first = [reacted("k1", "👍", user="ann@example.org"), reacted("k2", "👍", user="ben"), reacted("k3", "👍")]
    post(owner, {"app": "chat", "reactions": first})
    again = post(owner, {"app": "chat", "reactions": [reacted("k4", "👎", user="ann@example.org")]})
    assert again.json() == {"stored": 1, "unchanged": 0, "replaced": 1}
    assert values() == [("thumbs", 1.0), ("thumbs", 1.0), ("thumbs", 0.0)]
    # The application's name for the person is nowhere kept.
    assert not Judgment.objects.filter(presentation__icontains="ann@example.org").exists()
    assert Judgment.objects.latest("pk").replaces.withdrawn_at is not None
    taken = post(owner, {"app": "chat", "keys": ["k2", "k2", "unknown"]}, path="reactions/withdraw")
    assert taken.json() == {"withdrawn": 1}
    project.refresh_from_db()
    assert project.judgment_count == 2


def test_one_wrong_reaction_is_named_and_none_is_stored(owner, output):
    body = {"app": "chat", "reactions": [reacted(), reacted("k2", output_id="t1/9"), reacted("k1", "!!")]}
    answer = post(owner, body)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {"reactions.1.output", "reactions.2.key", "reactions.2.reaction"}
    assert values() == []


def test_a_token_that_may_only_read_and_a_stranger_store_nothing(owner, project, output):
    body = {"app": "chat", "reactions": [reacted()]}
    assert post(owner, body, scopes=[TokenScope.READ]).status_code == 403
    assert post(make_user("stranger"), body).status_code == 404
    assert values() == []


def test_too_many_requests_are_refused_until_later(owner, output, settings):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "reactions": "1/m/user"}
    body = {"app": "chat", "reactions": [reacted()]}
    assert post(owner, body).status_code == 200
    assert post(owner, body).json()["code"] == "too_many"
