"""Reading what a server answered: every shape is checked, and what is not there is never filled in."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workers.engines.contract import Choice, ErrorCode, Generated, Refusal
from workers.engines.openai_client import ServerAnswer


class ShapeError(ValueError):
    """An answer without something that the protocol promises; the message says what was expected where."""


def malformed(error: ShapeError) -> Refusal:
    """As an engine reports it."""
    return Refusal(ErrorCode.ENDPOINT_MALFORMED, f"the server's answer is not as the protocol says: {error}")


def read_generated(answer: ServerAnswer) -> Generated | Refusal:
    """The drawn text of a chat or plain completion.

    Raises
    ------
    ShapeError
    """
    choice = first_choice(answer)
    finish = choice.get("finish_reason")
    if finish == "content_filter":
        return Refusal(ErrorCode.ENDPOINT_REFUSED, "the server's content filter stopped the reply")
    if finish not in {"stop", "length"}:
        raise ShapeError(f"finish_reason is {_short(finish)}: expected stop or length")
    text = choice.get("text")
    if "message" in choice:
        message = _dict(choice["message"], "message")
        if message.get("refusal"):
            return Refusal(ErrorCode.ENDPOINT_REFUSED, f"the model refused: {_short(message['refusal'])}")
        text = message.get("content")
        if text is None and finish == "length":
            # A model that thinks first may have used up the limit before it answered.
            text = ""
    if not isinstance(text, str):
        raise ShapeError("the reply holds no text")
    reason: Literal["stop", "length"] = "stop" if finish == "stop" else "length"
    return Generated(
        text=text,
        token_count=answer.reply_tokens,
        finish_reason=reason,
        prompt_token_count=answer.prompt_tokens,
        served_model=answer.served_model,
        cost=answer.cost,
        seconds=answer.seconds,
    )


def read_first_tokens(answer: ServerAnswer) -> dict[str, float]:
    """Log-probabilities of the likeliest first tokens, by their text; tokens of one text are added up.

    Raises
    ------
    ShapeError
        Also where the answer has no log-probabilities.
    """
    logprobs = _dict(first_choice(answer).get("logprobs"), "logprobs")
    content = logprobs.get("content")
    if isinstance(content, list) and content:
        listed = _list(_dict(content[0], "logprobs.content[0]").get("top_logprobs"), "top_logprobs")
        pairs = [
            (_dict(entry, "top_logprobs").get("token"), _dict(entry, "top_logprobs").get("logprob")) for entry in listed
        ]
    else:
        tops = _list(logprobs.get("top_logprobs"), "logprobs.top_logprobs")
        pairs = list(_dict(tops[0] if tops else None, "logprobs.top_logprobs[0]").items())
    found: dict[str, float] = {}
    for token, value in pairs:
        if not isinstance(token, str):
            raise ShapeError(f"a token is {_short(token)}: expected text")
        logprob = _logprob(value)
        found[token] = float(np.logaddexp(found[token], logprob)) if token in found else logprob
    return found


def read_given(answer: ServerAnswer, ids: Sequence[int], count: int, way: str) -> npt.NDArray[np.float32]:
    """Log-probabilities of the last `count` of the given tokens, shape (count,).

    Raises
    ------
    ShapeError
        Where they are missing, fewer than the tokens that were sent, or of other tokens.
    """
    choice = first_choice(answer)
    first = len(ids) - count
    if way == "prompt_logprobs":
        listed = _list(choice.get("prompt_logprobs"), "prompt_logprobs")
        _require_count(listed, len(ids), "prompt_logprobs")
        values = [
            _logprob(
                _dict(_dict(entry, "prompt_logprobs").get(str(token)), f"the entry of token {token}").get("logprob")
            )
            for token, entry in zip(ids[first:], listed[first:], strict=True)
        ]
    else:
        logprobs = _dict(choice.get("logprobs"), "logprobs")
        listed = _list(logprobs.get("token_logprobs"), "token_logprobs")
        # The one that was drawn stands behind the given ones.
        if len(listed) not in {len(ids), len(ids) + 1}:
            raise ShapeError(f"token_logprobs has {len(listed)} entries: expected {len(ids)}, one for each token sent")
        values = [_logprob(value) for value in listed[first : len(ids)]]
    return np.array(values, dtype=np.float32)


def read_tokens(answer: ServerAnswer) -> tuple[list[int], list[str] | None, int | None]:
    """Token ids, the tokens as the vocabulary writes them (None where not told), and the context's length (or None).

    Raises
    ------
    ShapeError
    """
    ids = _list(answer.body.get("tokens"), "tokens")
    if not all(isinstance(token, int) and not isinstance(token, bool) for token in ids):
        raise ShapeError("tokens holds something else than numbers")
    texts = answer.body.get("token_strs")
    if texts is not None and (not isinstance(texts, list) or len(texts) != len(ids)):
        raise ShapeError("token_strs has not one entry for each token")
    length = answer.body.get("max_model_len")
    return ids, texts, length if isinstance(length, int) and length > 0 else None


def read_embeddings(answer: ServerAnswer, count: int) -> list[npt.NDArray[np.float32]]:
    """One vector of length 1 for each text, in the order asked.

    Raises
    ------
    ShapeError
        Also for a vector of zeros or other than finite numbers.
    """
    data = _list(answer.body.get("data"), "data")
    _require_count(data, count, "data")
    rows: list[npt.NDArray[np.float32] | None] = [None] * count
    for place, entry in enumerate(data):
        row = _dict(entry, f"data[{place}]")
        index = row.get("index", place)
        if not isinstance(index, int) or not 0 <= index < count or rows[index] is not None:
            raise ShapeError(f"data[{place}].index is {_short(index)}")
        vector = np.array([_finite(value) for value in _list(row.get("embedding"), "embedding")], dtype=np.float64)
        length = float(np.linalg.norm(vector))
        if not vector.size or length == 0:
            raise ShapeError(f"data[{place}].embedding has no direction")
        rows[index] = (vector / length).astype(np.float32)
    return [row for row in rows if row is not None]


def read_reward(answer: ServerAnswer) -> float:
    """The one number that a reward model gives to a conversation.

    Raises
    ------
    ShapeError
        Also where there are more numbers: a classifier's classes, or one for each token, are no reward.
    """
    data = _list(answer.body.get("data"), "data")
    _require_count(data, 1, "data")
    row = _dict(data[0], "data[0]")
    values = _list(row.get("data", row.get("probs")), "data[0].data")
    while len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if len(values) != 1:
        raise ShapeError(f"{len(values)} numbers for one conversation: expected one, that of a reward model's head")
    return _finite(values[0])


def choice_among(labels: tuple[str, ...], first_tokens: dict[str, float], answer: ServerAnswer) -> Choice | Refusal:
    """The labels' log-probabilities as first tokens of the reply.

    Only where every label is, letter for letter, one of the listed tokens, and none begins another: a label that is
    missing may be of several tokens or just unlikely, and its probability is not known. It is not guessed.
    """
    for short in labels:
        for long in labels:
            if short != long and long.startswith(short):
                detail = f"{short!r} begins {long!r}: by the first token alone the two cannot be told apart"
                return Refusal(ErrorCode.UNSUPPORTED, detail)
    missing = [label for label in labels if label not in first_tokens]
    if missing:
        detail = f"{missing[0]!r} is not among the {len(first_tokens)} likeliest first tokens that the server lists"
        return Refusal(ErrorCode.UNSUPPORTED, detail)
    return Choice(
        labels,
        tuple(first_tokens[label] for label in labels),
        (1,) * len(labels),
        prompt_token_count=answer.prompt_tokens,
        served_model=answer.served_model,
        cost=answer.cost,
        seconds=answer.seconds,
    )


def first_choice(answer: ServerAnswer) -> dict[str, Any]:
    """The answer's one choice; `ShapeError` where there is none."""
    choices = _list(answer.body.get("choices"), "choices")
    return _dict(choices[0] if choices else None, "choices[0]")


def _dict(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ShapeError(f"{where} is {_short(value)}: expected an object")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ShapeError(f"{where} is {_short(value)}: expected a list")
    return value


def _require_count(values: list[Any], count: int, where: str) -> None:
    if len(values) != count:
        raise ShapeError(f"{where} has {len(values)} entries: expected {count}")


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ShapeError(f"a number is {_short(value)}")
    return float(value)


def _logprob(value: object) -> float:
    number = _finite(value)
    # Some servers write -9999 for "none"; rounding may leave a hair above 0.
    if not -1000 < number <= 1e-3:
        raise ShapeError(f"a log-probability is {number:g}")
    return min(number, 0.0)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
