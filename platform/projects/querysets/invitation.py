"""Reads of invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from projects.models import Invitation


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())

    def for_list(self) -> InvitationQuerySet:
        """Newest first, with who invited."""
        return self.select_related("invited_by").order_by("-id")
