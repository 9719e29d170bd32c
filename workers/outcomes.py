"""What came of each item: a result, a reason why there is none, or the error; and how a culprit is found."""

import logging
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from workers.engines.contract import TRANSIENT_ENDPOINT_CODES, EngineError, ErrorCode
from workers.inputs import ItemInput
from workers.models import RunItem
from workers.sources.replies import ParseState
from workers.sources.results import Reply, Scored, Unscored

logger = logging.getLogger(__name__)

UNEXPECTED = "unexpected_error"
WORKER_LOST = "worker_lost"
UNREADABLE = "unreadable_input"

_MOST_TRACEBACK = 20_000

Status = Literal["scored", "unscored", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What came of one item.

    Attributes
    ----------
    item : RunItem
    input : ItemInput or None
        None where the item could not be read.
    status : {"scored", "unscored", "failed"}
    result : Scored or None
        Where scored; None also where a stored result of the same identity is taken over.
    reason, detail : str
        A stable code and a line for a person.
    traceback : str
        Of an unexpected error.
    replies : tuple of Reply
        What models said where nothing came of it; those behind a result stand in the result.
    seconds : float or None
        The item's share of the time that its micro-batch took.
    """

    item: RunItem
    input: ItemInput | None
    status: Status
    result: Scored | None = None
    reason: str = ""
    detail: str = ""
    traceback: str = ""
    seconds: float | None = None
    replies: tuple[Reply, ...] = ()

    @property
    def input_hash(self) -> str:
        return self.input.input_hash if self.input else ""

    @property
    def all_replies(self) -> tuple[Reply, ...]:
        """What models said, whether something came of it or not."""
        if self.result is None:
            return self.replies
        compared = (reply for comparison in self.result.comparisons for reply in comparison.replies)
        return (*self.result.replies, *compared)

    @property
    def identity(self) -> tuple[str, int]:
        """With the rater it names the judgment: input hash and repeat."""
        return self.input_hash, self.item.repeat


def failed(item: RunItem, item_input: ItemInput | None, error: BaseException, reason: str = UNEXPECTED) -> Outcome:
    """The outcome of an item that raised."""
    lines = "".join(traceback.format_exception(error))
    return Outcome(
        item,
        item_input,
        "failed",
        reason=reason,
        detail=storable(f"{type(error).__name__}: {error}")[:1000],
        traceback=storable(lines)[-_MOST_TRACEBACK:],
    )


def compute(
    inputs: Sequence[ItemInput], score: Callable[[Sequence[ItemInput]], list[Scored | Unscored]]
) -> list[Outcome]:
    """Score the inputs together; an unexpected error is traced to its item by halving, and the others go on.

    An error that the engine names concerns all items alike: they fail with its code, which a retry may mend. Running
    out of memory halves too; an item that does not fit alone is unscored, not failed.
    """
    try:
        results = score(inputs)
        return [_settled(item_input, result) for item_input, result in zip(inputs, results, strict=True)]
    except EngineError as error:
        if error.code != ErrorCode.OUT_OF_MEMORY:
            return [
                Outcome(item_input.item, item_input, "failed", reason=error.code.value, detail=storable(error.message))
                for item_input in inputs
            ]
        culprit: Exception = error
    # Sources and engines are other people's code over hostile text: whatever they raise is an item's failure here,
    # at the one boundary, and never the batch's.
    except Exception as error:
        culprit = error
    if len(inputs) > 1:
        logger.warning("%d items raised %r: looking for the one that did", len(inputs), culprit)
        middle = len(inputs) // 2
        return compute(inputs[:middle], score) + compute(inputs[middle:], score)
    if is_out_of_memory(culprit):
        detail = "this item alone does not fit the device's memory"
        return [_settled(inputs[0], Unscored(ErrorCode.OUT_OF_MEMORY.value, detail))]
    return [failed(inputs[0].item, inputs[0], culprit)]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on whichever device; torch is not imported for it."""
    if isinstance(error, EngineError):
        return error.code == ErrorCode.OUT_OF_MEMORY
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot hold: an error may quote a hostile output."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def _settled(item_input: ItemInput, result: Scored | Unscored) -> Outcome:
    if isinstance(result, Unscored):
        return Outcome(
            item_input.item,
            item_input,
            # What a server did wrong is no property of the item: it may be tried again.
            "failed" if result.reason in TRANSIENT_ENDPOINT_CODES else "unscored",
            reason=result.reason[:80],
            detail=storable(result.detail),
            replies=result.replies,
        )
    fault = _server_fault(result)
    if fault is not None:
        code, detail = fault
        replies = Outcome(item_input.item, item_input, "scored", result=result).all_replies
        return Outcome(item_input.item, item_input, "failed", reason=code, detail=storable(detail), replies=replies)
    _require_valid(item_input, result)
    return Outcome(item_input.item, item_input, "scored", result=result)


def _server_fault(result: Scored) -> tuple[str, str] | None:
    """Code and words of what a server failed at within the result, if it did.

    Storing the rest would use up the item's identity: it could never be asked for what is missing.
    """
    for verdict in result.verdicts:
        if verdict.reason in TRANSIENT_ENDPOINT_CODES:
            return verdict.reason, verdict.detail
    for reply in result.replies:
        code = reply.detail.partition(":")[0]
        if reply.parse_state == ParseState.REFUSED and code in TRANSIENT_ENDPOINT_CODES:
            return code, reply.detail
    return None


def _require_valid(item_input: ItemInput, result: Scored) -> None:
    """Refuse what a source must not give, before anything of it is stored; ValueError says what."""
    for verdict in result.verdicts:
        if verdict.criterion_key not in item_input.criterion_ids:
            raise ValueError(f"a verdict on {verdict.criterion_key!r}, which the rubric does not have")
        if (verdict.value is not None) != (verdict.state == "scored"):
            raise ValueError(f"the verdict on {verdict.criterion_key!r} is {verdict.state} with value {verdict.value}")
        if verdict.value is not None and not math.isfinite(verdict.value):
            raise ValueError(f"the verdict on {verdict.criterion_key!r} is {verdict.value}: not a finite number")
    for rating in result.ratings:
        if rating.value is not None and not rating.low <= rating.value <= rating.high:
            raise ValueError(f"the rating {rating.question} is {rating.value}: not on {rating.low} to {rating.high}")
    for comparison in result.comparisons:
        if not 0 <= comparison.a < comparison.b < len(item_input.members):
            raise ValueError(f"a comparison of members {comparison.a} and {comparison.b}")
    if result.ranking is not None and len(result.ranking.tiers) != len(item_input.members):
        raise ValueError(f"a ranking of {len(result.ranking.tiers)} of {len(item_input.members)} outputs")
    _require_valid_places(item_input, result)
    for found in result.signals:
        found.signal.segmentation.check_within(item_input.source_item.texts)


def _require_valid_places(item_input: ItemInput, result: Scored) -> None:
    """Spans and steps lie within the texts, and are of criteria that there are."""
    texts = item_input.source_item.texts
    for span in result.spans or ():
        if not (0 <= span.message < len(texts) and 0 <= span.start < span.end <= len(texts[span.message])):
            raise ValueError(f"a span {span.message}:{span.start}-{span.end} outside the output's texts")
        if span.criterion_key and span.criterion_key not in item_input.criterion_ids:
            raise ValueError(f"a span for {span.criterion_key!r}, which the rubric does not have")
    if result.steps is not None:
        result.steps.segmentation.check_within(texts)
        if len(result.steps.labels) != len(result.steps.segmentation):
            raise ValueError(f"{len(result.steps.labels)} labels of {len(result.steps.segmentation)} steps")
