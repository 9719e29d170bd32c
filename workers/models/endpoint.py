"""Model endpoints: a model as an engine can reach it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from workers.querysets.endpoint import ModelEndpointQuerySet


class ModelEndpoint(models.Model):
    """Resolved once, so that a scorer's hash names the very weights: commit or folder manifest, tokenizer, dtype."""

    class Engine(models.TextChoices):
        TRANSFORMERS = "transformers", _("In process (transformers)")
        OPENAI = "openai", _("HTTP (OpenAI-compatible)")

    class State(models.TextChoices):
        """Not a column: see `state`."""

        WAITING = "waiting", _("Waiting for a worker")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Cannot be used")

    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="endpoints")
    """Null: offered to every project by the operator."""
    name = models.CharField(max_length=100)
    engine = models.CharField(max_length=12, choices=Engine)
    reference = models.CharField(max_length=500)
    """A local folder, a hub id, a URL, or `package:<distribution>` for weights that a Python package carries."""
    revision = models.CharField(max_length=64, blank=True)
    dtype = models.CharField(max_length=10, default="bfloat16")
    adapter = models.CharField(max_length=500, blank=True)
    """In process: a folder or hub id of low-rank (LoRA) weights that are put on the model."""
    served_model = models.CharField(max_length=300, blank=True)
    """HTTP: the name by which the server knows the model."""
    credentials = models.TextField(blank=True)
    """HTTP: the key, encrypted; never shown, exported or hashed."""
    limits = models.JSONField(default=dict)
    """HTTP: `concurrency`, `requests_per_minute`, `tokens_per_minute`, `timeout_seconds`."""
    prices = models.JSONField(default=dict)
    """HTTP: `prompt_per_million`, `reply_per_million` and their `currency`; empty where none are stated."""
    budget = models.FloatField(null=True, blank=True)
    """Most that all runs together may spend on it, in the currency of its prices; null: no bound."""
    resolved = models.JSONField(default=dict)
    """`weights` (SHA-256 or commit), `tokenizer`, `chat_template`, `dtype`, `pinned`; what else the engine states."""
    capabilities = models.JSONField(default=list)
    context_length = models.PositiveIntegerField(null=True)
    caveat = models.TextField(blank=True)
    """What this model can and cannot judge: shown wherever its numbers are."""
    failure = models.TextField(blank=True)
    probed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelEndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], nulls_distinct=False, name="modelendpoint_one_name"),
            models.CheckConstraint(
                condition=Q(engine__in=["transformers", "openai"]), name="modelendpoint_engine_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_served(self) -> bool:
        """Whether it is asked over HTTP."""
        return self.engine == self.Engine.OPENAI

    @property
    def state(self) -> "ModelEndpoint.State":
        """What the last probe found."""
        if self.failure:
            return self.State.FAILED
        return self.State.WAITING if self.probed_at is None else self.State.READY
