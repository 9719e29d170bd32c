"""Make the demo project, unless it is there, and say how to sign in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.actions.demo import PEOPLE, load_demo
from projects.errors import AppError


class Command(BaseCommand):
    help = "Load the demo project: tasks, sampled outputs, rubrics, two runs and an open campaign."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            demo = load_demo()
        except AppError as error:
            raise CommandError(str(error)) from error
        password = demo.password or "(was printed where the demo was first loaded)"
        self.stdout.write(f"Sign in as {PEOPLE[0][0]} with {password}")
        others = ", ".join(f"{username} ({role.label.lower()})" for username, _, role in PEOPLE[1:])
        self.stdout.write(f"The same password opens {others}.")
        for note in demo.notes:
            self.stdout.write(note)
