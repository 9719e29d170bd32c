"""Drafts: the answer as far as it has come, kept on the server while the person works."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext

from annotations.actions.lease import renew_lease
from annotations.answers import storable_json
from annotations.models import Assignment, Draft
from annotations.stages import drafted
from projects.errors import AppError

# Answers at the first save, and afterwards only if nobody else saved since: then no row comes back.
_SAVE = """
INSERT INTO annotations_draft AS d (assignment_id, answer, revision, saved_at)
VALUES (%(assignment)s, %(answer)s, 1, %(now)s)
ON CONFLICT (assignment_id) DO UPDATE SET
    answer = EXCLUDED.answer, revision = d.revision + 1, saved_at = EXCLUDED.saved_at
WHERE d.revision = %(revision)s
RETURNING revision, saved_at
"""

# More than anybody saves between two submits.
_REVISIONS_OF_A_STINT = 1_000_000


class SavedDraft(NamedTuple):
    revision: int
    saved_at: datetime


@transaction.atomic
def save_draft(
    *,
    assignment: Assignment,
    answer: dict[str, Any],
    revision: int,
    active_ms: int | None = None,
    first_finished: bool = False,
) -> SavedDraft:
    """Keep `answer` and renew the lease. `revision` is the one the writer last saw, 0 for none.

    `first_finished` says, in a study of the order, that the first part is finished (see `annotations.stages`).

    Raises
    ------
    AppError
        ``draft_conflict`` (409) if another window saved in between: nothing is overwritten. The
        codes of `storable_json`, `stages.drafted` and `renew_lease`.
    """
    now = timezone.now()
    text = storable_json(drafted(assignment, answer, is_finished=first_finished, now=now))
    renew_lease(assignment=assignment, active_ms=active_ms)
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "assignment": assignment.pk,
            "answer": text,
            "revision": revision,
            "now": now,
        }
        cursor.execute(_SAVE, values)
        row = cursor.fetchone()
    if row is None:
        raise AppError(
            gettext("This item was changed in another window. Choose which version to keep."),
            code="draft_conflict",
            status=409,
        )
    return SavedDraft(*row)


def restore_draft(*, assignment: Assignment, answer: dict[str, Any]) -> None:
    """Put a submitted answer back as the draft. Inside the caller's transaction.

    The submit took the draft's row with its revision; a window that was open since before must not find its own again.
    """
    revision = 1 + _REVISIONS_OF_A_STINT * assignment.submissions.count()
    values = {"answer": answer, "saved_at": timezone.now(), "revision": revision}
    Draft.objects.update_or_create(assignment=assignment, defaults=values)
