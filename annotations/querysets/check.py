"""Reads of results of checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from annotations.models import CheckResult


class CheckResultQuerySet(models.QuerySet["CheckResult"]):
    def standing(self) -> CheckResultQuerySet:
        """Those of answers that nobody took back, neither this one nor the earlier one that it repeats."""
        return self.filter(submission__undone_at__isnull=True, earlier__undone_at__isnull=True)
