"""Signs of life from workers: a busy solo worker does not answer pings, so it writes a row."""

from django.db import models

from workers.querysets.heartbeat import WorkerHeartbeatQuerySet


class WorkerHeartbeat(models.Model):
    name = models.CharField(max_length=200, unique=True)
    queue = models.CharField(max_length=20)
    """Several are joined by commas."""
    device = models.CharField(max_length=100, blank=True)
    loaded_models = models.JSONField(default=list)
    state = models.CharField(max_length=40, default="idle")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    objects = WorkerHeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
