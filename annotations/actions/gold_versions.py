"""Versions of right answers, and which of them are in force."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotations.models import Campaign, CampaignItem, CampaignProtocol, GoldAnswer
from projects.models import User


def add_version(
    *,
    item: CampaignItem,
    actor: User,
    origin: str,
    answer: Mapping[str, Any],
    order: Sequence[int],
    seed: int,
    protocol: CampaignProtocol,
    explanation: str | None = None,
    pass_marks: Mapping[str, float] | None = None,
) -> GoldAnswer:
    """Put a new version in force; explanation and marks are those of the last one where none are given.

    Inside the caller's transaction; locks the item, then the campaign.
    """
    CampaignItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    last = item.gold_versions.order_by("-number").first()
    version = GoldAnswer.objects.create(
        project_id=item.project_id,
        item=item,
        number=last.number + 1 if last else 1,
        protocol=protocol,
        answer=dict(answer),
        order=list(order),
        seed=seed,
        explanation=(last.explanation if last else "") if explanation is None else explanation,
        pass_marks=dict((last.pass_marks if last else {}) if pass_marks is None else pass_marks),
        origin=origin,
        created_by=actor,
    )
    item.gold = version
    item.save(update_fields=["gold"])
    note_kinds(item.campaign_id)
    return version


def note_kinds(campaign_id: int) -> None:
    """Keep with the campaign which kinds can be asked, so that granting an item need not look. Locks the campaign."""
    campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).only("id", "checks").get(pk=campaign_id)
    in_force = campaign.items.checks().filter(gold__isnull=False, withdrawn_at__isnull=True)
    campaign.checks["kinds"] = sorted(set(in_force.values_list("kind", flat=True)))
    campaign.save(update_fields=["checks"])
