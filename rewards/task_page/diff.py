"""What changed between two versions of a task, part by part."""

from typing import NamedTuple

from rewards.models import Task
from rewards.rubrics.diff import WordChange, diff_words


class PartChange(NamedTuple):
    """One part of a task; ``words`` says what stayed, went and came."""

    part: str
    words: tuple[WordChange, ...]
    is_changed: bool


def diff_tasks(old: Task, new: Task) -> list[PartChange]:
    """Messages by place, then reference and context; parts that both versions lack are left out."""
    parts = []
    for index in range(max(len(old.messages), len(new.messages))):
        before, after = _message(old, index), _message(new, index)
        parts.append((f"Message {index + 1} ({after[0] or before[0]})", before[1], after[1]))
    parts += [("Reference", old.reference or "", new.reference or ""), ("Context", old.context, new.context)]
    return [
        PartChange(part, diff_words(before, after), before != after) for part, before, after in parts if before or after
    ]


def _message(task: Task, index: int) -> tuple[str, str]:
    if index >= len(task.messages):
        return "", ""
    return task.messages[index]["role"], task.messages[index]["text"]
