"""Campaigns: what is asked of whom, about which outputs."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotations.querysets.campaign import CampaignQuerySet
from annotations.querysets.item import CampaignItemQuerySet
from projects.models import Project
from rewards.models import Output, Task


class Campaign(models.Model):
    """`protocol` is the version in force; answers stay bound to the version under which they were given."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        OPEN = "open", _("Open")
        PAUSED = "paused", _("Paused")
        CLOSED = "closed", _("Closed")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=6, choices=Status, default=Status.DRAFT)
    protocol = models.ForeignKey(
        "annotations.CampaignProtocol", null=True, on_delete=models.RESTRICT, related_name="in_force_for"
    )
    overlap = models.PositiveSmallIntegerField(default=1)
    """How many people answer each item."""
    lease_minutes = models.PositiveSmallIntegerField(default=30)
    undo_minutes = models.PositiveSmallIntegerField(default=15)
    seed = models.BigIntegerField(default=0)
    """Of the order in which outputs are shown: stable per person and item."""
    selection = models.JSONField(default=dict)
    """How its items were chosen: `annotations.actions.items.Selection` as data."""
    leak_scan = models.JSONField(default=dict)
    """What `annotations.leaks` found in the outputs when they were chosen."""
    reveals_policies = models.BooleanField(default=False, db_default=False)
    """Whether people are told who wrote the responses they judged: `annotations.reveal` says when."""
    checks = models.JSONField(default=dict)
    """How often known answers are mixed in, and what they decide: `annotations.checks.CheckSettings` as data."""
    item_count = models.PositiveIntegerField(default=0)
    """Of the work; items that check are not counted."""
    submitted_count = models.PositiveIntegerField(default=0)
    """Answers to the work."""
    checked_count = models.PositiveIntegerField(default=0)
    """Answers to checks that look like work."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="campaigns"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="campaign_one_name"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "open", "paused", "closed"]), name="campaign_status_known"
            ),
            models.CheckConstraint(condition=Q(overlap__gte=1), name="campaign_overlap_from_one"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def answer_count_wanted(self) -> int:
        """How many submits finish the campaign."""
        return self.item_count * self.overlap

    @property
    def answered_count(self) -> int:
        """Answers of both sorts: what annotators see, who could tell a check by a count that stands still."""
        return self.submitted_count + self.checked_count


class CampaignProtocol(models.Model):
    """Immutable: the questions, their anchors and the guidelines."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="campaign_protocols")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="protocols")
    number = models.PositiveIntegerField()
    questions = models.JSONField()
    """Ordered `[{"key", "kind": "rating"|"comparison"|"spans", ...}, ...]`; `annotations.protocols` parses it."""
    guidelines = models.TextField(blank=True)
    examples = models.JSONField(default=list)
    """`[{"is_good": bool, "text": str, "reason": str}, ...]`, shown with the guidelines."""
    show_reference = models.BooleanField(default=False)
    """Whether annotators see the task's reference answer."""
    content_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="campaignprotocol_one_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="campaignprotocol_from_one"),
        ]

    def __str__(self) -> str:
        return f"protocol {self.number} of {self.campaign_id}"


