"""The first steps on a project's front page."""

from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.actions.project import create_project
from projects.models import Membership
from tests.factories import make_output, make_rubric, make_task, make_user


def steps(client, slug):
    return {str(step.label): step.is_done for step in client.get(f"/p/{slug}/").context["steps"]}


def test_a_new_project_shows_the_way_and_ticks_off_what_is_done(cast, browse):
    owner = make_user("olga")
    project = create_project(user=owner, name="Fresh")
    client = browse(owner)
    assert set(steps(client, "fresh").values()) == {False}
    make_output(make_task(project))
    make_rubric(project)
    Membership.objects.create(project=project, user=cast.annotator, role="annotator")
    done = {label for label, is_done in steps(client, "fresh").items() if is_done}
    assert done == {"Import tasks and outputs", "Write a rubric", "Invite people"}


def test_it_is_put_away_for_oneself_only(cast, browse):
    client = browse(cast.owner)
    assertContains(client.get("/p/quill/"), "First steps")
    assertRedirects(client.post("/p/quill/guide/"), "/p/quill/")
    assertNotContains(client.get("/p/quill/"), "First steps")
    assertContains(browse(cast.manager).get("/p/quill/"), "First steps")


def test_whoever_manages_nothing_is_shown_no_steps(cast, browse):
    assertNotContains(browse(cast.viewer).get("/p/quill/"), "First steps")
