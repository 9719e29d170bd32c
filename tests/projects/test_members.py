"""Members, their roles, and the rule that a project keeps an owner."""

import pytest
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.models import Membership, Role
from tests.factories import make_user


def membership(user):
    return Membership.objects.get(user=user, project__slug="quill")


def change(client, user, **data):
    return client.post(f"/p/quill/members/{membership(user).pk}/", data)


@pytest.mark.parametrize("identifier", ["scribe", "scribe@example.org", "SCRIBE@example.org"])
def test_a_person_is_added_by_user_name_or_address(cast, browse, identifier):
    scribe = make_user("scribe")
    response = browse(cast.owner).post("/p/quill/members/", {"identifier": identifier, "role": "viewer"})
    assertRedirects(response, "/p/quill/members/")
    assert membership(scribe).role == Role.VIEWER
    event = cast.project.audit_events.get()
    assert (event.verb, event.actor, event.data) == ("member.added", cast.owner, {"user": "scribe", "role": "viewer"})


def test_a_member_is_not_added_twice(cast, browse):
    response = browse(cast.owner).post("/p/quill/members/", {"identifier": "viewer", "role": "manager"})
    assertContains(response, "viewer is already viewer here.")
    assert membership(cast.viewer).role == Role.VIEWER


def test_a_name_that_nobody_has_is_refused(cast, browse):
    response = browse(cast.owner).post("/p/quill/members/", {"identifier": "nobody", "role": "viewer"})
    assertContains(response, "Nobody here has this user name or e-mail address.")


def test_an_address_that_two_people_have_needs_the_user_name(cast, browse):
    for name in ("twin-1", "twin-2"):
        make_user(name)
        membership_of = make_user(f"other-{name}")
        membership_of.email = "twins@example.org"
        membership_of.save()
    response = browse(cast.owner).post("/p/quill/members/", {"identifier": "twins@example.org", "role": "viewer"})
    assertContains(response, "Several people have this e-mail address; give the user name.")


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_only_owners_add_members(cast, browse, role):
    make_user("scribe")
    response = browse(getattr(cast, role)).post("/p/quill/members/", {"identifier": "scribe", "role": "owner"})
    assert response.status_code == 403
    assert cast.project.memberships.count() == 4


def test_an_owner_changes_a_role(cast, browse):
    change(browse(cast.owner), cast.viewer, role="manager")
    assert membership(cast.viewer).role == Role.MANAGER
    assert cast.project.audit_events.get().data == {"user": "viewer", "role": "manager", "was": "viewer"}


def test_the_same_role_again_changes_and_logs_nothing(cast, browse):
    change(browse(cast.owner), cast.viewer, role="viewer")
    assert not cast.project.audit_events.exists()


def test_a_role_that_does_not_exist_is_refused(cast, browse):
    assert change(browse(cast.owner), cast.viewer, role="emperor").status_code == 400
    assert membership(cast.viewer).role == Role.VIEWER


def test_an_owner_removes_a_member_with_the_tokens_bound_to_the_project(cast, browse, make_token):
    make_token(cast.viewer, project=cast.project)
    make_token(cast.viewer)
    change(browse(cast.owner), cast.viewer, remove="1")
    assert not Membership.objects.filter(user=cast.viewer).exists()
    assert [token.project for token in cast.viewer.api_tokens.all()] == [None]


@pytest.mark.parametrize("data", [{"role": "viewer"}, {"remove": "1"}])
def test_the_last_owner_can_neither_step_down_nor_be_removed(cast, browse, data):
    response = change(browse(cast.owner), cast.owner, **data)
    assert response.status_code == 409
    assert "owner is the last owner" in response.content.decode()
    assert membership(cast.owner).role == Role.OWNER


def test_the_last_owner_cannot_leave(cast, browse):
    assert browse(cast.owner).post("/p/quill/leave/").status_code == 409
    assert membership(cast.owner).role == Role.OWNER


def test_an_owner_steps_down_once_there_is_another(cast, browse):
    client = browse(cast.owner)
    change(client, cast.manager, role="owner")
    assertRedirects(change(client, cast.owner, role="annotator"), "/")
    assert membership(cast.owner).role == Role.ANNOTATOR


@pytest.mark.parametrize("role", ["manager", "annotator", "viewer"])
def test_everybody_else_may_leave(cast, browse, role):
    user = getattr(cast, role)
    assertRedirects(browse(user).post("/p/quill/leave/"), "/")
    assert not Membership.objects.filter(user=user).exists()
    assert cast.project.audit_events.get().verb == "member.left"


def test_the_page_shows_no_forms_to_those_who_may_not_use_them(cast, browse):
    response = browse(cast.viewer).get("/p/quill/members/")
    assertContains(response, "manager@example.org")
    assertNotContains(response, "Add or invite")
    assertNotContains(response, 'name="remove"')


@pytest.mark.parametrize("extra", [0, 3])
def test_the_page_costs_the_same_for_any_number_of_members(cast, browse, django_assert_num_queries, extra):
    for _ in range(extra):
        Membership.objects.create(project=cast.project, user=make_user(), role=Role.VIEWER)
    client = browse(cast.owner)
    # session, user, project with role, members, invitations, links
    with django_assert_num_queries(6):
        client.get("/p/quill/members/")
