"""Exports: frozen datasets with a manifest."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.querysets.export import ExportFileQuerySet, ExportQuerySet


class Export(models.Model):
    """Built by a worker; frozen once `ready`."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        RUNNING = "running", _("Running")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="exports")
    name = models.CharField(max_length=200)
    format = models.CharField(max_length=60)
    options = models.JSONField(default=dict)
    """Filters, margins, file type, split fractions and seed: all that decides the content."""
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    rows_written = models.PositiveBigIntegerField(default=0)
    rows_expected = models.PositiveBigIntegerField(null=True)
    """Estimated from the share of judgments read, so it is right at the end."""
    manifest = models.JSONField(default=dict)
    failure = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="exports"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempt = models.UUIDField(null=True)
    """Which attempt builds it: one that was taken for dead and is not stops when it sees another one here."""
    finished_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "ready", "failed", "cancelled"]),
                name="export_status_known",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether a worker has it, or will."""
        return self.status in (self.Status.PENDING, self.Status.RUNNING)

    @property
    def percent(self) -> int | None:
        """How far it is, rounded down; None while that is unknown."""
        if self.status == self.Status.READY:
            return 100
        return min(99, 100 * self.rows_written // self.rows_expected) if self.rows_expected else None


class ExportFile(models.Model):
    """One file of a frozen export, in the default storage."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=300)
    """Inside the dataset folder, such as `data/train.jsonl`."""
    stored_as = models.CharField(max_length=500)
    split = models.CharField(max_length=40, blank=True)
    rows = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64)

    objects = ExportFileQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "path"], name="exportfile_one_path")]

    def __str__(self) -> str:
        return self.path
