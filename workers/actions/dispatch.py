"""Telling workers that there is work. The database is the queue: a message that is lost or doubled costs nothing."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from workers.actions.batches import cancel_expired
from workers.models import Batch, WorkerHeartbeat

if TYPE_CHECKING:
    from celery import Task

logger = logging.getLogger(__name__)


def dispatch(*, queue: str) -> int:
    """Send a message for each worker of `queue` that could take a waiting batch; how many were sent.

    A worker that has finished a batch sends the next message itself, so while all workers are busy none is needed and
    messages do not pile up. A batch is not sent again before half of the re-dispatch interval has passed, so two that
    dispatch at once do not double it.
    """
    recently = timedelta(seconds=settings.WORKERS_REDISPATCH_SECONDS / 2)
    with transaction.atomic():
        waiting = Batch.objects.claimable().filter(queue=queue)
        under_way = Batch.objects.under_way().filter(queue=queue).count()
        wanted = max(1, WorkerHeartbeat.objects.alive().serving(queue).count()) - under_way
        if wanted <= 0:
            return 0
        silent = waiting.filter(Q(dispatched_at=None) | Q(dispatched_at__lt=Now() - recently))
        sending = list(
            silent.select_for_update(skip_locked=True, of=("self",))
            .order_by("id")
            .values_list("pk", flat=True)[:wanted]
        )
        Batch.objects.filter(pk__in=sending).update(dispatched_at=Now())
        if sending:
            transaction.on_commit(partial(send_work, queue=queue, messages=len(sending)))
    return len(sending)


def redispatch() -> int:
    """Beat's duty: say again what a dead worker or an emptied broker has forgotten; how many messages were sent."""
    cancel_expired()
    queues = Batch.objects.claimable().order_by("queue").values_list("queue", flat=True).distinct()
    return sum(dispatch(queue=queue) for queue in list(queues))


def send_work(*, queue: str, messages: int = 1) -> None:
    """Send "there is work" so many times."""
    # Tasks import actions.
    from workers.tasks import work

    for _ in range(messages):
        send_task(work, queue, queue=queue)


def send_task(task: Task[..., None], *arguments: str | int, queue: str, expires: float | None = None) -> None:
    """Send a message; a broker that cannot be reached is no error, since beat says again what is still waiting."""
    options: dict[str, Any] = {} if expires is None else {"expires": expires}
    try:
        task.apply_async(arguments, queue=queue, **options)
    except (OperationalError, OSError) as error:
        logger.warning("The broker did not take %s for queue %s (%s); beat will send it again.", task, queue, error)
