"""How far a run is, for its page and for programs, and the word to open pages that it changed."""

import logging
import time
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from workers.models import Batch, Run, RunItem

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN = 1.0
_published: dict[int, float] = {}


@dataclass(frozen=True)
class Reason:
    """Why some items have no value."""

    status: str
    code: str
    label: str
    count: int


@dataclass(frozen=True)
class RunProgress:
    """One look at a run (three queries).

    Attributes
    ----------
    settled : int
        Items scored, unscored or failed.
    percent : int
        Of all items, rounded down: 100 is all.
    workers : int
        Batches under way.
    items_per_minute : float or None
        Of one worker, measured while computing; None before the first result.
    seconds_left : float or None
        At the measured speed with the workers of now; None where nobody works or nothing was measured.
    reasons : list of Reason
        Most frequent first.
    """

    run: Run
    settled: int
    percent: int
    workers: int
    items_per_minute: float | None
    seconds_left: float | None
    reasons: list[Reason]


def group_name(run_id: int) -> str:
    """The channel group of a run's open pages."""
    return f"run.{run_id}"


def progress_of(run: Run) -> RunProgress:
    """Read the counters, the leases and the reasons."""
    settled = run.settled_count
    workers = Batch.objects.under_way().filter(run=run).count() if run.status != Run.Status.FINISHED else 0
    per_item = run.busy_seconds / run.attempted_count if run.attempted_count else None
    left = (run.item_count - settled) * per_item / workers if per_item is not None and workers else None
    return RunProgress(
        run=run,
        settled=settled,
        percent=100 * settled // run.item_count if run.item_count else 100,
        workers=workers,
        items_per_minute=60 / per_item if per_item else None,
        seconds_left=left,
        reasons=[
            Reason(status, code, reason_label(code), count)
            for status, code, count in RunItem.objects.filter(run=run).counted_by_reason()
        ],
    )


def reason_label(code: str) -> str:
    """A stable code in words."""
    return _REASONS.get(code) or code.replace("_", " ").capitalize()


def publish(run_id: int, *, now: bool = False) -> None:
    """Tell open pages of the run to show it anew, at most once a second unless it must be `now`.

    Pages ask by themselves when no socket is open, so a channel layer that is away is no error.
    """
    moment = time.monotonic()
    if not now and moment - _published.get(run_id, -_SECONDS_BETWEEN) < _SECONDS_BETWEEN:
        return
    _published[run_id] = moment
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group_name(run_id), {"type": "run.changed"})
    except Exception as error:  # the layer's client has no common base class for its errors
        logger.warning("open pages of run %d were not told: %s", run_id, error)


_REASONS = {
    "context_overrun": "Longer than the model's context",
    "out_of_memory": "Does not fit the device's memory",
    "empty_output": "The output has no text",
    "no_criteria": "No rubric applies to the task",
    "tokenizers_differ": "The two models cut the text differently",
    "not_finite": "The model gave a token no probability",
    "invalid_text": "Text that the tokenizer refuses",
    "unexpected_error": "An unexpected error",
    "unreadable_input": "The stored text has an unexpected shape",
    "worker_lost": "Workers ended while computing it",
    "model_missing": "The model is missing",
    "model_invalid": "The model cannot be loaded",
    "model_checksum": "The model's file is not the expected one",
    "model_too_big": "The model does not fit the memory",
    "unsupported": "The model cannot give what the source needs",
    "unknown_source": "This version does not know the source",
    "no_chat_template": "The model has no chat template",
    "chat_template_refused": "The model's chat template refuses the messages",
    "no_start_token": "The prompt has no token for the first one to follow",
    "endpoint_down": "The model's server could not be reached",
    "endpoint_timeout": "The model's server did not answer in time",
    "endpoint_busy": "The model's server had too many requests",
    "endpoint_refused": "The model's server refused the request",
    "endpoint_malformed": "The model's server answered in a wrong shape",
    "budget_spent": "The budget was spent",
}
