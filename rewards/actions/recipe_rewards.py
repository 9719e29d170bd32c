"""A recipe's version becomes a stored reward: signals by a rater of its own, and derived scores that lists sort by."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards import signal_store
from rewards.actions.recipes import refused
from rewards.heartbeat import beating
from rewards.models import DerivedScore, Output, Rater, RecipeVersion, StoredReward
from rewards.querysets.stored_reward import StoredRewardQuerySet
from rewards.recipe_results import RecipeResult, compute
from rewards.recipes.errors import RecipeError
from rewards.recipes.tree import read_recipe
from rewards.shaping.rows import Rows
from rewards.signals import RewardSignal

MAX_STORED: Final = 20_000
"""Outputs of one selection: a z-score or a batch's spread depends on all of them, so they are computed at once."""
REWARD: Final = "reward"
ADVANTAGE: Final = "advantage"

_CHUNK: Final = 200
STALE_AFTER: Final = timedelta(minutes=2)


class StoringStoppedError(Exception):
    """The request is no longer this worker's: it was cancelled, or another worker has it."""


def start_storing(*, version: RecipeVersion, actor: User | None, tag: str = "", split: str = "") -> StoredReward:
    """Ask a worker to store the reward of every current output of these tasks.

    Asking again costs nothing where nothing has changed: what is stored already is found again by its inputs.

    Raises
    ------
    AppError
        ``selection_empty``, ``selection_too_large``, or ``storing_open`` (409) while another request is.
    """
    from rewards.tasks import store_recipe_reward

    n_outputs = _selected(version.project, tag, split).count()
    if not n_outputs:
        raise AppError(gettext("There is no current output of such tasks."), code="selection_empty")
    if n_outputs > MAX_STORED:
        message = gettext("%(n_outputs)s outputs: at most %(max_stored)s at once. Narrow them by a tag or a split.") % {
            "n_outputs": f"{n_outputs:,}",
            "max_stored": f"{MAX_STORED:,}",
        }
        raise AppError(message, code="selection_too_large")
    asked = {"tag": tag, "split": split, "n_outputs": n_outputs}
    try:
        with transaction.atomic():
            stored = StoredReward.objects.create(project=version.project, version=version, created_by=actor, **asked)
            data = {"version": version.pk, **asked}
            record_event(actor=actor, verb="recipe.storing_started", project=version.project, target=version, data=data)
            transaction.on_commit(lambda: store_recipe_reward.delay(stored.pk))
    except IntegrityError as error:
        message = gettext("This version's reward is being stored already. Wait for it, or cancel it.")
        raise AppError(message, code="storing_open", status=409) from error
    return stored


def cancel_storing(*, version: RecipeVersion, actor: User) -> StoredReward:
    """Stop the open request; its worker notices at its next lot. Signals that were stored stay, the old scores stand.

    Raises
    ------
    AppError
        ``storing_ended`` (409).
    """
    with transaction.atomic():
        cancelled = version.stored_rewards.open().update(
            status=StoredReward.Status.CANCELLED, finished_at=timezone.now()
        )
        if not cancelled:
            raise AppError(gettext("Storing has ended already."), code="storing_ended", status=409)
        record_event(actor=actor, verb="recipe.storing_cancelled", project=version.project, target=version)
    return version.stored_rewards.newest_first()[0]


def store_reward(stored_id: int) -> None:
    """Compute and write what `start_storing` asked for; does nothing where another worker has it.

    Raises
    ------
    Exception
        What nobody expected is noted at the request, and raised again for the worker's log.
    """
    attempt = uuid.uuid4()
    claimable = StoredReward.objects.claimable(silent_since=timezone.now() - STALE_AFTER)
    claimed = claimable.filter(pk=stored_id).update(
        status=StoredReward.Status.RUNNING, attempt=attempt, heartbeat_at=timezone.now(), n_done=0
    )
    if not claimed:
        return
    stored = StoredReward.objects.select_related("version__recipe", "project").get(pk=stored_id)
    try:
        with beating(partial(_beat, stored)):
            _compute_and_write(stored)
    except StoringStoppedError:
        return
    except (RecipeError, AppError) as error:
        _fail(stored, (refused(error) if isinstance(error, RecipeError) else error).message)
    except Exception as error:
        _fail(stored, f"{type(error).__name__}: {error}"[:2000])
        raise


def requeue_stalled_stored_rewards() -> int:
    """Send requests again that wait unheard or whose worker fell silent; beat calls it."""
    from rewards.tasks import store_recipe_reward

    stalled = list(StoredReward.objects.stalled(silent_since=timezone.now() - STALE_AFTER).values_list("pk", flat=True))
    for stored_id in stalled:
        store_recipe_reward.delay(stored_id)
    return len(stalled)


