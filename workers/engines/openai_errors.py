"""What servers of the OpenAI protocol say when they refuse or are busy, each in its own words and headers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_OVERRUN_WORDS = (
    "context_length_exceeded",
    "context length",
    "context window",
    "maximum context",
    "max_model_len",
    "too many tokens",
    "prompt is too long",
    "longer than the model",
    "`inputs` tokens + `max_new_tokens`",
)


def _error(body: bytes) -> Mapping[str, Any]:
    """The error object of an answer, wherever the server puts it."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    inner = found.get("error")
    if isinstance(inner, dict):
        return inner
    return {"message": inner} if isinstance(inner, str) else found


def error_message(body: bytes) -> str:
    """The server's own words on one line; empty where it gives none."""
    found = _error(body)
    message = found.get("message") or found.get("detail") or ""
    text = message if isinstance(message, str) else json.dumps(message)
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def is_quota_error(body: bytes) -> bool:
    """Whether no pause will help, since the account has nothing left."""
    found = _error(body)
    return str(found.get("code") or found.get("type") or "") in _QUOTA_CODES


def is_overrun(said: str) -> bool:
    """Whether these words mean that the request was too long: servers have no common code for it."""
    lowered = said.lower()
    return any(words in lowered for words in _OVERRUN_WORDS)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait; it may name a moment instead."""
    milliseconds = header_number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = header_number(text)
    if seconds is not None or not text:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError):
        return None


def header_number(text: str | None) -> float | None:
    """A number from 0; None where the header is not there or says something else."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
