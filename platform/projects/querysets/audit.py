"""Reads of the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import AuditEvent


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def for_list(self) -> AuditEventQuerySet:
        """With who did it; order and slice come from the keyset page."""
        return self.select_related("actor")
