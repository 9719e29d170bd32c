"""Whom single items of a campaign wait for: priority, skills, named people, and those that nobody is asked any more.

Whatever the size of the campaign, a request holds the rows that were sent and no others: items are found, locked and
changed by statements over all of them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from annotations.access import annotators_of
from annotations.models import Assignment, Campaign, CampaignItem, CampaignPlan, ReservedItem
from annotations.next_item import plan_of, put_in_order
from annotations.querysets.item import CampaignItemQuerySet
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import User

MAX_SKILL = 100
_HIGHEST_POSITION = 2**31 - 1

# Copies of an item share its task: the newest of them is meant.
_FIND = """
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(row int, position int, task text)
)
SELECT asked.row, item.id FROM asked
JOIN annotations_campaignitem AS item ON item.campaign_id = %(campaign)s AND item.position = asked.position
UNION ALL
SELECT asked.row, max(item.id) FROM asked
JOIN rewards_task AS task ON task.project_id = %(project)s AND task.external_id = asked.task
JOIN annotations_campaignitem AS item ON item.campaign_id = %(campaign)s AND item.task_id = task.id
GROUP BY asked.row
"""

_LOCK = """
SELECT count(*) FROM (
    SELECT id FROM annotations_campaignitem WHERE id = ANY(%(items)s) ORDER BY id FOR NO KEY UPDATE
) AS locked
"""

# What is null was not asked for.
_SET = """
UPDATE annotations_campaignitem AS item SET
    priority = COALESCE(asked.priority, item.priority),
    skills = COALESCE(asked.skills, item.skills),
    is_reserved = COALESCE(cardinality(asked.people) > 0, item.is_reserved)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS asked(id bigint, priority float8, skills text[], people bigint[])
WHERE item.id = asked.id
"""

_FREE = """
DELETE FROM annotations_reserveditem WHERE item_id IN (
    SELECT asked.id FROM jsonb_to_recordset(%(rows)s::jsonb) AS asked(id bigint, people bigint[])
    WHERE asked.people IS NOT NULL
)
"""

_RESERVE = """
INSERT INTO annotations_reserveditem (item_id, user_id)
SELECT asked.id, person FROM jsonb_to_recordset(%(rows)s::jsonb) AS asked(id bigint, people bigint[])
CROSS JOIN LATERAL unnest(asked.people) AS person
"""

# In the order of the import, as many people in turn as the overlap asks: all get equally many, to within one.
_SHARE_OUT = """
WITH work AS (
    SELECT id, row_number() OVER (ORDER BY position) - 1 AS place
    FROM annotations_campaignitem WHERE campaign_id = %(campaign)s AND kind = 'work'
), shared AS (
    INSERT INTO annotations_reserveditem (item_id, user_id)
    SELECT work.id, (%(people)s::bigint[])[1 + (work.place * %(overlap)s + step) %% %(n_people)s]
    FROM work CROSS JOIN generate_series(0, %(overlap)s - 1) AS step
    RETURNING user_id
)
SELECT user_id, count(*) FROM shared GROUP BY user_id
"""


@transaction.atomic
def set_items(*, campaign: Campaign, actor: User, rows: Sequence[Mapping[str, Any]]) -> int:
    """Set priority, skills or people of items; how many. All rows or none.

    Parameters
    ----------
    campaign : Campaign
    actor : User
    rows : sequence of mapping
        Each names its item by `position` or by `task` (the external id) and has one or more of `priority` (a number),
        `skills` (names) and `people` (user names; an empty list is for everybody). Of rows for the same item the later
        one holds.

    Raises
    ------
    AppError
        ``items_invalid`` with the problems of each row, by `rows.<index>.<field>`.
    """
    problems: dict[str, list[str]] = {}
    items = _items_named(campaign, rows, problems)
    people = {person.username: person.pk for person in annotators_of(campaign.project)}
    changed: dict[int, dict[str, Any]] = {}
    for index, row in enumerate(rows):
        if index in items:
            asked = changed.setdefault(items[index], {"id": items[index]})
            asked |= _read_row(row, f"rows.{index}", people, problems)
    if problems:
        name, words = next(iter(problems.items()))
        raise AppError(f"{name}: {words[0]}", code="items_invalid", fields=problems)
    asked_for = {"rows": json.dumps(list(changed.values()))}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"items": list(changed)})
        for statement in (_SET, _FREE, _RESERVE):
            cursor.execute(statement, asked_for)
    _follow(campaign)
    data = {"items": len(changed)}
    record_event(actor=actor, verb="campaign.items_set", project=campaign.project, target=campaign, data=data)
    return len(changed)


def _items_named(
    campaign: Campaign, rows: Sequence[Mapping[str, Any]], problems: dict[str, list[str]]
) -> dict[int, int]:
    """The key of the item that each row means, by the row's number; rows that mean none are problems (one query)."""
    asked = [
        {"row": index, "position": row["position"]}
        if "position" in row
        else {"row": index, "task": str(row.get("task", ""))}
        for index, row in enumerate(rows)
        if 0 <= row.get("position", 0) <= _HIGHEST_POSITION
    ]
    where = {"campaign": campaign.pk, "project": campaign.project_id}
    with connection.cursor() as cursor:
        cursor.execute(_FIND, {"rows": json.dumps(asked), **where})
        found: dict[int, int] = dict(cursor.fetchall())
    for index in range(len(rows)):
        if index not in found:
            problems[f"rows.{index}.item"] = [gettext("No item of this campaign has this position or task.")]
    return found


