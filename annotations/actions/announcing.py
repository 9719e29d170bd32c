"""Telling people that a campaign waits for them, and those who lead it what somebody did there."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.urls import reverse

from annotations.models import Campaign
from projects.access import Capability, roles_with
from projects.actions.notification import notify
from projects.models import Role, User


def announce_campaign(campaign: Campaign) -> int:
    """Tell everybody who is asked: the campaign's people, or else the project's annotators; how many were told."""
    return announce_to(campaign, _asked(campaign))


def announce_to(campaign: Campaign, people: Iterable[User]) -> int:
    """Tell these people that the campaign waits for them; how many were told."""
    return notify(
        users=people,
        kind="campaign.opened",
        project=campaign.project,
        data={"name": campaign.name},
        url=reverse("annotations:campaign-start", args=[campaign.project.slug, campaign.pk]),
    )


def announce_revision(campaign: Campaign, number: int) -> int:
    """Tell everybody who is asked that they are told something else from now on; how many were told."""
    return notify(
        users=_asked(campaign),
        kind="campaign.revised",
        project=campaign.project,
        data={"name": campaign.name, "number": number},
        url=reverse("annotations:campaign-start", args=[campaign.project.slug, campaign.pk]),
    )


def tell_leads(campaign: Campaign, kind: str, about: User | None, page: str, **data: Any) -> int:
    """Tell everybody who leads the campaign, but not whom it is about; how many were told.

    Parameters
    ----------
    campaign : Campaign
    kind : str
        One of `projects.notices.NOTICES`.
    about : User or None
        Whose name the line has.
    page : str
        The name of the campaign's page that the line leads to.
    **data
        The line's other words.
    """
    leads = User.objects.filter(
        memberships__project_id=campaign.project_id, memberships__role__in=roles_with(Capability.MANAGE)
    )
    words: Mapping[str, Any] = {"name": campaign.name, **({"user": str(about)} if about else {}), **data}
    return notify(
        users=leads.exclude(pk=about.pk) if about else leads,
        kind=kind,
        project=campaign.project,
        data=words,
        url=reverse(f"annotations:{page}", args=[campaign.project.slug, campaign.pk]),
    )


def _asked(campaign: Campaign) -> models.QuerySet[User]:
    asked = User.objects.filter(campaign_memberships__campaign=campaign)
    if asked.exists():
        return asked
    return User.objects.filter(memberships__project_id=campaign.project_id, memberships__role=Role.ANNOTATOR)
