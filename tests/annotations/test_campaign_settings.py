"""A campaign that was made: changed settings and people, tasks that have come since, and drafts that are given up."""

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from annotations.actions.campaign import close_campaign, open_campaign, pause_campaign
from annotations.actions.campaign_settings import add_tasks, change_campaign, delete_draft
from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.plan_items import share_out
from annotations.actions.submission import submit_answer
from annotations.models import Campaign, CampaignItem
from annotations.selection import Selection
from projects.errors import AppError
from projects.models import AuditEvent, Notification
from rewards.models import Task
from tests.annotations.campaigns import full_answer, make_campaign, make_item_outputs
from tests.factories import make_output, make_task, make_user
from tests.projects.conftest import *  # noqa: F403 - the people and their browsers


@pytest.fixture
def ben(cast):
    person = make_user("ben")
    cast.project.memberships.create(user=person, role="annotator")
    return person


def reloaded(campaign):
    return Campaign.objects.select_related("protocol", "plan", "project").get(pk=campaign.pk)


def settings_of(campaign, **changes):
    names = ("name", "overlap", "lease_minutes", "undo_minutes")
    return {**{name: getattr(campaign, name) for name in names}, **changes}


def refused(campaign, actor, **changes):
    with pytest.raises(AppError) as error:
        change_campaign(campaign=reloaded(campaign), actor=actor, **changes)
    return error.value


def test_more_people_an_item_are_asked_from_the_next_request_on(cast, ben):
    campaign = make_campaign(cast.project, cast.owner, items=1, overlap=1)
    assert lease_next_item(campaign=reloaded(campaign), user=cast.annotator)
    assert lease_next_item(campaign=reloaded(campaign), user=ben) is None
    change_campaign(campaign=reloaded(campaign), actor=cast.owner, overlap=2)
    assert lease_next_item(campaign=reloaded(campaign), user=ben)
    assert reloaded(campaign).answer_count_wanted == 2


def test_fewer_people_are_asked_only_while_nothing_is_given_out_and_never_fewer_than_there_are(cast, ben):
    campaign = make_campaign(cast.project, cast.owner, items=2, overlap=3)
    for person in (cast.annotator, ben):
        held = lease_next_item(campaign=reloaded(campaign), user=person)
        submit_answer(assignment=held, key=person.username, answer=full_answer(held))
    assert "pause" in refused(campaign, cast.owner, overlap=2).message
    pause_campaign(campaign=campaign, actor=cast.owner)
    # Fewest grants come first: each of the two answered another item.
    assert set(CampaignItem.objects.values_list("granted_count", flat=True)) == {1}
    change_campaign(campaign=reloaded(campaign), actor=cast.owner, overlap=1)
    change_campaign(campaign=reloaded(campaign), actor=cast.owner, overlap=2)
    CampaignItem.objects.filter(campaign=campaign, position=1).update(granted_count=2)
    error = refused(campaign, cast.owner, overlap=1)
    assert (error.code, error.status) == ("overlap_in_use", 409)
    assert "1 item has up to 2 people" in error.fields["overlap"][0]
    assert reloaded(campaign).overlap == 2


def test_who_is_asked_is_changed_told_and_what_was_kept_for_the_others_is_free(cast, ben):
    campaign = make_campaign(cast.project, cast.owner, items=3, people=[cast.annotator])
    share_out(campaign=reloaded(campaign), actor=cast.owner, people=[cast.annotator])
    held = lease_next_item(campaign=reloaded(campaign), user=cast.annotator)
    Notification.objects.all().delete()
    change_campaign(campaign=reloaded(campaign), actor=cast.owner, people=[ben])
    assert [notice.user for notice in Notification.objects.filter(kind="campaign.opened")] == [ben]
    # In work: it is finished, and its answer stands.
    submit_answer(assignment=held, key="last", answer=full_answer(held))
    with pytest.raises(AppError) as error:
        lease_next_item(campaign=reloaded(campaign), user=cast.annotator)
    assert error.value.code == "not_asked"
    assert lease_next_item(campaign=reloaded(campaign), user=ben).item.position == 2
    change_campaign(campaign=reloaded(campaign), actor=cast.owner, people=[])
    assert lease_next_item(campaign=reloaded(campaign), user=cast.annotator).item.position == 3


