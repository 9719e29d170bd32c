"""What Celery runs: each task is one call. Messages carry keys only, and may be lost or doubled."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown
from django.db import InterfaceError, OperationalError

from workers import scoring
from workers.actions import artefacts, dispatch, endpoints, rubric_proposals
from workers.models import ModelEndpoint
from workers.process import process


@shared_task(autoretry_for=(OperationalError, InterfaceError), retry_backoff=2, retry_backoff_max=30, max_retries=10)
def work(queue: str) -> None:
    """There is work: score one batch, and say it again while there may be more."""
    if scoring.work_once(queue):
        dispatch.send_work(queue=queue)


@shared_task
def redispatch() -> None:
    """Say again what was lost; sent by beat."""
    dispatch.redispatch()
    endpoints.probe_waiting()
    rubric_proposals.redispatch_proposals()
    artefacts.redispatch_fits()


@shared_task
def probe_endpoint(pk: int) -> None:
    """Look at a model that was registered, or that a younger version can do more with."""
    endpoint = ModelEndpoint.objects.to_probe(endpoints.PROBE).filter(pk=pk).first()
    if endpoint is not None:
        endpoints.probe_endpoint(endpoint=endpoint)


@shared_task
def write_rubric_proposal(pk: int) -> None:
    """A model shall write or refine a rubric."""
    rubric_proposals.write_proposal(pk)


@shared_task
def fit_artefact(pk: int) -> None:
    """Weights shall be learnt from an export."""
    artefacts.compute_fit(pk)


@worker_ready.connect
def announce(sender: Any, **_: object) -> None:
    """A worker that starts shows itself, and asks for what may be waiting since before."""
    queues = sorted(queue.name for queue in sender.task_consumer.queues)
    process.start_beating(name=sender.hostname, queue=",".join(queues))
    for queue in queues:
        dispatch.send_work(queue=queue)


@worker_shutdown.connect
def take_leave(**_: object) -> None:
    """A worker that ends in order takes its row away."""
    process.stop_beating()
