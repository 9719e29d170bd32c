"""What this app keeps of people and projects (see projects.holdings)."""

from collections.abc import Iterable

from projects.holdings import Holdings, RetentionRule
from projects.models import Project, User
from rewards.actions.erasing import (
    erase_person,
    erase_replies,
    judgments_of_person,
    purge_judgments,
    with_replies_before,
    withdrawn_before,
)
from rewards.models import ExportFile, ImportBatch, Rater


def _projects_of(user: User) -> Iterable[int]:
    return Rater.objects.filter(user=user).values_list("project", flat=True)


def _pseudonym_of(user: User, project: Project) -> str:
    return Rater.objects.filter(user=user, project=project).values_list("pseudonym", flat=True).first() or ""


def _files_of(project: Project) -> Iterable[str]:
    yield from ExportFile.objects.filter(export__project=project).values_list("stored_as", flat=True)
    for names in ImportBatch.objects.filter(project=project).values_list("stored_files", flat=True):
        yield from names


HOLDINGS = Holdings(
    app="rewards",
    projects_of=_projects_of,
    of_person=lambda user, project: {"judgments": judgments_of_person(user, project).count()},
    erase_person=erase_person,
    pseudonym_of=_pseudonym_of,
    files_of=_files_of,
    retention={
        "replies": RetentionRule(lambda project, before: with_replies_before(project, before).count(), erase_replies),
        "withdrawn": RetentionRule(
            lambda project, before: withdrawn_before(project, before).count(),
            lambda project, before: purge_judgments(withdrawn_before(project, before)),
        ),
    },
)
