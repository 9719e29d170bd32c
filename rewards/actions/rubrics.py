"""Making rubrics and their immutable versions."""

from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.models import Criterion, Rubric, RubricVersion
from rewards.rubrics.content import RubricContent
from rewards.rubrics.parse import content_hash, rubric_from_dict, rubric_to_dict


class SavedVersion(NamedTuple):
    """What a save led to; `is_new` is False where nothing had changed."""

    version: RubricVersion
    is_new: bool


def create_rubric(
    *,
    project: Project,
    actor: User | None,
    name: str,
    content: RubricContent,
    description: str = "",
    note: str = "",
    task_external_id: str | None = None,
) -> RubricVersion:
    """Start a rubric with its first version.

    Parameters
    ----------
    task_external_id : str | None
        Makes it that task's own rubric, whatever the task's version.

    Raises
    ------
    AppError
        ``rubric_name_taken`` or ``task_has_rubric`` (409).
    """
    try:
        with transaction.atomic():
            rubric = Rubric.objects.create(
                project=project, name=name, description=description, task_external_id=task_external_id
            )
            version = _write_version(rubric, actor, content, number=1, note=note)
            record_event(
                actor=actor, verb="rubric.created", project=project, target=rubric, data={"name": name, "version": 1}
            )
    except IntegrityError as error:
        if task_external_id is not None:
            raise AppError(gettext("This task has a rubric already."), code="task_has_rubric", status=409) from error
        raise AppError(
            gettext("Another rubric of this project has this name."),
            code="rubric_name_taken",
            status=409,
            fields={"name": [gettext("Another rubric has this name; choose another one.")]},
        ) from error
    return version


@transaction.atomic
def save_version(*, rubric: Rubric, actor: User | None, content: RubricContent, note: str = "") -> SavedVersion:
    """Give a rubric a new version; the newest one is returned as it is where the content is the same.

    Locks the rubric, so that two people who save at once get two versions and no error.
    """
    Rubric.objects.select_for_update().get(pk=rubric.pk)
    newest = rubric.versions.newest_first().first()
    if newest is not None and newest.content_hash == content_hash(content):
        return SavedVersion(newest, is_new=False)
    number = newest.number + 1 if newest is not None else 1
    version = _write_version(rubric, actor, content, number=number, note=note)
    record_event(
        actor=actor,
        verb="rubric.version_saved",
        project=rubric.project,
        target=rubric,
        data={"version": number, "note": note},
    )
    return SavedVersion(version, is_new=True)


def describe_rubric(*, rubric: Rubric, name: str, description: str) -> None:
    """Rename or describe a rubric: neither is part of what is judged, so no version is made.

    Raises
    ------
    AppError
        ``rubric_name_taken`` (409).
    """
    if (rubric.name, rubric.description) == (name, description):
        return
    rubric.name, rubric.description = name, description
    try:
        with transaction.atomic():
            rubric.save(update_fields=["name", "description"])
    except IntegrityError as error:
        raise AppError(
            gettext("Another rubric of this project has this name."),
            code="rubric_name_taken",
            status=409,
            fields={"name": [gettext("Another rubric has this name; choose another one.")]},
        ) from error


@transaction.atomic
def archive_rubric(*, rubric: Rubric, actor: User) -> None:
    """Take a rubric out of the lists; its versions and verdicts stay."""
    _set_archived(rubric, actor, verb="rubric.archived", archived=True)


@transaction.atomic
def restore_rubric(*, rubric: Rubric, actor: User) -> None:
    """Put an archived rubric back into the lists."""
    _set_archived(rubric, actor, verb="rubric.restored", archived=False)


def with_weights(content: RubricContent, weights: dict[str, float]) -> RubricContent:
    """The same criteria with some weights replaced; a weight equal to the effective one changes nothing.

    Raises
    ------
    RubricError
        Where a weight does not fit its criterion, such as a negative one on a must-have.
    """
    data = rubric_to_dict(content)
    for row, criterion in zip(data["criteria"], content.criteria, strict=True):
        weight = weights.get(criterion.key)
        if weight is not None and weight != criterion.effective_weight:
            row["weight"] = weight
    return rubric_from_dict(data)


def _write_version(
    rubric: Rubric, actor: User | None, content: RubricContent, *, number: int, note: str
) -> RubricVersion:
    version = RubricVersion.objects.create(
        project=rubric.project,
        rubric=rubric,
        number=number,
        note=note,
        content_hash=content_hash(content),
        created_by=actor,
    )
    Criterion.objects.bulk_create(
        Criterion(
            project=rubric.project,
            version=version,
            position=position,
            key=criterion.key,
            title=criterion.title,
            text=criterion.text,
            kind=criterion.kind,
            levels=[{"label": x.label, "value": x.value, "anchor": x.anchor} for x in criterion.levels],
            weight=criterion.weight,
            importance=criterion.importance or "",
            must_have=criterion.must_have,
            may_be_na=criterion.may_be_na,
        )
        for position, criterion in enumerate(content.criteria)
    )
    return version


def _set_archived(rubric: Rubric, actor: User, *, verb: str, archived: bool) -> None:
    changed = Rubric.objects.filter(pk=rubric.pk, archived_at__isnull=archived).update(
        archived_at=timezone.now() if archived else None
    )
    if changed:
        record_event(actor=actor, verb=verb, project=rubric.project, target=rubric, data={"name": rubric.name})
