"""Reads of stored signals, without their values: those go through `rewards.signal_store`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple, Self

from django.db import models
from django.db.models import F

if TYPE_CHECKING:
    from projects.models import Project
    from rewards.models import RewardSignal


class SignalChoice(NamedTuple):
    """Something that a reader can lay over the text."""

    rater_id: int
    channel: str
    segmenter: str

    @property
    def key(self) -> str:
        return f"{self.rater_id}:{self.channel}:{self.segmenter}"


class RewardSignalQuerySet(models.QuerySet["RewardSignal"]):
    def of(self, project: Project) -> Self:
        return self.filter(project=project)

    def choices(self, output_ids: Collection[int]) -> list[SignalChoice]:
        """What is stored for any of these outputs, by rater, channel and segmenter. One query."""
        rows = (
            self.filter(output__in=output_ids)
            .order_by("rater_id", "channel", "segmentation__segmenter")
            .values_list("rater_id", "channel", "segmentation__segmenter")
            .distinct()
        )
        return [SignalChoice(*row) for row in rows]

    def of_project_choices(self) -> list[SignalChoice]:
        """The same over all of these signals, however many. One query that reads them all: narrow them first."""
        rows = (
            self.order_by("rater_id", "channel", "segmentation__segmenter")
            .values_list("rater_id", "channel", "segmentation__segmenter")
            .distinct()
        )
        return [SignalChoice(*row) for row in rows]

    def chosen(self, choice: SignalChoice, output_ids: Collection[int]) -> Self:
        """The newest signal of that choice for each output."""
        return (
            self.filter(
                output__in=output_ids,
                rater=choice.rater_id,
                channel=choice.channel,
                segmentation__segmenter=choice.segmenter,
            )
            .order_by("output_id", "-id")
            .distinct("output_id")
        )

    def matching(self, *, output: int | None = None, rater: int | None = None, channel: str = "") -> Self:
        """Those that every given condition fits; what is not given does not narrow."""
        signals = self
        if output is not None:
            signals = signals.filter(output_id=output)
        if rater is not None:
            signals = signals.filter(rater_id=rater)
        if channel:
            signals = signals.filter(channel=channel)
        return signals

    def for_list(self) -> Self:
        """Narrow rows: no values; rater and segmenter joined."""
        return (
            self.select_related("rater")
            .defer("values")
            .annotate(segmenter=F("segmentation__segmenter"), count=F("segmentation__count"))
        )
