"""API tokens as a way to sign in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from projects.actions.token import note_use
from projects.compiled import CompiledQuery
from projects.credentials import TOKEN_PREFIX, fingerprint
from projects.models import ApiToken, User

if TYPE_CHECKING:
    # rest_framework.views imports this module while it is loading: it is a default authentication.
    from rest_framework.request import Request

KEYWORD = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer rbr_...`; one query, and one write a minute for the time of last use.

    `request.auth` is the ApiToken. Where it is bound to a project, the user carries `bound_project_id`, which
    `projects.access` respects.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        keyword, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if keyword.lower() != KEYWORD.lower():
            return None
        token = self._token(secret.strip())
        if token is None:
            # One answer for a wrong, an expired and a revoked token: a finder learns nothing from it.
            raise AuthenticationFailed("This token is wrong, expired or revoked.", code="token_invalid")
        note_use(token=token)
        token.user.bound_project_id = token.project_id
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return f'{KEYWORD} realm="api"'

    def _token(self, secret: str) -> ApiToken | None:
        if not secret.startswith(TOKEN_PREFIX):
            return None
        return next(iter(_usable_tokens(fingerprint(secret), timezone.now())), None)


@CompiledQuery
def _usable_tokens(token_hash: str, at: datetime) -> QuerySet[ApiToken]:
    return ApiToken.objects.usable(at).filter(token_hash=token_hash).select_related("user")
