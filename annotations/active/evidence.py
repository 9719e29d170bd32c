"""What the strategies know of a campaign: items that wait, what people answered, and what scorers said of the outputs.

Each part is read when a strategy first looks at it, and in bounded amounts: a ranking must not grow with the project.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
from django.db.models import F

from annotations.models import Campaign, CampaignItem, CampaignItemOutput
from annotations.quality.reading import judgments_of
from annotations.studies.scalars import Scalar, scalars_of
from rewards.models import Comparison, Policy, RankedOutput, Rater, Rating, Task

MOST_ITEMS = 2_000
"""Pending items that are ranked at a time, those next in the queue; the others keep their places behind them."""
MOST_ANSWERS = 20_000
"""Answers of each kind that are read, the newest first."""
WORD_BUCKETS = 256

Floats = npt.NDArray[np.float64]


class Pending(NamedTuple):
    """An item that waits for answers. `policies` are those of its outputs, None where an output names none."""

    pk: int
    task: int
    outputs: tuple[int, ...]
    policies: tuple[int | None, ...]


class Duel(NamedTuple):
    """How one policy's output fared against another's: 1 preferred, 1/2 a tie, 0 not preferred."""

    first: int
    second: int
    share: float


class Rated(NamedTuple):
    """A person's rating, from 0 at the low end of its scale to 1."""

    output: int
    policy: int | None
    value: float


