"""Making a backup."""

import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from django.core.files.storage import default_storage
from django.utils import timezone

from projects.holdings import all_holdings
from projects.models import Project
from rewards.exporting.build import software_version
from rubricate.backup import database
from rubricate.backup.contents import DUMP, MANIFEST, STORAGE, BackupError, Manifest, StoredFile, copied, hash_of
from workers.models import ModelEndpoint


def make_backup(target: Path, *, replace: bool = False) -> Manifest:
    """Write everything to `target`, which appears once it is whole and is readable by its owner only.

    The database is of one moment, while the server goes on working. A file is stored before the row that names it, so
    all that this moment names is there, unless it was deleted in the minute after: then the manifest says so.

    Raises
    ------
    BackupError
        Where `target` exists and `replace` is not set, or a program fails.
    """
    if target.exists() and not replace:
        raise BackupError(f"{target} exists; say --force to replace it.")
    with tempfile.TemporaryDirectory(dir=_folder_of(target), prefix=".backup-") as folder:
        dump_file, unfinished = Path(folder) / DUMP, Path(folder) / target.name
        with database.snapshot() as name:
            rows, migrations = database.row_counts(), database.applied_migrations()
            named = _named_files()
            has_credentials = ModelEndpoint.objects.exclude(credentials="").exists()
            database.dump(dump_file, snapshot_name=name)
        _make_private(unfinished)
        with zipfile.ZipFile(unfinished, "w", allowZip64=True) as archive:
            # It is compressed already.
            archive.write(dump_file, DUMP, zipfile.ZIP_STORED)
            files = [_add(archive, path) for path in stored_names()]
            with dump_file.open("rb") as dumped:
                dump_sha256 = hash_of(dumped)
            manifest = Manifest(
                rubricate_version=software_version(),
                made_at=timezone.now().isoformat(),
                postgresql=database.server_version(),
                migrations=migrations,
                rows=rows,
                dump_sha256=dump_sha256,
                files=files,
                missing_files=sorted(named - {file.path for file in files}),
                has_credentials=has_credentials,
            )
            archive.writestr(MANIFEST, manifest.to_bytes(), zipfile.ZIP_DEFLATED)
        unfinished.replace(target)
    return manifest


def stored_names(folder: str = "") -> Iterator[str]:
    """Every file of the storage, folder by folder."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        # Nothing was ever stored.
        return
    for name in sorted(files):
        yield f"{folder}{name}"
    for name in sorted(folders):
        yield from stored_names(f"{folder}{name}/")


def _add(archive: zipfile.ZipFile, path: str) -> StoredFile:
    inside = zipfile.ZipInfo(STORAGE + path)
    inside.compress_type = zipfile.ZIP_DEFLATED
    with default_storage.open(path, "rb") as stored, archive.open(inside, "w", force_zip64=True) as part:
        sha256, size = copied(stored, part)
    return StoredFile(path, size, sha256)


def _named_files() -> set[str]:
    return {
        name for project in Project.objects.all() for holdings in all_holdings() for name in holdings.files_of(project)
    }


def _folder_of(target: Path) -> Path:
    """Beside the target, so that the last step is a rename."""
    if not target.absolute().parent.is_dir():
        raise BackupError(f"There is no folder {target.absolute().parent}.")
    return target.absolute().parent


def _make_private(path: Path) -> None:
    """An empty file that only its owner may read: it will hold addresses and password hashes."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
