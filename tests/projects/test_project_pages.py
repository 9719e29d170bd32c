"""Home, a project's front page and its settings."""

import pytest
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.models import AuditEvent, Membership, Project
from tests.factories import make_project, make_user


def test_home_shows_ones_own_projects_only(cast, browse):
    response = browse(cast.owner).get("/")
    assertContains(response, "Quill")
    assertNotContains(response, "Vellum")


def test_home_without_a_project_says_what_to_do(db, browse):
    assertContains(browse(make_user()).get("/"), "No project yet")


def test_an_annotator_is_led_to_the_campaigns_and_told_no_counts(cast, browse):
    response = browse(cast.annotator).get("/")
    assertContains(response, 'href="/p/quill/campaigns/"')
    assertNotContains(response, 'href="/p/quill/"')
    assertNotContains(response, "judgments")


@pytest.mark.parametrize("projects", [1, 3])
def test_home_costs_four_queries_however_many_projects(db, browse, django_assert_num_queries, projects):
    person = make_user()
    for _ in range(projects):
        make_project(owner=person)
    client = browse(person)
    # session, user, projects with role, projects to be deleted
    with django_assert_num_queries(4):
        client.get("/")


def test_the_switcher_lists_ones_projects_and_marks_the_present_one(cast, browse):
    response = browse(cast.viewer).get("/switcher/?current=quill", headers={"HX-Request": "true"})
    assertContains(response, 'href="/p/quill/" aria-current="true"')
    assertNotContains(response, "<html")


def test_a_new_project_belongs_to_whoever_starts_it(cast, browse):
    response = browse(cast.stranger).post("/p/new/", {"name": "Long Answers"})
    assertRedirects(response, "/p/long-answers/")
    project = Project.objects.get(slug="long-answers")
    assert Membership.objects.get(project=project).role == "owner"
    assert AuditEvent.objects.get(project=project).verb == "project.created"


def test_an_address_that_is_taken_is_refused_beside_its_field(cast, browse):
    response = browse(cast.stranger).post("/p/new/", {"name": "Another", "slug": "quill"})
    assertContains(response, "Another project has this address; choose another one.")
    assert Project.objects.count() == 2


@pytest.mark.parametrize("name", ["???", "New"])
def test_a_name_that_makes_no_address_asks_for_one(cast, browse, name):
    response = browse(cast.stranger).post("/p/new/", {"name": name})
    assertContains(response, "No address can be made from this name; write one.")


def test_a_projects_name_is_escaped(cast, browse):
    Project.objects.filter(slug="quill").update(name="<script>alert(1)</script>")
    response = browse(cast.owner).get("/p/quill/")
    assertNotContains(response, "<script>alert")
    assertContains(response, "&lt;script&gt;alert")


def test_the_front_page_shows_the_kept_counters(cast, browse, django_assert_num_queries):
    Project.objects.filter(slug="quill").update(task_count=3012, output_count=12048)
    client = browse(cast.viewer)
    # session, user, project with role: nothing is counted
    with django_assert_num_queries(3):
        response = client.get("/p/quill/")
    assertContains(response, "3,012")
    assertContains(response, "12,048")


@pytest.mark.parametrize(
    ("role", "entries"),
    [("owner", {"Members", "Audit log", "Settings"}), ("manager", {"Members", "Audit log"}), ("viewer", {"Members"})],
)
def test_the_navigation_offers_what_the_role_may_open(cast, browse, role, entries):
    page = browse(getattr(cast, role)).get("/p/quill/").content.decode()
    offered = {entry for entry in ("Members", "Audit log", "Settings") if f"{entry}</a>" in page}
    assert offered == entries


def test_settings_change_name_and_description_and_are_logged(cast, browse):
    response = browse(cast.owner).post("/p/quill/settings/", {"name": "Quill 2", "description": "Feathers."})
    assertRedirects(response, "/p/quill/settings/")
    project = Project.objects.get(slug="quill")
    assert (project.name, project.description) == ("Quill 2", "Feathers.")
    assert project.audit_events.get().data == {"name": "Quill 2", "was": "Quill"}


def test_a_project_needs_a_name(cast, browse):
    browse(cast.owner).post("/p/quill/settings/", {"name": "", "description": ""})
    assert Project.objects.get(slug="quill").name == "Quill"
