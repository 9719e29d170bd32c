"""Projects, members, invitations, tokens and the audit log over the API."""

from datetime import timedelta

import pytest
from django.urls import include, path, reverse
from django.utils import timezone
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from projects.api import urls
from projects.models import AuditEvent, Membership, Role
from tests.factories import make_project, make_user

OF_A_PERSON = {"me", "token-list", "token-detail", "project-list", "notification-list", "notifications-read"}
OF_A_PROJECT = {
    "project-detail": ("get", {"owner", "manager", "viewer"}),
    "data-policy": ("get", {"owner"}),
    "audit-list": ("get", {"owner", "manager"}),
    "member-list": ("get", {"owner", "manager", "viewer"}),
    "member-detail": ("delete", {"owner"}),
    "invitation-list": ("get", {"owner"}),
    "invitation-detail": ("delete", {"owner"}),
    "annotator-link-list": ("get", {"owner"}),
    "annotator-link-detail": ("delete", {"owner"}),
}

# Of a project that is marked for deletion: tests/projects/test_project_deletion.py has them.
OF_A_MARKED_PROJECT = {"project-deletion", "project-deletion-now"}


def send(client, name):
    method, _ = OF_A_PROJECT[name]
    arguments = ["quill", 999999] if name.endswith("-detail") and name != "project-detail" else ["quill"]
    return getattr(client, method)(reverse(f"projects-api:{name}", args=arguments))


def post(client, path, **data):
    return client.post(f"/api/v1/{path}", data, "application/json")


def test_every_address_is_in_a_table():
    assert {pattern.name for pattern in urls.urlpatterns} == OF_A_PERSON | set(OF_A_PROJECT) | OF_A_MARKED_PROJECT


@pytest.mark.parametrize("name", sorted(OF_A_PROJECT))
def test_who_is_not_signed_in_gets_401(cast, client, name):
    assert send(client, name).status_code == 401


@pytest.mark.parametrize("name", sorted(OF_A_PROJECT))
def test_a_stranger_gets_404(cast, browse, name):
    response = send(browse(cast.stranger), name)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("role", ["owner", "manager", "annotator", "viewer"])
@pytest.mark.parametrize("name", sorted(OF_A_PROJECT))
def test_an_address_answers_the_roles_in_the_table_only(cast, browse, name, role):
    method, roles = OF_A_PROJECT[name]
    # Nothing has the id 999999: whoever may ask is told so.
    allowed = 200 if method == "get" else 404
    response = send(browse(getattr(cast, role)), name)
    assert response.status_code == (allowed if role in roles else 403)


def test_a_project_says_what_its_reader_may_do(cast, browse):
    body = browse(cast.manager).get("/api/v1/projects/quill").json()
    assert (body["role"], body["capabilities"]) == ("manager", ["annotate", "manage", "view"])
    assert (body["task_count"], body["output_count"], body["judgment_count"]) == (0, 0, 0)


def test_an_annotator_sees_the_project_in_the_list_without_its_counts(cast, browse):
    (project,) = browse(cast.annotator).get("/api/v1/projects").json()["results"]
    assert (project["slug"], project["role"]) == ("quill", "annotator")
    assert not [key for key in project if key.endswith("_count")]


def test_a_project_is_started(cast, browse):
    response = post(browse(cast.stranger), "projects", name="Long Answers")
    assert (response.status_code, response.json()["slug"], response.json()["role"]) == (201, "long-answers", "owner")


def test_an_address_that_is_taken_is_told_by_field(cast, browse):
    response = post(browse(cast.stranger), "projects", name="Quill")
    assert (response.status_code, response.json()["code"]) == (409, "slug_taken")
    assert list(response.json()["fields"]) == ["slug"]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\x00b"])
def test_a_name_that_cannot_be_one_is_told_by_field(cast, browse, name):
    response = post(browse(cast.stranger), "projects", name=name)
    assert (response.status_code, list(response.json()["fields"])) == (400, ["name"])


def test_a_project_is_changed_in_the_fields_given(cast, browse):
    client = browse(cast.owner)
    client.patch("/api/v1/projects/quill", {"description": "Feathers."}, "application/json")
    cast.project.refresh_from_db()
    assert (cast.project.name, cast.project.description) == ("Quill", "Feathers.")


def test_pages_of_a_list_follow_each_other_by_address(cast, browse):
    for name in ("b", "c", "a"):
        make_project(name, owner=cast.owner)
    client, address, seen = browse(cast.owner), "/api/v1/projects?limit=2", []
    while address:
        body = client.get(address).json()
        seen.append([project["slug"] for project in body["results"]])
        address = body["next"]
    assert seen == [["a", "b"], ["c", "quill"]]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e3", "9" * 40, "²"])
def test_a_limit_out_of_range_is_refused(cast, browse, limit):
    response = browse(cast.owner).get("/api/v1/projects", {"limit": limit})
    assert (response.status_code, response.json()["code"]) == (400, "limit_invalid")


