"""Turning a lease into a submit, in one statement: a submit's cost is its round trips."""

import json
import uuid
from typing import Any

from django.db import connection
from django.utils import timezone

from annotations.models import Assignment, Submission

# The item's row is locked first (see `lease`): `held` waits for what `counted` returns, and the insert for `held`.
_CLAIM = """
WITH counted AS (
    UPDATE annotations_campaignitem SET submitted_count = submitted_count + 1
    WHERE id = %(item)s AND submitted_count < granted_count
      AND EXISTS (SELECT FROM annotations_campaign WHERE id = %(campaign)s AND status IN ('open', 'paused'))
    RETURNING id
), held AS (
    UPDATE annotations_assignment SET status = 'submitted', submitted_at = %(now)s, active_ms = %(active_ms)s
    WHERE id = %(assignment)s AND status = 'leased' AND EXISTS (SELECT FROM counted)
    RETURNING id
)
INSERT INTO annotations_submission (project_id, assignment_id, idempotency_key, act, answer, active_ms, created_at)
SELECT %(project)s, id, %(key)s, %(act)s, %(answer)s, %(active_ms)s, %(now)s FROM held
RETURNING id
"""


class LeaseNotHeldError(Exception):
    """The item is not in work by this person now; the transaction must be rolled back."""


def claim_submission(*, assignment: Assignment, key: str, answer: dict[str, Any], active_ms: int) -> Submission:
    """Submit the item and record what was sent; inside a transaction that ends if this raises.

    Raises
    ------
    LeaseNotHeldError
        The lease ran out and was ended, the item was submitted or skipped meanwhile, or the campaign was closed.
    """
    submission = Submission(
        project_id=assignment.project_id,
        assignment=assignment,
        idempotency_key=key,
        act=uuid.uuid4(),
        answer=answer,
        active_ms=active_ms,
        created_at=timezone.now(),
    )
    values: dict[str, Any] = {
        "item": assignment.item_id,
        "campaign": assignment.campaign_id,
        "assignment": assignment.pk,
        "project": assignment.project_id,
        "key": key,
        "act": submission.act,
        "answer": json.dumps(answer),
        "active_ms": active_ms,
        "now": submission.created_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    if row is None:
        raise LeaseNotHeldError
    (submission.pk,) = row
    assignment.status, assignment.submitted_at = Assignment.Status.SUBMITTED, submission.created_at
    return submission
