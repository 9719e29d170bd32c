"""Runs, their items, leased batches and numbered attempts. The database is the queue."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.models import Output, Rater
from workers.models.endpoint import ModelEndpoint
from workers.models.scorer import Scorer
from workers.querysets.run import BatchQuerySet, RunItemQuerySet, RunQuerySet


class Run(models.Model):
    """One scorer over a selection of outputs."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        RUNNING = "running", _("Running")
        CANCELLED = "cancelled", _("Cancelled")
        FINISHED = "finished", _("Finished")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs")
    scorer = models.ForeignKey(Scorer, on_delete=models.RESTRICT, related_name="runs")
    name = models.CharField(max_length=200, blank=True)
    selection = models.JSONField(default=dict)
    """How the outputs were picked, for the reader; the items are the truth."""
    repeats = models.PositiveSmallIntegerField(default=1)
    seed = models.BigIntegerField(default=0)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    cancel_requested_at = models.DateTimeField(null=True)
    item_count = models.PositiveIntegerField(default=0)
    scored_count = models.PositiveIntegerField(default=0)
    unscored_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    reused_count = models.PositiveIntegerField(default=0)
    """Of the scored: found already stored for the same identity, no model called."""
    attempted_count = models.PositiveIntegerField(default=0)
    """Attempts made by workers, failed ones included; with the two below it gives the measured speed."""
    attempted_characters = models.PositiveBigIntegerField(default=0)
    """Of the outputs attempted."""
    reply_count = models.PositiveIntegerField(default=0)
    understood_count = models.PositiveIntegerField(default=0)
    """Of the replies that models gave: those that could be read. Pages say "n of N parsed"."""
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    reply_tokens = models.PositiveBigIntegerField(default=0)
    budget = models.FloatField(null=True)
    """Most that it may spend, in the currency of the endpoints' prices; null: no bound of its own."""
    cost = models.FloatField(default=0)
    """As the engines metered them, failed attempts included; in the currency of the endpoints' prices."""
    busy_seconds = models.FloatField(default=0)
    """Time that workers spent computing, summed over workers: pauses and waiting do not count."""
    estimate = models.JSONField(default=dict)
    code_version = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="runs")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "cancelled", "finished"]), name="run_status_known"
            ),
            models.CheckConstraint(
                condition=Q(item_count__gte=F("scored_count") + F("unscored_count") + F("failed_count")),
                name="run_counts_add_up",
            ),
        ]
        indexes = [models.Index(fields=["project", "-id"], name="run_recent")]

    def __str__(self) -> str:
        return self.name or f"run #{self.pk}"

    @property
    def is_active(self) -> bool:
        """Whether workers may still take items of it."""
        return self.status in {self.Status.PENDING, self.Status.RUNNING}

    @property
    def is_stopped_by_budget(self) -> bool:
        """Whether it has reached a budget: cancelled though nobody has asked for it."""
        return self.status == self.Status.CANCELLED and self.cancel_requested_at is None

    @property
    def settled_count(self) -> int:
        return self.scored_count + self.unscored_count + self.failed_count


class Batch(models.Model):
    """A lease on some items of a run. `endpoint` lets a worker prefer the model that it has loaded."""

    class Status(models.TextChoices):
        READY = "ready", _("Ready")
        LEASED = "leased", _("Leased")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batches")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    queue = models.CharField(max_length=20, default="gpu")
    endpoint = models.ForeignKey(ModelEndpoint, null=True, on_delete=models.SET_NULL, related_name="batches")
    status = models.CharField(max_length=9, choices=Status, default=Status.READY)
    attempt = models.PositiveSmallIntegerField(default=0)
    """How often it was leased. A worker writes only while its own attempt holds the lease."""
    stalled_leases = models.PositiveSmallIntegerField(default=0)
    """Leases lost in a row without anything written: what its first item does to workers may be the cause."""
    worker = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="batch_one_number"),
            models.CheckConstraint(
                condition=Q(status__in=["ready", "leased", "done", "cancelled"]), name="batch_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="leased") | Q(lease_until__isnull=False), name="batch_leased_until"
            ),
        ]
        indexes = [models.Index(fields=["queue", "id"], condition=Q(status__in=["ready", "leased"]), name="batch_open")]

    def __str__(self) -> str:
        return f"batch {self.number} of run {self.run_id}"


class RunItem(models.Model):
    """One output, or one task's group of outputs (and repeat), to score."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SCORED = "scored", _("Scored")
        UNSCORED = "unscored", _("Unscored")
        FAILED = "failed", _("Failed")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="run_items")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="items")
    batch = models.ForeignKey(Batch, null=True, on_delete=models.SET_NULL, related_name="items")
    output = models.ForeignKey(Output, on_delete=models.CASCADE, related_name="run_items")
    members = ArrayField(models.BigIntegerField(), default=list, blank=True)
    """For a source that reads groups: the outputs of the task that are judged together; `output` is the first."""
    repeat = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    reason = models.CharField(max_length=80, blank=True)
    """Stable code, such as `context_overrun`; failures are grouped by it."""

    objects = RunItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "output", "repeat"], name="runitem_once"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "scored", "unscored", "failed"]), name="runitem_status_known"
            ),
        ]
        indexes = [models.Index(fields=["run", "status"], name="runitem_by_status")]

    def __str__(self) -> str:
        return f"output {self.output_id} in run {self.run_id}"


class Attempt(models.Model):
    """One try at one identity (rater, input hash, repeat): scored, unscored with reason, or failed with traceback."""

    class Status(models.TextChoices):
        SCORED = "scored", _("Scored")
        UNSCORED = "unscored", _("Unscored")
        FAILED = "failed", _("Failed")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="attempts")
    item = models.ForeignKey(RunItem, on_delete=models.CASCADE, related_name="attempts")
    rater = models.ForeignKey(Rater, on_delete=models.RESTRICT, related_name="attempts")
    output = models.ForeignKey(Output, on_delete=models.CASCADE, related_name="attempts")
    input_hash = models.CharField(max_length=64)
    repeat = models.PositiveSmallIntegerField(default=0)
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=8, choices=Status)
    reason = models.CharField(max_length=80, blank=True)
    detail = models.TextField(blank=True)
    traceback = models.TextField(blank=True)
    replies = models.JSONField(default=list)
    """What models said where it could not be used; of a scored attempt they stand with its judgments."""
    worker = models.CharField(max_length=200, blank=True)
    seconds = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rater", "input_hash", "repeat"], condition=Q(status="scored"), name="attempt_scored_once"
            ),
            models.UniqueConstraint(fields=["item", "number"], name="attempt_one_number"),
            models.CheckConstraint(
                condition=Q(status__in=["scored", "unscored", "failed"]), name="attempt_status_known"
            ),
            models.CheckConstraint(condition=Q(status="scored") | ~Q(reason=""), name="attempt_reason_unless_scored"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} at item {self.item_id}: {self.status}"
