"""The one door to a project."""

import pytest
from django.http import Http404

from projects.access import Capability, allows, membership_for, project_for, projects_for, token_for
from projects.errors import AppError
from tests.factories import make_project


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        ("owner", {"view", "annotate", "manage", "own"}),
        ("manager", {"view", "annotate", "manage"}),
        ("annotator", {"annotate"}),
        ("viewer", {"view"}),
    ],
)
def test_each_role_grants_its_capabilities_and_no_other(cast, role, granted):
    project = project_for(getattr(cast, role), "quill", needs=None)
    assert {capability.value for capability in Capability if allows(project, capability)} == granted


def test_a_stranger_is_told_that_the_project_does_not_exist(cast):
    with pytest.raises(Http404):
        project_for(cast.stranger, "quill", needs=None)


def test_a_member_whose_role_is_too_low_is_told_so(cast):
    with pytest.raises(AppError) as refusal:
        project_for(cast.annotator, "quill", needs=Capability.VIEW)
    assert (refusal.value.code, refusal.value.status) == ("role_required", 403)


def test_projects_are_those_one_belongs_to_with_the_role(cast):
    second = make_project("amanuensis", viewer=cast.owner)
    found = {project.slug: project.viewer_role for project in projects_for(cast.owner)}
    assert found == {"quill": "owner", second.slug: "viewer"}


def test_projects_can_be_limited_to_those_where_the_role_grants_something(cast):
    make_project("amanuensis", viewer=cast.owner)
    assert [p.slug for p in projects_for(cast.owner, needs=Capability.MANAGE)] == ["quill"]
    assert list(projects_for(cast.annotator, needs=Capability.VIEW)) == []


def test_a_person_bound_to_one_project_reaches_no_other(cast):
    make_project("amanuensis", owner=cast.owner)
    cast.owner.bound_project_id = cast.project.pk
    assert [p.slug for p in projects_for(cast.owner)] == ["quill"]
    with pytest.raises(Http404):
        project_for(cast.owner, "amanuensis")


def test_a_membership_of_another_project_cannot_be_reached_through_ones_own(cast):
    foreign = cast.other.memberships.get()
    with pytest.raises(Http404):
        membership_for(cast.owner, "quill", foreign.pk)


def test_somebody_elses_token_does_not_exist(cast, make_token):
    token, _ = make_token(cast.owner)
    with pytest.raises(Http404):
        token_for(cast.manager, token.pk)
