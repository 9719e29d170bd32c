"""Storing the reactions of an application's users, once each, by a rater that carries the application's name."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import Project, User
from rewards.models import Judgment, Output, Rater, Rating
from rewards.reactions import Reaction, read_reaction

MOST = 200
"""Reactions in one request."""


@dataclass(frozen=True)
class Given:
    """One reaction as it arrives; `output` is the id of a row, else the external ids name the current output."""

    key: str
    reaction: str
    value: float | None = None
    output: int | None = None
    task_id: str = ""
    output_id: str = ""
    user: str = ""


class Stored(NamedTuple):
    """What became of the reactions of one request."""

    stored: int
    unchanged: int
    replaced: int


def store_reactions(*, project: Project, app: str, given: Sequence[Given]) -> Stored:
    """Write reactions as ratings from 0 to 1; the same keys again change nothing.

    A person (`user`, kept as a hash) who answers the same question about the same output under a new key has changed
    their mind: the earlier rating is withdrawn and the new one replaces it. Three queries, and a few more to write.

    Raises
    ------
    AppError
        ``reactions_invalid`` naming each wrong one by its place, before anything is stored; ``key_reused`` (409)
        where a key stood for another reaction.
    """
    read = _read(project, given)
    rater = Rater.objects.get_or_create(
        project=project,
        kind=Rater.Kind.EXTERNAL,
        name=app,
        defaults={"pseudonym": f"external-{hashlib.sha256(app.encode()).hexdigest()[:12]}"},
    )[0]
    with transaction.atomic():
        # One request of an application after the other: keys and changed minds are looked up before they are written.
        Rater.objects.select_for_update(no_key=True).get(pk=rater.pk)
        return _write(project, rater, given, read)


@transaction.atomic
def withdraw_reactions(*, project: Project, app: str, keys: Sequence[str], by: User) -> int:
    """Take reactions back; how many stood. Unknown and withdrawn keys are passed over."""
    rater = Rater.objects.filter(project=project, kind=Rater.Kind.EXTERNAL, name=app).first()
    if rater is None:
        return 0
    standing = Judgment.objects.of(project).standing().filter(idempotency_key__in=[_key(rater, key) for key in keys])
    count = standing.update(withdrawn_at=timezone.now(), withdrawn_by=by)
    Project.objects.filter(pk=project.pk).update(judgment_count=F("judgment_count") - count)
    return count


class _Read(NamedTuple):
    output: Output
    reaction: Reaction
    person: str


def _read(project: Project, given: Sequence[Given]) -> list[_Read]:
    """Every reaction with its output, or all that is wrong with any of them."""
    problems: dict[str, list[str]] = {}
    seen: set[str] = set()
    outputs = _outputs(project, given)
    read = []
    for place, one in enumerate(given):
        found = outputs.get(one.output if one.output is not None else (one.task_id, one.output_id))
        if found is None:
            problems[f"reactions.{place}.output"] = [gettext("There is no such current output in this project.")]
        if one.key in seen:
            problems[f"reactions.{place}.key"] = [gettext("This key comes twice.")]
        seen.add(one.key)
        try:
            reaction = read_reaction(one.reaction, one.value)
        except ValueError as error:
            problems[f"reactions.{place}.reaction"] = [f"{str(error)[:1].upper()}{str(error)[1:]}."]
            continue
        if found is not None:
            read.append(_Read(found, reaction, _person(project, one.user)))
    if problems:
        name, (first, *_) = next(iter(problems.items()))
        raise AppError(f"{name}: {first}", code="reactions_invalid", fields=problems)
    return read


def _outputs(project: Project, given: Sequence[Given]) -> dict[Any, Output]:
    """By id, and by the external ids of task and output; one query."""
    ids = [one.output for one in given if one.output is not None]
    named = [one for one in given if one.output is None and one.output_id]
    # Both ids: many tasks call their outputs alike.
    wanted = Q(pk__in=ids) | Q(
        external_id__in={one.output_id for one in named},
        task__external_id__in={one.task_id for one in named},
        is_current=True,
    )
    rows = (
        Output.objects.of(project).filter(wanted).select_related("task").only("id", "external_id", "task__external_id")
    )
    found: dict[Any, Output] = {}
    for output in rows:
        found[output.pk] = found[output.task.external_id, output.external_id] = output
    return found


def _person(project: Project, user: str) -> str:
    """An application's name for a person is not kept: a hash tells that it is the same one."""
    return hashlib.sha256(f"{project.pk}:{user}".encode()).hexdigest()[:20] if user else ""


def _write(project: Project, rater: Rater, given: Sequence[Given], read: Sequence[_Read]) -> Stored:
    keys = [_key(rater, one.key) for one in given]
    known = _known(project, keys)
    fresh = []
    for key, one in zip(keys, read, strict=True):
        if key in known:
            if known[key] != (one.output.pk, one.reaction.question, one.reaction.value):
                raise AppError(gettext("A key was used for another reaction."), code="key_reused", status=409)
        else:
            fresh.append((key, one))
    earlier = _earlier(rater, [one for _, one in fresh])
    replaced = [earlier[_place(one)] for _, one in fresh if _place(one) in earlier]
    withdrawn = Judgment.objects.filter(pk__in=replaced).update(withdrawn_at=timezone.now())
    act = uuid.uuid4()
    judgments = Judgment.objects.bulk_create(
        Judgment(
            project=project,
            kind=Judgment.Kind.RATING,
            rater=rater,
            task_id=one.output.task_id,
            output=one.output,
            act=act,
            idempotency_key=key,
            presentation={"reaction": one.reaction.question, "of": one.person},
            replaces_id=earlier.get(_place(one)),
        )
        for key, one in fresh
    )
    Rating.objects.bulk_create(
        Rating(judgment=judgment, question=one.reaction.question, value=one.reaction.value, scale_low=0, scale_high=1)
        for judgment, (_, one) in zip(judgments, fresh, strict=True)
    )
    Project.objects.filter(pk=project.pk).update(judgment_count=F("judgment_count") + len(fresh) - withdrawn)
    return Stored(len(fresh), len(keys) - len(fresh), withdrawn)


def _known(project: Project, keys: Sequence[str]) -> dict[str, tuple[int | None, str, float | None]]:
    rows = Rating.objects.filter(judgment__project=project, judgment__idempotency_key__in=keys)
    fields = rows.values_list("judgment__idempotency_key", "judgment__output_id", "question", "value")
    return {key: (output, question, value) for key, output, question, value in fields}


def _earlier(rater: Rater, read: Sequence[_Read]) -> Mapping[tuple[int, str, str], int]:
    """What the same people said of the same outputs before, by output, question and person."""
    people = [one.person for one in read if one.person]
    if not people:
        return {}
    outputs = [one.output.pk for one in read]
    rows = Rating.objects.filter(
        judgment__rater=rater,
        judgment__output__in=outputs,
        judgment__withdrawn_at__isnull=True,
        judgment__presentation__of__in=people,
    ).order_by("judgment_id")
    fields = rows.values_list("judgment__output_id", "question", "judgment__presentation__of", "judgment_id")
    return {(output or 0, question, person): pk for output, question, person, pk in fields}


def _place(one: _Read) -> tuple[int, str, str]:
    return one.output.pk, one.reaction.question, one.person


def _key(rater: Rater, key: str) -> str:
    return f"reaction:{rater.pk}:{key}"
