"""The counters that undos and skips keep; a submit keeps them in its own statement (`submit_statement`).

Call inside the transaction of the change, as its last write: these rows are shared by everyone who works in the
campaign. They are always taken in the order campaign, project, progress.
"""

from django.db import connection

from annotations.checks import counts_of
from annotations.models import Assignment

_UNCOUNT_SUBMIT = """
WITH counted_campaign AS (
    UPDATE annotations_campaign SET
        submitted_count = submitted_count - %(work)s, checked_count = checked_count - %(check)s
    WHERE id = %(campaign)s
), counted_project AS (
    UPDATE projects_project SET judgment_count = judgment_count - %(judgments)s WHERE id = %(project)s
), counted_person AS (
    UPDATE annotations_campaignprogress SET
        submitted_count = GREATEST(submitted_count - 1, 0),
        active_ms = GREATEST(active_ms - %(active_ms)s, 0),
        last_at = now()
    WHERE campaign_id = %(campaign)s AND user_id = %(user)s AND %(person)s
)
SELECT 1
"""

_COUNT_SKIP = """
INSERT INTO annotations_campaignprogress AS p
    (campaign_id, user_id, submitted_count, skipped_count, active_ms, last_at)
VALUES (%(campaign)s, %(user)s, 0, GREATEST(%(sign)s, 0), 0, now())
ON CONFLICT (campaign_id, user_id) DO UPDATE SET
    skipped_count = GREATEST(p.skipped_count + %(sign)s, 0), last_at = now()
"""


def uncount_submit(*, assignment: Assignment, judgments: int, active_ms: int) -> None:
    """Take one submit of so many judgments out of the counts; one query."""
    counts = counts_of(assignment.item.kind, makes_gold=assignment.makes_gold)
    _execute(_UNCOUNT_SUBMIT, assignment, judgments=judgments, active_ms=active_ms, **counts)


def count_skip(*, assignment: Assignment, sign: int) -> None:
    """Count one skip in (`sign` 1) or out (-1); one query."""
    _execute(_COUNT_SKIP, assignment, sign=sign)


def _execute(statement: str, assignment: Assignment, **values: int) -> None:
    where = {
        "campaign": assignment.campaign_id,
        "project": assignment.project_id,
        "user": assignment.user_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, {**where, **values})
