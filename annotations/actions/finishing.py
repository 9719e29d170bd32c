"""Telling those who lead a campaign that nothing is left to answer in it."""

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from annotations.actions.announcing import tell_leads
from annotations.models import Campaign, CampaignItem
from projects.actions.audit import record_event
from projects.models import AuditEvent

VERB = "campaign.answered"


def tell_of_answered_campaigns() -> int:
    """Tell of each open campaign whose work was answered by as many people as it asks, once; how many there were.

    Once more where tasks or people were added since and these are answered too. Not with the last submit: whoever sends
    it should not wait for it, and may take it back.
    """
    open_work = CampaignItem.objects.filter(
        campaign=OuterRef("pk"), kind=CampaignItem.Kind.WORK, withdrawn_at__isnull=True
    )
    # The kept counters first: no items of a campaign that is under way are looked at.
    whole = Campaign.objects.filter(
        status=Campaign.Status.OPEN,
        project__deletion_asked_at__isnull=True,
        item_count__gt=0,
        submitted_count__gte=F("item_count") * F("overlap"),
    )
    done = whole.exclude(Exists(open_work.filter(submitted_count__lt=OuterRef("overlap"))))
    return sum(_tell(campaign) for campaign in done.select_related("project").order_by("pk"))


@transaction.atomic
def _tell(campaign: Campaign) -> bool:
    """False where it was told already."""
    # Two workers may come at once: the second one waits here and finds it told.
    Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
    answers = campaign.answer_count_wanted
    told = AuditEvent.objects.filter(
        project=campaign.project, verb=VERB, object_id=str(campaign.pk), data__answers=answers
    )
    if told.exists():
        return False
    record_event(actor=None, verb=VERB, project=campaign.project, target=campaign, data={"answers": answers})
    tell_leads(campaign, VERB, None, "campaign-quality", answers=answers)
    return True
