"""Scopes of API tokens. What a person may do in a project is decided by projects.access, for tokens as for sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext
from rest_framework.permissions import SAFE_METHODS, BasePermission

from projects.errors import AppError
from projects.models import ApiToken, TokenScope

if TYPE_CHECKING:
    # rest_framework.views imports this module while it is loading: it is the default permission.
    from rest_framework.request import Request
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Signed in; and with a token, the scope of the view.

    Reading needs the view's `read_scope` (default ``read``), everything else its `write_scope` (default ``write``). A
    session has every scope.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        token = request.auth
        if not isinstance(token, ApiToken):
            return True
        if request.method in SAFE_METHODS:
            scope = getattr(view, "read_scope", TokenScope.READ)
        else:
            scope = getattr(view, "write_scope", TokenScope.WRITE)
        if scope not in token.scopes:
            raise AppError(
                gettext("This token lacks the scope “%(scope)s”.") % {"scope": scope}, code="scope_required", status=403
            )
        return True


class HasSession(HasScope):
    """Signed in by session for everything but reading: a token must not make or revoke tokens."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiToken) and request.method not in SAFE_METHODS:
            raise AppError(gettext("Tokens are managed by people, not by tokens."), code="session_required", status=403)
        return super().has_permission(request, view)
