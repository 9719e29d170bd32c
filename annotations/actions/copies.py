"""Another item over the same task and outputs: for a check made from work, and for asking again."""

from django.db.models import Max

from annotations.models import Campaign, CampaignItem, CampaignItemOutput


def ensure_copy(*, item: CampaignItem, kind: str) -> CampaignItem:
    """The copy of `item` of this kind, made if there is none. Inside the caller's transaction.

    Locks the campaign, which gives positions one after the other; call it before an item is locked.
    """
    found = item.copies.filter(kind=kind).first()
    return found or add_item(
        campaign_id=item.campaign_id,
        task_id=item.task_id,
        output_ids=list(item.item_outputs.order_by("position").values_list("output_id", flat=True)),
        kind=kind,
        source=item,
    )


def add_item(
    *, campaign_id: int, task_id: int, output_ids: list[int], kind: str, source: CampaignItem | None = None
) -> CampaignItem:
    """A new item behind all others. Inside the caller's transaction; locks the campaign."""
    campaign = (
        Campaign.objects.select_for_update(of=("self",), no_key=True).only("id", "project_id").get(pk=campaign_id)
    )
    if source is not None and (made := source.copies.filter(kind=kind).first()) is not None:
        # Somebody else made it while this one waited.
        return made
    last = campaign.items.aggregate(last=Max("position"))["last"] or 0
    item = CampaignItem.objects.create(
        project_id=campaign.project_id,
        campaign=campaign,
        task_id=task_id,
        position=last + 1,
        kind=kind,
        source=source,
    )
    CampaignItemOutput.objects.bulk_create(
        CampaignItemOutput(item=item, output_id=pk, position=place) for place, pk in enumerate(output_ids, start=1)
    )
    return item