def test_what_does_not_fit_is_named_and_what_is_the_same_is_not_logged(cast):
    campaign = make_campaign(cast.project, cast.owner, items=1)
    make_campaign(cast.project, cast.owner, items=1, name="Another")
    error = refused(campaign, cast.owner, name=" ", overlap=0, lease_minutes=True, undo_minutes=9999)
    assert sorted(error.fields) == ["lease_minutes", "name", "overlap", "undo_minutes"]
    assert refused(campaign, cast.owner, name="Another").code == "campaign_name_taken"
    change_campaign(campaign=reloaded(campaign), actor=cast.owner, name=campaign.name, people=[])
    assert not AuditEvent.objects.filter(verb="campaign.changed").exists()
    change_campaign(campaign=reloaded(campaign), actor=cast.owner, name=" Renamed ", undo_minutes=1)
    assert AuditEvent.objects.get(verb="campaign.changed").data == {"name": "Renamed", "undo_minutes": 1}


def test_tasks_that_came_since_are_added_once_behind_the_others_by_the_campaigns_order_and_skills(cast):
    for _ in range(2):
        make_item_outputs(cast.project, ["a", "b"])
    Task.objects.update(tags=["law"])
    campaign = make_campaign(cast.project, cast.owner, items=0, selection=Selection(tags=("law",), limit=1))
    change_plan(campaign=reloaded(campaign), actor=cast.owner, order="random", skill_tags=["french"])
    assert campaign.item_count == 1
    make_item_outputs(cast.project, ["a", "b"])
    french = make_item_outputs(cast.project, ["a", "b"])
    Task.objects.filter(pk=french.pk).update(tags=["law", "french"])
    assert add_tasks(campaign=reloaded(campaign), actor=cast.owner) == 2
    items = list(CampaignItem.objects.filter(campaign=campaign).order_by("position"))
    assert [item.position for item in items] == [1, 2, 3]
    assert [item.skills for item in items] == [[], [], ["french"]]
    assert [item.outputs.count() for item in items] == [2, 2, 2]
    assert all(0 < item.rank < 1 for item in items)
    found = reloaded(campaign)
    assert (found.item_count, found.plan.needs_skills, found.leak_scan["scanned"]) == (3, True, 6)
    with pytest.raises(AppError) as error:
        add_tasks(campaign=found, actor=cast.owner)
    assert error.value.code == "nothing_to_add"


def test_a_newer_version_of_a_task_is_no_task_that_came_since(cast):
    campaign = make_campaign(cast.project, cast.owner, items=1)
    old = Task.objects.get()
    Task.objects.filter(pk=old.pk).update(is_current=False)
    newer = make_task(cast.project, old.external_id, version=2, output_count=2)
    for policy in ("p", "q"):
        make_output(newer, "Paris.", policy=policy)
    with pytest.raises(AppError) as error:
        add_tasks(campaign=reloaded(campaign), actor=cast.owner)
    assert error.value.code == "nothing_to_add"


def test_a_draft_is_deleted_and_a_campaign_that_was_opened_is_kept(cast):
    draft = make_campaign(cast.project, cast.owner, items=1, is_open=False)
    delete_draft(campaign=draft, actor=cast.owner)
    assert not Campaign.objects.exists()
    assert Task.objects.exists()
    kept = make_campaign(cast.project, cast.owner, items=1)
    close_campaign(campaign=kept, actor=cast.owner)
    with pytest.raises(AppError) as error:
        delete_draft(campaign=kept, actor=cast.owner)
    assert (error.value.code, error.value.status) == ("campaign_used", 409)


