"""Who is at work in a campaign, as its leads see it; and how far people have come with what is kept for them."""

from datetime import timedelta

import pytest
from django.urls import reverse

from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item, release_item
from annotations.actions.plan_items import share_out
from annotations.actions.submission import submit_answer
from annotations.answering_page import kept_for
from annotations.campaign_page import at_work
from annotations.models import Assignment, Campaign
from projects.models import Membership, Role
from tests.annotations.campaigns import full_answer, make_campaign
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


def test_leads_see_who_is_at_work_who_is_away_and_since_when(client):
    owner = make_user("olga")
    project = make_project("lab", owner=owner)
    campaign = make_campaign(project, owner, items=3)
    held = {}
    for name in ("ann", "bob", "cleo"):
        user = make_user(name)
        Membership.objects.create(project=project, user=user, role=Role.ANNOTATOR)
        held[name] = lease_next_item(campaign=campaign, user=user)
    release_item(assignment=held["cleo"])
    # Nothing was heard of Ann for two minutes, then her page saved a draft; of Bob nothing since.
    for name in ("ann", "bob"):
        earlier = held[name].lease_until - timedelta(minutes=2)
        Assignment.objects.filter(pk=held[name].pk).update(lease_until=earlier)
    save_draft(assignment=held["ann"], answer={"overall": {"A": 4}}, revision=0)

    ann, bob = at_work(campaign)
    assert (ann.assignment.user.username, ann.is_here) == ("ann", True)
    assert (bob.assignment.user.username, bob.is_here) == ("bob", False)
    assert timedelta(minutes=2) <= ann.seen_at - bob.seen_at < timedelta(minutes=3)

    client.force_login(owner)
    shown = client.get(
        reverse("annotations:campaign-detail", args=["lab", campaign.pk]), headers={"HX-Request": "true"}
    )
    told = shown.content.decode()
    assert (told.count("At work<"), told.count("Away<"), "cleo" in told.split("People</h2>")[0]) == (1, 1, False)


def test_people_see_how_much_of_what_is_kept_for_them_is_done(client):
    owner, ann, bob = (make_user(name) for name in ("olga", "ann", "bob"))
    project = make_project("lab", owner=owner, annotator=ann)
    Membership.objects.create(project=project, user=bob, role=Role.ANNOTATOR)
    campaign = make_campaign(project, owner, items=4)
    assert kept_for(campaign, ann) is None
    share_out(campaign=campaign, actor=owner, people=[ann, bob])
    campaign = Campaign.objects.get(pk=campaign.pk)
    held = lease_next_item(campaign=campaign, user=ann)
    submit_answer(assignment=held, key="k", answer=full_answer(held))
    assert kept_for(campaign, ann) == {"total": 2, "done": 1}
    assert kept_for(campaign, bob) == {"total": 2, "done": 0}
    client.force_login(ann)
    held = lease_next_item(campaign=campaign, user=ann)
    start = reverse("annotations:campaign-start", args=["lab", campaign.pk])
    for url in (reverse("annotations:annotate", args=[held.pk]), start):
        assert "1 of 2 kept for you" in client.get(url).content.decode()
