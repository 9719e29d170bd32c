"""What people who lead decide about one person in a campaign, and a person's next attempt at the qualification."""

from collections.abc import Callable, Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from annotations.checks import CheckSettings, Kind
from annotations.models import Campaign, CampaignItem, CampaignProgress
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import User

Qualification = CampaignProgress.Qualification


def attempts_left(campaign: Campaign, user: User, progress: CampaignProgress) -> int:
    """How often `user` may try again: as the settings allow and unseen items are there (one query)."""
    left = CheckSettings.of(campaign).qualification_attempts - progress.attempt
    if left <= 0 or not CampaignItem.objects.checks_for(user, campaign, Kind.QUALIFICATION).exists():
        return 0
    return left


@transaction.atomic
def begin_attempt(*, campaign: Campaign, user: User) -> None:
    """Let somebody who failed try again with other items.

    Raises
    ------
    AppError
        409 with ``no_attempt_left``.
    """
    progress = _locked(campaign, user)
    if progress.qualification != Qualification.FAILED or not attempts_left(campaign, user, progress):
        raise AppError(gettext("There is no further attempt."), code="no_attempt_left", status=409)
    progress.qualification, progress.attempt = Qualification.OPEN, progress.attempt + 1
    progress.save(update_fields=["qualification", "attempt"])


def _qualify(progress: CampaignProgress) -> None:
    progress.qualification = Qualification.PASSED


def _retry(progress: CampaignProgress) -> None:
    if progress.qualification != Qualification.FAILED:
        raise AppError(gettext("Only who failed can be given another attempt."), code="not_failed", status=409)
    progress.qualification, progress.attempt = Qualification.OPEN, progress.attempt + 1


def _pause(progress: CampaignProgress) -> None:
    progress.paused_at = timezone.now()


def _resume(progress: CampaignProgress) -> None:
    progress.paused_at, progress.resumed_at = None, timezone.now()


CHANGES: Mapping[str, tuple[str, Callable[[CampaignProgress], None]]] = {
    "qualify": ("They may work now.", _qualify),
    "retry": ("They may try again with the items that they have not seen.", _retry),
    "pause": ("They get no more items.", _pause),
    "resume": ("They get items again.", _resume),
}
"""What can be decided about a person, and what is said when it is done."""


@transaction.atomic
def decide_about(*, campaign: Campaign, user: User, change: str, actor: User) -> str:
    """Apply one of `CHANGES`; what to say."""
    words, apply = CHANGES[change]
    progress = _locked(campaign, user)
    apply(progress)
    progress.save(update_fields=["qualification", "attempt", "paused_at", "resumed_at"])
    data = {"user": user.username, "change": change}
    record_event(actor=actor, verb="campaign.person_decided", project=campaign.project, target=campaign, data=data)
    return words


@transaction.atomic
def set_checks(*, campaign: Campaign, settings: CheckSettings, actor: User) -> None:
    """Change how often the campaign checks and what follows."""
    current = Campaign.objects.select_for_update(of=("self",), no_key=True).only("id", "checks").get(pk=campaign.pk)
    campaign.checks = {**current.checks, **settings.to_json()}
    campaign.save(update_fields=["checks"])
    record_event(
        actor=actor, verb="campaign.checks_set", project=campaign.project, target=campaign, data=settings.to_json()
    )


def _locked(campaign: Campaign, user: User) -> CampaignProgress:
    found, _ = CampaignProgress.objects.select_for_update(of=("self",), no_key=True).get_or_create(
        campaign=campaign, user=user, defaults={"last_at": timezone.now()}
    )
    return found
