"""Reads of API tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from projects.models import ApiToken


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> ApiTokenQuerySet:
        """Neither revoked nor expired, of people who may sign in."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now(), user__is_active=True)

    def for_list(self) -> ApiTokenQuerySet:
        """Newest first, with the project a token is bound to."""
        return self.select_related("project").order_by("-id")
