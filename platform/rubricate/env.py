"""The only reader of environment variables; what is missing or malformed ends the start with one line that names it.

A variable that is not set is looked up in ``var/local.env``, which ``manage.py up`` writes while its stack runs, so
that commands in a second terminal reach that stack.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
# Everything that Rubricate writes on this machine.
VAR = Path(os.environ.get("RUBRICATE_VAR") or ROOT / "var").absolute()
LOCAL_ENV = VAR / "local.env"
SECRET_KEY_FILE = VAR / "secrets" / "secret_key"
ENCRYPTION_KEY_FILE = VAR / "secrets" / "encryption_key"

NO_DATABASE = (
    "No database: start Rubricate with `make demo` (or `python manage.py up`), or set DATABASE_URL "
    "(postgresql://user:password@host:5432/name)."
)
NO_BROKER = (
    "No broker: start Rubricate with `make demo` (or `python manage.py up`), or set CELERY_BROKER_URL "
    "(redis://:password@host:6379/0)."
)

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


@cache
def _local() -> dict[str, str]:
    """Return what the running stack wrote; nothing when none runs or the file belongs to someone else."""
    try:
        lines = LOCAL_ENV.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def text(name: str, default: str = "") -> str:
    """Return the variable `name`, or what the running stack says, or `default`."""
    return os.environ.get(name) or _local().get(name) or default


def given(name: str) -> str:
    """Return the variable `name` as this process was started with, whatever stack runs."""
    return os.environ.get(name, "")


def required(name: str) -> str:
    """Return the variable `name`; without it nothing may start."""
    value = text(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set.")
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Return the variable `name` read as yes or no."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def integer(name: str, default: int) -> int:
    """Return the variable `name` read as a whole number."""
    value = os.environ.get(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def names(name: str, default: list[str]) -> list[str]:
    """Return the variable `name` read as a comma-separated list."""
    value = text(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else default


def json_object(name: str) -> dict[str, Any]:
    """Return the variable `name` read as a JSON object; empty where it is not set."""
    value = text(name)
    try:
        read = json.loads(value) if value else {}
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a JSON object: {error}.") from None
    if not isinstance(read, dict):
        raise ImproperlyConfigured(f"{name} must be a JSON object, not {value!r}.")
    return read


def secret_key() -> str:
    """Return SECRET_KEY, or the one that `up` keeps, or one for this process only (sessions then end with it)."""
    value = text("SECRET_KEY")
    if value:
        return value
    try:
        return SECRET_KEY_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return os.urandom(40).hex()


def encryption_keys() -> list[str]:
    """Return the secrets that stored credentials are encrypted with, the one in use first; or the one that `up` keeps.

    Without any, credentials cannot be stored, which their form says.
    """
    given_keys = names("RUBRICATE_ENCRYPTION_KEYS", [])
    if given_keys:
        return given_keys
    try:
        return [ENCRYPTION_KEY_FILE.read_text(encoding="ascii").strip()]
    except OSError:
        return []


def database(*, pool: dict[str, Any] | None) -> dict[str, Any]:
    """Return Django's settings for the database that DATABASE_URL names.

    Without DATABASE_URL the settings still load, so that `check`, `makemigrations`, `test` and `up` run; the first
    query says what is missing.
    """
    url = text("DATABASE_URL")
    if not url:
        return {"ENGINE": "rubricate.no_database", "NAME": "none"}
    settings = parse_database_url(url)
    if pool is not None:
        settings["OPTIONS"]["pool"] = pool
    return settings


def parse_database_url(url: str) -> dict[str, Any]:
    """Turn a PostgreSQL URL into Django's settings; a socket folder is given as `?host=/folder`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL must read postgresql://user:password@host:5432/name.")
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL holds a port that is not a number.") from None
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": options.pop("port", "") or (str(port) if port else ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": options,
    }
