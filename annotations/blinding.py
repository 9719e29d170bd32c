"""Who sees what in which order: random to the annotator, the same on every look, and stored with the answer."""

import hashlib
from collections.abc import Sequence

from django.db import models

from annotations.models import Assignment, Campaign, CampaignItem
from annotations.protocols import LABELS, ShownItem, ShownOutput
from projects.compiled import CompiledQuery
from rewards.models import Output


def assignment_seed(campaign: Campaign, item: CampaignItem, user_id: int) -> int:
    """63 bits that depend on the campaign's seed, the person and the item, and on nothing else."""
    digest = hashlib.sha256(f"{campaign.seed}:{user_id}:{item.pk}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def shown_order(output_ids: Sequence[int], seed: int) -> list[int]:
    """The outputs in an order drawn by `seed`: a hash for each, so that it does not depend on a library's shuffle."""
    return sorted(output_ids, key=lambda pk: hashlib.sha256(f"{seed}:{pk}".encode()).digest())


def outputs_of(assignment: Assignment) -> list[Output]:
    """The outputs of the assignment's item in the item's own order, with their texts and nothing else (one query)."""
    return outputs_of_item(assignment.item_id)


@CompiledQuery
def outputs_of_item(item_id: int) -> models.QuerySet[Output]:
    """As `outputs_of`, of an item by its id."""
    outputs = Output.objects.filter(item_outputs__item=item_id)
    return outputs.order_by("item_outputs__position").only("id", "messages")


def shown_item(assignment: Assignment, outputs: Sequence[Output]) -> ShownItem:
    """What the assignment shows, under neutral labels.

    Parameters
    ----------
    assignment : Assignment
    outputs : sequence of Output
        Of its item, in the item's own order.
    """
    return shown_in(assignment.order, assignment.seed, outputs)


def shown_in(order: Sequence[int], seed: int, outputs: Sequence[Output]) -> ShownItem:
    """The outputs under neutral labels in this order; an item's outputs come in its own."""
    by_id = {output.pk: output for output in outputs}
    shown = [
        ShownOutput(
            label,
            pk,
            [message["text"] for message in by_id[pk].messages],
            [message.get("channel") or "answer" for message in by_id[pk].messages],
        )
        for label, pk in zip(LABELS, order, strict=False)
    ]
    return ShownItem(shown, [output.pk for output in outputs], seed)
