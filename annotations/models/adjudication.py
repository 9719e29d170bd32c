"""What somebody settled on where several people answered an item, and how far apart those were."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotations.models.assignment import Submission
from annotations.models.campaign import Campaign, CampaignItem, CampaignProtocol
from annotations.querysets.adjudication import ItemDisagreementQuerySet
from projects.models import Project
from rewards.models import Rater


class Adjudication(models.Model):
    """One settled answer. Its judgments carry the same `act` and are by a rater of the campaign's own.

    Immutable but for being taken back; the answers that it settles are never touched.
    """

    class Method(models.TextChoices):
        AGREED = "agreed", _("All agreed")
        PICKED = "picked", _("One answer taken whole")
        MERGED = "merged", _("Put together from several")
        OWN = "own", _("An answer of its own")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="adjudications")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="adjudications")
    item = models.ForeignKey(CampaignItem, on_delete=models.CASCADE, related_name="adjudications")
    protocol = models.ForeignKey(CampaignProtocol, on_delete=models.RESTRICT, related_name="adjudications")
    rater = models.ForeignKey(Rater, on_delete=models.RESTRICT, related_name="adjudications")
    adjudicator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="adjudications"
    )
    idempotency_key = models.CharField(max_length=100)
    act = models.UUIDField(unique=True)
    answer = models.JSONField()
    """By question, under the item's own labels."""
    method = models.CharField(max_length=6, choices=Method)
    picked = models.ForeignKey(Submission, null=True, on_delete=models.SET_NULL, related_name="picked_by")
    lanes = models.JSONField()
    """Ids of the submissions that stood when it was settled."""
    departures = models.JSONField(default=list)
    """Where it goes against them, as `question.part`."""
    iou = models.FloatField(default=1.0)
    """From which overlap on spans counted as the same."""
    reason = models.TextField(blank=True)
    replaces = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="replacements")
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="undone_adjudications"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "idempotency_key"], name="adjudication_once"),
            models.UniqueConstraint(
                fields=["item"], condition=Q(undone_at__isnull=True), name="adjudication_one_standing"
            ),
            models.CheckConstraint(
                condition=Q(method__in=["agreed", "picked", "merged", "own"]), name="adjudication_method_known"
            ),
            models.CheckConstraint(
                condition=Q(departures=[]) | ~Q(reason=""), name="adjudication_departure_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"adjudication of item {self.item_id}"


class ItemDisagreement(models.Model):
    """How far the standing answers to an item are apart: disposable, worked out anew when they change."""

    item = models.OneToOneField(CampaignItem, on_delete=models.CASCADE, related_name="disagreement")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="disagreements")
    value = models.FloatField()
    """From 0, all agree, to 1."""
    agrees = models.BooleanField()
    questions = models.JSONField(default=list)
    """Keys of those on which the answers differ."""
    lane_count = models.PositiveSmallIntegerField()
    lane_sum = models.BigIntegerField()
    """Of the submissions' ids: with their count it tells whether others stand now."""

    objects = ItemDisagreementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(value__gte=0, value__lte=1), name="itemdisagreement_share"),
            models.CheckConstraint(condition=Q(lane_count__gte=1), name="itemdisagreement_has_lanes"),
        ]
        indexes = [models.Index(F("campaign"), F("value").desc(), F("id").desc(), name="itemdisagreement_queue")]

    def __str__(self) -> str:
        return f"item {self.item_id}: {self.value:.2f}"
