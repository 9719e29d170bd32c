"""Reads of the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import AuditEvent, User


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def for_list(self) -> AuditEventQuerySet:
        """With who did it; order and slice come from the keyset page."""
        return self.select_related("actor")

    def about(self, user: User) -> AuditEventQuerySet:
        """What concerns the account of `user` and no project."""
        return self.filter(project=None, object_type="user", object_id=str(user.pk))

    def matching(self, *, verb: str = "", actor: int | None = None) -> AuditEventQuerySet:
        """Those of one verb or one noun (``"member"`` finds ``member.added``), and of one person."""
        found = self
        if verb:
            found = found.filter(models.Q(verb=verb) | models.Q(verb__startswith=f"{verb}."))
        if actor is not None:
            found = found.filter(actor=actor)
        return found
