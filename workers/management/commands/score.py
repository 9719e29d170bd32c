"""Score outputs of a project from the command line."""

import argparse
import json
import time
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.errors import AppError
from projects.models import Project
from rewards.models import RubricVersion
from workers.actions.endpoints import ensure_serving
from workers.actions.runs import start_run
from workers.actions.scorers import create_scorer
from workers.models import Artefact, ModelEndpoint, PromptVersion, Run, Scorer
from workers.process import process
from workers.progress import progress_of
from workers.scoring import work_once
from workers.selection import OutputSelection
from workers.sources.contract import Declaration, Input
from workers.sources.registry import SOURCES, source_named

_POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = "Score outputs with a source: makes the scorer, starts the run, shows its progress."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--source", required=True, choices=list(SOURCES))
        rubric = parser.add_mutually_exclusive_group()
        rubric.add_argument("--rubric", metavar="NAME", help="a rubric of the project, in its newest version")
        rubric.add_argument("--task-rubric", action="store_true", help="each task's own rubric")
        parser.add_argument(
            "--prompt", metavar="NAME[@N]", help="a prompt of the project for this source; newest version, or version N"
        )
        parser.add_argument(
            "--artefact", type=int, metavar="ID", help="fitted weights of the project; default: the newest"
        )
        parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="of the source")
        parser.add_argument("--model", action="append", default=[], metavar="ROLE=NAME", help="default: what fits")
        outputs = parser.add_mutually_exclusive_group()
        outputs.add_argument("--outputs", type=int, metavar="N", help="the first N that it has not scored yet")
        outputs.add_argument("--output-ids", nargs="+", default=[], metavar="ID", help="external ids")
        parser.add_argument("--repeats", type=int, default=1)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--budget", type=float, help="most that the run may spend, in the currency of the prices")
        parser.add_argument("--name", default="", help="of the run")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--wait", action="store_true", help="follow the workers until the run is over")
        how.add_argument("--inline", action="store_true", help="compute in this process; no worker is needed")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        selection = OutputSelection(
            output_ids=tuple(options["output_ids"]),
            only_unscored=options["outputs"] is not None,
            limit=options["outputs"],
        )
        try:
            scorer = self._scorer(project, options)
            run = start_run(
                project=project,
                scorer=scorer,
                selection=selection,
                repeats=options["repeats"],
                seed=options["seed"],
                budget=options["budget"],
                name=options["name"],
                actor=None,
                notify=not options["inline"],
            )
        except AppError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Run {run.pk}: {run.item_count} items by {scorer.name} (scorer {scorer.hash[:12]}).")
        if options["inline"]:
            self._compute(run)
        elif options["wait"]:
            self._follow(run)
        self._report(run, is_over=options["inline"] or options["wait"])

    def _scorer(self, project: Project, options: dict[str, Any]) -> Scorer:
        declaration = source_named(options["source"]).declaration
        return create_scorer(
            project=project,
            source=declaration.name,
            parameters=_parameters(declaration, _pairs(options["param"], "--param")),
            endpoints=_endpoints(project, declaration, _pairs(options["model"], "--model")),
            rubric_version=_rubric(project, options["rubric"]),
            prompt_version=_prompt(project, declaration, options["prompt"]),
            artefact=_artefact(project, declaration, options["artefact"]),
            uses_task_rubric=options["task_rubric"] or (Input.CRITERIA in declaration.needs and not options["rubric"]),
            actor=None,
        )

    def _compute(self, run: Run) -> None:
        process.start_beating()
        try:
            while work_once(run.scorer.queue, run=run):
                self._show(run)
        finally:
            process.stop_beating()

    def _follow(self, run: Run) -> None:
        self._show(run)
        while run.is_active:
            time.sleep(_POLL_SECONDS)
            self._show(run)

    def _show(self, run: Run) -> None:
        run.refresh_from_db()
        progress = progress_of(run)
        speed = f", {progress.items_per_minute:.1f} a minute and worker" if progress.items_per_minute else ""
        line = f"{progress.settled} of {run.item_count} ({progress.percent} %){speed}"
        if self.stdout.isatty():
            self.stdout.write(f"\r{line}\033[K", ending="")
        elif progress.settled:
            self.stdout.write(line)
        self.stdout.flush()

    def _report(self, run: Run, *, is_over: bool) -> None:
        if self.stdout.isatty() and is_over:
            self.stdout.write("")
        if not is_over:
            self.stdout.write("The workers compute it; follow it on its page, or with --wait.")
            return
        run.refresh_from_db()
        taken_over = f", {run.reused_count} of them taken over" if run.reused_count else ""
        self.stdout.write(f"{run.get_status_display()}: {run.scored_count} of {run.item_count} scored{taken_over}.")
        for reason in progress_of(run).reasons:
            self.stdout.write(f"  {reason.count} {reason.status}: {reason.label} ({reason.code})")
        if run.is_stopped_by_budget:
            raise CommandError(f"The budget is spent ({run.cost:,.4f}): raise it on the run's page and it goes on.")
        if run.failed_count:
            raise CommandError(f"{run.failed_count} items failed.")


