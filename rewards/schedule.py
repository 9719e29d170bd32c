"""What beat does for the rewards app; the settings import it."""

from typing import Any


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Entries for CELERY_BEAT_SCHEDULE."""
    return {
        f"rewards-requeue-{noun}": {
            "task": f"rewards.tasks.requeue_stalled_{noun}",
            "schedule": 60.0,
            "options": {"queue": "cpu", "expires": 60},
        }
        for noun in ("imports", "exports", "stored_rewards")
    }
