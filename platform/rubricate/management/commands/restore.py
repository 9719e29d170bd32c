"""`manage.py restore FILE`: a backup in the place of what this server holds."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from rubricate.backup.restoring import restore_backup


class Command(BaseCommand):
    help = "Put a file of `backup` back, into an empty database and storage."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="lose what the database and the storage hold")
        parser.add_argument("--migrate", action="store_true", help="bring an older backup up to this version's schema")

    def handle(self, *args: Any, **options: Any) -> None:
        manifest = restore_backup(options["file"], replace=options["replace"], migrate=options["migrate"])
        rows, files = sum(manifest.rows.values()), len(manifest.files)
        self.stdout.write(f"Restored {rows:,} rows and {files:,} files of {manifest.made_at[:16].replace('T', ' ')}.")
        if manifest.has_credentials:
            self.stdout.write("Stored credentials need the RUBRICATE_ENCRYPTION_KEYS under which they were stored.")
        self.stdout.write("People who have left since the backup are in it again: delete their accounts anew.")
