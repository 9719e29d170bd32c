"""Reads of memberships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Coalesce, Lower, NullIf

if TYPE_CHECKING:
    from projects.models import Membership


class MembershipQuerySet(models.QuerySet["Membership"]):
    def for_list(self) -> MembershipQuerySet:
        """By name as shown, with the person (no further query per row)."""
        shown = Coalesce(NullIf("user__display_name", models.Value("")), "user__username")
        return self.select_related("user").order_by(Lower(shown), "id")
