"""A recipe's reward as it is stored and served: requests to compute it, and the names that trainers ask for."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.models.rater import Rater
from rewards.models.recipe import RecipeVersion
from rewards.querysets.stored_reward import RewardNameQuerySet, StoredRewardQuerySet


class StoredReward(models.Model):
    """One request to store a version's reward over the outputs of chosen tasks; a worker answers it."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting for a worker")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="stored_rewards")
    version = models.ForeignKey(RecipeVersion, on_delete=models.CASCADE, related_name="stored_rewards")
    tag = models.CharField(max_length=100, blank=True)
    split = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    n_outputs = models.PositiveIntegerField()
    """Those selected: when it was asked for, and once a worker has it, when that began."""
    n_done = models.PositiveIntegerField(default=0)
    n_scored = models.PositiveIntegerField(default=0)
    n_left_out = models.PositiveIntegerField(default=0)
    """Outputs that cannot carry the reward, such as those that its tokenizer never cut."""
    failure = models.TextField(blank=True)
    rater = models.ForeignKey(Rater, null=True, on_delete=models.SET_NULL, related_name="+")
    """By whom the stored signals are found."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="stored_rewards"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempt = models.UUIDField(null=True)
    """Which attempt has it: one that was taken for dead and is not stops when it sees another one here."""
    finished_at = models.DateTimeField(null=True)

    objects = StoredRewardQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "done", "failed", "cancelled"]),
                name="storedreward_status_known",
            ),
            models.UniqueConstraint(
                fields=["version"], condition=Q(status__in=["queued", "running"]), name="storedreward_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.get_status_display()}"

    @property
    def is_open(self) -> bool:
        """Whether a worker has it, or will."""
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)


class RewardName(models.Model):
    """What a trainer calls a reward: it stays while the version behind it is exchanged."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="reward_names")
    name = models.CharField(max_length=80, validators=[RegexValidator(r"\A[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\Z")])
    version = models.ForeignKey(RecipeVersion, on_delete=models.CASCADE, related_name="reward_names")
    changed_at = models.DateTimeField(auto_now=True)

    objects = RewardNameQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="rewardname_once")]

    def __str__(self) -> str:
        return self.name
