"""Stored segmentations and signal values; read and written only through `rewards.signal_store`."""

from django.db import models
from django.db.models import Q

from projects.models import Project
from rewards.models.output import Output
from rewards.models.rater import Rater
from rewards.querysets.signal import RewardSignalQuerySet


class Segmentation(models.Model):
    """Ordered spans of one output by one segmenter, stored once."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="segmentations")
    output = models.ForeignKey(Output, on_delete=models.CASCADE, related_name="segmentations")
    segmenter = models.CharField(max_length=120)
    """`sentence`, `step`, `turn`, or `tokenizer:<first 12 of its hash>`."""
    spans = models.BinaryField()
    """Little-endian int32 (message, start, end) triples in code points."""
    count = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["output", "segmenter"], name="segmentation_once")]

    def __str__(self) -> str:
        return f"{self.segmenter} x {self.count}"


class RewardSignal(models.Model):
    """Numbers over a segmentation: little-endian float32, NaN where unscored."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="signals")
    rater = models.ForeignKey(Rater, on_delete=models.RESTRICT, related_name="signals")
    output = models.ForeignKey(Output, on_delete=models.CASCADE, related_name="signals")
    segmentation = models.ForeignKey(Segmentation, on_delete=models.CASCADE, related_name="signals")
    channel = models.CharField(max_length=80)
    values = models.BinaryField()
    total = models.FloatField(null=True)
    """Sum over the scored segments; null where none is scored. Lists sort by it without reading `values`."""
    scored_count = models.PositiveIntegerField()
    input_hash = models.CharField(max_length=64)
    repeat = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RewardSignalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rater", "segmentation", "channel", "input_hash", "repeat"], name="rewardsignal_once"
            ),
            models.CheckConstraint(
                condition=Q(total__isnull=False, scored_count__gt=0) | Q(total__isnull=True, scored_count=0),
                name="rewardsignal_total_iff_scored",
            ),
        ]
        indexes = [models.Index(fields=["output", "channel"], name="rewardsignal_of_output")]

    def __str__(self) -> str:
        return f"{self.channel} of {self.output_id}"
