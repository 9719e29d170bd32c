"""What beat does for the projects app; the settings import it."""

from typing import Any


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Entries for CELERY_BEAT_SCHEDULE."""
    return {
        "projects-mail-notices": {
            "task": "projects.tasks.mail_notices",
            "schedule": 60.0,
            "options": {"queue": "cpu", "expires": 60},
        },
        "projects-delete-due": {
            "task": "projects.tasks.delete_due_projects",
            "schedule": 600.0,
            "options": {"queue": "cpu", "expires": 600},
        },
        "projects-finish-departures": {
            "task": "projects.tasks.finish_departures",
            "schedule": 600.0,
            "options": {"queue": "cpu", "expires": 600},
        },
        "projects-apply-retention": {
            "task": "projects.tasks.apply_retention",
            "schedule": 6 * 3600.0,
            "options": {"queue": "cpu", "expires": 3600},
        },
    }
