"""Policies and what they wrote."""

from django.db import models
from django.db.models import Q

from projects.models import Project
from rewards.models.task import Task
from rewards.querysets.output import OutputQuerySet


class Policy(models.Model):
    """A model or checkpoint that writes outputs. Annotators never see its name."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="policies")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="policy_one_name")]

    def __str__(self) -> str:
        return self.name


class Output(models.Model):
    """One immutable version of a policy's response to a task."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, db_index=False, related_name="outputs")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="outputs")
    policy = models.ForeignKey(Policy, null=True, on_delete=models.RESTRICT, related_name="outputs")
    external_id = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    is_current = models.BooleanField(default=True)
    preview = models.CharField(max_length=240, blank=True)
    messages = models.JSONField()
    """`[{"role": str, "channel": "answer"|"thinking"|"tool", "text": str}, ...]`, text exactly as imported."""
    char_count = models.PositiveIntegerField(default=0)
    generation = models.JSONField(default=dict)
    """How it was sampled: temperature, seed and so on."""
    content_hash = models.CharField(max_length=64)
    import_batch = models.ForeignKey(
        "rewards.ImportBatch", null=True, on_delete=models.RESTRICT, related_name="outputs"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OutputQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "external_id", "version"], name="output_one_per_version"),
            models.UniqueConstraint(
                fields=["project", "external_id"], condition=Q(is_current=True), name="output_one_current"
            ),
            models.CheckConstraint(condition=~Q(external_id=""), name="output_has_external_id"),
            models.CheckConstraint(condition=Q(version__gte=1), name="output_version_from_one"),
        ]
        indexes = [
            models.Index(fields=["project", "id"], condition=Q(is_current=True), name="output_current"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} v{self.version}"
