"""Storing what workers computed: once, whoever delivers it, and only while the batch is still theirs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import DataError, IntegrityError, OperationalError, transaction
from django.db.models import F, Max
from django.db.models.functions import Now
from psycopg.errors import DeadlockDetected

from projects.models import Project
from rewards import signal_store
from rewards.signal_store import NewSignal
from workers.actions.batches import lease_end
from workers.actions.runs import finish_if_settled
from workers.engines.contract import Usage
from workers.judgments import store_judgments, stored_replies
from workers.models import Attempt, Batch, Run, RunItem
from workers.outcomes import Outcome, failed

_TRIES = 3


class LeaseLostError(Exception):
    """The batch is another worker's by now: what was computed is dropped, the other one computes it."""


@dataclass(frozen=True)
class Spent:
    """What computing some items took: time, characters that models read for results, and what the engines metered."""

    seconds: float = 0.0
    characters: int = 0
    usage: Usage = field(default_factory=Usage)


NOTHING = Spent()


def store_outcomes(*, batch: Batch, outcomes: Sequence[Outcome], spent: Spent = NOTHING) -> None:
    """Write attempts, judgments, signals and counters of some items of the batch in one short transaction.

    The first statement locks the batch's row and fails unless this attempt still holds the lease, so a worker that
    was taken for dead writes nothing; it also renews the lease. What another run has scored meanwhile is taken over.
    A result that cannot be stored fails alone: it is found by halving.

    Raises
    ------
    LeaseLostError
        Nothing was written.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                _store(batch, outcomes, spent)
            return
        except IntegrityError:
            # Someone stored one of these identities between our look and our insert: look again.
            if tries_left:
                continue
            _store_apart(batch, outcomes, spent)
        except OperationalError as error:
            if tries_left and isinstance(error.__cause__, DeadlockDetected):
                continue
            raise
        except (ValueError, DataError):
            _store_apart(batch, outcomes, spent)
        return


def known_identities(*, rater_id: int, identities: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of these (input hash, repeat) the rater has scored; one query."""
    wanted = set(identities)
    scored = Attempt.objects.filter(
        rater=rater_id, status=Attempt.Status.SCORED, input_hash__in={input_hash for input_hash, _ in wanted}
    )
    return wanted & set(scored.values_list("input_hash", "repeat"))


def _store_apart(batch: Batch, outcomes: Sequence[Outcome], spent: Spent) -> None:
    if len(outcomes) > 1:
        middle = len(outcomes) // 2
        store_outcomes(batch=batch, outcomes=outcomes[:middle], spent=spent)
        store_outcomes(batch=batch, outcomes=outcomes[middle:])
        return
    try:
        with transaction.atomic():
            _store(batch, outcomes, spent)
    except (ValueError, DataError, IntegrityError) as error:
        with transaction.atomic():
            _store(batch, [failed(outcomes[0].item, outcomes[0].input, error)], spent)


def _store(batch: Batch, outcomes: Sequence[Outcome], spent: Spent) -> None:
    held = Batch.objects.held_as(batch).update(lease_until=lease_end(), heartbeat_at=Now(), stalled_leases=0)
    if not held:
        raise LeaseLostError(f"{batch} is not held as attempt {batch.attempt} any more")
    rater_id = batch.run.scorer.rater_id
    known = known_identities(rater_id=rater_id, identities=[o.identity for o in outcomes if o.status == "scored"])
    computed = [o for o in outcomes if o.status != "scored" or o.identity not in known]
    # In one order everywhere, so that two runs of one scorer wait for each other instead of deadlocking.
    computed.sort(key=lambda outcome: outcome.identity)
    scored = [outcome for outcome in computed if outcome.status == "scored"]
    if any(outcome.result is None for outcome in scored):
        raise ValueError("a stored result that was to be taken over is gone")
    _store_attempts(batch, computed)
    judgments = store_judgments(batch, scored)
    _store_signals(batch, scored)
    _settle_items(outcomes)
    reused = len(outcomes) - len(computed)
    _count(batch, outcomes, reused=reused, computed=computed, spent=spent)
    if judgments:
        Project.objects.filter(pk=batch.project_id).update(judgment_count=F("judgment_count") + judgments)


def _store_attempts(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    items = [outcome.item.pk for outcome in outcomes]
    last = dict(Attempt.objects.filter(item__in=items).values_list("item").annotate(Max("number")))
    Attempt.objects.bulk_create(
        Attempt(
            project_id=batch.project_id,
            item_id=outcome.item.pk,
            rater_id=batch.run.scorer.rater_id,
            output_id=outcome.item.output_id,
            input_hash=outcome.input_hash,
            repeat=outcome.item.repeat,
            number=last.get(outcome.item.pk, 0) + 1,
            status=outcome.status,
            reason=outcome.reason,
            detail=outcome.detail,
            traceback=outcome.traceback,
            replies=stored_replies(outcome.replies),
            worker=batch.worker,
            seconds=outcome.seconds,
        )
        for outcome in outcomes
    )


def _store_signals(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    signal_store.save_many(
        NewSignal(
            output=outcome.item.output,
            rater=batch.run.scorer.rater,
            channel=found.channel,
            signal=found.signal,
            input_hash=outcome.input_hash,
            repeat=outcome.item.repeat,
        )
        # Segmentations are shared between scorers: in one order, again.
        for outcome in sorted(outcomes, key=lambda outcome: outcome.item.output_id)
        if outcome.result
        for found in outcome.result.signals
    )


def _settle_items(outcomes: Sequence[Outcome]) -> None:
    for status, reason in sorted({(outcome.status, outcome.reason) for outcome in outcomes}):
        items = [o.item.pk for o in outcomes if (o.status, o.reason) == (status, reason)]
        settled = RunItem.objects.pending().filter(pk__in=items).update(status=status, reason=reason)
        if settled != len(items):
            raise LeaseLostError("items of this batch are settled already")


def _count(
    batch: Batch, outcomes: Sequence[Outcome], *, reused: int, computed: Sequence[Outcome], spent: Spent
) -> None:
    replies = [reply for outcome in computed for reply in outcome.all_replies]
    by_status: Counter[str] = Counter(outcome.status for outcome in outcomes)
    changes: dict[str, Any] = {
        "scored_count": by_status["scored"],
        "unscored_count": by_status["unscored"],
        "failed_count": by_status["failed"],
        "reused_count": reused,
        "attempted_count": len(computed),
        "attempted_characters": spent.characters,
        "reply_count": len(replies),
        "understood_count": sum(reply.is_understood for reply in replies),
        "prompt_tokens": spent.usage.prompt_tokens,
        "reply_tokens": spent.usage.reply_tokens,
        "cost": spent.usage.cost,
        "busy_seconds": spent.seconds,
    }
    Run.objects.filter(pk=batch.run_id).update(**{name: F(name) + change for name, change in changes.items() if change})
    finish_if_settled(run_id=batch.run_id)


def share_seconds(outcomes: Sequence[Outcome], seconds: float) -> list[Outcome]:
    """The outcomes with the time of their micro-batch divided evenly."""
    return [replace(outcome, seconds=seconds / len(outcomes)) for outcome in outcomes]