def stored_reward(version: RecipeVersion) -> StoredReward | None:
    """The newest request to store the version's reward; one query."""
    return version.stored_rewards.newest_first().first()


def definition_hash(version: RecipeVersion) -> str:
    """By what the derived scores of a recipe's version are found."""
    return hashlib.sha256(f"recipe:{version.content_hash}".encode()).hexdigest()


def recipe_rater(version: RecipeVersion) -> Rater:
    """The rater that a recipe's version is: one for each content, whatever the recipe is called."""
    digest = _scorer_hash(version)
    rater, _ = Rater.objects.get_or_create(
        project=version.project,
        scorer_hash=digest,
        defaults={
            "kind": Rater.Kind.SCORER,
            "name": f"{version.recipe.name}, version {version.number}"[:200],
            "pseudonym": f"scorer-{digest[:12]}",
        },
    )
    return rater


def _scorer_hash(version: RecipeVersion) -> str:
    return hashlib.sha256(f"recipe version:{version.content_hash}".encode()).hexdigest()


def _selected(project: Project, tag: str, split: str) -> Any:
    outputs = Output.objects.of(project).current().filter(task__is_current=True)
    if tag:
        outputs = outputs.filter(task__tags__contains=[tag])
    if split:
        outputs = outputs.filter(task__split=split)
    return outputs.order_by("task_id", "pk")


def _compute_and_write(stored: StoredReward) -> None:
    version = stored.version
    version.project = stored.project
    ids = list(_selected(stored.project, stored.tag, stored.split).values_list("pk", flat=True))
    rater = recipe_rater(version)
    _update_mine(stored, n_outputs=len(ids), rater=rater)
    result = compute(stored.project, read_recipe(version.tree), ids)
    for first in range(0, len(result.built.output_ids), _CHUNK):
        places = range(first, min(first + _CHUNK, len(result.built.output_ids)))
        outputs = Output.objects.in_bulk([result.built.output_ids[index] for index in places])
        # A worker that dies loses a lot at most, and one that was only slow writes none after it was given up.
        with transaction.atomic():
            _update_mine(stored, n_done=places.stop, heartbeat_at=timezone.now())
            signal_store.save_many(_signals(result, places, outputs, rater))
    _finish(stored, result)


def _finish(stored: StoredReward, result: RecipeResult) -> None:
    """Exchange the scores of the version all at once: those of an earlier selection had other groups and moments."""
    definition, digest = definition_hash(stored.version), result.built.input_hash
    rows = list(result.rows())
    with transaction.atomic():
        _update_mine(
            stored,
            status=StoredReward.Status.DONE,
            n_done=len(rows),
            n_scored=sum(row.total is not None for row in rows),
            n_left_out=len(result.built.left_out),
            finished_at=timezone.now(),
        )
        DerivedScore.objects.of(stored.project).defined_by(definition).delete()
        DerivedScore.objects.bulk_create(
            (
                DerivedScore(
                    project=stored.project,
                    output_id=row.output_id,
                    definition_hash=definition,
                    judgment_set_hash=digest,
                    value=row.total,
                    scored_count=sum(value is not None for value in row.values),
                    total_count=len(row.values),
                )
                for row in rows
            ),
            batch_size=2_000,
        )
        record_event(
            actor=stored.created_by,
            verb="recipe.storing_finished",
            project=stored.project,
            target=stored.version,
            data={"version": stored.version_id, "n_outputs": len(rows)},
        )


def _signals(
    result: RecipeResult, places: Sequence[int], outputs: dict[int, Output], rater: Rater
) -> Iterator[signal_store.NewSignal]:
    channels: dict[str, Rows | None] = {
        REWARD: result.evaluation.reward,
        ADVANTAGE: result.evaluation.advantages,
    }
    for index in places:
        output = outputs[result.built.output_ids[index]]
        for channel, rows in channels.items():
            if rows is not None:
                cut = result.built.segmentation(rows, index)
                signal = RewardSignal(cut, rows.of(index).astype("float32"))
                yield signal_store.NewSignal(output, rater, channel, signal, result.built.input_hash)


def _beat(stored: StoredReward) -> None:
    _mine(stored).update(heartbeat_at=timezone.now())


def _mine(stored: StoredReward) -> StoredRewardQuerySet:
    return StoredReward.objects.filter(pk=stored.pk, attempt=stored.attempt, status=StoredReward.Status.RUNNING)


def _update_mine(stored: StoredReward, **values: Any) -> None:
    """Write to the request if this attempt still has it, else raise StoringStoppedError."""
    if not _mine(stored).update(**values):
        raise StoringStoppedError


def _fail(stored: StoredReward, why: str) -> None:
    _mine(stored).update(status=StoredReward.Status.FAILED, failure=why, finished_at=timezone.now())
