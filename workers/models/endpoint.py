"""Model endpoints: a model as an engine can reach it."""

from django.db import models
from django.db.models import Q

from projects.models import Project


class ModelEndpoint(models.Model):
    """Resolved once, so that a scorer's hash names the very weights: commit or folder manifest, tokenizer, dtype."""

    class Engine(models.TextChoices):
        TRANSFORMERS = "transformers", "In process (transformers)"
        OPENAI = "openai", "HTTP (OpenAI-compatible)"

    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="endpoints")
    """Null: offered to every project by the operator."""
    name = models.CharField(max_length=100)
    engine = models.CharField(max_length=12, choices=Engine)
    reference = models.CharField(max_length=500)
    """A local folder, a hub id, a URL, or `package:<distribution>` for weights that a Python package carries."""
    revision = models.CharField(max_length=64, blank=True)
    dtype = models.CharField(max_length=10, default="bfloat16")
    resolved = models.JSONField(default=dict)
    """`{"weights": sha256 or commit, "tokenizer": sha256, "chat_template": sha256, "dtype": str, "pinned": bool, ...}`."""
    capabilities = models.JSONField(default=list)
    context_length = models.PositiveIntegerField(null=True)
    caveat = models.TextField(blank=True)
    """What this model can and cannot judge: shown wherever its numbers are."""
    failure = models.TextField(blank=True)
    probed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], nulls_distinct=False, name="modelendpoint_one_name"),
            models.CheckConstraint(
                condition=Q(engine__in=["transformers", "openai"]), name="modelendpoint_engine_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name
