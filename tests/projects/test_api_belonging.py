"""Notifications and annotator links for programs."""

import pytest

from projects.actions.notification import notify
from projects.models import AnnotatorLink, Membership


@pytest.fixture
def program(client, make_token):
    """`program(user, *scopes, project=None)` sends JSON as that person's token."""

    def of(user, *scopes, project=None):
        secret = make_token(user, *scopes, project=project).secret

        def send(method, path, data=None):
            headers = {"Authorization": f"Bearer {secret}"}
            return getattr(client, method)(
                f"/api/v1/{path}", data or {}, headers=headers, **({} if method == "get" else _JSON)
            )

        return send

    return of


_JSON = {"content_type": "application/json"}


def tell(user, *projects):
    for project in projects:
        notify(users=[user], kind="project.joined", project=project, data={"role": "viewer"}, url="/")


def test_notifications_are_listed_and_taken_as_read(cast, program, django_assert_num_queries):
    cast.other.memberships.create(user=cast.viewer, role="viewer")
    tell(cast.viewer, cast.project, cast.other, cast.project)
    tell(cast.owner, cast.project)
    send = program(cast.viewer, "read", "write")
    # The token with its person, the time of its use, and the rows with their projects.
    with django_assert_num_queries(3):
        rows = send("get", "notifications").json()["results"]
    assert [row["project"] for row in rows] == ["quill", "vellum", "quill"]
    assert rows[0]["line"] == "You are now viewer of Quill."
    assert send("post", "notifications/read", {"ids": [rows[0]["id"]]}).json() == {"read": 1, "unread": 2}
    assert len(send("get", "notifications?unread=1").json()["results"]) == 2
    assert send("post", "notifications/read").json() == {"read": 2, "unread": 0}
    cast.owner.refresh_from_db()
    assert cast.owner.unread_count == 1


def test_nobody_takes_somebody_elses_notification_as_read(cast, program):
    tell(cast.owner, cast.project)
    [theirs] = cast.owner.notifications.all()
    assert program(cast.viewer, "write")("post", "notifications/read", {"ids": [theirs.pk]}).json()["read"] == 0
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_a_token_of_one_project_sees_and_reads_that_projects_notifications_only(cast, program):
    cast.other.memberships.create(user=cast.viewer, role="viewer")
    tell(cast.viewer, cast.project, cast.other)
    send = program(cast.viewer, "read", "write", project=cast.project)
    assert [row["project"] for row in send("get", "notifications").json()["results"]] == ["quill"]
    assert send("post", "notifications/read").json() == {"read": 1, "unread": 1}


def test_scopes_hold(cast, program):
    assert program(cast.viewer, "read")("post", "notifications/read").json()["code"] == "scope_required"
    assert program(cast.owner, "read")("post", "projects/quill/annotator-links").json()["code"] == "scope_required"


def test_an_owner_makes_lists_and_revokes_a_link_that_lets_people_in(cast, program, browse):
    send = program(cast.owner, "read", "write")
    made = send("post", "projects/quill/annotator-links", {"label": "Seminar", "most_people": 2})
    assert made.status_code == 201
    link = made.json()["link"]
    assert (link["label"], link["most_people"], link["joined_count"]) == ("Seminar", 2, 0)
    browse(cast.stranger).post(made.json()["url"])
    assert Membership.objects.get(project=cast.project, user=cast.stranger).role == "annotator"
    [row] = send("get", "projects/quill/annotator-links").json()["results"]
    assert row["joined_count"] == 1
    assert "secret" not in row
    assert send("delete", f"projects/quill/annotator-links/{row['id']}").status_code == 204
    assert AnnotatorLink.objects.get().revoked_at is not None
    assert send("get", "projects/quill/annotator-links").json()["results"] == []


def test_limits_of_a_link_are_told_by_field(cast, program):
    send = program(cast.owner, "write")
    refused = send("post", "projects/quill/annotator-links", {"label": "x", "days": 91, "most_people": 0})
    assert refused.status_code == 400
    assert set(refused.json()["fields"]) == {"days", "most_people"}


def test_managers_and_strangers_have_no_links(cast, program):
    assert program(cast.manager, "read")("get", "projects/quill/annotator-links").status_code == 403
    assert program(cast.stranger, "read")("get", "projects/quill/annotator-links").status_code == 404
