"""The items of a campaign, drawn once when it is made."""

from typing import Any

from django.db import connection

from annotations.models import Campaign
from annotations.selection import Selection

# Both statements run in the database: twenty thousand items take a second, not a minute.
_ADD_ITEMS = """
INSERT INTO annotations_campaignitem (project_id, campaign_id, task_id, position, granted_count, submitted_count)
SELECT %(project)s, %(campaign)s, chosen.id, row_number() OVER (ORDER BY chosen.place), 0, 0
FROM unnest(%(tasks)s::bigint[]) WITH ORDINALITY AS chosen(id, place)
"""
_ADD_OUTPUTS = """
INSERT INTO annotations_campaignitemoutput (item_id, output_id, position)
SELECT item_id, output_id, row_number() OVER (PARTITION BY item_id ORDER BY output_id)
FROM (
    SELECT i.id AS item_id, o.id AS output_id,
           row_number() OVER (PARTITION BY i.id ORDER BY md5(%(seed)s || ':' || o.id), o.id) AS draw
    FROM annotations_campaignitem i JOIN rewards_output o ON o.task_id = i.task_id AND o.is_current
    WHERE i.campaign_id = %(campaign)s
) drawn
WHERE draw <= %(outputs)s
"""


def add_items(*, campaign: Campaign, selection: Selection, min_outputs: int) -> int:
    """Draw the items of a new campaign: a task each, with its outputs; how many. Inside the caller's transaction."""
    tasks = selection.tasks(campaign.project, min_outputs=min_outputs)
    values: dict[str, Any] = {
        "project": campaign.project_id,
        "campaign": campaign.pk,
        "tasks": list(tasks.values_list("id", flat=True)),
        "seed": str(campaign.seed),
        "outputs": selection.outputs_per_item,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD_ITEMS, values)
        added: int = cursor.rowcount
        cursor.execute(_ADD_OUTPUTS, values)
    return added
