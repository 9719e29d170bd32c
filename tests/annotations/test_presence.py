"""Who is at work in a campaign, as its leads see it: from the signs of life that open pages send."""

from datetime import timedelta

import pytest
from django.urls import reverse

from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item, release_item
from annotations.campaign_page import at_work
from annotations.models import Assignment
from projects.models import Membership, Role
from tests.annotations.campaigns import make_campaign
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
