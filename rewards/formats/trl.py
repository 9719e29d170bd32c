"""Datasets as TRL's trainers take them: preference (DPO, reward models) and unpaired preference (KTO, BCO).

Each comes plain (`prompt`, `chosen` ... are strings) and conversational (they are lists of `{"role", "content"}`), with
the column names and types of TRL's `docs/source/dataset_formats.md`. Texts are written exactly as they are stored.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from rewards.formats.records import OutputMessage, PromptMessage
from rewards.formats.row_files import Columns, ColumnType

ANSWER_ONLY: Final = frozenset({"answer"})
_ID_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "preference": ("task_id", "chosen_id", "rejected_id"),
    "unpaired": ("task_id", "output_id"),
}


def columns_of(
    kind: str, *, conversational: bool, margin: bool = True, ids: bool = False, weight: bool = False
) -> Columns:
    """Return the columns of `kind`, which is `preference` or `unpaired`.

    Parameters
    ----------
    margin
        Whether preference rows say how much better the chosen output is; unpaired rows never do.
    weight
        Whether preference rows say how much they count; TRL's trainers pass it over, a weighted loss reads it.
    ids
        Whether rows also carry the external ids of the task and outputs they come from. TRL passes them over.
    """
    text = ColumnType.MESSAGES if conversational else ColumnType.TEXT
    if kind == "preference":
        columns = {"prompt": text, "chosen": text, "rejected": text}
        if margin:
            columns["margin"] = ColumnType.NUMBER
        if weight:
            columns["weight"] = ColumnType.NUMBER
    elif kind == "unpaired":
        columns = {"prompt": text, "completion": text, "label": ColumnType.BOOLEAN}
    else:
        raise ValueError(f"kind {kind!r} is neither preference nor unpaired")
    if ids:
        columns |= dict.fromkeys(_ID_COLUMNS[kind], ColumnType.TEXT)
    return columns


def unpaired_row(
    prompt: Sequence[PromptMessage], completion: Sequence[OutputMessage], *, label: bool, conversational: bool
) -> dict[str, Any]:
    """Return one row without id columns; `label` says whether the completion is desirable."""
    return {
        "prompt": prompt_value(prompt, conversational=conversational),
        "completion": completion_value(completion, conversational=conversational),
        "label": label,
    }


def messages_in(messages: Sequence[OutputMessage], channels: Collection[str] = ANSWER_ONLY) -> list[OutputMessage]:
    """Return the messages of an output that belong to `channels`. None left: the output has nothing to train on."""
    return [message for message in messages if message["channel"] in channels]


def prompt_value(messages: Sequence[PromptMessage], *, conversational: bool) -> str | list[dict[str, str]]:
    """Return a prompt as TRL takes it.

    Plain, a single user message is its text. Several are set one below the other with their roles, as no chat template
    is known here: the conversational form is the one to train on.
    """
    if conversational:
        return [{"role": message["role"], "content": message["text"]} for message in messages]
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["text"]
    return "\n\n".join(f"{message['role'].capitalize()}: {message['text']}" for message in messages)


def completion_value(messages: Sequence[OutputMessage], *, conversational: bool) -> str | list[dict[str, str]]:
    """Return an output as TRL takes it; plain, several messages are joined by blank lines."""
    if not messages:
        raise ValueError("a completion needs at least one message")
    if conversational:
        return [{"role": message["role"], "content": message["text"]} for message in messages]
    return "\n\n".join(message["text"] for message in messages)
