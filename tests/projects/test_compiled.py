"""Queries that are built once: they find what the query set finds, for whatever values, and lose none."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from projects.compiled import CompiledQuery
from projects.models import ApiToken, Membership, Project
from projects.prepared import prepared_statements
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


@CompiledQuery
def memberships(user_id, project_id):
    """Rows with a related object and an annotation, so that all that Django's iterables make is made."""
    found = Membership.objects.filter(user=user_id).select_related("project").order_by("pk")
    return found if project_id is None else found.filter(project=project_id)


def test_values_are_filled_in_anew_each_time_and_related_objects_come_along(django_assert_num_queries):
    ann, ben = make_user("ann"), make_user("ben")
    first, second = make_project(owner=ann), make_project(owner=ben)
    Membership.objects.create(project=second, user=ann, role="viewer")
    assert [row.project.slug for row in memberships(ann.pk, None)] == [first.slug, second.slug]
    assert [row.project.slug for row in memberships(ann.pk, second.pk)] == [second.slug]
    with django_assert_num_queries(1):
        assert [(row.user_id, row.project.slug) for row in memberships(ben.pk, None)] == [(ben.pk, second.slug)]


def test_it_is_built_once_for_each_shape_of_the_values():
    built = []

    @CompiledQuery
    def projects(slug, is_named):
        built.append(is_named)
        found = Project.objects.filter(slug=slug).values_list("slug", flat=True)
        return found.exclude(name="") if is_named else found

    named = make_project()
    for slug in (named.slug, "none-such"):
        for is_named in (True, False):
            assert projects(slug, is_named) == ([slug] if slug == named.slug else [])
    assert built == [True, False]


def test_a_time_is_a_value_like_any_other():
    @CompiledQuery
    def since(at):
        return Project.objects.filter(created_at__gte=at)

    project, now = make_project(), timezone.now()
    assert since(now - timedelta(hours=1)) == [project]
    assert since(now + timedelta(hours=1)) == []


def test_a_value_that_does_not_reach_the_sql_is_refused():
    @CompiledQuery
    def forgetful(project_id, user_id):
        return Project.objects.filter(pk=project_id)

    with pytest.raises(ValueError, match="forgetful: the value at 1 is not a parameter"):
        forgetful(1, 2)


def test_statements_are_planned_once_within_the_block_and_bound_by_django_outside():
    def planned():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%projects_apitoken%%'")
            return cursor.fetchone()[0]

    ordinary = connection.cursor().cursor.__class__
    for hashed in ("a", "b", "c"):
        ApiToken.objects.filter(token_hash=hashed).first()
    assert planned() == 0
    with prepared_statements():
        for hashed in ("a", "b", "c"):
            ApiToken.objects.filter(token_hash=hashed).first()
    assert planned() == 1
    assert connection.cursor().cursor.__class__ is ordinary


def test_what_no_value_changes_stands_in_the_sql_itself(django_assert_num_queries):
    @CompiledQuery
    def fond(slug):
        return Project.objects.filter(slug=slug).exclude(name="50 % 'off'")

    project = make_project()
    with django_assert_num_queries(1) as queries:
        assert fond(project.slug) == [project]
    assert "50 % ''off''" in queries[0]["sql"]
