"""Labels as tokens to be asked for, and what their tokens' log-probabilities say of the choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workers.engines.contract import Choice, EngineError, ErrorCode, LengthHandling, Refusal
from workers.engines.encoding import Encoder


def label_ids(encoder: Encoder, labels: Sequence[str]) -> list[list[int]] | Refusal:
    """Tokens of each label, in order.

    Where those of one begin another's ("1" and "10"), every label is followed by the end-of-turn token.

    Raises
    ------
    EngineError
        unsupported, where one is needed and the tokenizer has none.
    """
    found = []
    for label in labels:
        encoded = encoder.encode_continuation(label)
        if isinstance(encoded, Refusal):
            return encoded
        found.append(encoded.ids)
    return [[*ids, _end_id(encoder)] for ids in found] if _one_begins_another(found) else found


def choice_among(labels: tuple[str, ...], values: Sequence[Any], length_handling: LengthHandling) -> Choice | Refusal:
    """The choice, from each label's log-probabilities by token or the refusal to compute them."""
    for found in values:
        if isinstance(found, Refusal):
            return found
    sums = [float(found.sum(dtype="float64")) for found in values]
    counts = tuple(len(found) for found in values)
    logprobs = [total / count for total, count in zip(sums, counts, strict=True)] if length_handling == "mean" else sums
    return Choice(labels=labels, logprobs=tuple(logprobs), token_counts=counts)


def _one_begins_another(labels: list[list[int]]) -> bool:
    return any(len(short) < len(long) and long[: len(short)] == short for short in labels for long in labels)


def _end_id(encoder: Encoder) -> int:
    end: int | None = encoder.tokenizer.eos_token_id
    if end is None:
        raise EngineError(
            ErrorCode.UNSUPPORTED, "one label begins another, and this tokenizer has no token to end a label with"
        )
    return end