class CampaignMember(models.Model):
    """A person asked to answer; none at all means every annotator of the project."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="campaign_members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="campaign_memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "user"], name="campaignmember_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.campaign_id}"


class CampaignProgress(models.Model):
    """What one person did in one campaign: counters kept by the actions, so that no page counts assignments."""

    class Qualification(models.TextChoices):
        OPEN = "open", _("Not decided")
        PASSED = "passed", _("May work")
        FAILED = "failed", _("May not work")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="progress")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="campaign_progress")
    submitted_count = models.PositiveIntegerField(default=0)
    skipped_count = models.PositiveIntegerField(default=0)
    active_ms = models.PositiveBigIntegerField(default=0)
    """Over the standing submits."""
    last_at = models.DateTimeField()
    qualification = models.CharField(max_length=6, choices=Qualification, default=Qualification.OPEN, db_default="open")
    attempt = models.PositiveSmallIntegerField(default=1, db_default=1)
    """Of the qualification, from 1."""
    paused_at = models.DateTimeField(null=True)
    """Since when the person gets no items; null for people who get some."""
    resumed_at = models.DateTimeField(null=True)
    """When a lead last let the person go on: checks failed before that pause nobody again."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "user"], name="campaignprogress_once"),
            models.CheckConstraint(
                condition=Q(qualification__in=["open", "passed", "failed"]), name="campaignprogress_qualification_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.submitted_count} by {self.user_id} in {self.campaign_id}"


class CampaignItem(models.Model):
    """One task with the outputs to judge together.

    Granted counts live leases and submits; for work it never passes overlap. The other kinds are for everybody, once.
    Only answers to work become judgments.
    """

    class Kind(models.TextChoices):
        WORK = "work", _("Work")
        TRAINING = "training", _("Training")
        QUALIFICATION = "qualification", _("Qualification")
        GOLD = "gold", _("Gold")
        ATTENTION = "attention", _("Attention check")
        REPEAT = "repeat", _("Asked again")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="campaign_items")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="items")
    task = models.ForeignKey(Task, on_delete=models.RESTRICT, related_name="campaign_items")
    outputs = models.ManyToManyField(Output, through="annotations.CampaignItemOutput", related_name="campaign_items")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=13, choices=Kind, default=Kind.WORK, db_default="work")
    source = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="copies")
    """The item whose task and outputs it takes over; null for one that was drawn itself."""
    gold = models.ForeignKey(
        "annotations.GoldAnswer", null=True, on_delete=models.SET_NULL, related_name="in_force_for"
    )
    """The right answer in force; without one it is not asked, unless it is work or a repeat."""
    granted_count = models.PositiveSmallIntegerField(default=0)
    submitted_count = models.PositiveSmallIntegerField(default=0)
    priority = models.FloatField(default=0, db_default=0)
    """Set by those who lead: the highest is asked first where the campaign asks by priority."""
    rank = models.FloatField(default=0, db_default=0)
    """Its place in the queue: of items with equally many grants the lowest is asked first."""
    why = models.CharField(max_length=200, blank=True, db_default="")
    """What the strategy that ranked it says for it. Never shown to annotators."""
    skills = ArrayField(models.CharField(max_length=100), default=list, blank=True, db_default=[])
    """Who lacks one of them is not asked."""
    is_reserved = models.BooleanField(default=False, db_default=False)
    """Kept for the people of its `reserved_items`."""
    withdrawn_at = models.DateTimeField(null=True)
    """Since when nobody is asked; its answers stand."""
    withdrawn_reason = models.CharField(max_length=300, blank=True, db_default="")

    objects = CampaignItemQuerySet.as_manager()

    output_ids: list[int]
    given_id: int | None
    """Not columns: set by `locked_for`."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "position"], name="campaignitem_one_position"),
            models.CheckConstraint(
                condition=Q(granted_count__gte=F("submitted_count")), name="campaignitem_granted_first"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["work", "training", "qualification", "gold", "attention", "repeat"]),
                name="campaignitem_kind_known",
            ),
            models.UniqueConstraint(fields=["source"], condition=Q(kind="repeat"), name="campaignitem_one_repeat"),
        ]
        indexes = [
            models.Index(fields=["campaign", "granted_count", "rank", "position"], name="campaignitem_queue"),
            models.Index(fields=["campaign", "kind"], condition=~Q(kind="work"), name="campaignitem_checks"),
        ]

    def __str__(self) -> str:
        return f"item {self.position} of campaign {self.campaign_id}"


class CampaignItemOutput(models.Model):
    item = models.ForeignKey(CampaignItem, on_delete=models.CASCADE, related_name="item_outputs")
    output = models.ForeignKey(Output, on_delete=models.RESTRICT, related_name="item_outputs")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["item", "position"]
        constraints = [
            models.UniqueConstraint(fields=["item", "output"], name="campaignitemoutput_once"),
            models.UniqueConstraint(fields=["item", "position"], name="campaignitemoutput_one_position"),
        ]

    def __str__(self) -> str:
        return f"output {self.output_id} in item {self.item_id}"
