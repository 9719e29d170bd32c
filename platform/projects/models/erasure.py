"""What was erased, and how much: it outlives what it tells of."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.models.project import Project
from projects.querysets.erasure import ErasureQuerySet


class Erasure(models.Model):
    """One time that something went from a project. It holds numbers and a pseudonym, and nothing of what went."""

    class Cause(models.TextChoices):
        PERSON_LEFT = "person_left", _("A person left")
        RETENTION = "retention", _("The project's retention")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="erasures")
    cause = models.CharField(max_length=11, choices=Cause)
    pseudonym = models.CharField(max_length=40, blank=True)
    """The rater's, where it was about one person."""
    counts = models.JSONField(default=dict)
    """By what went, such as `judgments_purged` or `judgments_pseudonymised`."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(cause__in=["person_left", "retention"]), name="erasure_cause_known"
            ),
        ]
        indexes = [models.Index(fields=["project", "created_at"], name="erasure_by_time")]

    def __str__(self) -> str:
        return f"{self.cause} in {self.project_id}: {self.counts}"
