"""What beat does for the projects app; the settings import it."""

from typing import Any


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Entries for CELERY_BEAT_SCHEDULE."""
    return {
        "projects-mail-notices": {
            "task": "projects.tasks.mail_notices",
            "schedule": 60.0,
            "options": {"queue": "cpu", "expires": 60},
        }
    }
