"""Compute, export and import recipes from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.errors import AppError
from projects.models import Project
from rewards.actions.recipes import create_recipe, refused, save_version
from rewards.models import Output, Recipe, RecipeVersion
from rewards.recipe_results import RecipeResult, compute
from rewards.recipes.errors import RecipeError
from rewards.recipes.tree import read_recipe

STANDARD = "-"
_SHOWN = 20


class Command(BaseCommand):
    help = "Compute a recipe over stored outputs, or carry recipes between projects as JSON files."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        evaluate = verbs.add_parser("evaluate", help="rewards and advantages of outputs; stores nothing")
        _of_project(evaluate)
        _which(evaluate)
        evaluate.add_argument("--file", metavar="PATH", help=f"a recipe's JSON instead; {STANDARD} for standard input")
        evaluate.add_argument("--tag", default="", help="of tasks")
        evaluate.add_argument("--task-split", default="", dest="split", help="of tasks")
        evaluate.add_argument("--output", action="append", default=[], dest="outputs", metavar="ID", help="external id")
        evaluate.add_argument("--limit", type=int, default=2_000, metavar="N", help="outputs at most; default 2000")
        evaluate.add_argument("--json", action="store_true", help="everything, for programs")
        export = verbs.add_parser("export", help="a recipe's normal form as JSON")
        _of_project(export)
        _which(export)
        export.add_argument("--out", default=STANDARD, metavar="PATH")
        bring = verbs.add_parser("import", help="a new recipe, or a new version of one of this name")
        _of_project(bring)
        bring.add_argument("--name", required=True)
        bring.add_argument("--file", required=True, metavar="PATH", help=f"{STANDARD} for standard input")
        bring.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = _project(options["project"])
            {"evaluate": self._evaluate, "export": self._export, "import": self._import}[options["verb"]](
                project, options
            )
        except RecipeError as error:
            raise CommandError(_told(error)) from error
        except AppError as error:
            raise CommandError("\n  ".join([error.message, *_fields(error)])) from error

    def _evaluate(self, project: Project, options: dict[str, Any]) -> None:
        if (options["file"] is None) == (options["recipe"] is None):
            raise CommandError("Give --recipe or --file.")
        document = _read(options["file"]) if options["file"] else _version(project, options).tree
        result = compute(project, read_recipe(document), _selected(project, options))
        if options["json"]:
            self.stdout.write(json.dumps(result.to_json(), ensure_ascii=False))
        else:
            self._show(result)

    def _show(self, result: RecipeResult) -> None:
        said = result.to_json()
        self.stdout.write(f"{said['n_scored']:,} of {said['n_outputs']:,} outputs scored, on {said['level']}s")
        for note in said["notes"]:
            self.stdout.write(f"  {note}")
        for row in said["left_out"][:_SHOWN]:
            self.stdout.write(f"  left out, {row['external_id']}: {row['reason']}")
        for row in said["rows"][:_SHOWN]:
            advantage = "" if row["advantage"] is None else f"  advantage {row['advantage']:+.4f}"
            total = "unscored" if row["total"] is None else f"{row['total']:+.4f}"
            self.stdout.write(f"{row['external_id']}: {total}{advantage}")
        if len(said["rows"]) > _SHOWN:
            self.stdout.write(f"and {len(said['rows']) - _SHOWN:,} more; --json gives all")

    def _export(self, project: Project, options: dict[str, Any]) -> None:
        if options["recipe"] is None:
            raise CommandError("Give --recipe.")
        text = json.dumps(_version(project, options).tree, indent=2, ensure_ascii=False)
        if options["out"] == STANDARD:
            self.stdout.write(text)
        else:
            Path(options["out"]).write_text(text + "\n", encoding="utf-8")

    def _import(self, project: Project, options: dict[str, Any]) -> None:
        document = _read(options["file"])
        recipe = Recipe.objects.of(project).filter(name=options["name"]).first()
        if recipe is None:
            version = create_recipe(project=project, actor=None, name=options["name"], document=document)
            is_new = True
        else:
            version, is_new = save_version(recipe=recipe, actor=None, document=document)
        if options["json"]:
            said = {"name": options["name"], "version": version.number, "is_new": is_new}
            self.stdout.write(json.dumps(said | {"content_hash": version.content_hash}))
        else:
            what = "is" if is_new else "is unchanged at"
            self.stdout.write(f"{options['name']} {what} version {version.number} ({version.content_hash[:12]})")


def _of_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", required=True, metavar="SLUG")


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", metavar="NAME[@N]", help="of the project; newest version, or version N")


def _project(slug: str) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise CommandError(f"There is no project {slug!r}.")
    return project


def _version(project: Project, options: dict[str, Any]) -> RecipeVersion:
    name, _, number = options["recipe"].rpartition("@")
    if not name or not number.isdecimal():
        name, number = options["recipe"], ""
    recipe = Recipe.objects.of(project).filter(name=name).first()
    versions = recipe.versions.newest_first() if recipe is not None else RecipeVersion.objects.none()
    found = (versions.filter(number=int(number)) if number else versions).first()
    if found is None:
        raise CommandError(f"There is no recipe {options['recipe']!r} in this project.")
    return found


def _selected(project: Project, options: dict[str, Any]) -> list[int]:
    outputs = Output.objects.of(project).current().filter(task__is_current=True)
    if options["outputs"]:
        outputs = outputs.filter(external_id__in=options["outputs"])
        missing = set(options["outputs"]) - set(outputs.values_list("external_id", flat=True))
        if missing:
            raise CommandError(f"There is no current output {', '.join(sorted(missing))}.")
    if options["tag"]:
        outputs = outputs.filter(task__tags__contains=[options["tag"]])
    if options["split"]:
        outputs = outputs.filter(task__split=options["split"])
    return list(outputs.order_by("task_id", "pk").values_list("pk", flat=True)[: options["limit"]])


def _read(path: str) -> object:
    try:
        text = sys.stdin.read() if path == STANDARD else Path(path).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{path} is no JSON: {error}.") from error


def _told(error: RecipeError) -> str:
    return "\n  ".join([refused(error).message, *(f"{path}: {problem}" for path, problem in error.problems.items())])


def _fields(error: AppError) -> list[str]:
    return [f"{path}: {message}" for path, messages in error.fields.items() for message in messages]