def test_a_member_is_added_changed_and_removed(cast, browse):
    make_user("scribe")
    client = browse(cast.owner)
    added = post(client, "projects/quill/members", identifier="scribe", role="viewer")
    assert (added.status_code, added.json()["user"]["username"], added.json()["role"]) == (201, "scribe", "viewer")
    address = f"/api/v1/projects/quill/members/{added.json()['id']}"
    assert client.patch(address, {"role": "manager"}, "application/json").json()["role"] == "manager"
    assert client.delete(address).status_code == 204
    assert client.delete(address).status_code == 404
    assert [event.verb for event in AuditEvent.objects.order_by("id")] == [
        "member.added",
        "member.role_changed",
        "member.removed",
    ]


@pytest.mark.parametrize("role", ["manager", "annotator", "viewer"])
def test_only_owners_add_members(cast, browse, role):
    make_user("scribe")
    response = post(browse(getattr(cast, role)), "projects/quill/members", identifier="scribe", role="owner")
    assert response.status_code == 403
    assert cast.project.memberships.count() == 4


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_the_last_owner_stays(cast, browse, method):
    pk = Membership.objects.get(user=cast.owner).pk
    send_it = getattr(browse(cast.owner), method)
    response = send_it(f"/api/v1/projects/quill/members/{pk}", {"role": "viewer"}, "application/json")
    assert (response.status_code, response.json()["code"]) == (409, "last_owner")


def test_members_are_listed_without_their_addresses(cast, browse):
    body = browse(cast.viewer).get("/api/v1/projects/quill/members").json()
    assert [member["role"] for member in body["results"]] == ["owner", "manager", "annotator", "viewer"]
    assert set(body["results"][0]["user"]) == {"id", "username", "display_name"}


def test_an_invitation_is_made_listed_and_revoked(cast, browse):
    client = browse(cast.owner)
    made = post(client, "projects/quill/invitations", email="new@example.org", role="annotator").json()
    assert made["url"].startswith("http://testserver/invitations/")
    (listed,) = client.get("/api/v1/projects/quill/invitations").json()["results"]
    assert listed == made["invitation"]
    assert client.delete(f"/api/v1/projects/quill/invitations/{listed['id']}").status_code == 204
    assert client.get("/api/v1/projects/quill/invitations").json()["results"] == []


def test_a_token_is_made_listed_and_revoked(cast, browse):
    client = browse(cast.viewer)
    expires = (timezone.now() + timedelta(days=30)).isoformat()
    made = post(client, "tokens", name="trainer", scopes=["read"], project="quill", expires_at=expires).json()
    assert made["secret"].startswith(made["token"]["prefix"])
    (listed,) = client.get("/api/v1/tokens").json()["results"]
    assert (listed["project"], listed["scopes"], "secret" in listed) == ("quill", ["read"], False)
    assert client.delete(f"/api/v1/tokens/{listed['id']}").status_code == 204
    assert client.get("/api/v1/tokens").json()["results"][0]["revoked_at"] is not None


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400, "expires_at"),
        ({"expires_at": "2199-01-01T00:00:00Z"}, 400, "expires_at"),
        ({"scopes": []}, 400, "scopes"),
        ({"scopes": ["rule"]}, 400, "scopes.0"),
        ({"project": "vellum"}, 404, None),
    ],
)
def test_a_token_that_asks_for_what_there_is_not_is_refused(cast, browse, change, status, field):
    asked = {"name": "n", "scopes": ["read"], "expires_at": (timezone.now() + timedelta(days=1)).isoformat(), **change}
    response = post(browse(cast.viewer), "tokens", **asked)
    assert response.status_code == status
    assert list(response.json()["fields"]) == ([field] if field else [])


def test_somebody_elses_token_does_not_exist(cast, browse, make_token):
    token, _ = make_token(cast.viewer)
    assert browse(cast.owner).delete(f"/api/v1/tokens/{token.pk}").status_code == 404


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("path", ["projects", "projects/quill/members", "projects/quill/audit-events", "tokens"])
def test_a_list_costs_the_same_for_any_number_of_rows(
    cast, browse, make_token, django_assert_max_num_queries, path, rows
):
    for number in range(rows):
        make_project(owner=cast.owner)
        Membership.objects.create(project=cast.project, user=make_user(), role=Role.VIEWER)
        AuditEvent.objects.create(project=cast.project, actor=cast.owner, verb=f"run.{number}")
        make_token(cast.owner, project=cast.project)
    client = browse(cast.owner)
    # session, user, the project with role where there is one, the rows
    with django_assert_max_num_queries(4):
        assert len(client.get(f"/api/v1/{path}").json()["results"]) >= rows


def test_the_schema_of_this_app_has_no_warning():
    generator = SchemaGenerator(patterns=[path("api/v1/", include("projects.api.urls"))])
    GENERATOR_STATS.reset()
    schema = generator.get_schema(public=True)
    assert not GENERATOR_STATS
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    validate_schema(schema)
