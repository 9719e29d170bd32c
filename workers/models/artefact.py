"""Artefacts: fitted weights with the export that they came from."""

from django.conf import settings
from django.db import models

from projects.models import Project
from rewards.models import Export


class Artefact(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="artefacts")
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=80)
    """The reward source that can use it."""
    export = models.ForeignKey(Export, null=True, on_delete=models.RESTRICT, related_name="artefacts")
    stored_as = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    parameters = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="artefacts"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "sha256"], name="artefact_once")]

    def __str__(self) -> str:
        return self.name
