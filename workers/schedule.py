"""What beat does for the workers app; the settings import it."""

from typing import Any


def beat_schedule(*, redispatch_seconds: int) -> dict[str, dict[str, Any]]:
    """Entries for CELERY_BEAT_SCHEDULE.

    A message that nobody took until the next one is due is worthless, so it expires then.
    """
    return {
        "workers-redispatch": {
            "task": "workers.tasks.redispatch",
            "schedule": float(redispatch_seconds),
            "options": {"queue": "cpu", "expires": redispatch_seconds},
        }
    }
