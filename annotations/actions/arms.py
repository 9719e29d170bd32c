"""Drawing the study arm of an assignment when its item is first granted."""

from django.db import connection
from django.db.models import Count

from annotations.arms import Arm, arm_of_item, arm_of_person, arms_of
from annotations.models import Assignment, Campaign, CampaignItem, CampaignPlan
from annotations.next_item import plan_of
from projects.models import User


def draw_arm(campaign: Campaign, item: CampaignItem, user: User) -> Arm:
    """The arm under which `user` answers `item`; empty without a study. Inside the transaction of the grant."""
    plan = plan_of(campaign)
    arms = arms_of(plan.arms)
    if not arms:
        return {}
    if plan.arm_unit == CampaignPlan.ArmUnit.ITEM:
        return arm_of_item(arms, seed=campaign.seed, user_id=user.pk, position=item.position)
    kept = _kept(campaign, user)
    if kept is not None:
        return kept
    with connection.cursor() as cursor:
        # Two who start in one moment count one after the other. No row is locked: the grant holds its item's.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('annotations.arms'), %s)", [campaign.pk])
    return arm_of_person(arms, _people_by_arm(campaign, arms), seed=campaign.seed, user_id=user.pk)


def _kept(campaign: Campaign, user: User) -> Arm | None:
    """Of the person's first item here."""
    own = Assignment.objects.filter(campaign=campaign, user=user).exclude(arm={})
    found: Arm | None = own.order_by("id").values_list("arm", flat=True).first()
    return found


def _people_by_arm(campaign: Campaign, arms: list[Arm]) -> list[int]:
    rows = Assignment.objects.filter(campaign=campaign).order_by().values_list("arm")
    counted = [(arm, n) for arm, n in rows.annotate(n=Count("user", distinct=True))]
    return [sum(n for found, n in counted if found == arm) for arm in arms]
