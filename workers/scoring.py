"""What a worker does with work: claim a batch, score it a few items at a time, store, and look up in between."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass

from django.db.models import F

from projects.log_context import log_about
from workers import artefact_files, model_loading, progress
from workers.actions.batches import (
    CAREFUL_AFTER,
    GIVE_UP_AFTER,
    claim_batch,
    finish_batch,
    give_back_if_cancelled,
    renew_lease,
)
from workers.actions.budgets import stop_spent_run
from workers.actions.endpoints import note_failure
from workers.actions.results import LeaseLostError, Spent, known_identities, share_seconds, store_outcomes
from workers.budgets import allowance_of
from workers.engines.contract import Engine, EngineError, Usage
from workers.inputs import InputReader, ItemInput
from workers.models import Batch, Run, RunItem
from workers.outcomes import UNREADABLE, WORKER_LOST, Outcome, compute, failed, storable
from workers.process import process
from workers.sources.contract import Source
from workers.sources.registry import UnknownSourceError, source_named
from workers.sources.results import Scored, Unscored
from workers.sources.scoring import score_items

logger = logging.getLogger(__name__)

Submit = Callable[[Sequence[ItemInput]], Future[list[Outcome]]]

# Items computed between two looks at lease and cancel: as many as take about so long, within bounds.
_MICRO_BATCH_SECONDS = 5.0
_FIRST_MICRO_BATCH = 4
_LARGEST_MICRO_BATCH = 8
# A server that answers many requests at a time gets so many items for each, in two micro-batches that overlap: while
# the last requests of one are waited for, the other keeps the server busy.
_REMOTE_LANES = 2
_REMOTE_ITEMS_PER_SLOT = 4


def work_once(queue: str, *, run: Run | None = None) -> bool:
    """Claim and score one batch; False where nothing waits."""
    batch = claim_batch(queue=queue, worker=process.name, loaded_endpoints=model_loading.held().endpoints, run=run)
    if batch is None:
        return False
    with process.working_on(batch), log_about(run_id=batch.run_id, batch=batch.number, attempt=batch.attempt):
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
    waiting = list(RunItem.objects.pending().filter(batch=batch).order_by("id").values_list("pk", flat=True))
    if batch.stalled_leases >= GIVE_UP_AFTER and waiting:
        detail = f"{batch.stalled_leases} workers in a row ended while they computed this item"
        [item] = _loaded(waiting[:1])
        store_outcomes(batch=batch, outcomes=[Outcome(item, None, "failed", reason=WORKER_LOST, detail=detail)])
        waiting = waiting[1:]
    try:
        scoring = _BatchScoring(batch, waiting)
    except EngineError as error:
        note_failure(batch=batch, error=error)
        store_outcomes(
            batch=batch, outcomes=[_unserved(item, error.code.value, error.message) for item in _loaded(waiting)]
        )
    except UnknownSourceError as error:
        store_outcomes(
            batch=batch, outcomes=[_unserved(item, "unknown_source", str(error)) for item in _loaded(waiting)]
        )
    else:
        while not scoring.run():
            if scoring.is_out_of_budget:
                stop_spent_run(batch)
                return
            if give_back_if_cancelled(batch):
                return
    finish_batch(batch)


@dataclass
class _MicroBatch:
    """Some items on their way: what was settled without a model, and what is being computed."""

    items: int
    started: float
    settled: list[Outcome]
    computed: Future[list[Outcome]]


class _BatchScoring:
    """The source, its models and the pace of one batch."""

    def __init__(self, batch: Batch, waiting: list[int]) -> None:
        scorer = batch.run.scorer
        self._batch = batch
        self._waiting = waiting
        self._source: Source = source_named(scorer.source)
        self._parameters = artefact_files.parameters_for(scorer)
        self._reader = InputReader(batch.run, self._source.declaration)
        uses = list(scorer.models.select_related("endpoint"))
        self._engines: dict[str, Engine] = {use.role: model_loading.engine_for(use.endpoint) for use in uses}
        self._is_priced = any(use.endpoint.prices for use in uses)
        self._charged = self._usage()
        self.is_out_of_budget = False
        self._is_wanted = True
        # Loading a model can take longer than a lease; the thread that renews it stops after a while.
        if not renew_lease(batch):
            raise LeaseLostError(f"{batch} was given to another worker while the model was loading")
        # An engine in process says nothing of concurrency: it is asked by one thread.
        slots = min((getattr(engine, "concurrency", 1) for engine in self._engines.values()), default=1)
        self._lanes, self._largest, self._size = 1, _LARGEST_MICRO_BATCH, _FIRST_MICRO_BATCH
        if batch.stalled_leases >= CAREFUL_AFTER:
            self._largest = self._size = 1
        elif slots > 1:
            self._lanes = _REMOTE_LANES
            self._largest = max(_LARGEST_MICRO_BATCH, _REMOTE_ITEMS_PER_SLOT * slots)
            self._size = max(_FIRST_MICRO_BATCH, slots)

    def run(self) -> bool:
        """Score and store the waiting items, a few at a time; True where none is left.

        Nothing is begun once the run is cancelled or has spent its budget. What was begun is stored in any case.
        """
        self._is_wanted = True
        under_way: list[_MicroBatch] = []
        try:
            with ExitStack() as stack:
                submit = self._submitter(stack)
                while True:
                    while self._waiting and self._is_wanted and len(under_way) < self._lanes:
                        count = self._affordable(under_way)
                        if not count:
                            break
                        under_way.append(self._begin(count, submit))
                    if not under_way:
                        return not self._waiting
                    done, _ = wait([one.computed for one in under_way], return_when=FIRST_COMPLETED)
                    finished = next(one for one in under_way if one.computed in done)
                    under_way.remove(finished)
                    self._store(finished)
        finally:
            self._charge_rest()

    def _submitter(self, stack: ExitStack) -> Submit:
        """How a micro-batch is computed: at once, or beside another one where engines wait more than they compute."""
        if self._lanes > 1:
            threads = stack.enter_context(ThreadPoolExecutor(self._lanes, thread_name_prefix="micro-batch"))
            return lambda inputs: threads.submit(self._compute, inputs)

        def at_once(inputs: Sequence[ItemInput]) -> Future[list[Outcome]]:
            done: Future[list[Outcome]] = Future()
            done.set_result(self._compute(inputs))
            return done

        return at_once

    def _compute(self, inputs: Sequence[ItemInput]) -> list[Outcome]:
        """Without the database: it may run in a thread of its own."""
        return compute(inputs, self._score) if inputs else []

    def _affordable(self, under_way: Sequence[_MicroBatch]) -> int:
        """How many items may be begun now: 0 where the run is cancelled, out of budget, or all that it may still spend
        is under way."""
        if Run.objects.filter(pk=self._batch.run_id, status=Run.Status.CANCELLED).exists():
            self._is_wanted = False
            return 0
        if not self._is_priced:
            return self._size
        affordable = allowance_of(self._batch.run).affordable
        if not affordable:
            self.is_out_of_budget = True
            self._is_wanted = False
            return 0
        return int(max(0, min(self._size, affordable - sum(one.items for one in under_way))))

    def _begin(self, count: int, submit: Submit) -> _MicroBatch:
        chosen, self._waiting = self._waiting[:count], self._waiting[count:]
        items = _loaded(chosen)
        started = time.monotonic()
        inputs, unreadable = self._read(items)
        rater_id = self._batch.run.scorer.rater_id
        known = known_identities(rater_id=rater_id, identities=[(i.input_hash, i.item.repeat) for i in inputs])
        fresh = [one for one in inputs if (one.input_hash, one.item.repeat) not in known]
        taken_over = [Outcome(i.item, i, "scored") for i in inputs if (i.input_hash, i.item.repeat) in known]
        return _MicroBatch(len(items), started, [*taken_over, *unreadable], submit(fresh))

    def _store(self, finished: _MicroBatch) -> None:
        computed = finished.computed.result()
        seconds = time.monotonic() - finished.started
        # What was refused was not read: it would make the measured speed look higher than it is.
        read = [outcome.input.source_item for outcome in computed if outcome.status == "scored" and outcome.input]
        characters = self._source.estimate(read, self._parameters).characters
        usage = self._usage()
        # Micro-batches that overlap share the worker's time.
        spent = Spent(seconds=seconds / self._lanes, characters=characters, usage=usage - self._charged)
        outcomes = share_seconds([*finished.settled, *computed], seconds)
        store_outcomes(batch=self._batch, outcomes=outcomes, spent=spent)
        self._charged = usage
        process.note_progress()
        progress.publish(self._batch.run_id)
        pace = int(_MICRO_BATCH_SECONDS * finished.items / max(seconds, 1e-6))
        self._size = max(1, min(self._largest, pace))

    def _charge_rest(self) -> None:
        """Put down what was paid for results that another worker's lease keeps from being stored."""
        rest = self._usage() - self._charged
        if rest != Usage():
            Run.objects.filter(pk=self._batch.run_id).update(
                cost=F("cost") + rest.cost,
                prompt_tokens=F("prompt_tokens") + rest.prompt_tokens,
                reply_tokens=F("reply_tokens") + rest.reply_tokens,
            )

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


def _loaded(keys: Sequence[int]) -> list[RunItem]:
    """The items with all that a source may read of them, in order."""
    return list(RunItem.objects.pending().for_scoring().filter(pk__in=keys))


def _unserved(item: RunItem, reason: str, detail: str) -> Outcome:
    return Outcome(item, None, "failed", reason=reason, detail=storable(detail))
