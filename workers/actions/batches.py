"""Leases on batches: claimed by one worker at a time, renewed, given back, and given on when a worker is gone.

Locks are always taken in the order batch, then run. All times are the database's.
"""

from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from workers.models import Batch, Run

# Leases lost in a row without a result: from the first on, items are computed one by one; from the second on, the
# item that was under way is taken for what ends the workers, and fails.
CAREFUL_AFTER = 2
GIVE_UP_AFTER = 4


def claim_batch(
    *, queue: str, worker: str, loaded_endpoints: Collection[int] = (), run: Run | None = None
) -> Batch | None:
    """Lease the next batch that waits in `queue`, or of `run` only; None where nothing waits.

    A run of one item comes first, because somebody waits for it on a page; then a batch for a model that the worker has
    loaded, then the oldest. Two workers never get the same one: the row is locked, and rows that others have locked are
    skipped.
    """
    waiting = Batch.objects.claimable().filter(queue=queue).order_by("id")
    if run is not None:
        waiting = waiting.filter(run=run)
    with transaction.atomic():
        locked = waiting.select_for_update(skip_locked=True, of=("self",))
        batch = locked.filter(run__item_count=1).first()
        if batch is None and loaded_endpoints:
            batch = locked.filter(endpoint__in=loaded_endpoints).first()
        batch = batch or locked.first()
        if batch is None:
            return None
        was_lost = batch.status == Batch.Status.LEASED
        Batch.objects.filter(pk=batch.pk).update(
            status=Batch.Status.LEASED,
            attempt=F("attempt") + 1,
            stalled_leases=F("stalled_leases") + int(was_lost),
            worker=worker,
            lease_until=lease_end(),
            heartbeat_at=Now(),
        )
        Run.objects.filter(pk=batch.run_id, status=Run.Status.PENDING).update(
            status=Run.Status.RUNNING, started_at=Now()
        )
        return Batch.objects.select_related(
            "run__scorer__rater", "run__scorer__rubric_version", "run__scorer__prompt_version"
        ).get(pk=batch.pk)


def renew_lease(batch: Batch) -> bool:
    """Hold the lease for longer; False where another attempt has it."""
    return Batch.objects.held_as(batch).update(lease_until=lease_end(), heartbeat_at=Now()) == 1


def finish_batch(batch: Batch) -> bool:
    """Mark the batch as done, if this attempt still holds it."""
    done = Batch.objects.held_as(batch).update(
        status=Batch.Status.DONE, lease_until=None, stalled_leases=0, finished_at=Now()
    )
    return done == 1


def give_back_if_cancelled(batch: Batch) -> bool:
    """Stop work on the batch when its run was cancelled; True where the worker shall stop.

    One plain read while the run is wanted: nothing is locked and nothing written.
    """
    if not Run.objects.filter(pk=batch.run_id, status=Run.Status.CANCELLED).exists():
        return False
    with transaction.atomic():
        if not Batch.objects.held_as(batch).select_for_update().exists():
            return True
        # Read under the run's lock: a resume must not slip between this and the batch's new state.
        run = Run.objects.select_for_update(no_key=True).only("status").get(pk=batch.run_id)
        if run.status != Run.Status.CANCELLED:
            return False
        Batch.objects.held_as(batch).update(status=Batch.Status.CANCELLED, lease_until=None)
        return True


def cancel_expired() -> int:
    """Close the batches that workers lost after their run was cancelled; nobody will claim them."""
    with transaction.atomic():
        lost = Batch.objects.expired().filter(run__status=Run.Status.CANCELLED)
        batches = list(lost.select_for_update(skip_locked=True, of=("self",)).values_list("pk", "run_id"))
        runs = Run.objects.select_for_update(no_key=True).filter(pk__in={run for _, run in batches})
        cancelled = set(runs.order_by("pk").filter(status=Run.Status.CANCELLED).values_list("pk", flat=True))
        closing = [pk for pk, run in batches if run in cancelled]
        return Batch.objects.filter(pk__in=closing).update(status=Batch.Status.CANCELLED, lease_until=None)


def lease_end() -> CombinedExpression:
    """The database's time now and one lease on."""
    return Now() + timedelta(seconds=settings.WORKERS_LEASE_SECONDS)
