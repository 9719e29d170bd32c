"""Export a project's judgments as a dataset that trainers load, from the command line."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.errors import AppError
from projects.models import Project
from rewards.actions.exports import check_folder, copy_export, export_now
from rewards.exporting.choices import Answers, Combine, ExportChoices, Pairing, Source, choices_from_json
from rewards.formats.registry import EXPORT_FORMATS
from rewards.formats.row_files import WRITERS
from rewards.models import Export
from rewards.rubrics.rules import AGGREGATIONS

_DEFAULTS = ExportChoices()


class Command(BaseCommand):
    help = "Export preference pairs, labels or rubrics into a folder, with a manifest and a dataset card."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--format", required=True, choices=list(EXPORT_FORMATS))
        parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="an empty or a new folder")
        parser.add_argument("--name", default="", help="the dataset's name")
        parser.add_argument("--file-type", choices=list(WRITERS), default=_DEFAULTS.file_type)
        parser.add_argument("--from", dest="source", choices=list(Source), help="else by the format")
        parser.add_argument("--combine", choices=list(Combine), default=_DEFAULTS.combine, help="how raters count")
        parser.add_argument("--answers", choices=list(Answers), default=_DEFAULTS.answers, help="raw or adjudicated")
        parser.add_argument("--pairing", choices=list(Pairing), default=_DEFAULTS.pairing, help="of values")
        parser.add_argument("--question", default=_DEFAULTS.question, help="of ratings")
        parser.add_argument("--rubric-version", type=int, metavar="ID", help="of scores; else each task's own rubric")
        parser.add_argument("--aggregation", choices=list(AGGREGATIONS), default=_DEFAULTS.aggregation)
        parser.add_argument("--signal-rater", type=int, metavar="ID")
        parser.add_argument("--channel", default="", help="of the signal")
        parser.add_argument("--recipe-version", type=int, metavar="ID", help="of rewards")
        parser.add_argument("--min-gap", type=float, default=_DEFAULTS.min_gap, help="smallest margin of a pair")
        parser.add_argument("--desirable-from", type=float)
        parser.add_argument("--undesirable-to", type=float)
        parser.add_argument("--rater", type=int, action="append", default=[], dest="raters", metavar="ID")
        parser.add_argument("--policy", type=int, action="append", default=[], dest="policies", metavar="ID")
        parser.add_argument("--tag", default="", help="of tasks")
        parser.add_argument("--task-split", default="", dest="task_split", help="of tasks")
        parser.add_argument("--all-versions", action="store_true", help="also judgments of replaced versions")
        parser.add_argument("--no-margin", action="store_true")
        parser.add_argument("--weight", action="store_true", help="a column with that of a ranking's pair")
        parser.add_argument("--ids", action="store_true", help="columns with the external ids")
        parser.add_argument("--split", action="append", default=[], metavar="NAME=SHARE", dest="fractions")
        parser.add_argument("--seed", type=int, default=_DEFAULTS.seed, help="of the splits")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_folder(options["out"])
            export = export_now(
                self._project(options["project"]),
                choices=choices_from_json(_chosen(options)),
                name=options["name"],
                on_progress=self._progress if self.stdout.isatty() else None,
            )
            if export.status == Export.Status.READY:
                copy_export(export, options["out"])
        except AppError as error:
            raise CommandError(str(error)) from error
        if export.status != Export.Status.READY:
            raise CommandError(f"Export {export.pk} was {export.status}. {export.failure}".strip())
        self._report(export, options["out"])

    def _project(self, slug: str) -> Project:
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            raise CommandError(f"There is no project {slug!r}.")
        return project

    def _progress(self, export: Export) -> None:
        self.stdout.write(f"\r{export.percent or 0:3}%  {export.rows_written:,} rows", ending="")

    def _report(self, export: Export, folder: Path) -> None:
        counts, labels = export.manifest["counts"], export.manifest["labels"]
        rows = counts["rows"]
        self.stdout.write(f"{rows:,} {'row' if rows == 1 else 'rows'} of {counts['tasks']:,} tasks in {folder}")
        for file in export.manifest["files"]:
            self.stdout.write(f"  {file['path']}: {file['rows']:,}")
        for reason, count in export.manifest["left_out"].items():
            self.stdout.write(f"  left out, {labels[reason]}: {count:,}")


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    """The command's options under the names of `ExportChoices`."""
    same = [
        "format", "file_type", "source", "combine", "pairing", "answers", "question", "rubric_version", "aggregation",
        "signal_rater", "channel", "recipe_version", "min_gap", "desirable_from", "undesirable_to", "raters",
        "policies", "tag", "weight", "ids", "seed",
    ]  # fmt: skip
    chosen = {name: options[name] for name in same if name != "source" or options[name] is not None}
    chosen |= {
        "split": options["task_split"],
        "current_only": not options["all_versions"],
        "margin": not options["no_margin"],
    }
    if options["fractions"]:
        chosen["fractions"] = dict(_share(text) for text in options["fractions"])
    return chosen


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        raise CommandError(f"--split {text}: expected NAME=SHARE, such as train=0.9.") from None
