"""Reads of runs, batches and items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import F, FloatField, Q, Sum
from django.db.models.functions import Coalesce, Now

if TYPE_CHECKING:
    from projects.models import Project
    from workers.models import Batch, Run, RunItem, Scorer


class RunQuerySet(models.QuerySet["Run"]):
    def of(self, project: Project) -> RunQuerySet:
        return self.filter(project=project)

    def for_list(self) -> RunQuerySet:
        return self.select_related("scorer", "created_by").defer("selection", "scorer__content").order_by("-id")

    def by(self, scorer: Scorer) -> RunQuerySet:
        return self.filter(scorer=scorer)

    def with_scorer(self) -> RunQuerySet:
        return self.select_related("scorer__rater", "scorer__rubric_version__rubric", "created_by")

    def usage(self) -> dict[str, float]:
        """What all of these runs together asked of models: counts, tokens, cost; one query."""
        names = ("reply_count", "understood_count", "prompt_tokens", "reply_tokens", "cost", "busy_seconds")
        return self.aggregate(**{name: Coalesce(Sum(name), 0, output_field=FloatField()) for name in names})

    def all_settled(self) -> RunQuerySet:
        """Runs in which every item has been scored, left unscored with a reason, or failed."""
        return self.filter(item_count=F("scored_count") + F("unscored_count") + F("failed_count"))

    def measured(self) -> RunQuerySet:
        """Runs that say how fast their scorer computes, latest first."""
        return self.filter(attempted_characters__gt=0, busy_seconds__gt=0).order_by("-id")

    def stopped_by_budget(self) -> RunQuerySet:
        """Cancelled though nobody has asked for it."""
        return self.filter(status="cancelled", cancel_requested_at=None)

    def on_endpoint(self, endpoint_id: int) -> RunQuerySet:
        return self.filter(scorer__models__endpoint=endpoint_id)


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
    def of(self, run: Run) -> RunItemQuerySet:
        return self.filter(run=run)

    def matching(self, *, status: str = "", reason: str = "") -> RunItemQuerySet:
        """Those that every given condition fits; an unknown word fits none."""
        items = self.filter(status=status) if status else self
        return items.filter(reason=reason) if reason else items

    def with_last_attempt(self) -> RunItemQuerySet:
        """Each with `last_attempts`: the latest one, without its traceback, or none; one query more."""
        attempts = apps.get_model("workers", "Attempt").objects
        latest = attempts.order_by("item", "-number").distinct("item").defer("traceback", "replies")
        return self.prefetch_related(models.Prefetch("attempts", queryset=latest, to_attr="last_attempts"))

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
