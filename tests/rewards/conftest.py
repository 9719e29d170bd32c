"""One project with a person in each role, and a stranger who owns another one."""

from types import SimpleNamespace

import pytest
from django.test import Client

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
