"""Making an account by oneself, and proving an address: by a signed link that goes to it."""

from typing import NamedTuple

from django.contrib.auth.base_user import BaseUserManager
from django.core import signing
from django.db import transaction
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import SignUp, SitePolicy, User

DAY = 24 * 3600
_SIGN_UP = "projects.sign-up"
_CHANGE = "projects.change-email"


class AddressChange(NamedTuple):
    user: int
    was: str
    email: str


def sign_up_token(email: str) -> str:
    """What the link for a new account holds; it lasts a day."""
    return signing.dumps(BaseUserManager.normalize_email(email), salt=_SIGN_UP)


def has_account(email: str) -> bool:
    """Whether somebody has this address; for the letter only, never for the page."""
    return User.objects.filter(email__iexact=email).exists()


def proven_address(token: str) -> str:
    """The address whose mailbox received `token`.

    Raises
    ------
    AppError
        ``link_invalid`` (404): not ours, older than a day, or used; ``sign_up_closed`` (403).
    """
    email = _read(token, _SIGN_UP)
    if SitePolicy.current().sign_up != SignUp.OPEN:
        raise AppError(gettext("Sign-up is no longer open on this server."), code="sign_up_closed", status=403)
    if not isinstance(email, str) or has_account(email):
        raise _dead_link()
    return email


@transaction.atomic
def sign_up(*, user: User, email: str) -> User:
    """Store the new account `user` (its password is set, the row unsaved) under a proven address."""
    user.email = email
    user.save()
    record_event(actor=user, verb="user.signed_up", target=user)
    return user


def address_change_token(*, user: User, email: str) -> str:
    """What the link to a new address of `user` holds; it lasts a day and dies with any other change."""
    return signing.dumps([user.pk, user.email, BaseUserManager.normalize_email(email)], salt=_CHANGE)


@transaction.atomic
def confirm_address(*, user: User, token: str) -> str:
    """Keep the address that `token` went to; returns the one before it.

    Raises
    ------
    AppError
        ``link_invalid`` (404): not ours, of another account, older than a day, or overtaken by another change.
    """
    read = _read(token, _CHANGE)
    change = AddressChange(*read) if isinstance(read, list) and len(read) == 3 else None
    if change is None or change.user != user.pk:
        raise _dead_link()
    if not User.objects.filter(pk=user.pk, email=change.was).update(email=change.email):
        raise _dead_link()
    user.email = change.email
    record_event(actor=user, verb="user.email_changed", target=user)
    return change.was


def _read(token: str, salt: str) -> object:
    try:
        return signing.loads(token, salt=salt, max_age=DAY)
    except signing.BadSignature:
        raise _dead_link() from None


def _dead_link() -> AppError:
    return AppError(gettext("This link was used or has run out. Ask for a new one."), code="link_invalid", status=404)
