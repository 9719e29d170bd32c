"""PostgreSQL in every respect but one: connecting says what to set."""

import warnings
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.postgresql import base
from django.db.utils import OperationalError

from rubricate.env import NO_DATABASE

# makemigrations compares the files with the database where it can, and warns where it cannot; here it never can.
warnings.filterwarnings("ignore", message="Got an error checking a consistent migration history")


class NoDatabaseError(OperationalError, CommandError):
    """Both what code that talks to databases catches and what manage.py prints as one line."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Refuse to connect, in words."""

    def get_connection_params(self) -> dict[str, Any]:
        raise NoDatabaseError(NO_DATABASE)
