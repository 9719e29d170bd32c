"""`manage.py list_declared_texts`: write what packages without Django declare for people, marked for translation."""

from typing import Any

from django.core.management.base import BaseCommand

from rubricate import env
from rubricate.declared_texts import LISTING, declared_texts, listing


class Command(BaseCommand):
    help = "Write the listing of declared texts that makemessages reads."

    def handle(self, *args: Any, **options: Any) -> None:
        (env.ROOT / LISTING).write_text(listing(), encoding="utf-8")
        self.stdout.write(f"{len(declared_texts())} texts in {LISTING}")