class Evidence:
    """What is known of one campaign now."""

    def __init__(self, campaign: Campaign, *, scorer: str = "") -> None:
        self.campaign = campaign
        self.scorer = scorer

    @cached_property
    def pending(self) -> list[Pending]:
        """In the order of the queue; at most `MOST_ITEMS` (two queries)."""
        waiting = CampaignItem.objects.pending(self.campaign).order_by("granted_count", "rank", "position")
        rows = list(waiting.values_list("pk", "task_id")[:MOST_ITEMS])
        parts: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
        shown = CampaignItemOutput.objects.filter(item__in=[pk for pk, _ in rows]).order_by("item_id", "position")
        for item, output, policy in shown.values_list("item_id", "output_id", "output__policy_id"):
            parts[item].append((output, policy))
        return [
            Pending(pk, task, tuple(o for o, _ in parts[pk]), tuple(policy for _, policy in parts[pk]))
            for pk, task in rows
        ]

    @cached_property
    def policies(self) -> dict[int, str]:
        """The names of the policies that the pending items show, by id."""
        ids = {policy for item in self.pending for policy in item.policies if policy is not None}
        return dict(Policy.objects.filter(pk__in=ids).order_by("pk").values_list("pk", "name"))

    @cached_property
    def ratings(self) -> list[Rated]:
        """People's ratings in the campaign, of the whole output where that is asked."""
        rows = (
            Rating.objects.filter(judgment__in=judgments_of(self.campaign), value__isnull=False)
            .filter(scale_low__lt=F("scale_high"))
            .order_by("-judgment_id")
            .values_list(
                "question", "judgment__output_id", "judgment__output__policy_id", "value", "scale_low", "scale_high"
            )
        )[:MOST_ANSWERS]
        found = list(rows)
        asked = {question for question, *_ in found}
        chosen = "overall" if "overall" in asked else min(asked, default="")
        return [
            Rated(output, policy, (value - low) / (high - low))
            for question, output, policy, value, low, high in found
            if question == chosen and output is not None and value is not None
        ]

    @cached_property
    def duels(self) -> list[Duel]:
        """What comparisons, rankings and pairs of ratings in one submit say of two policies."""
        return [*self._compared(), *self._rated_together(), *self._ranked()]

    @cached_property
    def scalars(self) -> dict[str, Scalar]:
        """What scorers gave the pending items' outputs, by the key that a plan names; see `key_of`."""
        outputs = {output for item in self.pending for output in item.outputs}
        return {key_of(scalar): scalar for scalar in scalars_of(self.campaign.project, outputs)}

    @cached_property
    def chosen(self) -> Scalar | None:
        """The scalar that the plan names, over pending and rated outputs alike; None without it."""
        if not self.scorer:
            return None
        outputs = {output for item in self.pending for output in item.outputs} | {row.output for row in self.ratings}
        rater = int(self.scorer.split(":", 1)[0])
        found = (scalar for scalar in scalars_of(self.campaign.project, outputs) if scalar.rater_id == rater)
        return next((scalar for scalar in found if key_of(scalar) == self.scorer), None)

    def words(self) -> Floats:
        """A row of unit length for each pending item: how often words of its task's preview fall into each bucket."""
        tasks = {item.task for item in self.pending}
        previews = dict(Task.objects.filter(pk__in=tasks).values_list("pk", "preview"))
        rows = np.zeros((len(self.pending), WORD_BUCKETS))
        for row, item in zip(rows, self.pending, strict=True):
            for word in previews[item.task].casefold().split():
                row[crc32(word.encode()) % WORD_BUCKETS] += 1.0
        norm = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(np.divide(rows, norm, out=rows, where=norm > 0))

    def _compared(self) -> list[Duel]:
        rows = (
            Comparison.objects.filter(judgment__in=judgments_of(self.campaign))
            .exclude(tie_kind=Comparison.TieKind.CANNOT_TELL)
            .order_by("-judgment_id")
            .values_list("output_a__policy_id", "output_b__policy_id", "choice")
        )[:MOST_ANSWERS]
        share = {"a": 1.0, "b": 0.0, "tie": 0.5}
        return [Duel(a, b, share[choice]) for a, b, choice in rows if a is not None and b is not None and a != b]

    def _rated_together(self) -> list[Duel]:
        rows = (
            Rating.objects.filter(judgment__in=judgments_of(self.campaign), value__isnull=False)
            .order_by("-judgment_id")
            .values_list("judgment__act", "question", "judgment__output__policy_id", "value")
        )[:MOST_ANSWERS]
        groups: dict[Any, list[tuple[int, float]]] = defaultdict(list)
        for act, question, policy, value in rows:
            if policy is not None and value is not None:
                groups[act, question].append((policy, value))
        return _pairs(groups, higher_is_better=True)

    def _ranked(self) -> list[Duel]:
        rows = (
            RankedOutput.objects.filter(ranking__judgment__in=judgments_of(self.campaign))
            .order_by("-ranking_id")
            .values_list("ranking_id", "output__policy_id", "tier")
        )[:MOST_ANSWERS]
        groups: dict[Any, list[tuple[int, float]]] = defaultdict(list)
        for ranking, policy, tier in rows:
            if policy is not None:
                groups[ranking].append((policy, float(tier)))
        return _pairs(groups, higher_is_better=False)


def key_of(scalar: Scalar) -> str:
    """How a plan names a scorer's number: the rater and what the number is."""
    return f"{scalar.rater_id}:{scalar.name}"


def scorer_choices(campaign: Campaign) -> list[tuple[str, str]]:
    """The numbers that scorers gave the campaign's pending outputs, by key, with words for a person."""
    found = Evidence(campaign).scalars
    names = dict(Rater.objects.filter(pk__in={scalar.rater_id for scalar in found.values()}).values_list("pk", "name"))
    return sorted(
        ((key, f"{names[scalar.rater_id]}: {scalar.name}") for key, scalar in found.items()), key=lambda pair: pair[1]
    )


def _pairs(groups: Mapping[Any, Sequence[tuple[int, float]]], *, higher_is_better: bool) -> list[Duel]:
    sign = 1.0 if higher_is_better else -1.0
    return [
        Duel(first, second, 0.5 + 0.5 * float(np.sign(sign * (value - other))))
        for rows in groups.values()
        for (first, value), (second, other) in combinations(rows, 2)
        if first != second
    ]
