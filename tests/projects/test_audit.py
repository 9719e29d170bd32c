"""The audit log and its page."""

import re

import pytest
from pytest_django.asserts import assertContains, assertNotContains

from projects.actions.audit import record_event
from projects.models import AuditEvent


def test_an_event_tells_who_did_what_to_which_row(cast):
    event = record_event(
        actor=cast.owner, verb="member.added", project=cast.project, target=cast.viewer, data={"role": "viewer"}
    )
    assert (event.actor, event.object_type, event.object_id) == (cast.owner, "user", str(cast.viewer.pk))


def test_the_page_shows_the_events_of_this_project_only(cast, browse):
    record_event(actor=cast.owner, verb="run.started", project=cast.project)
    record_event(actor=cast.stranger, verb="run.cancelled", project=cast.other)
    response = browse(cast.manager).get("/p/quill/audit/")
    assertContains(response, "run.started")
    assertNotContains(response, "run.cancelled")


def test_what_an_event_says_is_escaped(cast, browse):
    record_event(actor=cast.owner, verb="project.changed", project=cast.project, data={"name": "<img src=x>"})
    assertNotContains(browse(cast.owner).get("/p/quill/audit/"), "<img src=x>")


def test_the_pages_of_the_log_follow_each_other_without_gap_or_double(cast, browse):
    AuditEvent.objects.bulk_create(
        AuditEvent(project=cast.project, verb=f"event.number_{number:03}") for number in range(120)
    )
    client, address, seen = browse(cast.owner), "/p/quill/audit/", []
    while address:
        page = client.get(address).content.decode()
        seen += re.findall(r"number_(\d+)", page)
        link = re.search(r'href="(\?cursor=[^"]+)" rel="next"', page)
        address = f"/p/quill/audit/{link[1]}" if link else ""
    assert seen == [f"{number:03}" for number in reversed(range(120))]


@pytest.mark.parametrize("cursor", ["nonsense", "!!!", "W10", "bnVsbA"])
def test_a_broken_page_address_is_a_clear_error(cast, browse, cursor):
    response = browse(cast.owner).get("/p/quill/audit/", {"cursor": cursor})
    assert response.status_code == 400
    assert "Start from the first page." in response.content.decode()


@pytest.mark.parametrize("events", [1, 3])
def test_the_page_costs_the_same_for_any_number_of_events(cast, browse, django_assert_num_queries, events):
    for _ in range(events):
        record_event(actor=cast.owner, verb="run.started", project=cast.project)
    client = browse(cast.owner)
    # session, user, project with role, members to choose from, filters kept, events with actors
    with django_assert_num_queries(6):
        client.get("/p/quill/audit/")
