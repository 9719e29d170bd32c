"""Changes of passwords and second factors in the audit log: allauth tells of them by its own signals."""

from typing import Any

from allauth.account.signals import password_changed, password_reset
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.dispatch import receiver

from projects.actions.audit import record_event
from projects.models import User


@receiver(password_changed)
def note_password_changed(user: User, **_: Any) -> None:
    record_event(actor=user, verb="user.password_changed", target=user)


@receiver(password_reset)
def note_password_reset(user: User, **_: Any) -> None:
    record_event(actor=user, verb="user.password_reset", target=user)


@receiver(authenticator_added)
def note_factor_added(user: User, authenticator: Any, **_: Any) -> None:
    record_event(actor=user, verb="second_factor.added", target=user, data={"kind": authenticator.type})


@receiver(authenticator_removed)
def note_factor_removed(user: User, authenticator: Any, **_: Any) -> None:
    record_event(actor=user, verb="second_factor.removed", target=user, data={"kind": authenticator.type})


@receiver(authenticator_reset)
def note_factor_reset(user: User, authenticator: Any, **_: Any) -> None:
    record_event(actor=user, verb="second_factor.renewed", target=user, data={"kind": authenticator.type})
