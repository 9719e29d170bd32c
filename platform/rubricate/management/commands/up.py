"""`manage.py up`: start Rubricate on this machine, the whole of it, and stop it with Ctrl-C."""

import errno
import signal
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import get_commands
from django.core.management.base import BaseCommand

from rubricate.stack import preflight
from rubricate.stack.errors import StackError
from rubricate.stack.stack import Stack


class Command(BaseCommand):
    help = "Start PostgreSQL, Valkey, the web server, the workers and beat, load the demo, and stop all on Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default %(default)s)")
        parser.add_argument("--workers", type=int, default=1, help="workers for the cpu queue (default %(default)s)")
        parser.add_argument("--no-demo", action="store_true", help="do not load the demo project")
        parser.add_argument("--check", action="store_true", help="start, wait until healthy, stop, and say so")

    def handle(self, *args: Any, **options: Any) -> None:
        stack = Stack(options["host"], options["port"], options["workers"], report=self._report)
        self._began = time.monotonic()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, _interrupt)
        try:
            self._run(stack, with_demo=not options["no_demo"], stay=not options["check"])
        except KeyboardInterrupt:
            self.stdout.write("")
        except OSError as error:
            raise _explained(error) from error

    def _run(self, stack: Stack, *, with_demo: bool, stay: bool) -> None:
        preflight.require_free_space(stack.folder)
        with preflight.lock(stack.folder / "run" / "up.lock", stack.address):
            preflight.require_free_port(stack.host, stack.port)
            preflight.require_model()
            try:
                stack.start_servers()
                stack.manage("migrate", "--no-input")
                self._report("The database is migrated")
                stack.start_processes()
                greeting = stack.manage("load_demo") if with_demo and "load_demo" in get_commands() else ""
                stack.wait_until_healthy()
                self._report("The web server, the workers and beat are ready")
                self._greet(stack, greeting)
                if stay:
                    stack.watch()
            finally:
                self.stdout.write("Stopping ...", ending="")
                self.stdout.flush()
                stack.stop()
                self.stdout.write(" stopped.")

    def _report(self, step: str) -> None:
        self.stdout.write(f"{time.monotonic() - self._began:6.1f} s  {step}")
        self.stdout.flush()

    def _greet(self, stack: Stack, greeting: str) -> None:
        lines = [
            "",
            self.style.SUCCESS("Rubricate is running."),
            "",
            f"  Open   {stack.address}",
            f"  API    {stack.address}api/v1/docs/",
            f"  Logs   {stack.folder / 'log'}",
            "  Stop   Ctrl-C",
            "",
        ]
        lines += [f"  {line}" for line in greeting.strip().splitlines()]
        lines += [] if greeting else ["  Make the first person with `python manage.py createsuperuser`."]
        self.stdout.write("\n".join([*lines, ""]))
        self.stdout.flush()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _explained(error: OSError) -> StackError:
    """Turn what the operating system refused into the one line for it."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StackError("The disk is full: free some space and start again.")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StackError(
            f"{error.filename or 'A file'} cannot be written: {error.strerror}. Start as the user who made it."
        )
    return StackError(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
