"""What beat does for the annotations app; the settings import it."""

from typing import Any


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Entries for CELERY_BEAT_SCHEDULE."""
    return {
        "annotations-requeue-studies": {
            "task": "annotations.tasks.requeue_stalled_studies",
            "schedule": 60.0,
            "options": {"queue": "cpu", "expires": 60},
        },
        "annotations-rerank-campaigns": {
            "task": "annotations.tasks.rerank_due_campaigns",
            "schedule": 30.0,
            "options": {"queue": "cpu", "expires": 30},
        },
        "annotations-answered-campaigns": {
            "task": "annotations.tasks.tell_of_answered_campaigns",
            "schedule": 60.0,
            "options": {"queue": "cpu", "expires": 60},
        },
    }
