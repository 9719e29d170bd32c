"""What formats of tasks with their own rubrics share."""

from collections.abc import Sequence

from rewards.formats.json_rows import kind_of
from rewards.formats.records import InvalidRow
from rewards.rubrics.content import Criterion, RubricContent


class Unwritable(ValueError):  # noqa: N818 - no error of the program: the task is left out and counted
    """A task that a format cannot hold; ``reason`` is one of `rewards.exporting.reasons.REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def binary_criteria(content: RubricContent) -> Sequence[Criterion]:
    """The criteria, all of which are answered by yes or no; raises `Unwritable` (``not_binary``)."""
    if any(criterion.kind != "binary" for criterion in content.criteria):
        raise Unwritable("not_binary")
    return content.criteria


def plain_number(number: float) -> float | int:
    """A whole number without its decimal point, as the public files write it."""
    return int(number) if number == int(number) else number


def optional_text(value: object, at: str) -> str | None:
    """A string or null; InvalidRow for anything else."""
    if value is not None and type(value) is not str:
        raise InvalidRow(at, f"It is {kind_of(value)}", "a string or null")
    return value


def what(value: object) -> str:
    """What stands in place of what was expected, in words."""
    if value is None:
        return "It is missing"
    return "It is empty" if value in ("", []) else f"It is {kind_of(value)}"
