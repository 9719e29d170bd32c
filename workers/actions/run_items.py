"""The items and batches of a run, made in the database in one statement: 100,000 outputs never pass through Python."""

from typing import Any

from django.conf import settings
from django.db import connection

from rewards.models import Output
from rewards.querysets.output import OutputQuerySet
from workers.models import Attempt, Batch, ModelEndpoint, Run, RunItem, Scorer

_BATCH_COLUMNS = "project_id, run_id, number, queue, endpoint_id, status, attempt, stalled_leases, worker, created_at"


# What is one item: an output by itself, or a task's outputs together under the first of them.
_ALONE = "SELECT id AS output_id, char_count, '{{}}'::bigint[] AS members FROM ({selected}) s"
_TOGETHER = """
    SELECT min(id) AS output_id, sum(char_count) AS char_count, array_agg(id ORDER BY id) AS members
    FROM ({selected}) s GROUP BY task_id
"""


def add_items(
    *,
    run: Run,
    outputs: OutputQuerySet,
    queue: str,
    endpoint_id: int | None,
    take_over: bool,
    batch_items: int,
    in_groups: bool = False,
) -> None:
    """Add an item for each output and repeat, and cut those to compute into batches of like length, longest first.

    With `take_over`, what the scorer has scored before is settled at once, without a batch. With `in_groups`, the
    outputs of a task are one item.
    """
    selected, selected_parameters = outputs.values("id", "char_count", "task_id").query.sql_with_params()
    chosen = (_TOGETHER if in_groups else _ALONE).format(selected=selected)
    statement = f"""
        WITH picked AS (
            SELECT o.output_id, o.char_count, o.members, r.repeat, %s AND EXISTS (
                SELECT 1 FROM {Attempt._meta.db_table} a
                WHERE a.rater_id = %s AND a.output_id = o.output_id AND a.repeat = r.repeat AND a.status = 'scored'
            ) AS is_known
            FROM ({chosen}) o CROSS JOIN generate_series(0, %s - 1) AS r(repeat)
        ), packed AS (
            SELECT *, CASE WHEN NOT is_known THEN
                (row_number() OVER (PARTITION BY is_known ORDER BY char_count DESC, output_id, repeat) - 1) / %s + 1
            END AS number
            FROM picked
        ), made AS (
            INSERT INTO {Batch._meta.db_table} ({_BATCH_COLUMNS})
            SELECT DISTINCT %s::bigint, %s::bigint, number, %s, %s::bigint, 'ready', 0, 0, '', now()
            FROM packed WHERE number IS NOT NULL ORDER BY number
            RETURNING id, number
        )
        INSERT INTO {RunItem._meta.db_table} (project_id, run_id, batch_id, output_id, members, repeat, status, reason)
        SELECT %s, %s, made.id, packed.output_id, packed.members, packed.repeat,
               CASE WHEN packed.is_known THEN 'scored' ELSE 'pending' END, ''
        FROM packed LEFT JOIN made USING (number)
        ORDER BY number, char_count DESC, output_id, repeat
    """
    parameters: list[Any] = [take_over, run.scorer.rater_id, *selected_parameters, run.repeats]
    parameters += [batch_items]
    parameters += [run.project_id, run.pk, queue, endpoint_id, run.project_id, run.pk]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def items_per_batch(scorer: Scorer) -> int:
    """How many items a batch of the scorer holds; one query.

    Models behind HTTP are asked many things at a time, and a batch is what one worker has at hand.
    """
    is_remote = scorer.models.filter(endpoint__engine=ModelEndpoint.Engine.OPENAI).exists()
    return int(settings.WORKERS_REMOTE_BATCH_ITEMS if is_remote else settings.WORKERS_BATCH_ITEMS)


def reopen_failed_items(*, run: Run, queue: str, endpoint_id: int | None, batch_items: int) -> int:
    """Let the failed items wait again, in new batches; how many there were. Needs the run's row locked."""
    statement = f"""
        WITH numbered AS (
            SELECT i.id, (
                (SELECT coalesce(max(number), 0) FROM {Batch._meta.db_table} WHERE run_id = %s)
                + (row_number() OVER (ORDER BY o.char_count DESC, i.id) - 1) / %s + 1
            ) AS number
            FROM {RunItem._meta.db_table} i JOIN {Output._meta.db_table} o ON o.id = i.output_id
            WHERE i.run_id = %s AND i.status = 'failed'
        ), made AS (
            INSERT INTO {Batch._meta.db_table} ({_BATCH_COLUMNS})
            SELECT DISTINCT %s::bigint, %s::bigint, number, %s, %s::bigint, 'ready', 0, 0, '', now()
            FROM numbered ORDER BY number
            RETURNING id, number
        )
        UPDATE {RunItem._meta.db_table} item SET status = 'pending', reason = '', batch_id = made.id
        FROM numbered JOIN made USING (number)
        WHERE item.id = numbered.id AND item.status = 'failed'
    """
    parameters: list[Any] = [run.pk, batch_items, run.pk, run.project_id, run.pk, queue, endpoint_id]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
