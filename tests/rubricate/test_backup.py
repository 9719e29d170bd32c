"""What a restore refuses before it writes anything; that a backup comes back is tested in tests/chaos."""

import hashlib
import zipfile
from dataclasses import replace

import pytest
from django.core.files.storage import default_storage

from rubricate.backup import database
from rubricate.backup.contents import BackupError, Manifest, StoredFile
from rubricate.backup.restoring import restore_backup

pytestmark = pytest.mark.django_db

FILE = b"rows"
DUMP = b"never read: all of this is refused before"


@pytest.fixture
def manifest(db, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    return Manifest(
        rubricate_version="9.9",
        made_at="2026-01-02T03:04:05+00:00",
        postgresql="18.1",
        migrations=database.known_migrations(),
        rows={},
        dump_sha256=hashlib.sha256(DUMP).hexdigest(),
        files=[StoredFile("exports/a", len(FILE), hashlib.sha256(FILE).hexdigest())],
        missing_files=[],
        has_credentials=False,
    )


def refused(manifest, tmp_path, *, file=FILE, **options):
    path = tmp_path / "a.backup"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", manifest.to_bytes())
        archive.writestr("database.dump", DUMP)
        archive.writestr("storage/exports/a", file)
    with pytest.raises(BackupError) as error:
        restore_backup(path, **options)
    assert not default_storage.exists("exports/a")
    return str(error.value)


def test_a_backup_of_a_newer_version_is_refused_whatever_is_said(manifest, tmp_path):
    migrations = {**manifest.migrations, "rewards": [*manifest.migrations["rewards"], "9999_tomorrow"]}
    message = refused(replace(manifest, migrations=migrations), tmp_path, replace=True, migrate=True)
    assert "rewards.9999_tomorrow is not known" in message


def test_a_backup_of_an_older_schema_is_refused_unless_told(manifest, tmp_path):
    migrations = {**manifest.migrations, "rewards": manifest.migrations["rewards"][:-1]}
    assert "--migrate" in refused(replace(manifest, migrations=migrations), tmp_path, replace=True)


def test_a_server_that_holds_something_is_not_overwritten_unless_told(manifest, tmp_path, django_user_model):
    django_user_model.objects.create_user("ada")
    message = refused(manifest, tmp_path)
    assert "projects_user" in message
    assert "--replace" in message


def test_a_damaged_part_is_found_before_anything_is_written(manifest, tmp_path):
    assert "storage/exports/a is not what" in refused(manifest, tmp_path, file=b"rots")


def test_a_file_that_leads_out_of_the_storage_is_refused(manifest, tmp_path):
    outside = [StoredFile("../../etc/cron.d/a", 0, "")]
    assert "leads out of the storage" in refused(replace(manifest, files=outside), tmp_path)


def test_what_is_no_backup_is_told_so(manifest, tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK nothing")
    with pytest.raises(BackupError, match="cannot be read as a backup"):
        restore_backup(path)
