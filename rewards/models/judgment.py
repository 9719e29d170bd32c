"""Judgments: append-only answers of one rater about one input."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.models.output import Output
from rewards.models.rater import Rater
from rewards.models.task import Task
from rewards.querysets.judgment import JudgmentQuerySet


class Judgment(models.Model):
    """The envelope: who judged what, when, under which protocol; the answers hang on it, one table a kind.

    Rows are never changed. An answer is taken back by `withdrawn_at` and corrected by a new judgment that `replaces`
    the old one. Judgments of one submit share `act`.
    """

    class Kind(models.TextChoices):
        VERDICTS = "verdicts", _("Rubric verdicts")
        RATING = "rating", _("Rating")
        COMPARISON = "comparison", _("Comparison")
        RANKING = "ranking", _("Ranking")
        SPANS = "spans", _("Spans")
        STEPS = "steps", _("Step labels")
        CRITIQUE = "critique", _("Critique")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, db_index=False, related_name="judgments")
    kind = models.CharField(max_length=10, choices=Kind)
    rater = models.ForeignKey(Rater, on_delete=models.RESTRICT, related_name="judgments")
    task = models.ForeignKey(Task, on_delete=models.RESTRICT, db_index=False, related_name="judgments")
    output = models.ForeignKey(Output, null=True, on_delete=models.RESTRICT, db_index=False, related_name="judgments")
    """Null where several outputs were judged together (comparison, ranking)."""
    input_hash = models.CharField(max_length=64, blank=True)
    """SHA-256 over everything the scorer's source declared that it reads; empty for people."""
    repeat = models.PositiveSmallIntegerField(default=0)
    act = models.UUIDField()
    idempotency_key = models.CharField(max_length=160)
    presentation = models.JSONField(default=dict)
    """What the rater saw: output order, seed, study arm, protocol version."""
    duration_ms = models.PositiveIntegerField(null=True)
    replaces = models.ForeignKey("self", null=True, on_delete=models.RESTRICT, related_name="replacements")
    import_batch = models.ForeignKey(
        "rewards.ImportBatch", null=True, on_delete=models.RESTRICT, related_name="judgments"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="withdrawn_judgments"
    )

    objects = JudgmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "idempotency_key"], name="judgment_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["comparison", "ranking"], output__isnull=True)
                | Q(kind__in=["verdicts", "rating", "spans", "steps", "critique"], output__isnull=False),
                name="judgment_output_fits_kind",
            ),
            models.CheckConstraint(condition=~Q(idempotency_key=""), name="judgment_has_key"),
        ]
        indexes = [
            models.Index(fields=["project", "kind", "id"], name="judgment_by_kind"),
            models.Index(fields=["output", "kind"], name="judgment_of_output"),
            models.Index(fields=["task", "kind"], name="judgment_of_task"),
            models.Index(fields=["act"], name="judgment_act"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class JudgmentTrace(models.Model):
    """Where a model's judgment comes from; beside the envelope so that lists stay narrow."""

    judgment = models.OneToOneField(Judgment, primary_key=True, on_delete=models.CASCADE, related_name="trace")
    prompt_hash = models.CharField(max_length=64, blank=True)
    replies = models.JSONField(default=list)
    """What was asked and answered, a reply each: purpose, prompt hash, parse state, raw text, tokens, time."""
    parse_state = models.CharField(max_length=40, blank=True)
    """Of the first reply that could not be read, else of all."""
    served_model = models.CharField(max_length=300, blank=True)
    seed = models.BigIntegerField(null=True)
    prompt_tokens = models.PositiveIntegerField(null=True)
    reply_tokens = models.PositiveIntegerField(null=True)
    seconds = models.FloatField(null=True)
    cost = models.FloatField(null=True)
    """In the currency of the endpoint's prices; null where none are stated."""
    code_version = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"trace of #{self.judgment_id}"
