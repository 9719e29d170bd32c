"""What becomes of somebody who holds a lease or a draft while the world changes: each outcome is said in words."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotations.actions.campaign import ProtocolContent, close_campaign, revise_protocol
from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.plan_items import withdraw_item
from annotations.models import Campaign, Draft
from annotations.rubric_questions import checklist_of
from projects.models import Membership, Role
from rewards.models import Criterion, RubricVersion, Task
from tests.annotations.campaigns import FULL, full_answer, make_campaign
from tests.factories import make_project, make_rubric, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


@pytest.fixture
def ann(project, client):
    person = make_user("ann")
    Membership.objects.create(project=project, user=person, role=Role.ANNOTATOR)
    client.force_login(person)
    return person


def begun(campaign, person):
    """An item in work with a draft."""
    held = lease_next_item(campaign=Campaign.objects.get(pk=campaign.pk), user=person)
    save_draft(assignment=held, answer={"overall": {"A": 3}}, revision=0)
    return held


def sent(client, held):
    """What a submit of the item is answered with."""
    body = {"key": "k", "answer": full_answer(held)}
    return client.post(f"/api/v1/assignments/{held.pk}/submit", body, content_type="application/json")


def page(client, held):
    return client.get(reverse("annotations:annotate", args=[held.pk]))


def test_a_withdrawn_item_says_why_and_shows_the_way_on(client, project, owner, ann):
    held = begun(make_campaign(project, owner, items=2), ann)
    withdraw_item(item=held.item, actor=owner, reason="The prompt is cut off.")
    refused = sent(client, held)
    assert (refused.status_code, refused.json()["code"]) == (409, "item_withdrawn")
    shown = page(client, held).content.decode()
    assert "This item was withdrawn: The prompt is cut off. What you entered is kept." in shown
    assert "Next item" in shown
    assert Draft.objects.filter(assignment=held).exists()


def test_a_closed_campaign_takes_nothing_and_keeps_the_draft(client, project, owner, ann):
    campaign = make_campaign(project, owner)
    held = begun(campaign, ann)
    close_campaign(campaign=campaign, actor=owner)
    refused = sent(client, held)
    assert (refused.status_code, refused.json()["code"]) == (409, "campaign_closed")
    assert "This campaign is closed. What you entered is kept." in page(client, held).content.decode()
    assert Draft.objects.filter(assignment=held).exists()


def test_a_removed_member_is_told_and_nobody_else_learns_of_the_item(client, project, owner, ann):
    held = begun(make_campaign(project, owner), ann)
    Membership.objects.filter(user=ann).delete()
    refused = sent(client, held)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_a_member")
    shown = page(client, held)
    assert shown.status_code == 403
    assert "You are no longer a member of this project" in shown.content.decode()
    client.force_login(make_user("stranger"))
    assert page(client, held).status_code == 404
    assert sent(client, held).status_code == 404


def test_changed_questions_leave_a_begun_answer_with_those_it_was_begun_under(client, project, owner, ann):
    campaign = make_campaign(project, owner, items=2)
    held = begun(campaign, ann)
    revise_protocol(campaign=campaign, actor=owner, protocol=ProtocolContent(questions=FULL[:1]))
    assert sent(client, held).status_code == 200
    following = lease_next_item(campaign=Campaign.objects.get(pk=campaign.pk), user=ann)
    assert following.protocol.number == 2
    assert "The questions or guidelines have changed since your last answer" in page(client, following).content.decode()


def test_a_newer_rubric_leaves_the_questions_as_they_are_and_the_lead_is_told(client, project, owner, ann):
    version = make_rubric(project)
    questions = [{**checklist_of(version), "key": "checks"}]
    campaign = make_campaign(project, owner, questions=questions)
    held = lease_next_item(campaign=campaign, user=ann)
    newer = RubricVersion.objects.create(
        project=project, rubric=version.rubric, number=version.number + 1, content_hash="n" * 64
    )
    assert page(client, held).status_code == 200
    assert {row["criterion"] for row in held.protocol.questions[0]["criteria"]} == set(
        Criterion.objects.filter(version=version).values_list("pk", flat=True)
    )
    client.force_login(owner)
    shown = client.get(reverse("annotations:campaign-detail", args=["lab", campaign.pk])).content.decode()
    assert f"which is at version {newer.number} now" in shown


def test_a_newer_version_of_the_task_leaves_the_item_with_the_one_it_was_made_from(client, project, owner, ann):
    held = begun(make_campaign(project, owner), ann)
    Task.objects.filter(pk=held.item.task_id).update(is_current=False)
    assert sent(client, held).status_code == 200
    client.force_login(owner)
    shown = client.get(reverse("annotations:campaign-items", args=["lab", held.campaign_id])).content.decode()
    assert "the task has a newer version; this item asks about the one it was made from" in shown


def test_after_the_deadline_the_start_page_says_so(client, project, owner, ann):
    campaign = make_campaign(project, owner, items=2)
    held = begun(campaign, ann)
    change_plan(campaign=campaign, actor=owner, deadline=timezone.now() - timedelta(hours=1))
    start = reverse("annotations:campaign-start", args=["lab", campaign.pk])
    assert "the one you have in work can be finished" in client.get(start).content.decode()
    assert sent(client, held).status_code == 200
    shown = client.get(start).content.decode()
    assert "no new items are given out" in shown
    assert "Start" not in shown.split("<main")[-1].split("What you will be asked")[0]
