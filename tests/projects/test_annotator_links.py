"""Links that let many people in as annotators, and invitations by letter."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.actions.annotator_link import issue_annotator_link
from projects.models import AnnotatorLink, Membership, SitePolicy, User
from tests.factories import make_user

CHOSEN = {"username": "nora", "display_name": "Nora", "password1": "feather-ink-9", "password2": "feather-ink-9"}


@pytest.fixture
def link(cast):
    """The path of a link for two people."""
    issued = issue_annotator_link(project=cast.project, actor=cast.owner, label="Group A", days=3, most_people=2)
    return f"/join/{issued.secret}/"


def test_an_owner_makes_a_link_that_is_shown_once(cast, browse):
    client = browse(cast.owner)
    page = client.post("/p/quill/members/", {"label": "Group A", "most_people": 5, "days": 7}).content.decode()
    secret = re.search(r"http://testserver/join/([\w-]+)/", page)[1]
    assertNotContains(client.get("/p/quill/members/"), secret)
    assertContains(client.get("/p/quill/members/"), "0 of 5 joined")
    assert secret not in str(list(AnnotatorLink.objects.values()))


@pytest.mark.parametrize("role", ["manager", "viewer", "annotator"])
def test_nobody_else_makes_one(cast, browse, role):
    answer = browse(getattr(cast, role)).post("/p/quill/members/", {"label": "x", "most_people": 5, "days": 7})
    assert answer.status_code == 403
    assert not AnnotatorLink.objects.exists()


@pytest.mark.parametrize(("most_people", "days"), [(0, 7), (5, 0), (5, 91), (1001, 7)])
def test_a_link_is_bounded(cast, browse, most_people, days):
    fields = {"label": "x", "most_people": most_people, "days": days}
    assert browse(cast.owner).post("/p/quill/members/", fields).status_code == 200
    assert not AnnotatorLink.objects.exists()


def test_people_join_as_annotators_until_it_is_full(cast, browse, link):
    assertRedirects(browse(cast.stranger).post(link), "/")
    assertRedirects(Client().post(link, CHOSEN), "/")
    roles = {row.user.username: row.role for row in cast.project.memberships.select_related("user")}
    assert (roles["stranger"], roles["nora"]) == ("annotator", "annotator")
    assert browse(make_user("late")).get(link).status_code == 404


def test_a_newcomers_address_is_unknown_until_it_is_proven(cast, link):
    Client().post(link, {**CHOSEN, "email": "owner@example.org"})
    assert User.objects.get(username="nora").email == ""


def test_a_member_who_follows_it_keeps_the_role_and_takes_no_place(cast, browse, link):
    assert browse(cast.manager).post(link).status_code == 409
    assert Membership.objects.get(user=cast.manager).role == "manager"
    assert AnnotatorLink.objects.get().joined_count == 0


def test_a_revoked_or_expired_link_is_dead(cast, browse, link):
    AnnotatorLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browse(cast.stranger).get(link).status_code == 404
    AnnotatorLink.objects.update(expires_at=timezone.now() + timedelta(days=1))
    client = browse(cast.owner)
    client.post(f"/p/quill/links/{AnnotatorLink.objects.get().pk}/revoke/")
    assert browse(cast.stranger).get(link).status_code == 404
    assertNotContains(client.get("/p/quill/members/"), "Group A</p>")


def test_a_link_of_another_project_cannot_be_revoked(cast, browse, link):
    pk = AnnotatorLink.objects.get().pk
    assert browse(cast.stranger).post(f"/p/vellum/links/{pk}/revoke/").status_code == 404
    assert AnnotatorLink.objects.open().exists()


def test_where_sign_up_is_closed_a_link_lets_in_accounts_that_exist(cast, browse, link):
    SitePolicy.objects.create(pk=1, sign_up="closed")
    assertContains(Client().get(link), "made by the operator")
    assert Client().post(link, CHOSEN).status_code == 403
    assert not User.objects.filter(username="nora").exists()
    assertRedirects(browse(cast.stranger).post(link), "/")


def test_whoever_made_the_link_is_told_who_came(cast, browse, link):
    browse(cast.stranger).post(link)
    assert cast.owner.notifications.get().data == {"user": "stranger", "role": "annotator"}


# Invitations by letter


def invite(browse, cast):
    browse(cast.owner).post("/p/quill/members/", {"identifier": "nora@example.org", "role": "viewer"})
    (letter,) = mail.outbox
    return letter, re.search(r"http://testserver(/invitations/\S+)", letter.body)[1]


def test_an_invitation_goes_out_as_a_letter_that_proves_the_address(cast, browse):
    letter, path = invite(browse, cast)
    assert (letter.to, "Quill" in letter.subject) == (["nora@example.org"], True)
    assertRedirects(Client().post(path, CHOSEN), "/")
    assert User.objects.get(username="nora").email == "nora@example.org"


def test_the_same_link_without_the_letters_proof_proves_nothing(cast, browse):
    """The owner sees the link as well, and must not be able to make an account in the invited person's name."""
    _, path = invite(browse, cast)
    forged = f"{path.partition('?')[0]}?proof=nobodys"
    assertRedirects(Client().post(forged, CHOSEN), "/")
    assert User.objects.get(username="nora").email == ""


def test_where_no_letter_leaves_the_link_is_handed_over(cast, browse, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    page = browse(cast.owner).post("/p/quill/members/", {"identifier": "nora@example.org", "role": "viewer"})
    assertContains(page, "Send this link to nora@example.org")
    assertContains(page, "http://testserver/invitations/")


def test_a_project_name_carries_no_message_of_its_own_into_a_letter(cast, browse):
    cast.project.name = "Win at https://evil.example now " + "x" * 160
    cast.project.save()
    letter, _ = invite(browse, cast)
    assert "evil.example" in letter.body
    assert "https://evil" not in letter.body + letter.subject
    assert max(len(line) for line in letter.body.splitlines() if "testserver" not in line) < 200


def test_invitations_are_limited(cast, browse, settings):
    settings.ACCOUNT_RATE_LIMITS = {"invite": "2/h/user"}
    client = browse(cast.owner)
    answers = [
        client.post("/p/quill/members/", {"identifier": f"n{number}@example.org", "role": "viewer"}).status_code
        for number in range(3)
    ]
    assert answers == [200, 200, 429]
    assert len(mail.outbox) == 2
