"""Who is signed in, read on every request: sessions and people in the database, each by SQL that is built once."""

from datetime import datetime
from typing import Any

from allauth.account import auth_backends
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from projects.compiled import CompiledQuery
from projects.models import User


class SessionStore(db.SessionStore):
    """`settings.SESSION_ENGINE` names this module."""

    def _get_session_from_db(self) -> Session | None:
        found = next(iter(_sessions(str(self.session_key), timezone.now())), None)
        if found is None:
            self._session_key = None
        return found


class AuthenticationBackend(auth_backends.AuthenticationBackend):  # type: ignore[misc]
    """Signs in as allauth does."""

    def get_user(self, user_id: Any) -> User | None:
        user = next(iter(_users(user_id)), None)
        return user if user is not None and self.user_can_authenticate(user) else None


@CompiledQuery
def _sessions(key: str, at: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=at)


@CompiledQuery
def _users(pk: int) -> QuerySet[User]:
    return User.objects.filter(pk=pk)
