"""Telling people that a campaign waits for them."""

from django.urls import reverse

from annotations.models import Campaign
from projects.actions.notification import notify
from projects.models import Role, User


def announce_campaign(campaign: Campaign) -> int:
    """Tell everybody who is asked: the campaign's people, or else the project's annotators; how many were told."""
    asked = User.objects.filter(campaign_memberships__campaign=campaign)
    if not asked.exists():
        asked = User.objects.filter(memberships__project_id=campaign.project_id, memberships__role=Role.ANNOTATOR)
    return notify(
        users=asked,
        kind="campaign.opened",
        project=campaign.project,
        data={"name": campaign.name},
        url=reverse("annotations:campaign-start", args=[campaign.project.slug, campaign.pk]),
    )
