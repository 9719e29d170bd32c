"""Which item somebody gets next: in which order a campaign's items are asked, and who may have which of them.

Only the choice stands here. `actions.lease` locks the row that is chosen and counts the grant in the same moment:
whatever is chosen here, no item is ever granted beyond the overlap.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from annotations.models import Campaign, CampaignItem
from annotations.querysets.item import CampaignItemQuerySet
from projects.models import User


class Order(NamedTuple):
    """One way to order the items that a person may have."""

    name: str
    label: str
    sort: Callable[[CampaignItemQuerySet], CampaignItemQuerySet]


def in_order(items: CampaignItemQuerySet) -> CampaignItemQuerySet:
    """As they were imported; fewest grants first: everything is covered once before anything is covered twice."""
    return items.order_by("granted_count", "position")


ORDERS: Final[Mapping[str, Order]] = {order.name: order for order in (Order("in_order", "As imported", in_order),)}


def waves(user: User, campaign: Campaign) -> list[CampaignItemQuerySet]:
    """The items that `user` may be granted, each wave in its order: a later one counts where the earlier hold none."""
    items = CampaignItem.objects.grantable_to(user, campaign)
    return [ORDERS["in_order"].sort(items)]
