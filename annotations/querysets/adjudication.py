"""Reads of how far answers are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef

if TYPE_CHECKING:
    from annotations.models import Campaign, ItemDisagreement


class ItemDisagreementQuerySet(models.QuerySet["ItemDisagreement"]):
    def of(self, campaign: Campaign) -> ItemDisagreementQuerySet:
        return self.filter(campaign=campaign)

    def with_settled(self) -> ItemDisagreementQuerySet:
        """Adds `is_settled`: whether an adjudication of the item stands."""
        return self.annotate(is_settled=_settled())

    def unsettled(self) -> ItemDisagreementQuerySet:
        return self.filter(~_settled())

    def settled(self) -> ItemDisagreementQuerySet:
        return self.filter(_settled())

    def for_list(self) -> ItemDisagreementQuerySet:
        """Rows of the queue with the item and its task's preview."""
        return self.select_related("item__task").only(
            "id",
            "value",
            "agrees",
            "questions",
            "lane_count",
            "campaign_id",
            "item__id",
            "item__position",
            "item__task__id",
            "item__task__preview",
            "item__task__external_id",
            "item__task__version",
        )


def _settled() -> Exists:
    adjudications = apps.get_model("annotations", "Adjudication").objects
    return Exists(adjudications.filter(item=OuterRef("item"), undone_at__isnull=True))
