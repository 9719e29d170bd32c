"""Importing files: taking them in, writing their rows, and undoing it."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import PurePath
from time import monotonic
from typing import Any, BinaryIO

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.formats import registry
from rewards.formats.records import FormatError, Record, RowError
from rewards.formats.sources import SourceFile
from rewards.heartbeat import beating
from rewards.importing.chunk import ChunkWriter
from rewards.importing.chunks import chunks_of, read_ahead
from rewards.importing.report import ImportReport
from rewards.importing.undo import remove_rows
from rewards.models import ImportBatch, ImportRowError

SECONDS_BETWEEN_SAVES = 0.5
"""Between two saves of the progress: each costs a commit."""
STALE_AFTER = timedelta(minutes=2)

Progress = Callable[[ImportBatch], None]


def create_import(
    project: Project,
    *,
    by: User | None,
    format_name: str,
    uploads: Sequence["UploadedFile[Any]"],
    options: Mapping[str, str] | None = None,
    on_conflict: str = ImportBatch.OnConflict.NEW_VERSION,
    on_error: str = ImportBatch.OnError.KEEP_GOOD,
) -> ImportBatch:
    """Store uploaded files and queue their import."""
    from rewards.tasks import run_import_batch

    check_format(format_name, options or {})
    if not uploads:
        raise AppError(
            gettext("Choose at least one file."), code="file_missing", fields={"files": [gettext("Choose a file.")]}
        )
    folder = f"imports/{uuid.uuid4().hex}"
    stored = [default_storage.save(f"{folder}/{index}", upload) for index, upload in enumerate(uploads)]
    with transaction.atomic():
        batch = _new_batch(
            project,
            by=by,
            format_name=format_name,
            names=[PurePath(upload.name or "file").name for upload in uploads],
            options=options or {},
            on_conflict=on_conflict,
            on_error=on_error,
            stored_files=stored,
            bytes_total=sum(upload.size or 0 for upload in uploads),
        )
        transaction.on_commit(lambda: run_import_batch.delay(batch.pk))
    return batch


def import_files(
    project: Project,
    *,
    by: User | None,
    format_name: str,
    files: Sequence[SourceFile],
    bytes_total: int = 0,
    options: Mapping[str, str] | None = None,
    on_conflict: str = ImportBatch.OnConflict.NEW_VERSION,
    on_error: str = ImportBatch.OnError.KEEP_GOOD,
    on_progress: Progress | None = None,
) -> ImportBatch:
    """Import opened files here and now, as the command does; returns the ended batch."""
    check_format(format_name, options or {})
    batch = _new_batch(
        project,
        by=by,
        format_name=format_name,
        names=[file.name for file in files],
        options=options or {},
        on_conflict=on_conflict,
        on_error=on_error,
        stored_files=[],
        bytes_total=bytes_total,
    )
    _claim(batch)
    return _import(batch, files, on_progress)


def run_import(batch_id: int) -> None:
    """Import the stored files of a queued batch, or of one whose worker died; does nothing if another has it."""
    batch = ImportBatch.objects.select_related("project").get(pk=batch_id)
    if not _claim(batch):
        return
    with ExitStack() as stack:
        files = [
            SourceFile(name, stack.enter_context(_opened(stored)))
            for name, stored in zip(batch.file_names, batch.stored_files, strict=True)
        ]
        _import(batch, files, None)


def undo_import(batch: ImportBatch, *, by: User) -> ImportBatch:
    """Take back what an import brought.

    Raises
    ------
    AppError
        `import_not_done`, or `import_in_use` if anything else has come to depend on its rows since: judgments, scores,
        campaigns, or a later import that made new versions of them. Nothing is removed then.
    """
    with transaction.atomic():
        undone = ImportBatch.objects.filter(
            pk=batch.pk, status__in=[ImportBatch.Status.DONE, ImportBatch.Status.FAILED]
        ).update(status=ImportBatch.Status.UNDONE, undone_at=timezone.now())
        if not undone:
            raise AppError(gettext("Only an import that has ended can be undone."), code="import_not_done", status=409)
        removed = remove_rows(batch)
        record_event(actor=by, verb="import.undone", project=batch.project, target=batch, data=removed)
    batch.refresh_from_db()
    return batch


def requeue_stalled_imports() -> int:
    """Send imports again that wait unheard or whose worker fell silent; beat calls it."""
    from rewards.tasks import run_import_batch

    stalled = ImportBatch.objects.stalled(silent_since=timezone.now() - STALE_AFTER)
    batch_ids = list(stalled.values_list("pk", flat=True))
    for batch_id in batch_ids:
        run_import_batch.delay(batch_id)
    return len(batch_ids)


def check_format(name: str, options: Mapping[str, str]) -> None:
    """Raise the 400 `format_unknown` or `option_unknown` unless a reader of that name takes these options."""
    known = registry.IMPORT_FORMATS
    if name not in known:
        names = ", ".join(sorted(known))
        raise AppError(
            gettext("There is no import format %(name)s. Formats: %(names)s.") % {"name": repr(name), "names": names},
            code="format_unknown",
            fields={"format": [gettext("Expected one of: %(names)s.") % {"names": names}]},
        )
    unknown = options.keys() - {option.name for option in known[name].options}
    if unknown:
        raise AppError(
            gettext("The format %(name)s has no option %(unknown)s.")
            % {"name": name, "unknown": ", ".join(sorted(unknown))},
            code="option_unknown",
            fields={
                "options": [
                    gettext("Expected only: %(known)s.")
                    % {"known": ", ".join(o.name for o in known[name].options) or "—"}
                ]
            },
        )


def _new_batch(project: Project, *, by: User | None, format_name: str, names: list[str], **fields: Any) -> ImportBatch:
    batch = ImportBatch.objects.create(project=project, created_by=by, format=format_name, file_names=names, **fields)
    record_event(
        actor=by, verb="import.started", project=project, target=batch, data={"format": format_name, "files": names}
    )
    return batch


def _claim(batch: ImportBatch) -> bool:
    now = timezone.now()
    claimable = ImportBatch.objects.claimable(silent_since=now - STALE_AFTER)
    claimed = claimable.filter(pk=batch.pk).update(
        status=ImportBatch.Status.RUNNING, heartbeat_at=now, bytes_read=0, counts={}, error_count=0
    )
    if claimed:
        batch.row_errors.all().delete()
        batch.refresh_from_db()
    return bool(claimed)


def _opened(stored: str) -> BinaryIO:
    return default_storage.open(stored, "rb")  # type: ignore[return-value]  # File quacks as one


def _import(batch: ImportBatch, files: Sequence[SourceFile], on_progress: Progress | None) -> ImportBatch:
    report = ImportReport()
    try:
        with beating(partial(_beat, batch.pk)):
            return _take_in(batch, files, report, on_progress)
    except FormatError as error:
        report.reject(RowError(error.row, "", error.message, error.expected, error.file))
        _store_errors(batch, report)
        return _end(batch, ImportBatch.Status.FAILED, report, failure=str(error))
    except Exception as error:
        _end(batch, ImportBatch.Status.FAILED, report, failure=f"{type(error).__name__}: {error}"[:2000])
        raise


def _take_in(
    batch: ImportBatch, files: Sequence[SourceFile], report: ImportReport, on_progress: Progress | None
) -> ImportBatch:
    status = ImportBatch.Status.DONE
    if batch.on_error == ImportBatch.OnError.REFUSE and _refuses(batch, files, report):
        status = ImportBatch.Status.REFUSED
    else:
        _write(batch, files, report, on_progress)
    _store_errors(batch, report)
    return _end(batch, status, report)


def _beat(batch_id: int) -> None:
    ImportBatch.objects.filter(pk=batch_id, status=ImportBatch.Status.RUNNING).update(heartbeat_at=timezone.now())


def _write(batch: ImportBatch, files: Sequence[SourceFile], report: ImportReport, on_progress: Progress | None) -> None:
    writer = ChunkWriter(batch)
    saved_at = monotonic()
    for chunk in read_ahead(chunks_of(_read(batch, files))):
        writer.write(chunk, report)
        if monotonic() - saved_at >= SECONDS_BETWEEN_SAVES:
            _save_progress(batch, files, report)
            saved_at = monotonic()
            if on_progress:
                on_progress(batch)


def _read(batch: ImportBatch, files: Sequence[SourceFile]) -> Iterator[Record | RowError]:
    for source in files:
        source.file.seek(0)
    return registry.IMPORT_FORMATS[batch.format].read(files, batch.options)


def _refuses(batch: ImportBatch, files: Sequence[SourceFile], report: ImportReport) -> bool:
    """Read and write everything once in a transaction that is rolled back: so database conflicts are found as well."""
    writer = ChunkWriter(batch)
    with transaction.atomic():
        for chunk in read_ahead(chunks_of(_read(batch, files))):
            writer.write(chunk, report)
        transaction.set_rollback(True)
    refused = report.error_count > 0
    if not refused:
        report.counts.clear()
        report.inserted.clear()
    return refused


def _save_progress(batch: ImportBatch, files: Sequence[SourceFile], report: ImportReport) -> None:
    _store_errors(batch, report)
    batch.bytes_read = sum(source.file.tell() for source in files)
    batch.counts = dict(report.counts)
    batch.error_count = report.error_count
    batch.heartbeat_at = timezone.now()
    batch.save(update_fields=["bytes_read", "counts", "error_count", "heartbeat_at"])


def _store_errors(batch: ImportBatch, report: ImportReport) -> None:
    ImportRowError.objects.bulk_create(
        ImportRowError(
            batch=batch,
            file_name=error.file[:300],
            row=error.row,
            field=error.field[:200],
            message=error.message,
            expected=error.expected,
        )
        for error in report.new_errors
    )
    report.new_errors.clear()


def _end(batch: ImportBatch, status: str, report: ImportReport, *, failure: str = "") -> ImportBatch:
    """Say how it ended, and let go of the uploads: they are needed only as long as it may be run again."""
    counts = {} if status == ImportBatch.Status.REFUSED else dict(report.counts)
    ImportBatch.objects.filter(pk=batch.pk).update(
        status=status,
        counts=counts,
        error_count=report.error_count,
        failure=failure,
        bytes_read=F("bytes_total") if status == ImportBatch.Status.DONE else F("bytes_read"),
        finished_at=timezone.now(),
    )
    for stored in batch.stored_files:
        default_storage.delete(stored)
    batch.refresh_from_db()
    return batch
