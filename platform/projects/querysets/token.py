"""Reads of API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import ApiToken


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, at: datetime) -> ApiTokenQuerySet:
        """Neither revoked nor expired at this time, of people who may sign in."""
        return self.filter(revoked_at=None, expires_at__gt=at, user__is_active=True)

    def for_list(self) -> ApiTokenQuerySet:
        """Newest first, with the project a token is bound to."""
        return self.select_related("project").order_by("-id")
