"""Letters to those who delete an account or a project: that it was asked for, and that it is done.

They leave after the commit, and each once: what the mail server refuses is logged and not sent again.
"""

from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from projects import mail
from projects.models import Departure, Project, User


def tell_of_departure(*, user: User, actor: User, is_work_left: bool) -> None:
    """Tell the person, and the operator who did it, that the account is gone; call it while it has its address."""
    template = "account_deleted" if is_work_left else "account_erased"
    for to, is_own in _readers(user.email, user, actor):
        _send(to, template, user=mail.cut(user.username), is_own=is_own, is_by_self=actor.pk == user.pk)


def tell_of_last_piece(*, departure: Departure, address: str) -> None:
    """Tell the same that nothing is left of the person's work; `address` is the person's, empty if not known."""
    for to, is_own in _readers(address, departure.user, departure.asked_by):
        _send(to, "account_erased", user=departure.user.username, is_own=is_own, is_by_self=True)


def tell_of_marked_project(*, project: Project, actor: User) -> None:
    """Tell whoever marked the project until when it can be restored, and where."""
    url = f"{settings.PUBLIC_URL}{reverse('projects:project-deletion', args=[project.slug])}"
    _send(actor.email, "project_marked", project=mail.cut(project), until=project.deletion_due_at, url=url)


def tell_of_erased_project(*, project: Project, rows: int) -> None:
    """Tell whoever had it deleted that nothing is left of it."""
    actor = project.deletion_asked_by
    if actor is not None:
        _send(actor.email, "project_erased", project=mail.cut(project), rows=rows)


def _readers(address: str, user: User, actor: User | None) -> list[tuple[str, bool]]:
    """Addresses, each with whether the account is their own."""
    readers = [(address, True)]
    if actor is not None and actor.pk != user.pk:
        readers.append((actor.email, False))
    return readers


def _send(to: str, template: str, **context: Any) -> None:
    if to:
        transaction.on_commit(partial(mail.send, to, template, context), robust=True)
