"""Judge prompts: named, with immutable versions."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from projects.models import Project
from workers.querysets.prompt import PromptQuerySet, PromptVersionQuerySet


class Prompt(models.Model):
    """A template of the project's own for one source; null project: offered to every project by the operator."""

    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="prompts")
    name = models.CharField(max_length=100)
    source = models.CharField(max_length=80)
    """The reward source that fills the template."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PromptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "source", "name"], nulls_distinct=False, name="prompt_one_name")
        ]

    def __str__(self) -> str:
        return self.name


class PromptVersion(models.Model):
    """Immutable; the hash enters the hash of scorers that use it."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    template = models.TextField()
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="prompt_versions"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PromptVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "number"], name="promptversion_one_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="promptversion_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.prompt} v{self.number}"
