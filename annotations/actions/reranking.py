"""Ranking the pending items of live campaigns anew, in the background, from the answers so far."""

import logging
import secrets
import time
from collections.abc import Sequence

import numpy as np
from django.db import connection, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Abs

from annotations.actions.plan_items import free_items_of_leavers
from annotations.active.contract import MissingError, Rank, Ranked
from annotations.active.evidence import Evidence
from annotations.active.strategies import STRATEGIES
from annotations.models import Campaign, CampaignItem, CampaignPlan, Reranking
from annotations.quality.report import plain_json
from annotations.querysets.campaign import CampaignQuerySet

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""Campaigns that are ranked in one go; the others wait for the next one."""
CHUNK = 200
"""Items whose places are written in one transaction: grants wait for no more than that."""
KEPT = 200
"""Rankings that are remembered of each campaign."""

_WRITE = """
UPDATE annotations_campaignitem AS item SET rank = ranked.rank, why = ranked.why
FROM unnest(%(items)s::bigint[], %(ranks)s::float8[], %(whys)s::text[]) AS ranked(id, rank, why)
WHERE item.id = ranked.id
"""


def rerank_due_campaigns() -> int:
    """Rank every open campaign with enough new answers since the last time; how many.

    Before that, items kept for people who left are freed: what nobody may answer would never be finished.
    """
    for campaign in Campaign.objects.filter(status=Campaign.Status.OPEN, plan__has_reserved=True).order_by("pk"):
        free_items_of_leavers(campaign)
    due = list(_due()[:AT_ONCE])
    for campaign in due:
        rerank(campaign)
    return len(due)


def rerank(campaign: Campaign, *, seed: int | None = None) -> Reranking:
    """Put the pending items in the order of the campaign's strategy, or at random where it cannot say.

    Reads and thinks outside any transaction. Items that are being granted meanwhile are granted by their old place.
    """
    started = time.monotonic()
    plan = campaign.plan
    seed = secrets.randbits(62) if seed is None else seed
    evidence = Evidence(campaign, scorer=plan.scorer)
    rng = np.random.default_rng(seed)
    failure = ""
    try:
        ranked = _strategy(plan)(evidence, rng)
    except MissingError as missing:
        failure = str(missing)
    except Exception:
        # Whatever it is, people go on with their work, and the campaign's page says so.
        logger.exception("ranking campaign %s by %s failed", campaign.pk, plan.strategy)
        failure = "The strategy failed unexpectedly; the log of the server has more."
    if failure:
        shuffled = [evidence.pending[place].pk for place in rng.permutation(len(evidence.pending))]
        ranked = Ranked([(pk, "At random") for pk in shuffled], 0)
    _write(ranked.items)
    stored = Reranking.objects.create(
        campaign=campaign,
        strategy=plan.strategy,
        seed=seed,
        answer_count=campaign.submitted_count,
        seen_count=ranked.seen,
        item_count=len(ranked.items),
        failure=failure[:300],
        details=plain_json(dict(ranked.details)),
        seconds=time.monotonic() - started,
    )
    old = campaign.rerankings.order_by("-id").values_list("pk", flat=True)[KEPT : KEPT + 1]
    campaign.rerankings.filter(pk__lte=Subquery(old)).delete()
    return stored


def _strategy(plan: CampaignPlan) -> Rank:
    if plan.strategy not in STRATEGIES:
        raise MissingError("No strategy is chosen.")
    return STRATEGIES[plan.strategy].rank


def _due() -> CampaignQuerySet:
    """Open campaigns that are ranked actively and have `rerank_every` answers more, or fewer, than at the last time."""
    last = Reranking.objects.filter(campaign=OuterRef("pk")).order_by("-id").values("answer_count")[:1]
    asked = Campaign.objects.filter(status=Campaign.Status.OPEN, plan__order=CampaignPlan.Order.ACTIVE)
    counted = asked.annotate(ranked_at=Subquery(last)).annotate(new=Abs(F("submitted_count") - F("ranked_at")))
    fresh = Q(ranked_at__isnull=True) | Q(new__gte=F("plan__rerank_every"))
    return counted.filter(fresh).select_related("plan", "project").order_by("pk")


def _write(items: Sequence[tuple[int, str]]) -> None:
    """Places below 0: in front of everything that was not ranked this time."""
    places = sorted((pk, place - len(items), why) for place, (pk, why) in enumerate(items))
    for start in range(0, len(places), CHUNK):
        ids, ranks, whys = zip(*places[start : start + CHUNK], strict=True)
        with transaction.atomic(), connection.cursor() as cursor:
            # By id, as everyone who locks several items does.
            chunk = CampaignItem.objects.filter(pk__in=ids)
            list(chunk.select_for_update(no_key=True).order_by("pk").values_list("pk"))
            cursor.execute(_WRITE, {"items": list(ids), "ranks": [float(r) for r in ranks], "whys": list(whys)})
