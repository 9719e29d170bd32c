"""Batches: never two workers at one, given on when a lease runs out, sent again when the broker forgot."""

import threading

import pytest
from django.db import connection
from django.db.models.functions import Now

from tests.factories import make_output, make_project, make_task
from tests.workers.counting_source import counting_scorer, expire, start
from workers import tasks
from workers.actions import dispatch
from workers.actions.batches import claim_batch, finish_batch, renew_lease
from workers.actions.runs import cancel_run, resume_run
from workers.models import Batch, ModelEndpoint, Run, WorkerHeartbeat


@pytest.fixture
def run(db, counting, settings):
    """Four batches of one output each."""
    settings.WORKERS_BATCH_ITEMS = 1
    return make_run()


def make_run(outputs: int = 4) -> Run:
    task = make_task(make_project())
    for number in range(outputs):
        make_output(task, "x" * (number + 1))
    return start(task.project)


@pytest.fixture
def messages(monkeypatch):
    """Queues that were told that there is work."""
    sent: list[str] = []
    monkeypatch.setattr(dispatch, "send_work", lambda *, queue, messages=1: sent.extend([queue] * messages))
    return sent


def alive(name: str, queue: str = "cpu") -> None:
    WorkerHeartbeat.objects.create(name=name, queue=queue, started_at=Now(), seen_at=Now())


def test_batches_hold_items_of_like_length_longest_first(db, counting, settings):
    settings.WORKERS_BATCH_ITEMS = 2
    run = make_run(5)
    lengths = [
        [item.output.char_count for item in batch.items.order_by("id")] for batch in run.batches.order_by("number")
    ]
    assert lengths == [[5, 4], [3, 2], [1]]


def test_claiming_leases_the_oldest_waiting_batch_and_starts_the_run(run):
    batch = claim_batch(queue="cpu", worker="w")
    assert (batch.number, batch.attempt, batch.worker, batch.status) == (1, 1, "w", Batch.Status.LEASED)
    run.refresh_from_db()
    assert run.status == Run.Status.RUNNING
    assert run.started_at is not None


def test_a_leased_batch_is_not_claimed_again_while_the_lease_runs(run):
    numbers = [claim_batch(queue="cpu", worker="w").number for _ in range(4)]
    assert numbers == [1, 2, 3, 4]
    assert claim_batch(queue="cpu", worker="w") is None


def test_a_batch_whose_lease_ran_out_goes_to_another_worker_as_the_next_attempt(run):
    lost = claim_batch(queue="cpu", worker="dead")
    expire(lost)
    found = claim_batch(queue="cpu", worker="alive")
    assert (found.pk, found.attempt, found.worker, found.stalled_leases) == (lost.pk, 2, "alive", 1)
    assert not renew_lease(lost)
    assert not finish_batch(lost)
    assert renew_lease(found)


def test_a_batch_for_the_loaded_model_comes_first(run):
    endpoint = ModelEndpoint.objects.create(name="m", engine="transformers", reference="m")
    Batch.objects.filter(number=3).update(endpoint=endpoint)
    assert claim_batch(queue="cpu", worker="w", loaded_endpoints=[endpoint.pk]).number == 3
    assert claim_batch(queue="cpu", worker="w", loaded_endpoints=[endpoint.pk]).number == 1


def test_another_queue_has_other_batches(run):
    assert claim_batch(queue="gpu", worker="w") is None


def test_a_cancelled_runs_batches_are_not_claimed_until_it_resumes(run):
    cancel_run(run=run, actor=None)
    assert claim_batch(queue="cpu", worker="w") is None
    resume_run(run=run, actor=None)
    assert claim_batch(queue="cpu", worker="w") is not None


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_get_the_same_batch(counting, settings):
    settings.WORKERS_BATCH_ITEMS = 1
    make_run(20)
    claimed: list[int] = []
    together = threading.Barrier(4)

    def claim_all() -> None:
        try:
            together.wait()
            while batch := claim_batch(queue="cpu", worker="w"):
                claimed.append(batch.pk)
        finally:
            connection.close()

    workers = [threading.Thread(target=claim_all) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(claimed) == len(set(claimed)) == 20
    assert set(Batch.objects.values_list("attempt", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_two_runs_of_one_scorer_at_once_score_every_output_once(counting, settings):
    from workers.models import Attempt, RunItem
    from workers.scoring import work_once

    settings.WORKERS_BATCH_ITEMS = 2
    task = make_task(make_project())
    for number in range(12):
        make_output(task, "x" * (number + 1))
    scorer = counting_scorer(task.project)
    runs = [start(task.project, scorer), start(task.project, scorer)]
    together = threading.Barrier(2)

    def work(run: Run) -> None:
        try:
            together.wait()
            while work_once("cpu", run=run):
                pass
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=[run]) for run in runs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for run in runs:
        run.refresh_from_db()
        assert (run.status, run.scored_count, run.failed_count) == (Run.Status.FINISHED, 12, 0)
    assert sum(run.reused_count for run in runs) == 12
    assert Attempt.objects.filter(status="scored").count() == 12
    assert RunItem.objects.filter(status="scored").count() == 24


def test_waiting_work_is_said_once_for_each_worker_that_is_free(run, messages, django_capture_on_commit_callbacks):
    Batch.objects.update(dispatched_at=None)
    for name in ("a", "b", "c"):
        alive(name)
    alive("elsewhere", "gpu")
    claim_batch(queue="cpu", worker="a")
    with django_capture_on_commit_callbacks(execute=True):
        assert dispatch.redispatch() == 2
    assert messages == ["cpu", "cpu"]


def test_what_was_just_said_is_not_said_again(run, messages, django_capture_on_commit_callbacks):
    Batch.objects.update(dispatched_at=Now())
    with django_capture_on_commit_callbacks(execute=True):
        assert dispatch.redispatch() == 0
    assert messages == []


def test_while_every_worker_is_busy_nothing_is_said(run, messages):
    Batch.objects.update(dispatched_at=None)
    alive("a")
    claim_batch(queue="cpu", worker="a")
    assert dispatch.redispatch() == 0


def test_beat_sends_again_what_a_dead_worker_held(run, messages, django_capture_on_commit_callbacks):
    for _ in range(4):
        claim_batch(queue="cpu", worker="dead")
    Batch.objects.update(dispatched_at=None)
    for batch in Batch.objects.all():
        expire(batch)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.redispatch()
    assert messages == ["cpu"]


def test_beat_closes_what_a_dead_worker_held_of_a_cancelled_run(run, messages):
    batch = claim_batch(queue="cpu", worker="dead")
    cancel_run(run=run, actor=None)
    expire(batch)
    tasks.redispatch()
    assert set(Batch.objects.values_list("status", flat=True)) == {Batch.Status.CANCELLED}


def test_a_message_that_is_delivered_twice_or_too_late_does_no_harm(run, messages):
    for _ in range(10):
        tasks.work("cpu")
    run.refresh_from_db()
    assert (run.status, run.scored_count) == (Run.Status.FINISHED, 4)
    # Each of the four batches was followed by one message; the six that found nothing said nothing.
    assert messages == ["cpu"] * 4


def test_a_broker_that_is_away_is_no_error(run, monkeypatch, caplog):
    from kombu.exceptions import OperationalError

    def refuse(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.work, "apply_async", refuse)
    dispatch.send_work(queue="cpu")
    assert "beat will send it again" in caplog.text
