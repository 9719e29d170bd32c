"""Scorers: configured reward sources, identified by the hash of their content."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from projects.models import Project
from rewards.models import Rater, RubricVersion
from workers.models.artefact import Artefact
from workers.models.endpoint import ModelEndpoint
from workers.models.prompt import PromptVersion
from workers.querysets.scorer import ScorerQuerySet
from workers.sources.contract import PROMPT


class Scorer(models.Model):
    """Immutable. `content` is what `hash` covers: source and version, parameters, prompt, rubric, resolved models."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="scorers")
    rater = models.OneToOneField(Rater, on_delete=models.RESTRICT, related_name="scorer")
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=80)
    source_version = models.PositiveIntegerField()
    parameters = models.JSONField(default=dict)
    rubric_version = models.ForeignKey(RubricVersion, null=True, on_delete=models.RESTRICT, related_name="scorers")
    uses_task_rubric = models.BooleanField(default=False)
    """Each task's own rubric instead of a fixed version."""
    prompt_version = models.ForeignKey(PromptVersion, null=True, on_delete=models.RESTRICT, related_name="scorers")
    artefact = models.ForeignKey(Artefact, null=True, on_delete=models.RESTRICT, related_name="scorers")
    content = models.JSONField()
    hash = models.CharField(max_length=64)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="scorers"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    endpoints = models.ManyToManyField(ModelEndpoint, through="workers.ScorerEndpoint", related_name="scorers")

    objects = ScorerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "hash"], name="scorer_one_hash"),
            models.CheckConstraint(
                condition=Q(rubric_version__isnull=True) | Q(uses_task_rubric=False),
                name="scorer_one_rubric_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        """Where its batches wait: models are kept by the workers of `gpu`."""
        return "gpu" if self.content["models"] else "cpu"

    @property
    def parameters_in_force(self) -> dict[str, Any]:
        """The parameters, and the project's own prompt template where one was chosen; needs `prompt_version`."""
        if self.prompt_version is None:
            return self.parameters  # type: ignore[no-any-return]
        return {**self.parameters, PROMPT: self.prompt_version.template}

    @property
    def is_pinned(self) -> bool:
        """Whether its hash names the very models, so that a stored judgment is as good as a new one."""
        return all(model.get("pinned", False) for model in self.content["models"].values())


class ScorerEndpoint(models.Model):
    """The model that a scorer uses in one role (`judge`, `view_a`, `view_b`)."""

    scorer = models.ForeignKey(Scorer, on_delete=models.CASCADE, related_name="models")
    endpoint = models.ForeignKey(ModelEndpoint, on_delete=models.RESTRICT, related_name="uses")
    role = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scorer", "role"], name="scorerendpoint_one_per_role")]

    def __str__(self) -> str:
        return f"{self.role}: {self.endpoint}"
