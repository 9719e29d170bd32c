"""The items of a campaign: drawn when it is made, and once more for tasks that have come since."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import connection

from annotations.models import Campaign
from annotations.protocols import min_outputs, parse_questions
from annotations.selection import Selection
from rewards.querysets.task import TaskQuerySet

# Both statements run in the database: twenty thousand items take a second, not a minute.
_ADD_ITEMS = """
INSERT INTO annotations_campaignitem
    (project_id, campaign_id, task_id, position, granted_count, submitted_count, skills)
SELECT %(project)s, %(campaign)s, chosen.id, %(after)s + row_number() OVER (ORDER BY chosen.place), 0, 0,
       ARRAY(SELECT skill FROM unnest(%(skills)s::varchar[]) AS skill WHERE skill = ANY(task.tags))
FROM unnest(%(tasks)s::bigint[]) WITH ORDINALITY AS chosen(id, place) JOIN rewards_task AS task ON task.id = chosen.id
"""
_ADD_OUTPUTS = """
INSERT INTO annotations_campaignitemoutput (item_id, output_id, position)
SELECT item_id, output_id, row_number() OVER (PARTITION BY item_id ORDER BY output_id)
FROM (
    SELECT i.id AS item_id, o.id AS output_id,
           row_number() OVER (PARTITION BY i.id ORDER BY md5(%(seed)s || ':' || o.id), o.id) AS draw
    FROM annotations_campaignitem i JOIN rewards_output o ON o.task_id = i.task_id AND o.is_current
    WHERE i.campaign_id = %(campaign)s AND i.position > %(after)s
) drawn
WHERE draw <= %(outputs)s
"""


def add_items(*, campaign: Campaign, selection: Selection, min_outputs: int) -> int:
    """Draw the items of a new campaign: a task each, with its outputs; how many. Inside the caller's transaction."""
    return draw_items(campaign, selection.tasks(campaign.project, min_outputs=min_outputs), selection.outputs_per_item)


def tasks_to_add(campaign: Campaign) -> TaskQuerySet:
    """Current tasks that fit the campaign's selection and are in none of its items, in no version of theirs.

    In the order of import; how many there may be at most counted when the campaign was made, and does not count again.
    """
    chosen = replace(Selection.from_json(campaign.selection), limit=None)
    questions = parse_questions(campaign.protocol.questions) if campaign.protocol else []
    tasks = chosen.tasks(campaign.project, min_outputs=min_outputs(questions))
    return tasks.exclude(external_id__in=campaign.items.values("task__external_id"))


def draw_items(
    campaign: Campaign, tasks: TaskQuerySet, outputs_per_item: int, *, after: int = 0, skills: Sequence[str] = ()
) -> int:
    """Items of these tasks behind position `after`, each asking for those of `skills` that its task is tagged with."""
    values: dict[str, Any] = {
        "project": campaign.project_id,
        "campaign": campaign.pk,
        "tasks": list(tasks.values_list("id", flat=True)),
        "seed": str(campaign.seed),
        "outputs": outputs_per_item,
        "after": after,
        "skills": list(skills),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD_ITEMS, values)
        added: int = cursor.rowcount
        cursor.execute(_ADD_OUTPUTS, values)
    return added
