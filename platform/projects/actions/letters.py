"""Letters to those who delete an account or a project: that it was asked for, and that it is done.

They leave after the commit, and each once: what the mail server refuses is logged and not sent again.
"""

from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from projects import mail
from projects.languages import letter_language
from projects.models import Project, User


class Reader(NamedTuple):
    """Who hears of an account that goes; of the person nothing else is known any more when the last letter leaves."""

    address: str
    language: str
    is_own: bool
    """Whether the account is, or was, the reader's."""


def readers_of(user: User, actor: User | None) -> list[Reader]:
    """The person, and the operator where it was one; call it while the account has its address."""
    return [Reader(user.email, letter_language(user), True), *operators(user, actor)]


def operators(user: User, actor: User | None) -> list[Reader]:
    """Who deleted the account of somebody else."""
    return [] if actor is None or actor.pk == user.pk else [Reader(actor.email, letter_language(actor), False)]


def tell_of_departure(*, user: User, actor: User, is_work_left: bool, hears_again: bool) -> None:
    """Tell that the account is gone; of work that is left the person hears once more if the address could be kept."""
    template = "account_deleted" if is_work_left else "account_erased"
    words = {"user": mail.cut(user.username), "is_by_self": actor.pk == user.pk}
    for reader in readers_of(user, actor):
        again = hears_again or not reader.is_own
        _send(reader.address, reader.language, template, is_own=reader.is_own, hears_again=again, **words)


def tell_of_last_piece(*, pseudonym: str, readers: list[Reader]) -> None:
    """Tell that nothing is left of a person's work."""
    for reader in readers:
        words = {"user": pseudonym, "is_own": reader.is_own, "is_by_self": True}
        _send(reader.address, reader.language, "account_erased", **words)


def tell_of_marked_project(*, project: Project, actor: User) -> None:
    """Tell whoever marked the project until when it can be restored, and where."""
    url = f"{settings.PUBLIC_URL}{reverse('projects:project-deletion', args=[project.slug])}"
    words = {"project": mail.cut(project), "until": project.deletion_due_at, "url": url}
    _send(actor.email, letter_language(actor), "project_marked", **words)


def tell_of_erased_project(*, project: Project, rows: int) -> None:
    """Tell whoever had it deleted that nothing is left of it."""
    actor = project.deletion_asked_by
    if actor is not None:
        _send(actor.email, letter_language(actor), "project_erased", project=mail.cut(project), rows=rows)


def _send(to: str, language: str, template: str, **context: Any) -> None:
    if to:
        transaction.on_commit(partial(_leave, to, language, template, context), robust=True)


def _leave(to: str, language: str, template: str, context: dict[str, Any]) -> None:
    with translation.override(language):
        mail.send(to, template, context)
