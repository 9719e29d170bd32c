"""Consent: a text per campaign in versions, and the people who agreed to each."""

from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext

from annotations.models import Campaign, Consent, ConsentText
from annotations.querysets.consent import lacks_consent
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User


def text_in_force(campaign: Campaign) -> ConsentText | None:
    """The text that people have to agree to; None where nothing is asked (one query)."""
    newest = campaign.consent_texts.order_by("-number").first()
    return newest if newest is not None and newest.text else None


def missing_consent(campaign: Campaign, user: User) -> ConsentText | None:
    """The text that `user` has still to agree to, None if there is none (one query)."""
    newest = campaign.consent_texts.order_by("-number").annotate(is_lacking=lacks_consent(user)).first()
    return newest if newest is not None and newest.is_lacking else None


def consent_standing(campaign: Campaign) -> dict[str, Any] | None:
    """How many of those who answered agreed to the text in force; None where nothing is asked (two queries)."""
    text = text_in_force(campaign)
    if text is None:
        return None
    answered = campaign.progress.filter(submitted_count__gt=0)
    agreed = answered.filter(user__in=text.consents.values("user"))
    counts = answered.aggregate(answered=Count("pk"), agreed=Count("pk", filter=Q(pk__in=agreed.values("pk"))))
    return {"campaign": campaign.name, "version": text.number, "sha256": text.sha256, **counts}


def consents_of(project: Project) -> list[dict[str, Any]]:
    """The standing of every campaign of a project that asks for consent."""
    asking = Campaign.objects.filter(project=project, consent_texts__isnull=False).distinct().order_by("pk")
    return [standing for campaign in asking if (standing := consent_standing(campaign)) is not None]


@transaction.atomic
def change_consent_text(*, campaign: Campaign, actor: User, text: str) -> ConsentText | None:
    """Put a new version in force, which everybody is asked about anew; the same text is no new version.

    An empty text asks for nothing any more; who agreed to what stays on record. None where there never was a text.
    """
    text = text.strip()
    Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    newest = campaign.consent_texts.order_by("-number").first()
    if text == (newest.text if newest else ""):
        return newest
    version = ConsentText.objects.create(
        project_id=campaign.project_id,
        campaign=campaign,
        number=newest.number + 1 if newest else 1,
        text=text,
        sha256=sha256(text.encode()).hexdigest(),
        created_by=actor,
    )
    data = {"number": version.number, "sha256": version.sha256}
    record_event(actor=actor, verb="consent.text_changed", project=campaign.project, target=campaign, data=data)
    return version


@transaction.atomic
def agree(*, campaign: Campaign, user: User, number: int) -> Consent:
    """Record that `user` agrees to version `number`; agreeing twice changes nothing.

    Raises
    ------
    AppError
        ``consent_changed`` (409) where another version is in force: what was read is not what would be agreed to.
    """
    text = text_in_force(campaign)
    if text is None or text.number != number:
        raise AppError(
            gettext("The text has changed since you read it. Read it again."), code="consent_changed", status=409
        )
    consent, _ = Consent.objects.get_or_create(text=text, user=user)
    return consent
