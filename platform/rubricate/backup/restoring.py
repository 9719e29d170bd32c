"""Putting a backup back."""

import tempfile
import zipfile
from pathlib import Path

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.files.utils import validate_file_name
from django.core.management import call_command

from rubricate.backup import database
from rubricate.backup.contents import (
    DUMP,
    STORAGE,
    BackupError,
    Manifest,
    StoredFile,
    copied,
    hash_of,
    read_manifest,
    verify,
)


def restore_backup(source: Path, *, replace: bool = False, migrate: bool = False) -> Manifest:
    """Put the backup in the place of what this server holds.

    Everything is checked before anything is written: the hash of each part, the schema, and that the target is empty.
    The database is replaced in one transaction.

    Parameters
    ----------
    source : Path
        A file of `make_backup`.
    replace : bool
        Also where the target holds something, which is lost then.
    migrate : bool
        Also where this program's schema is newer than the backup's: it is migrated after.

    Raises
    ------
    BackupError
        With what stands in the way.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise BackupError(f"{source} cannot be read as a backup: {error}") from error
    with archive:
        manifest = read_manifest(archive)
        _check_names(manifest.files)
        is_older = _check_schema(manifest, migrate=migrate)
        if not replace:
            _require_empty(manifest)
        verify(archive, manifest)
        for file in manifest.files:
            _put(archive, file)
        _load(archive)
    _check_rows(manifest)
    if is_older:
        call_command("migrate", interactive=False, verbosity=0)
    return manifest


def _check_schema(manifest: Manifest, *, migrate: bool) -> bool:
    """Whether the backup's schema is older than ours; newer ones are refused, older ones unless `migrate`."""
    known = {(app, name) for app, names in database.known_migrations().items() for name in names}
    applied = {(app, name) for app, names in manifest.migrations.items() for name in names}
    unknown = sorted(applied - known)
    if unknown:
        app, name = unknown[0]
        raise BackupError(
            f"This backup is of a newer version of Rubricate ({manifest.rubricate_version}): {app}.{name} is not known "
            "here. Install that version first."
        )
    newer = sorted(known - applied)
    if newer and not migrate:
        app, name = newer[-1]
        raise BackupError(
            f"This program's schema is newer than the backup's ({app}.{name}). Say --migrate to restore it and bring "
            "it up to date."
        )
    return bool(newer)


def _require_empty(manifest: Manifest) -> None:
    filled = database.filled_tables()
    if filled:
        raise BackupError(
            f"The database is not empty ({', '.join(filled[:5])}{' ...' if len(filled) > 5 else ''}). Say --replace to "
            "lose what it holds."
        )
    taken = [file.path for file in manifest.files if default_storage.exists(file.path) and not _is_same(file)]
    if taken:
        raise BackupError(f"The storage has another file under the name {taken[0]}. Say --replace to lose it.")


def _check_names(files: list[StoredFile]) -> None:
    """No name leads out of the storage: a backup may come from anywhere."""
    for file in files:
        try:
            validate_file_name(file.path, allow_relative_path=True)
        except SuspiciousFileOperation as error:
            raise BackupError(f"The backup names a file that leads out of the storage: {file.path!r}.") from error


def _is_same(file: StoredFile) -> bool:
    with default_storage.open(file.path, "rb") as stored:
        return hash_of(stored) == file.sha256


def _put(archive: zipfile.ZipFile, file: StoredFile) -> None:
    if default_storage.exists(file.path):
        if _is_same(file):
            return
        default_storage.delete(file.path)
    with archive.open(STORAGE + file.path) as part:
        saved = default_storage.save(file.path, File(part))
    if saved != file.path:
        raise BackupError(f"The storage has kept {file.path} under another name, {saved}.")


def _load(archive: zipfile.ZipFile) -> None:
    with tempfile.TemporaryDirectory(prefix="rubricate-restore-") as folder:
        dump_file = Path(folder) / DUMP
        with archive.open(DUMP) as part, dump_file.open("wb") as target:
            copied(part, target)
        database.load(dump_file)


def _check_rows(manifest: Manifest) -> None:
    """What came back is what was there: counted, table by table."""
    found = database.row_counts()
    differing = [table for table, count in manifest.rows.items() if found.get(table) != count]
    if differing:
        table = differing[0]
        raise BackupError(f"{table} has {found.get(table, 0)} rows, of {manifest.rows[table]} in the backup.")
