"""Rubrics that a model proposes: a person accepts or rejects them, as a diff against what there is."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.models import Rubric, RubricVersion, Task
from workers.models.endpoint import ModelEndpoint
from workers.querysets.proposal import RubricProposalQuerySet


class RubricProposal(models.Model):
    """Computed by a worker. Nothing becomes a rubric version before someone accepts it."""

    class Kind(models.TextChoices):
        GENERATE = "generate", _("Written from task and reference")
        REFINE = "refine", _("Refined to tell the best outputs apart")

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        RUNNING = "running", _("Being written")
        READY = "ready", _("Ready to read")
        FAILED = "failed", _("Failed")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="rubric_proposals")
    kind = models.CharField(max_length=8, choices=Kind)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    rubric = models.ForeignKey(Rubric, null=True, on_delete=models.CASCADE, related_name="proposals")
    """That it would become a version of; null: a new one of the task's own."""
    base_version = models.ForeignKey(RubricVersion, null=True, on_delete=models.RESTRICT, related_name="proposals")
    """That the diff is against; null where there was none."""
    accepted_version = models.OneToOneField(
        RubricVersion, null=True, on_delete=models.SET_NULL, related_name="proposal"
    )
    task = models.ForeignKey(Task, null=True, on_delete=models.CASCADE, related_name="rubric_proposals")
    endpoint = models.ForeignKey(ModelEndpoint, on_delete=models.RESTRICT, related_name="rubric_proposals")
    request = models.JSONField(default=dict)
    """What was asked for: outputs, iterations, seed."""
    content = models.JSONField(default=list)
    """The proposed criteria, in the shape that the rubric editor parses."""
    facts = models.JSONField(default=dict)
    """What was measured: tail accuracy before and after, what was dropped and why."""
    replies = models.JSONField(default=list)
    failure = models.TextField(blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="rubric_proposals"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="decided_rubric_proposals"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)

    objects = RubricProposalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["generate", "refine"]), name="rubricproposal_kind_known"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "ready", "failed", "accepted", "rejected"]),
                name="rubricproposal_status_known",
            ),
        ]
        indexes = [models.Index(fields=["project", "-id"], name="rubricproposal_recent")]

    def __str__(self) -> str:
        return f"proposal #{self.pk}"

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has it, or will."""
        return self.status in (self.Status.PENDING, self.Status.RUNNING)

    @property
    def progress(self) -> str:
        """What is being done now, in words."""
        return str(self.facts.get("progress", ""))
