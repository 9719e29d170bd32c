"""Scores derived from judgments: disposable, re-computed without a model."""

from django.db import models

from projects.models import Project
from rewards.models.output import Output
from rewards.querysets.derived import DerivedScoreQuerySet


class DerivedScore(models.Model):
    """What an aggregation or recipe makes of a set of judgments; lists sort and filter by it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="derived_scores")
    output = models.ForeignKey(Output, on_delete=models.CASCADE, related_name="derived_scores")
    definition_hash = models.CharField(max_length=64)
    """SHA-256 of the aggregation with its weights, or of the recipe."""
    judgment_set_hash = models.CharField(max_length=64)
    value = models.FloatField(null=True)
    scored_count = models.PositiveIntegerField()
    total_count = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DerivedScoreQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["output", "definition_hash", "judgment_set_hash"], name="derivedscore_once")
        ]
        indexes = [models.Index(fields=["project", "definition_hash", "value"], name="derivedscore_sorted")]

    def __str__(self) -> str:
        return f"{self.output_id}: {self.value}"
