"""What a worker does with work: claim a batch, score it a few items at a time, store, and look up in between."""

import logging
import time
from collections.abc import Sequence

from workers import model_loading, progress
from workers.actions.batches import (
    CAREFUL_AFTER,
    GIVE_UP_AFTER,
    claim_batch,
    finish_batch,
    give_back_if_cancelled,
    renew_lease,
)
from workers.actions.endpoints import note_failure
from workers.actions.results import LeaseLostError, Spent, known_identities, share_seconds, store_outcomes
from workers.engines.contract import Engine, EngineError, Usage
from workers.inputs import InputReader, ItemInput
from workers.models import Batch, Run, RunItem
from workers.outcomes import UNREADABLE, WORKER_LOST, Outcome, compute, failed, storable
from workers.process import process
from workers.sources.contract import Scored, Source, Unscored
from workers.sources.registry import UnknownSourceError, source_named
from workers.sources.scoring import score_items

logger = logging.getLogger(__name__)

# Items computed between two looks at lease and cancel: as many as take about so long, within bounds.
_MICRO_BATCH_SECONDS = 5.0
_FIRST_MICRO_BATCH = 4
_LARGEST_MICRO_BATCH = 8


def work_once(queue: str, *, run: Run | None = None) -> bool:
    """Claim and score one batch; False where nothing waits."""
    batch = claim_batch(queue=queue, worker=process.name, loaded_endpoints=model_loading.held().endpoints, run=run)
    if batch is None:
        return False
    with process.working_on(batch):
        try:
            score_batch(batch)
        except LeaseLostError as error:
            logger.warning("%s", error)
    progress.publish(batch.run_id, now=True)
    return True


def score_batch(batch: Batch) -> None:
    """Settle all waiting items of a leased batch, unless its run is cancelled or the lease is lost.

    No model is called inside a transaction. What has been stored stays, whatever ends this.

    Raises
    ------
    LeaseLostError
        Another worker has the batch.
    """
    items = list(RunItem.objects.pending().for_scoring().filter(batch=batch))
    if batch.stalled_leases >= GIVE_UP_AFTER and items:
        detail = f"{batch.stalled_leases} workers in a row ended while they computed this item"
        store_outcomes(batch=batch, outcomes=[Outcome(items[0], None, "failed", reason=WORKER_LOST, detail=detail)])
        items = items[1:]
    try:
        scoring = _BatchScoring(batch)
    except EngineError as error:
        note_failure(batch=batch, error=error)
        store_outcomes(batch=batch, outcomes=[_unserved(item, error.code.value, error.message) for item in items])
        items = []
    except UnknownSourceError as error:
        store_outcomes(batch=batch, outcomes=[_unserved(item, "unknown_source", str(error)) for item in items])
        items = []
    while items:
        if give_back_if_cancelled(batch):
            return
        items = items[scoring.score_some(items) :]
        progress.publish(batch.run_id)
    finish_batch(batch)


class _BatchScoring:
    """The source, its models and the pace of one batch."""

    def __init__(self, batch: Batch) -> None:
        scorer = batch.run.scorer
        self._batch = batch
        self._source: Source = source_named(scorer.source)
        self._parameters = scorer.parameters_in_force
        self._reader = InputReader(batch.run, self._source.declaration)
        self._engines: dict[str, Engine] = {
            use.role: model_loading.engine_for(use.endpoint) for use in scorer.models.select_related("endpoint")
        }
        # Loading a model can take longer than a lease; the thread that renews it stops after a while.
        if not renew_lease(batch):
            raise LeaseLostError(f"{batch} was given to another worker while the model was loading")
        self._is_careful = batch.stalled_leases >= CAREFUL_AFTER
        self._size = 1 if self._is_careful else _FIRST_MICRO_BATCH

    def score_some(self, items: Sequence[RunItem]) -> int:
        """Score and store the first few items; how many."""
        chosen = items[: self._size]
        started = time.monotonic()
        before = self._usage()
        outcomes, characters = self._outcomes(chosen)
        seconds = time.monotonic() - started
        spent = Spent(seconds=seconds, characters=characters, usage=self._usage() - before)
        store_outcomes(batch=self._batch, outcomes=share_seconds(outcomes, seconds), spent=spent)
        process.note_progress()
        if not self._is_careful:
            pace = int(_MICRO_BATCH_SECONDS * len(chosen) / max(seconds, 1e-6))
            self._size = max(1, min(_LARGEST_MICRO_BATCH, pace))
        return len(chosen)

    def _outcomes(self, items: Sequence[RunItem]) -> tuple[list[Outcome], int]:
        """One outcome an item, in any order, and the characters that models read for them."""
        inputs, unreadable = self._read(items)
        rater_id = self._batch.run.scorer.rater_id
        known = known_identities(rater_id=rater_id, identities=[(i.input_hash, i.item.repeat) for i in inputs])
        fresh = [one for one in inputs if (one.input_hash, one.item.repeat) not in known]
        taken_over = [Outcome(i.item, i, "scored") for i in inputs if (i.input_hash, i.item.repeat) in known]
        computed = compute(fresh, self._score) if fresh else []
        # What was refused was not read: it would make the measured speed look higher than it is.
        read = [outcome.input.source_item for outcome in computed if outcome.status == "scored" and outcome.input]
        characters = self._source.estimate(read, self._parameters).characters
        return [*taken_over, *computed, *unreadable], characters

    def _usage(self) -> Usage:
        """What all engines of this batch together have been asked; one that plays two roles counts once."""
        return sum((engine.usage for engine in set(self._engines.values())), Usage())

    def _read(self, items: Sequence[RunItem]) -> tuple[list[ItemInput], list[Outcome]]:
        """Inputs, and failures of items whose stored content has another shape than expected."""
        try:
            return self._reader.read(items), []
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if len(items) == 1:
                return [], [failed(items[0], None, error, UNREADABLE)]
        inputs, failures = self._read(items[: len(items) // 2])
        more_inputs, more_failures = self._read(items[len(items) // 2 :])
        return inputs + more_inputs, failures + more_failures

    def _score(self, inputs: Sequence[ItemInput]) -> list[Scored | Unscored]:
        return score_items(self._source, [one.source_item for one in inputs], self._engines, self._parameters)


def _unserved(item: RunItem, reason: str, detail: str) -> Outcome:
    return Outcome(item, None, "failed", reason=reason, detail=storable(detail))
