"""A whole submit as one statement: the claim of the item, the judgments with their answers, the counters.

One round trip, one commit, and the rows that everyone in the campaign shares are held for a moment only. The columns
come from the models, so that a new kind of answer needs nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, models

from annotations.checks import counts_of
from annotations.models import Assignment, Submission
from rewards.models import Judgment, RankedOutput

# The item's row is locked first (see `lease`), then the assignment; everything else hangs on `held`, which is empty
# where the lease is gone, so that nothing is written then. What counts stands in the same order as in `counters`.
_CLAIM = """
WITH locked AS (
    SELECT id FROM annotations_campaignitem WHERE id = %(item)s FOR NO KEY UPDATE
), held AS (
    UPDATE annotations_assignment SET status = 'submitted', submitted_at = %(now)s, active_ms = %(active_ms)s
    WHERE id = %(assignment)s AND status = 'leased' AND EXISTS (SELECT FROM locked)
      AND (makes_gold
           OR EXISTS (SELECT FROM annotations_campaign WHERE id = %(campaign)s AND status IN ('open', 'paused')))
    RETURNING id
), submission AS (
    INSERT INTO annotations_submission
        (project_id, assignment_id, idempotency_key, act, answer, protocol_id, active_ms, active_parts, created_at)
    SELECT %(project)s, id, %(key)s, %(act)s, %(answer)s::jsonb, %(protocol)s, %(active_ms)s, %(active_parts)s::jsonb,
        %(now)s
    FROM held
    RETURNING id
), counted_item AS (
    UPDATE annotations_campaignitem SET submitted_count = submitted_count + 1
    WHERE id = %(item)s AND EXISTS (SELECT FROM held)
), gone_draft AS (
    DELETE FROM annotations_draft WHERE assignment_id = %(assignment)s AND EXISTS (SELECT FROM held)
), counted_campaign AS (
    UPDATE annotations_campaign SET
        submitted_count = submitted_count + %(work)s, checked_count = checked_count + %(check)s
    WHERE id = %(campaign)s AND EXISTS (SELECT FROM held)
), counted_project AS (
    UPDATE projects_project SET judgment_count = judgment_count + %(judgments)s
    WHERE id = %(project)s AND EXISTS (SELECT FROM held)
), counted_person AS (
    INSERT INTO annotations_campaignprogress AS p
        (campaign_id, user_id, submitted_count, skipped_count, active_ms, last_at)
    SELECT %(campaign)s, %(user)s, 1, 0, %(active_ms)s, %(now)s FROM held WHERE %(person)s
    ON CONFLICT (campaign_id, user_id) DO UPDATE SET
        submitted_count = p.submitted_count + 1,
        active_ms = p.active_ms + EXCLUDED.active_ms,
        last_at = EXCLUDED.last_at
)"""


class LeaseNotHeldError(Exception):
    """The item is not in work by this person now. Nothing was written."""


def write_submission(
    *,
    assignment: Assignment,
    submission: Submission,
    judgments: Iterable[Judgment],
    answers: Mapping[type[models.Model], Iterable[tuple[str, models.Model]]],
) -> None:
    """Write `submission` with its judgments and their answers, or nothing; one query, a transaction by itself.

    Parameters
    ----------
    assignment : Assignment
        Becomes submitted.
    submission : Submission
        Not saved yet; gets its id.
    judgments : iterable of Judgment
        The envelopes, not saved yet. They get no ids here.
    answers : mapping of model to iterable of (str, Model)
        Rows not saved yet, each beside the idempotency key of its envelope; their `judgment` is set in the database.

    Raises
    ------
    LeaseNotHeldError
        The lease was ended, the item was submitted or skipped meanwhile, or the campaign is closed.
    """
    now = submission.created_at
    envelopes = [_record(judgment, Judgment, created_at=now) for judgment in judgments]
    values: dict[str, Any] = {
        "item": assignment.item_id,
        "assignment": assignment.pk,
        "campaign": assignment.campaign_id,
        "project": assignment.project_id,
        "user": assignment.user_id,
        "key": submission.idempotency_key,
        "act": submission.act,
        "answer": json.dumps(submission.answer),
        "active_ms": submission.active_ms,
        "active_parts": json.dumps(submission.active_parts),
        "now": now,
        "protocol": assignment.protocol_id,
        "judgments": len(envelopes),
        **counts_of(assignment.item.kind, makes_gold=assignment.makes_gold),
        "envelopes": _json(envelopes),
    }
    for model, rows in answers.items():
        values[model._meta.db_table] = _json([_record(row, model, _key=key) for key, row in rows])
    with connection.cursor() as cursor:
        cursor.execute(_statement(tuple(answers)), values)
        row = cursor.fetchone()
    if row is None:
        raise LeaseNotHeldError
    (submission.pk,) = row
    assignment.status, assignment.submitted_at = Assignment.Status.SUBMITTED, now


@lru_cache(maxsize=64)
def _statement(answer_models: tuple[type[models.Model], ...]) -> str:
    columns = _columns(Judgment)
    names = ", ".join(columns)
    parts = [
        _CLAIM,
        f"""envelope AS (
    INSERT INTO {Judgment._meta.db_table} ({names})
    SELECT {", ".join(_listed(columns, "e"))}
    FROM held, jsonb_to_recordset(%(envelopes)s::jsonb) AS e({", ".join(_typed(columns))})
    RETURNING id, idempotency_key
)""",
    ]
    for number, model in enumerate(answer_models):
        table, columns = model._meta.db_table, _columns(model)
        names = ", ".join((_envelope_column(model), *columns))
        parts.append(f"""answers_{number} AS (
    INSERT INTO {table} ({names})
    SELECT {", ".join(("envelope.id", *_listed(columns, "r")))}
    FROM envelope JOIN jsonb_to_recordset(%({table})s::jsonb) AS r({", ".join(("_key text", *_typed(columns)))})
        ON r._key = envelope.idempotency_key
)""")
    return ", ".join(parts) + " SELECT id FROM submission"


def _envelope_column(model: type[models.Model]) -> str:
    """Where the row says whose answer it is: the places of a ranking hang on it, and its key is the judgment's."""
    return "ranking_id" if model is RankedOutput else "judgment_id"


def _columns(model: type[models.Model]) -> dict[str, str]:
    """The quoted columns that are written, with their types."""
    return {
        connection.ops.quote_name(_column(field)): str(field.db_type(connection)) for field in _written_fields(model)
    }


def _written_fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Without the id and the envelope, which the database fills in."""
    fields = model._meta.concrete_fields
    envelope = _envelope_column(model)
    return [field for field in fields if not isinstance(field, models.AutoField) and field.column != envelope]


def _column(field: models.Field[Any, Any]) -> str:
    assert field.column is not None
    return field.column


def _listed(columns: Iterable[str], alias: str) -> list[str]:
    return [f"{alias}.{column}" for column in columns]


def _typed(columns: Mapping[str, str]) -> list[str]:
    return [f"{column} {kind}" for column, kind in columns.items()]


def _record(row: models.Model, model: type[models.Model], **more: Any) -> dict[str, Any]:
    """The row by column; `more` stands for what the database or an `auto_now_add` would fill in."""
    values = {_column(field): getattr(row, field.attname) for field in _written_fields(model)}
    return {**values, **more}


def _json(records: list[dict[str, Any]]) -> str:
    return json.dumps(records, default=_plain)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
