"""Studies: a question asked of stored judgments, with its frozen answer."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotations.querysets.study import StudyQuerySet
from projects.models import Project


class Study(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        RUNNING = "running", _("Running")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="studies")
    kind = models.CharField(max_length=40)
    name = models.CharField(max_length=200, blank=True)
    parameters = models.JSONField(default=dict)
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    result = models.JSONField(default=dict)
    failure = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="studies"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = StudyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "studies"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "ready", "failed"]), name="study_status_known"
            )
        ]

    def __str__(self) -> str:
        return self.name or f"{self.kind} study #{self.pk}"
