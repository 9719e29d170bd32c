"""Imports: batches that report by row and can be undone."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.querysets.import_batch import ImportBatchQuerySet


class ImportBatch(models.Model):
    """One import of one or more files of one format."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")
        UNDONE = "undone", _("Undone")

    class OnConflict(models.TextChoices):
        NEW_VERSION = "new_version", _("Make a new version")
        ROW_ERROR = "row_error", _("Report the row")

    class OnError(models.TextChoices):
        KEEP_GOOD = "keep_good", _("Keep the good rows")
        REFUSE = "refuse", _("Refuse the file")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="imports")
    format = models.CharField(max_length=60)
    file_names = models.JSONField(default=list)
    stored_files = models.JSONField(default=list)
    """Names in the default storage; removed when the import has ended."""
    options = models.JSONField(default=dict)
    """What the format asks for beside the files, such as the rater's name."""
    on_conflict = models.CharField(max_length=12, choices=OnConflict, default=OnConflict.NEW_VERSION)
    on_error = models.CharField(max_length=10, choices=OnError, default=OnError.KEEP_GOOD)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    bytes_total = models.PositiveBigIntegerField(default=0)
    bytes_read = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    """`tasks_created`, `tasks_unchanged`, `outputs_created`, `ratings`, `rows_rejected` and so on."""
    error_count = models.PositiveIntegerField(default=0)
    failure = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="imports"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    objects = ImportBatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "import batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "done", "refused", "failed", "undone"]),
                name="importbatch_status_known",
            )
        ]

    def __str__(self) -> str:
        return f"import #{self.pk} ({self.format})"

    @property
    def is_open(self) -> bool:
        """Whether a worker has it, or will."""
        return self.status in (self.Status.PENDING, self.Status.RUNNING)

    @property
    def can_be_undone(self) -> bool:
        """Whether it has ended with rows that may be taken back."""
        return self.status in (self.Status.DONE, self.Status.FAILED)

    @property
    def percent(self) -> int:
        """How much of the files is read, rounded down."""
        return min(100, 100 * self.bytes_read // self.bytes_total) if self.bytes_total else 0


class ImportRowError(models.Model):
    """What was wrong with one row, and what was expected instead."""

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="row_errors")
    file_name = models.CharField(max_length=300, blank=True)
    row = models.PositiveBigIntegerField()
    field = models.CharField(max_length=200, blank=True)
    message = models.TextField()
    expected = models.TextField(blank=True)

    class Meta:
        ordering = ["batch", "id"]

    def __str__(self) -> str:
        return f"row {self.row}: {self.message}"
