"""What this app keeps of people and projects (see projects.holdings)."""

from collections.abc import Iterable

from django.utils import timezone

from projects.holdings import Holdings, LeavingRule, RetentionRule
from projects.models import Fate, Project, User
from rewards.actions.erasing import (
    erase_replies,
    judgments_of_person,
    part_with,
    purge,
    with_replies_before,
    withdrawn_before,
)
from rewards.models import Export, ExportFile, ImportBatch, Rater, StoredReward


def _projects_of(user: User) -> Iterable[int]:
    return Rater.objects.filter(user=user).values_list("project", flat=True)


def _pseudonym_of(user: User, project: Project) -> str:
    return Rater.objects.filter(user=user, project=project).values_list("pseudonym", flat=True).first() or ""


def _files_of(project: Project) -> Iterable[str]:
    yield from ExportFile.objects.filter(export__project=project).values_list("stored_as", flat=True)
    for names in ImportBatch.objects.filter(project=project).values_list("stored_files", flat=True):
        yield from names


def _stop(project: Project, actor: User | None) -> None:
    """Exports and stored rewards under way: their workers notice and leave."""
    now = timezone.now()
    exports = Export.objects.filter(project=project, status__in=[Export.Status.PENDING, Export.Status.RUNNING])
    exports.update(status=Export.Status.CANCELLED, finished_at=now)
    rewards = StoredReward.objects.filter(project=project).open()
    rewards.update(status=StoredReward.Status.CANCELLED, finished_at=now)


HOLDINGS = Holdings(
    app="rewards",
    projects_of=_projects_of,
    of_person=lambda user, project: {"judgments": judgments_of_person(user, project).count()},
    part_with=part_with,
    leaving=[LeavingRule(judgments_of_person, purge, "judgments_purged", frozenset({Fate.PURGE}))],
    pseudonym_of=_pseudonym_of,
    stop=_stop,
    files_of=_files_of,
    retention={
        "replies": [RetentionRule(with_replies_before, erase_replies)],
        "withdrawn": [RetentionRule(withdrawn_before, purge)],
    },
)
