"""Invitations by link."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.actions.invitation import invite
from projects.models import Invitation, Membership, User


@pytest.fixture
def link(cast):
    """The path of a link that makes its bearer an annotator."""
    issued = invite(project=cast.project, actor=cast.owner, email="new@example.org", role="annotator")
    return f"/invitations/{issued.secret}/"


def test_an_address_that_nobody_has_is_invited_and_the_link_shown_once(cast, browse):
    client = browse(cast.owner)
    response = client.post("/p/quill/members/", {"identifier": "new@example.org", "role": "viewer"})
    secret = re.search(r"http://testserver/invitations/([\w-]+)/", response.content.decode())[1]
    assertNotContains(client.get("/p/quill/members/"), secret)
    assertContains(client.get("/p/quill/members/"), "new@example.org")


def test_only_the_hash_of_the_secret_is_stored(cast, link):
    secret = link.split("/")[2]
    stored = Invitation.objects.values().get()
    assert secret not in str(stored)
    assert len(stored["token_hash"]) == 64


def test_whoever_is_signed_in_joins_with_the_role(cast, browse, link):
    client = browse(cast.stranger)
    assertContains(client.get(link), "Join Quill")
    assertRedirects(client.post(link), "/")
    assert Membership.objects.get(user=cast.stranger, project=cast.project).role == "annotator"


def test_a_newcomer_makes_an_account_and_joins(cast, client, link):
    data = {
        "username": "newcomer",
        "display_name": "Nora",
        "email": "nora@example.org",
        "password1": "feather-and-ink-9",
        "password2": "feather-and-ink-9",
    }
    assertRedirects(client.post(link, data), "/")
    user = User.objects.get(username="newcomer")
    assert user.check_password("feather-and-ink-9")
    assert Membership.objects.get(user=user).project == cast.project


def test_a_weak_password_makes_no_account(cast, client, link):
    data = {"username": "newcomer", "password1": "12345", "password2": "12345"}
    assert client.post(link, data).status_code == 200
    assert not User.objects.filter(username="newcomer").exists()


def test_a_link_works_once(cast, browse, link):
    browse(cast.stranger).post(link)
    assert browse(cast.viewer).get(link).status_code == 404


def test_a_member_who_follows_the_link_does_not_use_it_up(cast, browse, link):
    assert browse(cast.viewer).post(link).status_code == 409
    assert browse(cast.stranger).get(link).status_code == 200
    assert Membership.objects.get(user=cast.viewer).role == "viewer"


def test_a_revoked_link_is_dead_and_gone_from_the_list(cast, browse, link):
    invitation = Invitation.objects.get()
    client = browse(cast.owner)
    client.post(f"/p/quill/invitations/{invitation.pk}/revoke/")
    assert browse(cast.stranger).get(link).status_code == 404
    assertNotContains(client.get("/p/quill/members/"), "Open invitations")


def test_an_expired_link_is_dead(cast, browse, link):
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browse(cast.stranger).get(link).status_code == 404


def test_a_guessed_link_is_dead(cast, client):
    assert client.get("/invitations/guess/").status_code == 404


def test_an_invitation_of_another_project_cannot_be_revoked(cast, browse, link):
    invitation = Invitation.objects.get()
    assert browse(cast.stranger).post(f"/p/vellum/invitations/{invitation.pk}/revoke/").status_code == 404
    assert Invitation.objects.open().exists()


def test_managers_see_no_invitations(cast, browse, link):
    assertNotContains(browse(cast.manager).get("/p/quill/members/"), "new@example.org")
