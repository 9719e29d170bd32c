"""Answers as they arrive: JSON of any shape, checked to be storable before anything looks inside."""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from projects.errors import AppError

MAX_BYTES = 1_000_000


def storable_json(answer: dict[str, Any]) -> str:
    """The answer as JSON text that PostgreSQL takes.

    Raises
    ------
    AppError
        ``answer_invalid`` for a NUL or a lone surrogate, ``answer_too_long`` (413).
    """
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise AppError(
            gettext("The answer holds half of a character, which cannot be stored."), code="answer_invalid"
        ) from error
    # An escaped backslash before "u0000" is only a text about it.
    if "\\u0000" in text.replace("\\\\", ""):
        raise AppError(gettext("The answer holds a NUL character, which cannot be stored."), code="answer_invalid")
    if size > MAX_BYTES:
        raise AppError(
            gettext("The answer is too long: %(size)s bytes.") % {"size": f"{size:,}"},
            code="answer_too_long",
            status=413,
        )
    return text


def says(value: Any) -> bool:
    """Whether an answer, or a part of one, says anything: `{}`, `[]` and what holds only such do not."""
    if isinstance(value, Mapping):
        return any(says(part) for part in value.values())
    return value is not None and value not in ("", [])
