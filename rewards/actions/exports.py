"""Exports: asked for, built by a worker, cancelled, deleted."""

import shutil
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import RestrictedError
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.exporting.build import Built, build_dataset
from rewards.exporting.choices import SOURCE_TITLES, ExportChoices
from rewards.exporting.description import check_references
from rewards.exporting.folder import ROOT, remove_stored
from rewards.heartbeat import beating
from rewards.models import Export, ExportFile

STALE_AFTER = timedelta(minutes=2)
SECONDS_BETWEEN_SAVES = 0.5
"""Between two saves of the progress, and so between two looks whether to stop."""

Progress = Callable[[Export], None]


class BuildStopped(Exception):  # noqa: N818 - nobody's error: it was cancelled, or another worker has it
    """The export is no longer this worker's."""


def create_export(project: Project, *, by: User | None, choices: ExportChoices, name: str = "") -> Export:
    """Queue an export; a worker builds it.

    Raises
    ------
    AppError
        `export_invalid` where a choice names nothing of this project.
    """
    from rewards.tasks import build_export_files

    check_references(project, choices)
    with transaction.atomic():
        export = _new_export(project, by=by, choices=choices, name=name)
        transaction.on_commit(lambda: build_export_files.delay(export.pk))
    return export


def export_now(
    project: Project, *, choices: ExportChoices, name: str = "", on_progress: Progress | None = None
) -> Export:
    """Build an export here and now, as the command does; returns it ready, or failed."""
    check_references(project, choices)
    export = _new_export(project, by=None, choices=choices, name=name)
    return build_export(export.pk, on_progress=on_progress)


def build_export(export_id: int, *, on_progress: Progress | None = None) -> Export:
    """Build a queued export, or one whose worker died; does nothing if another worker has it."""
    attempt = uuid.uuid4()
    claimable = Export.objects.claimable(silent_since=timezone.now() - STALE_AFTER)
    claimed = claimable.filter(pk=export_id).update(
        status=Export.Status.RUNNING, attempt=attempt, heartbeat_at=timezone.now(), rows_written=0, rows_expected=None
    )
    export = Export.objects.select_related("project").get(pk=export_id)
    if not claimed:
        return export
    try:
        with beating(partial(_beat, export)):
            built = build_dataset(
                export,
                prefix=f"{ROOT}/{export.project_id}/{export.pk}/{attempt.hex}",
                on_progress=_Saver(export, on_progress).save,
            )
        _finish(export, built)
    except BuildStopped:
        pass
    except AppError as error:
        _fail(export, error.message)
    except Exception as error:
        _fail(export, f"{type(error).__name__}: {error}"[:2000])
        raise
    export.refresh_from_db()
    return export


def cancel_export(export: Export, *, by: User) -> Export:
    """Stop an export that is not ready; its worker notices within a second and removes what it wrote."""
    with transaction.atomic():
        open_states = [Export.Status.PENDING, Export.Status.RUNNING]
        cancelled = Export.objects.filter(pk=export.pk, status__in=open_states).update(
            status=Export.Status.CANCELLED, finished_at=timezone.now()
        )
        if not cancelled:
            raise AppError(gettext("This export has ended already."), code="export_ended", status=409)
        record_event(actor=by, verb="export.cancelled", project=export.project, target=export)
    export.refresh_from_db()
    return export


def delete_export(export: Export, *, by: User) -> None:
    """Remove an export and its files; the judgments that it was made from stay.

    Raises
    ------
    AppError
        ``export_open`` or ``export_in_use`` (409): what was learnt from it names it as its data.
    """
    if export.is_open:
        raise AppError(gettext("This export is being built. Cancel it first."), code="export_open", status=409)
    stored = list(export.files.values_list("stored_as", flat=True))
    try:
        with transaction.atomic():
            data = {"name": export.name}
            record_event(actor=by, verb="export.deleted", project=export.project, target=export, data=data)
            export.delete()
            transaction.on_commit(lambda: remove_stored(stored))
    except RestrictedError as error:
        raise AppError(
            gettext("Something was fitted on this export, and names it as its data."), code="export_in_use", status=409
        ) from error


