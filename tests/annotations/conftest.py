"""The people of most tests here: an owner and an annotator in one project."""

import pytest

from tests.factories import make_project, make_user


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def ann():
    return make_user("ann")


@pytest.fixture
def project(owner, ann):
    return make_project("lab", owner=owner, annotator=ann)
