"""Erase what a project does not want to keep any longer."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.actions.pieces import in_pieces
from projects.errors import AppError
from projects.holdings import RetentionRule, all_holdings
from projects.models import Erasure, Fate, Project, User
from projects.retention import KINDS, LONGEST_DAYS, Kind


class Due(NamedTuple):
    """What of one kind would go now; `days` None: it is kept for ever and nothing would."""

    kind: Kind
    days: int | None
    n: int


@transaction.atomic
def change_data_policy(*, project: Project, actor: User, fate: str, days: Mapping[str, int | None]) -> None:
    """Say what becomes of the judgments of people who leave, and how long what is kept; beat acts on it.

    Raises
    ------
    AppError
        ``retention_invalid`` for a kind that is unknown or days out of range.
    """
    fields = {
        key: [f"From 1 to {LONGEST_DAYS} days, or nothing."]
        for key, value in days.items()
        if key not in KINDS or (value is not None and not 1 <= value <= LONGEST_DAYS)
    }
    if fields:
        raise AppError(gettext("Some of these days are not valid."), code="retention_invalid", fields=fields)
    retention = {key: value for key, value in days.items() if value is not None}
    was = {"fate": project.fate_of_judgments, "retention": project.retention}
    project.fate_of_judgments, project.retention = Fate(fate), retention
    project.save(update_fields=["fate_of_judgments", "retention"])
    data = {"fate": str(fate), "retention": retention, "was": was}
    record_event(actor=actor, verb="project.data_policy_changed", project=project, target=project, data=data)


def what_is_due(project: Project, days: Mapping[str, int | None]) -> list[Due]:
    """What would go if `days` held now, for every kind; a few counts."""
    return [Due(kind, days.get(kind.key), _count(project, kind.key, days.get(kind.key))) for kind in KINDS.values()]


def apply_retention() -> int:
    """Erase what is due in every project; how much went."""
    projects = Project.objects.exclude(retention={}).filter(deletion_asked_at=None)
    return sum(sum(apply_retention_to(project).values()) for project in projects)


def apply_retention_to(project: Project) -> dict[str, int]:
    """Erase what is due in one project, piece by piece, each with the record of it; how much of what went.

    An interruption leaves what is still due for the next time. A project whose owners choose other days meanwhile, or
    delete it, is left as it is from the next piece on.
    """
    erased: dict[str, int] = {}
    for key, days in project.retention.items():
        if key not in KINDS:
            # Chosen in a version that knew more kinds: nothing is erased by a guess.
            continue
        counted, before = KINDS[key].counted, _before(days)
        for rule in _rules(key):
            erase = partial(_erase_piece, rule, project, key, days)
            gone = sum(in_pieces(rule.rows(project, before), erase=erase))
            if gone and rule.counts:
                erased[counted] = erased.get(counted, 0) + gone
    return erased


def _erase_piece(rule: RetentionRule, project: Project, key: str, days: int, keys: list[Any]) -> bool:
    wanted = {"deletion_asked_at": None, f"retention__{key}": days}
    if not Project.objects.filter(pk=project.pk, **wanted).exists():
        return False
    rule.erase(keys)
    if rule.counts:
        counts = {KINDS[key].counted: len(keys)}
        Erasure.objects.create(project=project, cause=Erasure.Cause.RETENTION, counts=counts)
        data = {**counts, "days": days}
        record_event(actor=None, verb="retention.applied", project=project, target=project, data=data)
    return True


def _count(project: Project, key: str, days: int | None) -> int:
    return sum(rule.rows(project, _before(days)).count() for rule in _rules(key) if rule.counts) if days else 0


def _rules(key: str) -> list[RetentionRule]:
    return [rule for holdings in all_holdings() for rule in holdings.retention.get(key, ())]


def _before(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)