def copy_export(export: Export, folder: Path) -> None:
    """Copy a ready export's files into a folder of this machine (see `check_folder`)."""
    check_folder(folder)
    for file in export.files.in_order():
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with default_storage.open(file.stored_as, "rb") as stored, target.open("wb") as copy:
            shutil.copyfileobj(stored, copy, 2**20)


def check_folder(folder: Path) -> None:
    """Raise the 409 `folder_taken` unless the folder is empty or does not exist."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AppError(
            gettext("%(folder)s is not an empty folder.") % {"folder": folder}, code="folder_taken", status=409
        )


def requeue_stalled_exports() -> int:
    """Send exports again that wait unheard or whose worker fell silent; beat calls it."""
    from rewards.tasks import build_export_files

    stalled = list(Export.objects.stalled(silent_since=timezone.now() - STALE_AFTER).values_list("pk", flat=True))
    for export_id in stalled:
        build_export_files.delay(export_id)
    return len(stalled)


class _Saver:
    """Saves the progress now and then, and raises BuildStopped once the export is no longer ours."""

    def __init__(self, export: Export, on_progress: Progress | None) -> None:
        self._export = export
        self._on_progress = on_progress
        self._saved_at = monotonic()

    def save(self, rows: int, share: float) -> None:
        if monotonic() - self._saved_at < SECONDS_BETWEEN_SAVES:
            return
        self._saved_at = monotonic()
        expected = round(rows / share) if share else None
        _update_mine(self._export, rows_written=rows, rows_expected=expected, heartbeat_at=timezone.now())
        if self._on_progress:
            self._export.rows_written, self._export.rows_expected = rows, expected
            self._on_progress(self._export)


def _new_export(project: Project, *, by: User | None, choices: ExportChoices, name: str) -> Export:
    name = name.strip() or f"{SOURCE_TITLES[choices.source]} as {choices.export_format.title}"
    export = Export.objects.create(
        project=project, name=name[:200], format=choices.format, options=choices.to_json(), created_by=by
    )
    data = {"name": export.name, "format": choices.format, "source": choices.source}
    record_event(actor=by, verb="export.started", project=project, target=export, data=data)
    return export


def _beat(export: Export) -> None:
    Export.objects.filter(pk=export.pk, attempt=export.attempt, status=Export.Status.RUNNING).update(
        heartbeat_at=timezone.now()
    )


def _update_mine(export: Export, **values: Any) -> None:
    """Write to the export if this attempt still has it, else raise BuildStopped."""
    mine = Export.objects.filter(pk=export.pk, attempt=export.attempt, status=Export.Status.RUNNING)
    if not mine.update(**values):
        raise BuildStopped


def _finish(export: Export, built: Built) -> None:
    rows = built.manifest.counts["rows"]
    try:
        with transaction.atomic():
            _update_mine(
                export,
                status=Export.Status.READY,
                manifest=built.manifest.to_json(),
                rows_written=rows,
                rows_expected=rows,
                finished_at=timezone.now(),
            )
            ExportFile.objects.bulk_create(
                ExportFile(
                    export=export,
                    path=file.path,
                    stored_as=stored_as,
                    split=file.split,
                    rows=file.rows,
                    bytes=file.bytes,
                    sha256=file.sha256,
                )
                for file, stored_as in built.files
            )
    except BaseException:
        remove_stored(file.stored_as for file in built.files)
        raise


def _fail(export: Export, why: str) -> None:
    Export.objects.filter(pk=export.pk, attempt=export.attempt, status=Export.Status.RUNNING).update(
        status=Export.Status.FAILED, failure=why, finished_at=timezone.now()
    )