def test_the_page_changes_adds_and_deletes(cast, browse, ben, django_assert_max_num_queries):
    campaign = make_campaign(cast.project, cast.owner, items=1, is_open=False)
    make_item_outputs(cast.project, ["a", "b"])
    client = browse(cast.manager)
    address = reverse("annotations:campaign-settings", args=["quill", campaign.pk])
    with django_assert_max_num_queries(12):
        page = client.get(address)
    assertContains(page, "<strong>1</strong> task fits")
    sent = settings_of(campaign, name="Renamed <b>", overlap=2, people=[ben.pk])
    assertRedirects(client.post(address, sent), address)
    assert list(reloaded(campaign).campaign_members.values_list("user", flat=True)) == [ben.pk]
    page = client.get(address)
    assertContains(page, "Renamed &lt;b&gt;")
    bad = client.post(address, settings_of(campaign, name="", overlap=0))
    assertContains(bad, "This field is required")
    assert reloaded(campaign).overlap == 2
    client.post(reverse("annotations:campaign-tasks-add", args=["quill", campaign.pk]), {"limit": ""})
    assertContains(client.get(address), "Every task that fits")
    gone = reverse("annotations:campaign-delete", args=["quill", campaign.pk])
    assertRedirects(client.post(gone), reverse("annotations:campaign-list", args=["quill"]))
    assertNotContains(client.get(reverse("annotations:campaign-list", args=["quill"])), f"/campaigns/{campaign.pk}/")


def test_a_refused_change_leaves_the_page_with_the_name_that_holds(cast, browse):
    campaign = make_campaign(cast.project, cast.owner, items=1)
    make_campaign(cast.project, cast.owner, items=1, name="Another")
    address = reverse("annotations:campaign-settings", args=["quill", campaign.pk])
    page = browse(cast.owner).post(address, settings_of(campaign, name="Another"))
    assertContains(page, "Another campaign of this project has this name.")
    assertContains(page, f"<title>Settings · {campaign.name}", status_code=200)


def test_opening_again_after_more_tasks_goes_on_where_it_stood(cast):
    campaign = make_campaign(cast.project, cast.owner, items=1)
    held = lease_next_item(campaign=reloaded(campaign), user=cast.annotator)
    submit_answer(assignment=held, key="one", answer=full_answer(held))
    close_campaign(campaign=campaign, actor=cast.owner)
    make_item_outputs(cast.project, ["a", "b"])
    with pytest.raises(AppError) as error:
        add_tasks(campaign=reloaded(campaign), actor=cast.owner)
    assert error.value.code == "campaign_closed"
    open_campaign(campaign=reloaded(campaign), actor=cast.owner)
    add_tasks(campaign=reloaded(campaign), actor=cast.owner)
    assert lease_next_item(campaign=reloaded(campaign), user=cast.annotator).item.position == 2


def test_programs_change_a_campaign_add_tasks_and_delete_a_draft(cast, browse, ben):
    campaign = make_campaign(cast.project, cast.owner, items=1, is_open=False)
    client = browse(cast.manager)
    address = f"/api/v1/projects/quill/campaigns/{campaign.pk}"
    sent = {"overlap": 3, "people": ["ben"], "reveals_policies": True}
    answer = client.patch(address, sent, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert [answer.json()[name] for name in ("overlap", "people", "reveals_policies")] == [3, ["ben"], True]
    assert answer.json()["name"] == campaign.name
    wrong = client.patch(address, {"people": ["nobody"]}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "annotator_unknown")
    make_item_outputs(cast.project, ["a", "b"])
    make_item_outputs(cast.project, ["a", "b"])
    added = client.post(f"{address}/items", {"limit": 1}, content_type="application/json")
    assert (added.status_code, added.json()) == (201, {"added": 1, "items": 2})
    assert browse(cast.viewer).patch(address, {"overlap": 1}, content_type="application/json").status_code == 403
    assert client.delete(address).status_code == 204
    assert not Campaign.objects.exists()