def _read_row(
    row: Mapping[str, Any], where: str, people: Mapping[str, int], problems: dict[str, list[str]]
) -> dict[str, Any]:
    """What a row asks for, by column; what it does not name is left out."""
    asked: dict[str, Any] = {}
    if "priority" in row:
        value = row["priority"]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            problems[f"{where}.priority"] = [gettext("Expected a number, got %(value)s.") % {"value": repr(value)}]
        else:
            asked["priority"] = float(value)
    if "skills" in row:
        names = [str(name).strip() for name in row["skills"]]
        if any(not name or len(name) > MAX_SKILL for name in names):
            problems[f"{where}.skills"] = [
                gettext("Expected names of 1 to %(max_skill)s characters.") % {"max_skill": MAX_SKILL}
            ]
        asked["skills"] = sorted(set(names))
    if "people" in row:
        unknown = sorted(set(row["people"]) - people.keys())
        if unknown:
            problems[f"{where}.people"] = [
                gettext("Not an annotator of this project: %(unknown)s.") % {"unknown": ", ".join(unknown)}
            ]
        asked["people"] = [people[name] for name in dict.fromkeys(row["people"]) if name in people]
    return asked


@transaction.atomic
def share_out(*, campaign: Campaign, actor: User, people: Sequence[User]) -> dict[str, int]:
    """Keep every item for as many of `people` as the overlap asks, all with equally many; how many each has.

    Items that have been given out already keep to whoever has them besides. Nobody at all frees every item.

    Raises
    ------
    AppError
        ``people_too_few`` for fewer people than the overlap.
    """
    if people and len(people) < campaign.overlap:
        message = gettext("Each item takes %(overlap)s people: choose at least so many.") % {
            "overlap": campaign.overlap
        }
        raise AppError(message, code="people_too_few", fields={"people": [message]})
    items = CampaignItem.objects.filter(campaign=campaign, kind=CampaignItem.Kind.WORK)
    lock_items(items)
    items.update(is_reserved=bool(people))
    ReservedItem.objects.filter(item__in=items)._raw_delete("default")
    counts = {person.username: 0 for person in people}
    if people:
        names = {person.pk: person.username for person in people}
        shared: dict[str, Any] = {
            "people": list(names),
            "n_people": len(names),
            "overlap": campaign.overlap,
            "campaign": campaign.pk,
        }
        with connection.cursor() as cursor:
            cursor.execute(_SHARE_OUT, shared)
            counts |= {names[pk]: count for pk, count in cursor.fetchall()}
    _follow(campaign)
    record_event(
        actor=actor, verb="campaign.shared_out", project=campaign.project, target=campaign, data={"people": len(people)}
    )
    return counts


@transaction.atomic
def free_items_of_leavers(campaign: Campaign) -> int:
    """Free the items that are kept for nobody who may still answer and is still asked; how many."""
    able = annotators_of(campaign.project)
    if campaign.campaign_members.exists():
        able = able.filter(campaign_memberships__campaign=campaign)
    kept = ReservedItem.objects.filter(item__campaign=campaign, user__in=able.values("pk")).values("item")
    lost = campaign.items.filter(is_reserved=True).exclude(pk__in=kept)
    lock_items(lost)
    freed = lost.update(is_reserved=False)
    if freed:
        record_event(
            actor=None, verb="campaign.items_freed", project=campaign.project, target=campaign, data={"items": freed}
        )
    return freed


@transaction.atomic
def withdraw_item(*, item: CampaignItem, actor: User, reason: str) -> None:
    """Ask nobody any more. Leases on it end, drafts are kept, answers stand.

    Raises
    ------
    AppError
        ``reason_needed`` without a reason: whoever holds it is told.
    """
    reason = reason.strip()
    if not reason:
        message = gettext("Say why: whoever is working on it is told.")
        raise AppError(message, code="reason_needed", fields={"reason": [message]})
    locked = CampaignItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    if locked.withdrawn_at is not None:
        return
    ended = Assignment.objects.live().filter(item=item).update(status=Assignment.Status.RELEASED)
    CampaignItem.objects.filter(pk=item.pk).update(
        withdrawn_at=timezone.now(), withdrawn_reason=reason[:300], granted_count=F("granted_count") - ended
    )
    _count_work(locked, -1)
    _record_item(actor, "campaign.item_withdrawn", locked, reason)


@transaction.atomic
def restore_item(*, item: CampaignItem, actor: User) -> None:
    """Ask about a withdrawn item again."""
    locked = CampaignItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    if locked.withdrawn_at is None:
        return
    CampaignItem.objects.filter(pk=item.pk).update(withdrawn_at=None, withdrawn_reason="")
    _count_work(locked, 1)
    _record_item(actor, "campaign.item_restored", locked, "")


def lock_items(items: CampaignItemQuerySet) -> None:
    """Wait for grants that are being made of these items, in the order of their ids; no row comes here for it."""
    locked = items.order_by("pk").select_for_update(of=("self",), no_key=True).values("pk")
    statement, values = locked.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({statement}) AS locked", values)


def _follow(campaign: Campaign) -> None:
    """What the plan knows of its items, and their places where these depend on their priority."""
    plan = plan_of(campaign)
    plan.has_reserved = campaign.items.filter(is_reserved=True).exists()
    plan.needs_skills = campaign.items.exclude(skills=[]).exists()
    plan.save()
    campaign.plan = plan
    if plan.order == CampaignPlan.Order.PRIORITY:
        put_in_order(campaign, plan.order)


def _count_work(item: CampaignItem, sign: int) -> None:
    if item.kind == CampaignItem.Kind.WORK:
        Campaign.objects.filter(pk=item.campaign_id).update(item_count=F("item_count") + sign)


def _record_item(actor: User, verb: str, item: CampaignItem, reason: str) -> None:
    campaign = item.campaign
    data = {"item": item.position, "reason": reason} if reason else {"item": item.position}
    record_event(actor=actor, verb=verb, project=campaign.project, target=campaign, data=data)
