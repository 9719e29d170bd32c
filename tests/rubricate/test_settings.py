"""Settings as other processes see them: each case is a process of its own, since settings load once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "rubricate.settings.prod",
    "SECRET_KEY": "k" * 20 + "0123456789abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "rubricate.example",
    "DATABASE_URL": "postgresql://me:secret@db.example/rewards",
    "CELERY_BROKER_URL": "redis://broker.example/0",
    "CHANNEL_LAYER_URL": "redis://broker.example/1",
}


def manage(*arguments, code="", **environment):
    """Run manage.py (or `code` after its set-up) with this environment and nothing of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    kept["RUBRICATE_VAR"] = "/nonexistent"
    command = [sys.executable, "manage.py", *arguments] if arguments else [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False)


def test_production_passes_djangos_deployment_checks():
    # What these settings change. Models and addresses are the same under all settings: `make check` looks at them.
    tags = [part for tag in ("security", "caches", "files", "staticfiles", "templates") for part in ("--tag", tag)]
    result = manage("check", "--deploy", "--fail-level", "INFO", *tags, **PRODUCTION)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "CELERY_BROKER_URL", "CHANNEL_LAYER_URL"]
)
def test_production_names_what_is_missing_in_one_line(name):
    result = manage("check", **{key: value for key, value in PRODUCTION.items() if key != name})
    assert result.returncode == 1
    assert result.stderr.strip() == f"{name} is not set."


def test_commands_that_need_no_database_run_without_one():
    # One process for all of them: starting is what takes long.
    code = """
from django.core.management import execute_from_command_line
for command in ("check", "makemigrations --check --dry-run", "help"):
    execute_from_command_line(["manage.py", *command.split()])
"""
    result = manage(code=code, DJANGO_SETTINGS_MODULE="rubricate.settings.dev", PYTHONPATH="platform")
    assert result.returncode == 0, result.stdout + result.stderr
    result = manage("up", "--help")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_command_that_needs_a_database_says_in_one_line_how_to_get_one():
    result = manage("migrate")
    assert result.returncode == 1
    assert "start Rubricate with `make demo`" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_sending_work_without_a_broker_says_what_to_set():
    code = "import django; django.setup(); from rubricate.celery import app; app.send_task('any')"
    result = manage(code=code, DJANGO_SETTINGS_MODULE="rubricate.settings.dev", PYTHONPATH="platform")
    assert result.returncode == 1
    assert "No broker: start Rubricate with `make demo`" in result.stderr


def test_a_malformed_database_url_is_one_line():
    result = manage("migrate", DATABASE_URL="mysql://host/name")
    assert result.returncode == 1
    assert result.stderr.strip() == "DATABASE_URL must read postgresql://user:password@host:5432/name."


@pytest.mark.parametrize(("host", "backend"), [("", "dummy"), ("smtp.example", "smtp")])
def test_in_production_letters_leave_through_a_mail_server_or_not_at_all(host, backend):
    """Printed into a log they would publish their links."""
    code = "import django; django.setup(); from django.conf import settings; print(settings.EMAIL_BACKEND)"
    result = manage(code=code, PYTHONPATH="platform", EMAIL_HOST=host, **PRODUCTION)
    assert result.stdout.strip() == f"django.core.mail.backends.{backend}.EmailBackend"
