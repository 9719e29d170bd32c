"""Signing in to the API by token or session."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from projects.models import ApiToken, TokenScope


def with_token(secret):
    return Client(headers={"Authorization": f"Bearer {secret}"})


def test_without_credentials_the_api_asks_for_a_token(db, client):
    response = client.get("/api/v1/me")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["code"] == "not_authenticated"


def test_a_token_signs_its_owner_in(cast, make_token):
    token, secret = make_token(cast.viewer)
    body = with_token(secret).get("/api/v1/me").json()
    assert (body["username"], body["token"]["id"], body["token"]["scopes"]) == ("viewer", token.pk, ["read"])


def test_a_session_signs_in_as_well(cast, browse):
    body = browse(cast.viewer).get("/api/v1/me").json()
    assert (body["username"], body["token"]) == ("viewer", None)


def test_a_session_needs_its_csrf_token_to_write(cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)
    response = client.post("/api/v1/projects", {"name": "Forged"}, "application/json")
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize("secret", ["", "rbr_", "rbr_guess", "guess", "rbr_\xff", "rbr_a b"])
def test_a_wrong_token_is_refused(db, secret):
    response = Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/me")
    assert (response.status_code, response.json()["code"]) == (401, "token_invalid")


def test_another_kind_of_credential_is_not_taken_for_a_token(db):
    response = Client(headers={"Authorization": "Basic dXNlcjpwYXNz"}).get("/api/v1/me")
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("state", ["revoked", "expired", "inactive user"])
def test_a_token_that_is_over_is_refused_like_a_wrong_one(cast, make_token, state):
    _, secret = make_token(cast.viewer)
    now = timezone.now()
    if state == "revoked":
        ApiToken.objects.update(revoked_at=now)
    elif state == "expired":
        ApiToken.objects.update(created_at=now - timedelta(days=2), expires_at=now)
    else:
        cast.viewer.is_active = False
        cast.viewer.save()
    response = with_token(secret).get("/api/v1/me")
    assert (response.status_code, response.json()["code"]) == (401, "token_invalid")


def test_use_is_noted_at_most_once_a_minute(cast, make_token):
    token, secret = make_token(cast.viewer)
    client = with_token(secret)
    client.get("/api/v1/me")
    token.refresh_from_db()
    first = token.last_used_at
    client.get("/api/v1/me")
    token.refresh_from_db()
    assert token.last_used_at == first is not None
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    client.get("/api/v1/me")
    token.refresh_from_db()
    assert token.last_used_at > first


def test_a_token_in_steady_use_costs_one_query_a_request(cast, make_token, django_assert_num_queries):
    _, secret = make_token(cast.viewer)
    client = with_token(secret)
    client.get("/api/v1/me")
    # token with its user
    with django_assert_num_queries(1):
        client.get("/api/v1/me")


@pytest.mark.parametrize("scope", sorted(set(TokenScope.values) - {"read"}))
def test_reading_needs_the_scope_read(cast, make_token, scope):
    _, secret = make_token(cast.owner, scope)
    response = with_token(secret).get("/api/v1/projects/quill")
    assert (response.status_code, response.json()["code"]) == (403, "scope_required")


@pytest.mark.parametrize("scope", sorted(set(TokenScope.values) - {"write"}))
def test_changing_needs_the_scope_write(cast, make_token, scope):
    _, secret = make_token(cast.owner, scope)
    response = with_token(secret).patch("/api/v1/projects/quill", {"name": "No"}, "application/json")
    assert (response.status_code, response.json()["code"]) == (403, "scope_required")


def test_a_scope_gives_nothing_that_the_role_does_not(cast, make_token):
    _, secret = make_token(cast.viewer, *TokenScope.values)
    response = with_token(secret).patch("/api/v1/projects/quill", {"name": "No"}, "application/json")
    assert (response.status_code, response.json()["code"]) == (403, "role_required")


def test_a_bound_token_opens_its_project_only(cast, make_token):
    cast.other.memberships.create(user=cast.owner, role="owner")
    _, secret = make_token(cast.owner, "read", "write", project=cast.project)
    client = with_token(secret)
    assert [project["slug"] for project in client.get("/api/v1/projects").json()["results"]] == ["quill"]
    assert client.get("/api/v1/projects/quill").status_code == 200
    assert client.get("/api/v1/projects/vellum").status_code == 404
    assert client.patch("/api/v1/projects/vellum", {"name": "No"}, "application/json").status_code == 404


def test_a_bound_token_starts_no_project(cast, make_token):
    _, secret = make_token(cast.owner, "write", project=cast.project)
    response = with_token(secret).post("/api/v1/projects", {"name": "New one"}, "application/json")
    assert (response.status_code, response.json()["code"]) == (403, "token_bound")


def test_a_token_neither_makes_nor_revokes_tokens(cast, make_token):
    token, secret = make_token(cast.owner, *TokenScope.values)
    client = with_token(secret)
    asked = {"name": "more", "scopes": ["read"], "expires_at": (timezone.now() + timedelta(days=300)).isoformat()}
    assert client.post("/api/v1/tokens", asked, "application/json").json()["code"] == "session_required"
    assert client.delete(f"/api/v1/tokens/{token.pk}").json()["code"] == "session_required"
    assert client.get("/api/v1/tokens").status_code == 200


def test_a_token_opens_no_pages(cast, make_token):
    _, secret = make_token(cast.owner)
    assert with_token(secret).get("/p/quill/").status_code == 302
