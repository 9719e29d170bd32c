"""Rubrics, their immutable versions, and criteria."""

from typing import cast

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.querysets.rubric import RubricQuerySet, RubricVersionQuerySet
from rewards.rubric_notes import said
from rewards.rubrics.content import Criterion as CriterionContent
from rewards.rubrics.content import Importance, Kind, Level, RubricContent


class Rubric(models.Model):
    """A named rubric of the project, or one task's own rubric (`task_external_id` set).

    A task's own rubric hangs on the task's identity, not on one version of it: a corrected prompt keeps its rubric.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="rubrics")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    task_external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - null: not a task's own
    archived_at = models.DateTimeField(null=True, blank=True)
    import_batch = models.ForeignKey(
        "rewards.ImportBatch", null=True, on_delete=models.RESTRICT, related_name="rubrics"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RubricQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=Q(task_external_id__isnull=True), name="rubric_one_name"
            ),
            models.UniqueConstraint(
                fields=["project", "task_external_id"],
                condition=Q(task_external_id__isnull=False),
                name="rubric_one_per_task",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RubricVersion(models.Model):
    """Immutable; `content_hash` is that of `rewards.rubrics` and enters the hash of scorers that use it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="rubric_versions")
    rubric = models.ForeignKey(Rubric, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    note = models.CharField(max_length=300, blank=True)
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="rubric_versions"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RubricVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rubric", "number"], name="rubricversion_one_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="rubricversion_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.rubric} v{self.number}"

    @property
    def note_said(self) -> str:
        """The note in the reader's language, where the platform wrote it."""
        return said(self.note)

    def content(self) -> RubricContent:
        """What this version says, in order; one query unless `criteria` is prefetched."""
        return RubricContent(tuple(criterion.content() for criterion in self.criteria.all()))


class Criterion(models.Model):
    """One question of a rubric version."""

    class Kind(models.TextChoices):
        BINARY = "binary", _("Binary")
        ORDINAL = "ordinal", _("Ordinal")
        NOMINAL = "nominal", _("Nominal")

    class Importance(models.TextChoices):
        ESSENTIAL = "Essential", _("Essential")
        IMPORTANT = "Important", _("Important")
        OPTIONAL = "Optional", _("Optional")
        PITFALL = "Pitfall", _("Pitfall")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="criteria")
    version = models.ForeignKey(RubricVersion, on_delete=models.CASCADE, related_name="criteria")
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=80)
    """Stable across versions: verdicts of different versions meet on it."""
    title = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.BINARY)
    levels = models.JSONField(default=list)
    """`[{"label": str, "value": number, "anchor": str}, ...]`; empty for a binary criterion."""
    weight = models.FloatField(null=True, blank=True)
    """Signed; where null, the importance decides."""
    importance = models.CharField(max_length=10, choices=Importance, blank=True)
    must_have = models.BooleanField(default=False)
    may_be_na = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "criteria"
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="criterion_one_key"),
            models.UniqueConstraint(fields=["version", "position"], name="criterion_one_position"),
            models.CheckConstraint(condition=Q(kind__in=["binary", "ordinal", "nominal"]), name="criterion_kind_known"),
            models.CheckConstraint(
                condition=Q(importance__in=["", "Essential", "Important", "Optional", "Pitfall"]),
                name="criterion_importance_known",
            ),
            models.CheckConstraint(condition=Q(kind="binary") | ~Q(levels=[]), name="criterion_levels_unless_binary"),
            models.CheckConstraint(
                condition=Q(weight__isnull=True) | Q(weight__gte=-1e6, weight__lte=1e6),
                name="criterion_weight_finite",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.key

    def content(self) -> CriterionContent:
        """The same without a database."""
        return CriterionContent(
            key=self.key,
            text=self.text,
            title=self.title,
            kind=cast("Kind", self.kind),
            levels=tuple(Level(level["label"], level["value"], level.get("anchor", "")) for level in self.levels),
            weight=self.weight,
            importance=cast("Importance", self.importance) if self.importance else None,
            must_have=self.must_have,
            may_be_na=self.may_be_na,
        )
