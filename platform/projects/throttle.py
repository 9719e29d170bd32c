"""Limits by address, account and person, counted where allauth counts its own (ACCOUNT_RATE_LIMITS)."""

from allauth.core import ratelimit
from django.http import HttpRequest
from django.utils.translation import gettext

from projects.errors import AppError


def require_within_limit(request: HttpRequest, *, action: str, key: str | None = None) -> None:
    """Count one `action`; raise ``too_many`` (429) beyond its limit.

    Parameters
    ----------
    action : str
        A name in ``ACCOUNT_RATE_LIMITS``.
    key : str | None
        What a limit "by key" counts, such as an e-mail address; compared without case.
    """
    if not ratelimit.consume(request, action=action, key=key.lower() if key else None):
        raise AppError(
            gettext("That was too often in a short time: wait a little and try again."), code="too_many", status=429
        )
