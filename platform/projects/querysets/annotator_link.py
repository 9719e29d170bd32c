"""Reads of annotator links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from projects.models import AnnotatorLink


class AnnotatorLinkQuerySet(models.QuerySet["AnnotatorLink"]):
    def open(self) -> AnnotatorLinkQuerySet:
        """Those that still let people in."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now(), joined_count__lt=models.F("most_people"))

    def for_list(self) -> AnnotatorLinkQuerySet:
        """Newest first, with who made them."""
        return self.select_related("created_by").order_by("-id")
