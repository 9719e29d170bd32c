"""Reads of runs, batches and items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from projects.models import Project
    from workers.models import Batch, Run, RunItem


class RunQuerySet(models.QuerySet["Run"]):
    def of(self, project: Project) -> RunQuerySet:
        return self.filter(project=project)

    def for_list(self) -> RunQuerySet:
        return self.select_related("scorer", "created_by").defer("selection", "scorer__content").order_by("-id")

    def with_scorer(self) -> RunQuerySet:
        return self.select_related("scorer__rater", "scorer__rubric_version__rubric", "created_by")

    def all_settled(self) -> RunQuerySet:
        """Runs in which every item has been scored, left unscored with a reason, or failed."""
        return self.filter(item_count=F("scored_count") + F("unscored_count") + F("failed_count"))

    def measured(self) -> RunQuerySet:
        """Runs that say how fast their scorer computes, latest first."""
        return self.filter(attempted_count__gt=0, busy_seconds__gt=0).order_by("-id")


class BatchQuerySet(models.QuerySet["Batch"]):
    """Claiming lives in `workers.actions.batches`. Leases are compared by the database's clock only."""

    def claimable(self) -> BatchQuerySet:
        """Ready, or leased by a worker that let the lease run out; of runs that are still wanted."""
        return self.filter(
            Q(status="ready") | Q(status="leased", lease_until__lt=Now()),
            # Said again in the words of the partial index.
            status__in=["ready", "leased"],
            run__status__in=["pending", "running"],
        )

    def under_way(self) -> BatchQuerySet:
        """Leased, and the lease runs."""
        return self.filter(status="leased", lease_until__gte=Now())

    def expired(self) -> BatchQuerySet:
        return self.filter(status="leased", lease_until__lt=Now())

    def held_as(self, batch: Batch) -> BatchQuerySet:
        """`batch`, if nobody has leased it since: its attempt number still holds the lease."""
        return self.filter(pk=batch.pk, attempt=batch.attempt, status="leased")


class RunItemQuerySet(models.QuerySet["RunItem"]):
    def pending(self) -> RunItemQuerySet:
        return self.filter(status="pending")

    def for_scoring(self) -> RunItemQuerySet:
        """With all that a source may read of output and task; two joins, in one stable order."""
        return self.select_related("output__task").order_by("id")

    def for_list(self) -> RunItemQuerySet:
        """Narrow rows for lists: no messages."""
        return self.select_related("output__task").only(
            "id", "run_id", "repeat", "status", "reason", "output__id", "output__external_id", "output__version",
            "output__preview", "output__task__id", "output__task__external_id",
        )  # fmt: skip

    def counted_by_reason(self) -> list[tuple[str, str, int]]:
        """Status, reason and count of what was not scored, most frequent first; one query."""
        counted = self.filter(status__in=["unscored", "failed"]).values_list("status", "reason")
        return list(counted.annotate(count=models.Count("id")).order_by("-count", "status", "reason"))
