"""A task: the prompt that policies answer."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from projects.models import Project
from rewards.querysets.task import TaskQuerySet


class Task(models.Model):
    """One immutable version of a task.

    Identity is `external_id` within the project, never the text; new content under the same id is a new version, and
    judgments stay bound to the version that they judged.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, db_index=False, related_name="tasks")
    external_id = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    is_current = models.BooleanField(default=True)
    preview = models.CharField(max_length=240, blank=True)
    """The start of the last user message: all that lists read of the text."""
    words = models.GeneratedField(
        expression=SearchVector("preview", config="simple"), output_field=SearchVectorField(), db_persist=True
    )
    """Of the preview, for search: stored, since a scan that has to cut each preview anew takes seconds."""
    messages = models.JSONField()
    """`[{"role": str, "text": str}, ...]`, text exactly as imported."""
    reference = models.TextField(null=True, blank=True)  # noqa: DJ001 - no reference differs from an empty one
    context = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list)
    split = models.CharField(max_length=40, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    metadata = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=64)
    output_count = models.PositiveIntegerField(default=0)
    """Current outputs; kept by the actions that add or remove them."""
    import_batch = models.ForeignKey("rewards.ImportBatch", null=True, on_delete=models.RESTRICT, related_name="tasks")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "external_id", "version"], name="task_one_per_version"),
            models.UniqueConstraint(
                fields=["project", "external_id"], condition=Q(is_current=True), name="task_one_current"
            ),
            models.CheckConstraint(condition=~Q(external_id=""), name="task_has_external_id"),
            models.CheckConstraint(condition=Q(version__gte=1), name="task_version_from_one"),
        ]
        indexes = [
            models.Index(fields=["project", "id"], condition=Q(is_current=True), name="task_current"),
            models.Index(fields=["project", "split", "id"], condition=Q(is_current=True), name="task_split"),
            models.Index("project", OpClass(Upper("external_id"), name="text_pattern_ops"), name="task_id_prefix"),
            GinIndex(fields=["tags"], name="task_tags"),
            # Words, not trigrams: a trigram index costs an import five times as much per row.
            GinIndex(fields=["words"], name="task_words"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} v{self.version}"
