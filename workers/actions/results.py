"""Storing what workers computed: once, whoever delivers it, and only while the batch is still theirs."""

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db import DataError, IntegrityError, OperationalError, transaction
from django.db.models import F, Max
from django.db.models.functions import Now
from psycopg.errors import DeadlockDetected

from projects.models import Project
from rewards import signal_store
from rewards.models import Judgment, JudgmentTrace, Verdict
from rewards.signal_store import NewSignal
from workers.actions.batches import lease_end
from workers.actions.runs import finish_if_settled
from workers.code_version import code_version
from workers.models import Attempt, Batch, Run, RunItem
from workers.outcomes import Outcome, failed

_TRIES = 3


class LeaseLostError(Exception):
    """The batch is another worker's by now: what was computed is dropped, the other one computes it."""


def store_outcomes(*, batch: Batch, outcomes: Sequence[Outcome], seconds: float = 0.0, characters: int = 0) -> None:
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
                _store(batch, outcomes, seconds, characters)
            return
        except IntegrityError:
            # Someone stored one of these identities between our look and our insert: look again.
            if tries_left:
                continue
            _store_apart(batch, outcomes, seconds, characters)
        except OperationalError as error:
            if tries_left and isinstance(error.__cause__, DeadlockDetected):
                continue
            raise
        except (ValueError, DataError):
            _store_apart(batch, outcomes, seconds, characters)
        return


def known_identities(*, rater_id: int, identities: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of these (input hash, repeat) the rater has scored; one query."""
    wanted = set(identities)
    scored = Attempt.objects.filter(
        rater=rater_id, status=Attempt.Status.SCORED, input_hash__in={input_hash for input_hash, _ in wanted}
    )
    return wanted & set(scored.values_list("input_hash", "repeat"))


def _store_apart(batch: Batch, outcomes: Sequence[Outcome], seconds: float, characters: int) -> None:
    if len(outcomes) > 1:
        middle = len(outcomes) // 2
        store_outcomes(batch=batch, outcomes=outcomes[:middle], seconds=seconds, characters=characters)
        store_outcomes(batch=batch, outcomes=outcomes[middle:])
        return
    try:
        with transaction.atomic():
            _store(batch, outcomes, seconds, characters)
    except (ValueError, DataError, IntegrityError) as error:
        with transaction.atomic():
            _store(batch, [failed(outcomes[0].item, outcomes[0].input, error)], seconds, characters)


def _store(batch: Batch, outcomes: Sequence[Outcome], seconds: float, characters: int) -> None:
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
    judgments = _store_judgments(batch, [o for o in scored if o.result and o.result.verdicts])
    _store_signals(batch, scored)
    _settle_items(outcomes)
    reused = len(outcomes) - len(computed)
    _count(batch, outcomes, reused=reused, computed=len(computed), seconds=seconds, characters=characters)
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
            worker=batch.worker,
            seconds=outcome.seconds,
        )
        for outcome in outcomes
    )


def _store_judgments(batch: Batch, outcomes: Sequence[Outcome]) -> int:
    judgments = Judgment.objects.bulk_create(_judgment(batch, outcome) for outcome in outcomes)
    pairs = list(zip(judgments, outcomes, strict=True))
    JudgmentTrace.objects.bulk_create(_trace(batch, judgment, outcome) for judgment, outcome in pairs)
    Verdict.objects.bulk_create(verdict for judgment, outcome in pairs for verdict in _verdicts(judgment, outcome))
    return len(judgments)


def _judgment(batch: Batch, outcome: Outcome) -> Judgment:
    rater_id = batch.run.scorer.rater_id
    return Judgment(
        project_id=batch.project_id,
        kind=Judgment.Kind.VERDICTS,
        rater_id=rater_id,
        task_id=outcome.item.output.task_id,
        output_id=outcome.item.output_id,
        input_hash=outcome.input_hash,
        repeat=outcome.item.repeat,
        act=uuid.uuid4(),
        idempotency_key=f"scorer:{rater_id}:{outcome.input_hash}:{outcome.item.repeat}",
        presentation={"run": batch.run_id},
        duration_ms=None if outcome.seconds is None else round(outcome.seconds * 1000),
    )


def _trace(batch: Batch, judgment: Judgment, outcome: Outcome) -> JudgmentTrace:
    """What the model was asked and how sure it was, by criterion."""
    assert outcome.result is not None
    assert outcome.input is not None
    replies = {
        verdict.criterion_key: {
            "offered_mass": verdict.offered_mass,
            "prompt_sha256": verdict.prompt_sha256,
            "detail": verdict.detail,
        }
        for verdict in outcome.result.verdicts
    }
    models = batch.run.scorer.content["models"].values()
    return JudgmentTrace(
        judgment=judgment,
        prompt_hash=batch.run.scorer.content.get("prompt", ""),
        raw_reply=json.dumps(replies),
        parse_state="probabilities",
        served_model=", ".join(str(model["weights"]) for model in models)[:300],
        seed=outcome.input.source_item.seed,
        seconds=outcome.seconds,
        code_version=code_version(),
    )


def _verdicts(judgment: Judgment, outcome: Outcome) -> list[Verdict]:
    assert outcome.result is not None
    assert outcome.input is not None
    return [
        Verdict(
            judgment=judgment,
            criterion_id=outcome.input.criterion_ids[verdict.criterion_key],
            state=verdict.state,
            label=verdict.label,
            value=verdict.value,
            probabilities=dict(verdict.probabilities) or None,
            prior=dict(verdict.prior) or None,
            reason=verdict.reason,
            explanation=verdict.detail,
        )
        for verdict in outcome.result.verdicts
    ]


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
    batch: Batch, outcomes: Sequence[Outcome], *, reused: int, computed: int, seconds: float, characters: int
) -> None:
    by_status: Counter[str] = Counter(outcome.status for outcome in outcomes)
    changes: dict[str, Any] = {
        "scored_count": by_status["scored"],
        "unscored_count": by_status["unscored"],
        "failed_count": by_status["failed"],
        "reused_count": reused,
        "attempted_count": computed,
        "attempted_characters": characters,
        "busy_seconds": seconds,
    }
    Run.objects.filter(pk=batch.run_id).update(**{name: F(name) + change for name, change in changes.items() if change})
    finish_if_settled(run_id=batch.run_id)


def share_seconds(outcomes: Sequence[Outcome], seconds: float) -> list[Outcome]:
    """The outcomes with the time of their micro-batch divided evenly."""
    return [replace(outcome, seconds=seconds / len(outcomes)) for outcome in outcomes]
