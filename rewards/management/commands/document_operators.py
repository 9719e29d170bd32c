"""`manage.py document_operators`: write docs/operators.md and a picture for each operator."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from rewards.composer.operator_docs import PICTURES, documents


class Command(BaseCommand):
    help = "Write the page of operators and their pictures from their declarations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is not current")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.BASE_DIR) / "docs"
        files = documents()
        old = {path.relative_to(folder).as_posix() for path in (folder / PICTURES).glob("*.svg")}
        changed = [name for name, text in files.items() if _stored(folder / name) != text]
        gone = sorted(old - set(files))
        if options["check"]:
            if changed or gone:
                raise CommandError(f"not current: {', '.join([*changed, *gone])}; run manage.py document_operators")
            return
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        for name in changed:
            (folder / name).write_text(files[name], encoding="utf-8")
        for name in gone:
            (folder / name).unlink()
        self.stdout.write(f"{len(changed)} written, {len(gone)} removed, {len(files)} in all")


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
