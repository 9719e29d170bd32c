"""What a backup is made of: a zip with a manifest, a dump of the database and the files of the storage."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import IO, Any

from django.core.management.base import CommandError

VERSION = 1
MANIFEST = "manifest.json"
DUMP = "database.dump"
STORAGE = "storage/"
_BLOCK = 2**20


class BackupError(CommandError):
    """One line for the operator; manage.py prints it without a traceback."""


@dataclass(frozen=True)
class StoredFile:
    """A file of the storage; `path` is its name there."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What the backup holds and what it was made of, with a hash of every part."""

    rubricate_version: str
    made_at: str
    postgresql: str
    migrations: Mapping[str, list[str]]
    rows: Mapping[str, int]
    """Of every table, counted in the very snapshot that was dumped."""
    dump_sha256: str
    files: list[StoredFile]
    missing_files: list[str]
    """Named by a row and not in the storage when it was read."""
    has_credentials: bool
    """Stored credentials are encrypted: they are of use with RUBRICATE_ENCRYPTION_KEYS only, which is not in here."""

    def to_bytes(self) -> bytes:
        return json.dumps({"backup_version": VERSION, **asdict(self)}, indent=1).encode()


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """The manifest of an archive; BackupError where this is no backup, or one of a version that is not known here."""
    try:
        content: dict[str, Any] = json.loads(archive.read(MANIFEST))
        version = content.pop("backup_version")
        if version != VERSION:
            raise BackupError(f"This backup has the layout {version}; this program reads {VERSION}.")
        content["files"] = [StoredFile(**file) for file in content["files"]]
        return Manifest(**content)
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(f"This is no backup of Rubricate: its {MANIFEST} cannot be read ({error}).") from error


def verify(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Read every part and compare it with its hash, before anything is written anywhere."""
    parts = {DUMP: manifest.dump_sha256} | {STORAGE + file.path: file.sha256 for file in manifest.files}
    for name, sha256 in parts.items():
        try:
            with archive.open(name) as part:
                found = hash_of(part)
        except (KeyError, zipfile.BadZipFile) as error:
            raise BackupError(f"The backup is damaged: {name} cannot be read ({error}).") from error
        if found != sha256:
            raise BackupError(f"The backup is damaged: {name} is not what its manifest says.")


def hash_of(stream: IO[bytes]) -> str:
    """SHA-256 of what is left in a stream, in hexadecimal."""
    return copied(stream, None)[0]


def copied(source: IO[bytes], target: IO[bytes] | None) -> tuple[str, int]:
    """Copy a stream block by block; SHA-256 and number of bytes."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest(), size
