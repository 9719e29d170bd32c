"""This worker process: its name, what it is doing, and the thread that writes its signs of life.

A busy solo worker does not answer pings, so a row says that it lives. The same thread renews the lease of the batch
under way: a few items can take longer than a lease on a slow machine, and must not be computed twice for it.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from workers import model_loading
from workers.actions.batches import renew_lease
from workers.models import Batch, WorkerHeartbeat
from workers.querysets.heartbeat import BEAT_SECONDS

logger = logging.getLogger(__name__)

# So many leases without a stored item, and the process is taken to hang: its lease is left to run out.
_STUCK_AFTER_LEASES = 15


class WorkerProcess:
    """What this process is doing now; one object a process."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}#{os.getpid()}"
        self.queue = ""
        self._batch: Batch | None = None
        self._progressed_at = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def working_on(self, batch: Batch) -> Iterator[None]:
        """Name the batch in the signs of life, and keep its lease."""
        self.note_progress()
        self._batch = batch
        try:
            yield
        finally:
            self._batch = None

    def note_progress(self) -> None:
        """Something was stored: the process does not hang."""
        self._progressed_at = time.monotonic()

    def start_beating(self, *, name: str = "", queue: str = "") -> None:
        """Start the thread; the first sign of life is written at once.

        Without a queue this process is no worker for others: the thread only keeps its leases.
        """
        self.name = name or self.name
        self.queue = queue
        self._stopping.clear()
        self._thread = threading.Thread(target=self._beat_until_stopped, name="signs-of-life", daemon=True)
        self._thread.start()

    def stop_beating(self) -> None:
        """Stop the thread and take the row away: this process ends in order."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=BEAT_SECONDS)
        if not self.queue:
            return
        try:
            WorkerHeartbeat.objects.filter(name=self.name).delete()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the sign of life stays until it is too old: %s", error)

    def beat(self) -> None:
        """Write one sign of life and renew the lease of the batch under way."""
        batch = self._batch
        if self.queue:
            self._write_sign_of_life(batch)
        stuck_after = _STUCK_AFTER_LEASES * settings.WORKERS_LEASE_SECONDS
        if batch is not None and time.monotonic() - self._progressed_at < stuck_after:
            renew_lease(batch)

    def _write_sign_of_life(self, batch: Batch | None) -> None:
        state = "idle" if batch is None else f"batch {batch.number} of run {batch.run_id}"
        held = model_loading.held()
        seen = {
            "queue": self.queue,
            "device": held.device[:100],
            "loaded_models": list(held.endpoints),
            "state": state[:40],
            "seen_at": Now(),
        }
        WorkerHeartbeat.objects.update_or_create(
            name=self.name, defaults=seen, create_defaults={**seen, "started_at": Now()}
        )

    def _beat_until_stopped(self) -> None:
        interval = min(BEAT_SECONDS, settings.WORKERS_LEASE_SECONDS / 4)
        while True:
            try:
                self.beat()
            except Exception as error:  # whatever it was, the next beat may succeed; this thread must not end
                logger.warning("no sign of life written: %r", error)
            finally:
                connection.close()
            if self._stopping.wait(interval):
                return


process = WorkerProcess()
