"""Fit weights on an export's labels from the command line."""

import argparse
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.errors import AppError
from projects.models import Project
from rewards.models import Export
from rewards.parameters import Parameter
from workers.actions.artefacts import compute_fit, request_fit
from workers.actions.endpoints import ensure_serving
from workers.fit_pictures import measures
from workers.models import Fit, ModelEndpoint
from workers.training.contract import TrainerDeclaration
from workers.training.registry import TRAINERS


class Command(BaseCommand):
    help = "Fit a head, a detector or an adapter on the labels of an unpaired export, and store it as an artefact."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("kind", choices=list(TRAINERS))
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--export", required=True, type=int, metavar="ID", help="of unpaired preference, ready")
        parser.add_argument("--model", metavar="NAME", help="to fit on; default: what fits")
        parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="of the trainer")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--name", default="", help="of the artefact")
        parser.add_argument("--queue", action="store_true", help="leave it to a worker; default: compute it here")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        declaration = TRAINERS[options["kind"]].declaration
        try:
            fit = request_fit(
                project=project,
                kind=declaration.name,
                export=_export(project, options["export"]),
                endpoint=_endpoint(project, declaration, options["model"]),
                actor=None,
                parameters=_parameters(declaration.all_parameters, options["param"]),
                seed=options["seed"],
                name=options["name"],
                notify=options["queue"],
            )
        except AppError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Fit {fit.pk}: {fit.name}")
        if not options["queue"]:
            compute_fit(fit.pk)
            fit.refresh_from_db()
            self._report(fit)

    def _report(self, fit: Fit) -> None:
        if fit.artefact is None:
            raise CommandError(f"Fit {fit.pk} {fit.get_status_display().lower()}: {fit.failure}")
        for row in measures(fit.artefact.metrics):
            self.stdout.write(f"  {row.name}: {row.train or '–'} in training, {row.held_out or '–'} held out")
        self.stdout.write(f"Artefact {fit.artefact.pk}, sha256 {fit.artefact.sha256}")


def _export(project: Project, pk: int) -> Export:
    found = Export.objects.of(project).filter(pk=pk).first()
    if found is None:
        raise CommandError(f"{project.slug} has no export {pk}.")
    return found


def _endpoint(project: Project, declaration: TrainerDeclaration, name: str | None) -> ModelEndpoint:
    if name is None:
        return ensure_serving(declaration.base, project)
    found = ModelEndpoint.objects.offered_to(project).filter(name=name).first()
    if found is None:
        raise CommandError(f"{project.slug} has no model called {name!r}.")
    return found


def _parameters(declared: tuple[Parameter, ...], given: list[str]) -> Mapping[str, object]:
    kinds = {parameter.name: parameter.kind for parameter in declared}
    pairs = [text.partition("=") for text in given]
    return {name: _read(value, kinds.get(name, "text")) for name, _, value in pairs}


def _read(value: str, kind: str) -> object:
    """In the parameter's own type where it reads so; else as it stands, for the check to name it."""
    try:
        if kind == "integer":
            return int(value)
        return float(value) if kind == "number" else value
    except ValueError:
        return value
