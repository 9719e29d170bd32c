"""Which item somebody gets next: in which order a campaign's items are asked, and who may have which of them.

Only the choice stands here. `actions.lease` locks the row that is chosen and counts the grant in the same moment:
whatever is chosen here, no item is ever granted beyond the overlap.

Whatever the order, it is kept on the items as `rank`, worked out when it changes and not when somebody asks: one index
answers all, and the next item costs the same whether ten or a hundred thousand were answered before.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from django.db import connection, transaction
from django.db.models import F, FloatField, Func, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_noop

from annotations.models import Campaign, CampaignItem, CampaignPlan
from annotations.querysets.item import CampaignItemQuerySet
from projects.compiled import CompiledQuery
from projects.models import User

_LOCK: Final = """
SELECT count(*) FROM (
    SELECT id FROM annotations_campaignitem WHERE campaign_id = %(campaign)s ORDER BY id FOR NO KEY UPDATE
) AS locked
"""

Rank = Callable[[Campaign], Combinable]
Wave = Callable[[bool], CampaignItem | None]
"""The first item of some, its row locked: past those that others hold locked, or, if told so, waiting for them."""


class Order(NamedTuple):
    """One way to order a campaign's items: where each stands in the queue, the lowest first."""

    name: str
    label: str
    help: str
    rank: Rank


def in_order(campaign: Campaign) -> Combinable:
    """All alike: the place in the import decides."""
    return Value(0.0)


def at_random(campaign: Campaign) -> Combinable:
    """A number in [0, 1) drawn by the campaign's seed: the same order on every machine."""
    return Func(
        Concat(Value(f"{campaign.seed}:"), Cast(F("pk"), TextField())),
        # 52 bits of a hash: what fits a double without rounding.
        template="(('x' || substr(md5(%(expressions)s), 1, 13))::bit(52)::bigint / 4503599627370496.0)",
        output_field=FloatField(),
    )


def by_priority(campaign: Campaign) -> Combinable:
    """The highest number first; of equal ones the import decides."""
    return -F("priority")


ORDERS: Final[Mapping[str, Order]] = {
    order.name: order
    for order in (
        Order("in_order", gettext_noop("As imported"), gettext_noop("One after the other."), in_order),
        Order(
            "random", gettext_noop("Random"), gettext_noop("An order drawn once, the same for everybody."), at_random
        ),
        Order(
            "priority",
            gettext_noop("By priority"),
            gettext_noop("The highest number first; the page, a file or the API sets it."),
            by_priority,
        ),
        Order(
            "active",
            gettext_noop("Active: what teaches most"),
            gettext_noop("Ranked anew, in the background, by what has been answered so far; random until then."),
            at_random,
        ),
    )
}


@transaction.atomic
def put_in_order(campaign: Campaign, order: str) -> int:
    """Rank all items of `campaign` anew; how many. Waits for grants that are being made, in the order of ids."""
    with connection.cursor() as cursor:
        # Counted there: the keys of a campaign are not for here.
        cursor.execute(_LOCK, {"campaign": campaign.pk})
    return CampaignItem.objects.filter(campaign=campaign).update(rank=ORDERS[order].rank(campaign), why="")


def plan_of(campaign: Campaign) -> CampaignPlan:
    """How the campaign's items reach people: what is stored, or the defaults, not stored yet (no query if loaded)."""
    return getattr(campaign, "plan", None) or CampaignPlan(campaign=campaign)


def waves(user: User, campaign: Campaign) -> list[Wave]:
    """The items that `user` may be granted: a later wave counts where the earlier hold none."""
    plan = plan_of(campaign)
    skills_in = campaign.project_id if plan.needs_skills else None

    def wave(reserved: bool | None) -> Wave:
        def first(waits: bool) -> CampaignItem | None:
            return next(iter(_grantable(user.pk, campaign.pk, campaign.overlap, skills_in, reserved, waits)), None)

        return first

    return [wave(True), wave(False)] if plan.has_reserved else [wave(None)]


@CompiledQuery
def _grantable(
    user_id: int, campaign_id: int, overlap: int, skills_in: int | None, reserved: bool | None, waits: bool
) -> CampaignItemQuerySet:
    """The first item of a wave. Fewest grants first: everything is covered once before anything is covered twice."""
    user, campaign = User(pk=user_id), Campaign(pk=campaign_id, overlap=overlap)
    items = CampaignItem.objects.grantable_to(user, campaign).order_by("granted_count", "rank", "position")
    if skills_in is not None:
        items = items.within_skills_of(user, skills_in)
    if reserved is not None:
        items = items.reserved_for(user) if reserved else items.unreserved()
    return items.locked_for(user, waits=waits)[:1]


def still_to_come(user: User, campaign: Campaign) -> CampaignItemQuerySet:
    """Items that `user` may still be asked about, now or once other people's leases end."""
    plan = plan_of(campaign)
    items = CampaignItem.objects.unfinished_for(user, campaign)
    if plan.needs_skills:
        items = items.within_skills_of(user, campaign.project_id)
    return items.open_to(user) if plan.has_reserved else items
