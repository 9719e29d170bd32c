"""One project with a person in each role, and a stranger who owns another one."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from projects.actions.token import issue_token
from tests.factories import make_project, make_user


@pytest.fixture
def cast(db):
    people = {role: make_user(role) for role in ("owner", "manager", "annotator", "viewer")}
    stranger = make_user("stranger")
    project = make_project("quill", **people)
    other = make_project("vellum", owner=stranger)
    return SimpleNamespace(**people, stranger=stranger, project=project, other=other)


@pytest.fixture
def browse():
    """`browse(user)` is a browser in which `user` is signed in."""

    def signed_in(user):
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def make_token():
    """`make_token(user, "read", project=..., days=...)` gives the token and its secret."""

    def issue(user, *scopes, project=None, days=30):
        return issue_token(
            user=user,
            name="a program",
            scopes=scopes or ["read"],
            project=project,
            expires_at=timezone.now() + timedelta(days=days),
        )

    return issue
