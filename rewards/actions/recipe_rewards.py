"""A recipe's version becomes a stored reward: signals by a rater of its own, and derived scores that lists sort by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from django.db import transaction

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import AuditEvent, Project, User
from rewards import signal_store
from rewards.actions.recipes import refused
from rewards.models import DerivedScore, Output, Rater, RecipeVersion
from rewards.recipe_results import RecipeResult, compute
from rewards.recipes.errors import RecipeError
from rewards.recipes.tree import read_recipe
from rewards.shaping.rows import Rows
from rewards.signals import RewardSignal

MAX_STORED: Final = 20_000
"""Outputs of one selection: a z-score or a batch's spread depends on all of them, so they are computed at once."""
REWARD: Final = "reward"
ADVANTAGE: Final = "advantage"

STARTED: Final = "recipe.storing_started"
FINISHED: Final = "recipe.storing_finished"
FAILED: Final = "recipe.storing_failed"
_CHUNK: Final = 200


class StoredReward(NamedTuple):
    """How far the newest request to store a version's reward is.

    Attributes
    ----------
    status : {"never", "running", "finished", "failed"}
    n_done, n_outputs, n_scored : int
        `n_scored` is known once it is finished.
    rater_id : int or None
        By whom the signals are found.
    problem : str
        Why it failed.
    """

    status: str
    n_done: int = 0
    n_outputs: int = 0
    n_scored: int = 0
    rater_id: int | None = None
    problem: str = ""


def start_storing(*, version: RecipeVersion, actor: User | None, tag: str = "", split: str = "") -> StoredReward:
    """Ask a worker to store the reward of every current output of these tasks.

    Asking again costs nothing where nothing has changed: what is stored already is found again by its inputs.

    Raises
    ------
    AppError
        ``recipe_invalid``, ``selection_empty``, or ``selection_too_large``.
    """
    from rewards.tasks import store_recipe_reward

    n_outputs = _selected(version.project, tag, split).count()
    if not n_outputs:
        raise AppError("There is no current output of such tasks.", code="selection_empty")
    if n_outputs > MAX_STORED:
        message = f"{n_outputs:,} outputs: at most {MAX_STORED:,} at once. Narrow them by a tag or a split."
        raise AppError(message, code="selection_too_large")
    with transaction.atomic():
        data = {"version": version.pk, "tag": tag, "split": split, "n_outputs": n_outputs}
        event = record_event(actor=actor, verb=STARTED, project=version.project, target=version, data=data)
        transaction.on_commit(lambda: store_recipe_reward.delay(version.pk, event.pk))
    return stored_reward(version)


def store_reward(version_id: int, event_id: int) -> None:
    """Compute and write what `start_storing` asked for; idempotent, and says in the audit log how it ended.

    An unexpected error is noted there too, and raised again for the worker's log.
    """
    version = RecipeVersion.objects.select_related("project", "recipe").get(pk=version_id)
    event = AuditEvent.objects.get(pk=event_id)
    asked = dict(event.data)
    ids = list(_selected(version.project, asked["tag"], asked["split"]).values_list("pk", flat=True))
    try:
        result = compute(version.project, read_recipe(version.tree), ids)
        _write(version, result)
    except (RecipeError, AppError) as error:
        problem = refused(error) if isinstance(error, RecipeError) else error
        _ended(version, event, FAILED, {"problem": problem.message})
        return
    except Exception as error:
        _ended(version, event, FAILED, {"problem": f"{type(error).__name__}: {error}"[:500]})
        raise
    n_scored = sum(row.total is not None for row in result.rows())
    done: dict[str, Any] = {"n_outputs": len(result.built.output_ids), "n_scored": n_scored}
    _ended(version, event, FINISHED, done | {"left_out": len(result.built.left_out)})


def stored_reward(version: RecipeVersion) -> StoredReward:
    """How far the newest request is; at most four queries."""
    about = AuditEvent.objects.filter(
        project=version.project_id, object_type=version._meta.model_name, object_id=str(version.pk)
    ).order_by("-id")
    started = about.filter(verb=STARTED).first()
    if started is None:
        return StoredReward("never")
    ended = about.filter(verb__in=[FINISHED, FAILED], data__request=started.pk).first()
    rater = Rater.objects.filter(project=version.project_id, scorer_hash=_scorer_hash(version)).first()
    rater_id = None if rater is None else rater.pk
    n_outputs = started.data["n_outputs"]
    if ended is None:
        scores = DerivedScore.objects.of(version.project).defined_by(definition_hash(version))
        n_done = scores.filter(created_at__gte=started.created_at).count()
        return StoredReward("running", n_done, n_outputs, rater_id=rater_id)
    if ended.verb == FAILED:
        return StoredReward("failed", 0, n_outputs, rater_id=rater_id, problem=ended.data["problem"])
    return StoredReward("finished", ended.data["n_outputs"], n_outputs, ended.data["n_scored"], rater_id)


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


def _write(version: RecipeVersion, result: RecipeResult) -> None:
    """Write a few hundred outputs at a time, each lot in one transaction: a worker that dies loses a lot at most."""
    rater, digest = recipe_rater(version), result.built.input_hash
    scores = list(result.rows())
    for first in range(0, len(scores), _CHUNK):
        places = range(first, min(first + _CHUNK, len(scores)))
        ids = [result.built.output_ids[index] for index in places]
        outputs = Output.objects.in_bulk(ids)
        with transaction.atomic():
            signal_store.save_many(_signals(result, places, outputs, rater, digest))
            DerivedScore.objects.of(version.project).defined_by(definition_hash(version)).about(ids).delete()
            DerivedScore.objects.bulk_create(
                DerivedScore(
                    project=version.project,
                    output_id=row.output_id,
                    definition_hash=definition_hash(version),
                    judgment_set_hash=digest,
                    value=row.total,
                    scored_count=sum(value is not None for value in row.values),
                    total_count=len(row.values),
                )
                for row in (scores[index] for index in places)
            )


def _signals(
    result: RecipeResult, places: Sequence[int], outputs: dict[int, Output], rater: Rater, digest: str
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
                yield signal_store.NewSignal(output, rater, channel, signal, digest)


def _ended(version: RecipeVersion, event: AuditEvent, verb: str, data: dict[str, Any]) -> None:
    record_event(
        actor=event.actor,
        verb=verb,
        project=version.project,
        target=version,
        data={"version": version.pk, "request": event.pk, **data},
    )