def _pairs(arguments: list[str], option: str) -> dict[str, str]:
    pairs = {}
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator:
            raise CommandError(f"{option} {argument}: expected NAME=VALUE.")
        pairs[name] = value
    return pairs


def _parameters(declaration: Declaration, given: Mapping[str, str]) -> dict[str, object]:
    """Values in the types that the source declares: texts stay texts, everything else is read as JSON."""
    texts = {parameter.name for parameter in declaration.parameters if parameter.kind in {"text", "choice"}}
    return {name: value if name in texts else _json(name, value) for name, value in given.items()}


def _json(name: str, value: str) -> object:
    try:
        return json.loads(value)
    except ValueError as error:
        raise CommandError(f"--param {name}={value}: expected a number, true or false.") from error


def _endpoints(project: Project, declaration: Declaration, given: Mapping[str, str]) -> dict[str, ModelEndpoint]:
    """The named models, and for required roles without a name one that fits."""
    offered = list(ModelEndpoint.objects.offered_to(project))
    by_name = {endpoint.name: endpoint for endpoint in offered}
    unknown = [name for name in given.values() if name not in by_name]
    if unknown:
        raise CommandError(f"There is no model {unknown[0]!r}; there are: {', '.join(by_name) or 'none'}.")
    chosen = {role: by_name[name] for role, name in given.items()}
    for role in declaration.models:
        if role.required and role.name not in chosen:
            chosen[role.name] = ensure_serving(role, project)
    return chosen


def _rubric(project: Project, name: str | None) -> RubricVersion | None:
    if name is None:
        return None
    versions = {version.rubric.name: version for version in RubricVersion.objects.newest_shared(project)}
    if name not in versions:
        raise CommandError(f"There is no rubric {name!r}; there are: {', '.join(versions) or 'none'}.")
    return versions[name]


def _artefact(project: Project, declaration: Declaration, pk: int | None) -> Artefact | None:
    if pk is None:
        return Artefact.objects.of(project).of_kind(declaration.artefact).for_list().first()
    found = Artefact.objects.of(project).filter(pk=pk).first()
    if found is None:
        raise CommandError(f"{project.slug} has no artefact {pk}.")
    return found


def _prompt(project: Project, declaration: Declaration, given: str | None) -> PromptVersion | None:
    """The version of `NAME` or `NAME@N`; a name may hold an @ itself."""
    if given is None:
        return None
    versions = list(PromptVersion.objects.offered_to(project).for_source(declaration.name).for_list())
    newest = {version.prompt.name: version for version in reversed(versions)}
    numbered = {f"{version.prompt.name}@{version.number}": version for version in versions}
    found = newest.get(given) or numbered.get(given)
    if found is None:
        raise CommandError(f"There is no prompt {given!r} for {declaration.name}; there are: {_listed(numbered)}.")
    return found


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"
