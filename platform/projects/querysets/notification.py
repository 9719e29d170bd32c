"""Reads of notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import Notification


class NotificationQuerySet(models.QuerySet["Notification"]):
    def unread(self) -> NotificationQuerySet:
        """Those that nobody has looked at."""
        return self.filter(read_at=None)

    def for_list(self) -> NotificationQuerySet:
        """With the project; order and slice come from the keyset page."""
        return self.select_related("project")
