"""A link that makes whoever follows it an annotator of one project."""

from django.conf import settings
from django.db import models

from projects.models.project import Project
from projects.querysets.annotator_link import AnnotatorLinkQuerySet


class AnnotatorLink(models.Model):
    """For many people, unlike an invitation: it gives the role of annotator only, runs out and can be revoked."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="annotator_links")
    label = models.CharField(max_length=100)
    token_hash = models.CharField(max_length=64, unique=True)
    most_people = models.PositiveIntegerField()
    joined_count = models.PositiveIntegerField(default=0)
    """Kept by the action that lets people in: never above `most_people`."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="annotator_links"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = AnnotatorLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(joined_count__lte=models.F("most_people")), name="annotatorlink_within_limit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} into {self.project_id}"
