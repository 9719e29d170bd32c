"""A backup comes back row for row and byte for byte, into a server that holds nothing."""

import hashlib
import zipfile

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection, transaction

from projects.models import Project
from rewards.models import Export, ExportFile, Judgment
from rubricate.backup.contents import BackupError, read_manifest
from rubricate.backup.database import NOT_KEPT
from rubricate.backup.making import make_backup
from rubricate.backup.restoring import restore_backup
from tests.populated import populate

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _own_storage(tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def filled():
    """Everything that the platform stores, hostile texts included, and a file that a row names."""
    with transaction.atomic():
        house = populate()
    export = Export.objects.filter(project=house.project)[0]
    stored = default_storage.save("exports/1/train.jsonl", ContentFile(bytes(range(256)) * 1000))
    ExportFile.objects.create(export=export, path="data/train.jsonl", stored_as=stored, sha256="")
    return house


def contents():
    """Every row of every table as text, with the sequences: what PostgreSQL itself says is in there."""
    found = {}
    # A connection of its own: what was read before must not be kept.
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        tables = other.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            if table not in NOT_KEPT:
                rows = other.execute(f'SELECT t::text FROM "{table}" AS t').fetchall()
                found[table] = sorted(row for (row,) in rows)
        found["sequences"] = other.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1").fetchall()
        triggers = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
        found["triggers"] = other.execute(triggers).fetchall()
        files = [path for path in sorted((default_storage.base_location).rglob("*")) if path.is_file()]
        found["files"] = [(path.name, path.read_bytes()) for path in files]
    return found


def empty():
    call_command("flush", interactive=False, verbosity=0)
    default_storage.delete("exports/1/train.jsonl")


def test_a_backup_comes_back_row_for_row_and_file_for_file(filled, tmp_path, capsys):
    path = tmp_path / "all.backup"
    before = contents()
    call_command("backup", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupError, match="not empty"):
        restore_backup(path)
    with pytest.raises(BackupError, match="exists"):
        make_backup(path)
    empty()
    assert contents() != before
    call_command("restore", str(path))
    assert contents() == before
    assert "Restored" in capsys.readouterr().out
    # The next row gets a key of its own, and answers are as append-only as they were.
    assert Project.objects.create(slug="next", name="Next").pk > filled.project.pk
    with pytest.raises(Exception, match="append-only"):
        Judgment.objects.all()._raw_delete("default")


def test_a_dump_that_breaks_off_leaves_the_database_as_it_was(filled, tmp_path):
    path, broken = tmp_path / "all.backup", tmp_path / "broken.backup"
    make_backup(path)
    with zipfile.ZipFile(path) as archive:
        dump = archive.read("database.dump")
        manifest = read_manifest(archive)
        files = {name: archive.read(name) for name in archive.namelist() if name.startswith("storage/")}
    before = contents()
    half = dump[: len(dump) // 2]
    honest = manifest.to_bytes().decode()
    lying = honest.replace(manifest.dump_sha256, hashlib.sha256(half).hexdigest())
    # Where the manifest lies as well, PostgreSQL takes back what it has begun.
    for content, why in ((honest, "damaged"), (lying, "as it was")):
        with zipfile.ZipFile(broken, "w") as archive:
            for name, part in {**files, "database.dump": half, "manifest.json": content}.items():
                archive.writestr(name, part)
        with pytest.raises(BackupError, match=why):
            restore_backup(broken, replace=True)
    assert contents() == before
