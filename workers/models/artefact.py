"""Artefacts: fitted weights with the export that they came from; and fits, by which they are made."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.models import Export
from workers.models.endpoint import ModelEndpoint
from workers.querysets.fit import ArtefactQuerySet, FitQuerySet


class Artefact(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="artefacts")
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=80)
    """What was fitted, a name among `workers.training.registry.TRAINERS`; sources say which they use."""
    export = models.ForeignKey(Export, null=True, on_delete=models.RESTRICT, related_name="artefacts")
    """None where it came with its own data, as the demo's does."""
    stored_as = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    parameters = models.JSONField(default=dict)
    """`fit` (the parameters), `seed`, `base` (identity of the model), `data` (SHA-256 by file), `code_version`."""
    metrics = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="artefacts"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ArtefactQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "sha256"], name="artefact_once")]

    def __str__(self) -> str:
        return self.name


class Fit(models.Model):
    """Computed by a worker of the queue `gpu`; one whose worker dies is begun anew, with the same seed."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="fits")
    kind = models.CharField(max_length=40)
    """A name among `workers.training.registry.TRAINERS`."""
    name = models.CharField(max_length=200)
    export = models.ForeignKey(Export, on_delete=models.RESTRICT, related_name="fits")
    endpoint = models.ForeignKey(ModelEndpoint, on_delete=models.RESTRICT, related_name="fits")
    parameters = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    progress = models.CharField(max_length=200, blank=True)
    facts = models.JSONField(default=dict)
    """`curve` so far, and `workers_lost`."""
    failure = models.TextField(blank=True)
    attempt = models.UUIDField(null=True)
    """Which attempt computes it: one that was taken for dead and is not stops when it sees another one here."""
    heartbeat_at = models.DateTimeField(null=True)
    artefact = models.ForeignKey(Artefact, null=True, on_delete=models.RESTRICT, related_name="fits")
    """The same data, parameters and seed may give an artefact that was there."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="fits")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = FitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "finished", "failed", "cancelled"]),
                name="fit_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="finished", artefact__isnull=False) | (~Q(status="finished") & Q(artefact=None)),
                name="fit_artefact_if_finished",
            ),
        ]
        indexes = [models.Index(fields=["project", "-id"], name="fit_recent")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether a worker has it, or will."""
        return self.status in (self.Status.PENDING, self.Status.RUNNING)

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Losses so far."""
        return list(self.facts.get("curve", []))
