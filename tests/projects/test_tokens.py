"""API tokens on their page."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.actions.token import issue_token
from projects.errors import AppError
from projects.models import ApiToken, AuditEvent

FORM = {"name": "trainer", "scopes": ["read", "export"], "days": "30", "project": ""}


def test_a_token_is_shown_once_and_stored_as_a_hash(cast, browse):
    client = browse(cast.viewer)
    page = client.post("/tokens/", FORM).content.decode()
    secret = re.search(r"rbr_[\w-]{43}", page)[0]
    stored = ApiToken.objects.values().get()
    assert secret not in str(stored)
    assertNotContains(client.get("/tokens/"), secret)
    assertContains(client.get("/tokens/"), secret[:12])


def test_making_a_token_is_logged_without_its_secret(cast, browse):
    page = browse(cast.viewer).post("/tokens/", FORM).content.decode()
    event = AuditEvent.objects.get()
    assert event.verb == "token.issued"
    assert event.data["scopes"] == "export read"
    assert re.search(r"rbr_[\w-]{43}", page)[0] not in str(event.data)


def test_a_token_can_be_bound_to_ones_own_projects_only(cast, browse):
    client = browse(cast.viewer)
    client.post("/tokens/", {**FORM, "project": cast.project.pk})
    client.post("/tokens/", {**FORM, "project": cast.other.pk})
    assert [token.project for token in ApiToken.objects.all()] == [cast.project]


@pytest.mark.parametrize("change", [{"scopes": []}, {"scopes": ["rule"]}, {"days": "3650"}, {"name": ""}])
def test_a_token_that_asks_for_what_there_is_not_is_refused(cast, browse, change):
    browse(cast.viewer).post("/tokens/", {**FORM, **change})
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("lifetime", [timedelta(days=367), timedelta(seconds=-1)])
def test_a_token_lives_for_a_year_at_most(cast, lifetime):
    with pytest.raises(AppError) as refusal:
        issue_token(user=cast.viewer, name="n", scopes=["read"], expires_at=timezone.now() + lifetime)
    assert refusal.value.code == "expiry_invalid"


def test_a_token_is_revoked_for_good(cast, browse, make_token):
    token, _ = make_token(cast.viewer)
    client = browse(cast.viewer)
    assertRedirects(client.post(f"/tokens/{token.pk}/revoke/"), "/tokens/")
    token.refresh_from_db()
    revoked_at = token.revoked_at
    client.post(f"/tokens/{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at == revoked_at is not None
    assertContains(client.get("/tokens/"), ">revoked<")


def test_somebody_elses_token_cannot_be_revoked(cast, browse, make_token):
    token, _ = make_token(cast.viewer)
    assert browse(cast.owner).post(f"/tokens/{token.pk}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


@pytest.mark.parametrize("tokens", [1, 3])
def test_the_page_costs_the_same_for_any_number_of_tokens(cast, browse, make_token, django_assert_num_queries, tokens):
    for _ in range(tokens):
        make_token(cast.viewer, project=cast.project)
    client = browse(cast.viewer)
    # session, user, tokens, projects offered in the form
    with django_assert_num_queries(4):
        client.get("/tokens/")
