"""`manage.py backup FILE`: everything that this server holds, as one file."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat

from rubricate.backup.making import make_backup


class Command(BaseCommand):
    help = "Write the database and the stored files to one file; the server may go on working."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--force", action="store_true", help="replace the file if there is one")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        manifest = make_backup(path, replace=options["force"])
        size = filesizeformat(path.stat().st_size).replace("\xa0", " ")
        self.stdout.write(f"{path}: {sum(manifest.rows.values()):,} rows, {len(manifest.files):,} files, {size}")
        for name in manifest.missing_files:
            self.stderr.write(f"Not in the storage, though a row names it: {name}")
        if manifest.has_credentials:
            self.stdout.write("Keep RUBRICATE_ENCRYPTION_KEYS (or var/secrets) as well: stored credentials need them.")
