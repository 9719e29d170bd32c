"""What log lines are about, and their form for programs."""

import json
import logging

import pytest

from projects.log_context import AboutFilter, JsonFormatter, log_about


def line(message, *arguments, exc_info=None):
    """The JSON of one record, as the console's handler would write it."""
    record = logging.LogRecord("workers.scoring", logging.WARNING, __file__, 1, message, arguments, exc_info)
    AboutFilter().filter(record)
    written = JsonFormatter().format(record)
    assert "\n" not in written
    return json.loads(written)


def test_a_line_says_which_run_it_is_about_and_only_there():
    with log_about(run_id=7), log_about(batch=2):
        inside = line("lost %s", "lease")
    assert (inside["message"], inside["level"], inside["run_id"], inside["batch"]) == (
        "lost lease",
        "WARNING",
        "7",
        "2",
    )
    assert "run_id" not in line("after")


def test_hostile_text_stays_one_line_and_one_field():
    assert line("%s", 'x"}\n{"level": "INFO"')["message"] == 'x"}\n{"level": "INFO"'


def test_a_traceback_is_kept():
    try:
        raise ValueError("no")
    except ValueError as error:
        found = line("failed", exc_info=(type(error), error, error.__traceback__))
    assert "ValueError: no" in found["traceback"]


@pytest.mark.parametrize(
    ("given", "is_believed"), [("abc-1.2_3", True), ("", False), ("a b", False), ("x" * 65, False), ("a\u2028b", False)]
)
def test_a_proxys_name_for_a_request_is_believed_if_it_is_one(client, given, is_believed):
    answered = client.get("/health/live", headers={"X-Request-ID": given})["X-Request-ID"]
    assert (answered == given) is is_believed
    assert answered


def test_two_requests_have_two_names(client):
    first, second = (client.get("/health/live")["X-Request-ID"] for _ in range(2))
    assert first != second
