"""Import files into a project from the command line."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.actions.project import create_project
from projects.errors import AppError
from projects.models import Project, User
from rewards.actions.imports import check_format, import_files
from rewards.formats import registry
from rewards.formats.sources import SourceFile
from rewards.models import ImportBatch


class Command(BaseCommand):
    help = "Import tasks, outputs and judgments from files."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--create", action="store_true", help="create the project if it does not exist")
        parser.add_argument("--owner", metavar="USERNAME", help="who owns a created project; else the first superuser")
        parser.add_argument("--format", required=True, help=", ".join(sorted(registry.IMPORT_FORMATS)))
        parser.add_argument("--on-conflict", choices=ImportBatch.OnConflict.values, default="new_version")
        parser.add_argument("--on-error", choices=ImportBatch.OnError.values, default="keep_good")
        parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_format(options["format"], _pairs(options["option"]))
            project = self._project(options["project"], create=options["create"], owner=options["owner"])
            batch = self._import(project, options)
        except AppError as error:
            raise CommandError(str(error)) from error
        self._report(batch)
        if batch.status != ImportBatch.Status.DONE:
            raise CommandError(f"Import {batch.pk} was {batch.status}. {batch.failure}".strip())

    def _project(self, slug: str, *, create: bool, owner: str | None) -> Project:
        project = Project.objects.filter(slug=slug).first()
        if project is not None:
            return project
        if not create:
            raise CommandError(f"There is no project {slug!r}. Add --create to make it.")
        name = slug.replace("-", " ").capitalize()
        user = self._owner(owner)
        if user is not None:
            return create_project(user=user, name=name, slug=slug)
        self.stderr.write("Nobody is a member of the new project: name an --owner to see it in the browser.")
        return Project.objects.create(name=name, slug=slug)

    def _owner(self, username: str | None) -> User | None:
        if username is None:
            return User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        try:
            return User.objects.get(username=username)
        except User.DoesNotExist as error:
            raise CommandError(f"There is no user {username!r}.") from error

    def _import(self, project: Project, options: dict[str, Any]) -> ImportBatch:
        with ExitStack() as stack:
            try:
                files = [SourceFile(path.name, stack.enter_context(path.open("rb"))) for path in options["files"]]
            except OSError as error:
                raise CommandError(f"{error.filename}: {error.strerror}") from error
            return import_files(
                project,
                by=None,
                format_name=options["format"],
                files=files,
                bytes_total=sum(path.stat().st_size for path in options["files"]),
                options=_pairs(options["option"]),
                on_conflict=options["on_conflict"],
                on_error=options["on_error"],
                on_progress=self._progress if self.stdout.isatty() else None,
            )

    def _progress(self, batch: ImportBatch) -> None:
        share = batch.bytes_read / max(batch.bytes_total, 1)
        self.stdout.write(f"\r{share:4.0%}  {_counted(batch)}", ending="")

    def _report(self, batch: ImportBatch) -> None:
        self.stdout.write(f"Import {batch.pk}: {_counted(batch) or 'nothing taken'}")
        for error in batch.row_errors.all()[:20]:
            expected = f" Expected {error.expected}." if error.expected else ""
            place = f"{error.file_name} row {error.row}" + (f", {error.field}" if error.field else "")
            self.stderr.write(f"{place}: {error.message}.{expected}")
        if batch.error_count > 20:
            self.stderr.write(f"... and {batch.error_count - 20} more rows with errors")


def _counted(batch: ImportBatch) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in batch.counts.items() if count)


def _pairs(options: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (option.partition("=") for option in options)}
