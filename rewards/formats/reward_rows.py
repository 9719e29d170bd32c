"""Outputs with a recipe's rewards and advantages, dense where the recipe is: one row an output.

No trainer takes dense rewards from a file of a common format, so the columns are our own: the output's messages as they
are, each number with the characters that it stands on.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rewards.formats.row_files import Columns, ColumnType
from rewards.segmentation import Spans

NAME: Final = "rubricate_rewards"
COLUMNS: Final[Columns] = {
    "prompt": ColumnType.MESSAGES,
    "completion": ColumnType.MESSAGES,
    "reward": ColumnType.NUMBER,
    "rewards": ColumnType.NUMBERS,
    "segments": ColumnType.SPANS,
    "advantage": ColumnType.NUMBER_OR_NONE,
    "advantages": ColumnType.NUMBERS,
}
IDS: Final[Columns] = {"task_id": ColumnType.TEXT, "output_id": ColumnType.TEXT}


def columns_of(*, ids: bool = False) -> Columns:
    """The columns, with the external ids of task and output where they are wanted."""
    return {**COLUMNS, **IDS} if ids else COLUMNS


def reward_row(
    prompt: Sequence[Mapping[str, Any]],
    completion: Sequence[Mapping[str, Any]],
    *,
    reward: float,
    rewards: Sequence[float | None],
    segments: Spans,
    advantage: float | None,
    advantages: Sequence[float | None],
) -> dict[str, Any]:
    """One row without id columns.

    Parameters
    ----------
    prompt, completion : sequence of mapping
        Stored messages; all of the output's channels, since segments count messages.
    reward : float
        The sum of `rewards`.
    rewards : sequence of float or None, length m
        None for an unscored segment.
    segments : ndarray of int32, shape (m, 3)
        Message of the completion, start, end.
    advantages : sequence of float or None
        On the same segments, or one for the whole output; empty where the recipe names no estimator.
    """
    return {
        "prompt": _messages(prompt),
        "completion": _messages(completion),
        "reward": reward,
        "rewards": list(rewards),
        "segments": [{"message": m, "start": start, "end": end} for m, start, end in segments.tolist()],
        "advantage": advantage,
        "advantages": list(advantages),
    }


def _messages(stored: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"role": message["role"], "content": message["text"]} for message in stored]
