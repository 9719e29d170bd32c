"""The counters that submits, undos and skips keep. Call inside the transaction of the change, as its last write.

One statement each: these rows are shared by everyone who works in the campaign, so they are held as briefly as
possible, and always in the same order.
"""

from django.db import connection

from annotations.models import Assignment

_COUNT_SUBMIT = """
WITH gone_draft AS (
    DELETE FROM annotations_draft WHERE assignment_id = %(assignment)s AND %(sign)s > 0
), counted_campaign AS (
    UPDATE annotations_campaign SET submitted_count = submitted_count + %(sign)s WHERE id = %(campaign)s
), counted_project AS (
    UPDATE projects_project SET judgment_count = judgment_count + %(sign)s * %(judgments)s WHERE id = %(project)s
)
INSERT INTO annotations_campaignprogress AS p
    (campaign_id, user_id, submitted_count, skipped_count, active_ms, last_at)
VALUES (%(campaign)s, %(user)s, GREATEST(%(sign)s, 0), 0, GREATEST(%(sign)s * %(active_ms)s, 0), now())
ON CONFLICT (campaign_id, user_id) DO UPDATE SET
    submitted_count = GREATEST(p.submitted_count + %(sign)s, 0),
    active_ms = GREATEST(p.active_ms + %(sign)s * %(active_ms)s, 0),
    last_at = now()
"""

_COUNT_SKIP = """
INSERT INTO annotations_campaignprogress AS p
    (campaign_id, user_id, submitted_count, skipped_count, active_ms, last_at)
VALUES (%(campaign)s, %(user)s, 0, GREATEST(%(sign)s, 0), 0, now())
ON CONFLICT (campaign_id, user_id) DO UPDATE SET
    skipped_count = GREATEST(p.skipped_count + %(sign)s, 0), last_at = now()
"""


def count_submit(*, assignment: Assignment, judgments: int, active_ms: int, sign: int) -> None:
    """Count one submit of so many judgments in (`sign` 1), its draft going, or out (-1); one query."""
    _execute(_COUNT_SUBMIT, assignment, sign=sign, judgments=judgments, active_ms=active_ms)


def count_skip(*, assignment: Assignment, sign: int) -> None:
    """Count one skip in (`sign` 1) or out (-1); one query."""
    _execute(_COUNT_SKIP, assignment, sign=sign)


def _execute(statement: str, assignment: Assignment, **values: int) -> None:
    where = {
        "assignment": assignment.pk,
        "campaign": assignment.campaign_id,
        "project": assignment.project_id,
        "user": assignment.user_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, {**where, **values})
