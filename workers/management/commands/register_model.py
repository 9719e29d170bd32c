"""Offer a model to every project from the command line."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.errors import AppError
from workers.actions.endpoints import probe_endpoint, register_endpoint
from workers.engines.folders import DTYPES


class Command(BaseCommand):
    help = "Register a model for every project and look at it: a folder, a hub id, or package:<name>."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "reference", help="a folder or GGUF file under MODEL_ROOTS, a hub id owner/name, or package:<name>"
        )
        parser.add_argument("--revision", default="", help="of a hub id: a commit, tag or branch")
        parser.add_argument("--adapter", default="", help="LoRA weights: a folder, or a hub id owner/name@revision")
        parser.add_argument("--dtype", choices=DTYPES, default="bfloat16")
        parser.add_argument("--caveat", default="", help="what the model cannot judge; shown wherever its numbers are")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            endpoint = register_endpoint(
                project=None,
                name=options["name"],
                reference=options["reference"],
                revision=options["revision"],
                dtype=options["dtype"],
                adapter=options["adapter"],
                caveat=options["caveat"],
                actor=None,
                probe=False,
            )
        except AppError as error:
            raise CommandError(str(error)) from error
        if not probe_endpoint(endpoint=endpoint, load=False):
            endpoint.delete()
            raise CommandError(f"{options['reference']} cannot be used: {endpoint.failure}")
        self.stdout.write(
            f"{endpoint.name}: {endpoint.resolved['weights']}, {endpoint.context_length} tokens of context."
        )
