"""Leases on items, the drafts kept while they last, and what was submitted."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotations.models.campaign import Campaign, CampaignItem, CampaignProtocol
from annotations.querysets.assignment import AssignmentQuerySet
from projects.models import Project


class Assignment(models.Model):
    """One person's hold on one item. A lease that ran out may be granted to another."""

    class Status(models.TextChoices):
        LEASED = "leased", _("In work")
        SUBMITTED = "submitted", _("Submitted")
        SKIPPED = "skipped", _("Skipped")
        EXPIRED = "expired", _("Lease ran out")
        RELEASED = "released", _("Given back")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="assignments")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="assignments")
    item = models.ForeignKey(CampaignItem, on_delete=models.CASCADE, related_name="assignments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="assignments")
    protocol = models.ForeignKey(CampaignProtocol, on_delete=models.RESTRICT, related_name="assignments")
    status = models.CharField(max_length=9, choices=Status, default=Status.LEASED)
    lease_until = models.DateTimeField()
    order = models.JSONField()
    """Output ids in the order shown."""
    seed = models.BigIntegerField()
    arm = models.JSONField(default=dict, db_default={})
    """Of the study: a level for each factor, as it was drawn when the item was first granted."""
    reason = models.CharField(max_length=300, blank=True)
    """Why it was skipped."""
    active_ms = models.PositiveBigIntegerField(default=0)
    makes_gold = models.BooleanField(default=False)
    """What is submitted becomes the item's right answer, and is nobody's answer to it."""
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True)
    """Of the last submit, also where it was taken back: null says that there never was one."""
    skipped_at = models.DateTimeField(null=True)
    """Of the last skip, also where the item was taken up again."""

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "user"], name="assignment_one_per_person"),
            models.UniqueConstraint(
                fields=["campaign", "user"], condition=Q(status="leased"), name="assignment_one_live"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["leased", "submitted", "skipped", "expired", "released"]),
                name="assignment_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="submitted") | Q(submitted_at__isnull=False), name="assignment_submitted_when"
            ),
            models.CheckConstraint(
                condition=~Q(status="skipped") | Q(skipped_at__isnull=False), name="assignment_skipped_when"
            ),
        ]
        indexes = [
            models.Index(fields=["lease_until"], condition=Q(status="leased"), name="assignment_leases"),
            models.Index(fields=["user", "status", "-id"], name="assignment_mine"),
        ]

    def __str__(self) -> str:
        return f"item {self.item_id} for {self.user_id}: {self.status}"

    @property
    def over_since(self) -> datetime | None:
        """When it was submitted or skipped; None where it is neither."""
        over = {self.Status.SUBMITTED: self.submitted_at, self.Status.SKIPPED: self.skipped_at}
        return over.get(self.Status(self.status))


class Draft(models.Model):
    """The unsent answer. `revision` rises with each save, so that a second tab cannot overwrite a newer draft."""

    assignment = models.OneToOneField(Assignment, primary_key=True, on_delete=models.CASCADE, related_name="draft")
    answer = models.JSONField()
    revision = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"draft {self.revision} of assignment {self.assignment_id}"


class Submission(models.Model):
    """One acknowledged submit, as sent. Its judgments carry the same `act`."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="submissions")
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="submissions")
    idempotency_key = models.CharField(max_length=100)
    act = models.UUIDField(unique=True)
    answer = models.JSONField()
    protocol = models.ForeignKey(CampaignProtocol, null=True, on_delete=models.RESTRICT, related_name="submissions")
    """The questions and guidelines under which it was given; null for answers from before this was kept."""
    active_ms = models.PositiveBigIntegerField(default=0)
    active_parts = models.JSONField(default=dict, db_default={})
    """Of `active_ms`, the milliseconds by what was looked at: see `annotations.active_parts`."""
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "idempotency_key"], name="submission_once"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(undone_at__isnull=True), name="submission_one_standing"
            ),
        ]

    def __str__(self) -> str:
        return f"submission {self.act}"
