"""API tokens: issue, revoke, note their use."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.credentials import fingerprint, new_token_secret
from projects.errors import AppError
from projects.models import ApiToken, Project, User

LONGEST_LIFETIME = timedelta(days=366)
USE_RESOLUTION = timedelta(minutes=1)
"""How exact `last_used_at` is: a token in steady use costs one write a minute, not one a request."""


class IssuedToken(NamedTuple):
    token: ApiToken
    secret: str


@transaction.atomic
def issue_token(
    *, user: User, name: str, scopes: Sequence[str], expires_at: datetime, project: Project | None = None
) -> IssuedToken:
    """Make a token; its secret is returned here and never again.

    Raises
    ------
    AppError
        ``expiry_invalid`` if it would expire in the past or in more than a year.
    """
    now = timezone.now()
    if not now < expires_at <= now + LONGEST_LIFETIME:
        message = gettext("A token lives for a year at most.")
        raise AppError(message, code="expiry_invalid", fields={"expires_at": [message]})
    secret = new_token_secret()
    token = ApiToken.objects.create(
        user=user,
        project=project,
        name=name,
        prefix=secret[:12],
        token_hash=fingerprint(secret),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    record_event(
        actor=user,
        verb="token.issued",
        project=project,
        target=token,
        data={"name": name, "scopes": " ".join(token.scopes), "expires": expires_at.date().isoformat()},
    )
    return IssuedToken(token, secret)


@transaction.atomic
def revoke_token(*, token: ApiToken, actor: User) -> None:
    """Make a token useless for good; revoking twice changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record_event(actor=actor, verb="token.revoked", project=token.project, target=token, data={"name": token.name})


def note_use(*, token: ApiToken) -> None:
    """Remember that the token was used just now, at most once a minute."""
    now = timezone.now()
    if token.last_used_at is not None and now - token.last_used_at < USE_RESOLUTION:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_RESOLUTION)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
