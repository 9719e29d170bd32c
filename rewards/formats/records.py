"""What readers yield: tasks, outputs, judgments, and the rows that could not be taken.

Each record refers only to tasks and outputs that were yielded before it, or are stored in the project. Where a file
scatters the outputs of one task, the task comes with its first output and the others follow as `OutputRecord`s of their
own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict

ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
CHANNELS: Final = frozenset({"answer", "thinking", "tool"})

Choice = Literal["a", "b", "tie"]
TieKind = Literal["", "equal", "both_good", "both_bad", "cannot_tell", "flip"]
CritiqueKind = Literal["comment", "missing", "edit"]


class PromptMessage(TypedDict):
    """One message of a task."""

    role: str
    text: str


class OutputMessage(TypedDict):
    """One message of an output; `channel` is answer, thinking or tool."""

    role: str
    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A policy's response to the task `task_external_id`."""

    row: int
    task_external_id: str
    external_id: str
    messages: Sequence[OutputMessage]
    policy: str = ""
    """Empty where the data does not say who wrote it."""
    generation: Mapping[str, Any] = field(default_factory=dict)
    """How it was sampled: temperature, seed, sample_index and so on, as the file states it."""
    file: str = ""


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A prompt with what the file knows about it, and the outputs that stand with it."""

    row: int
    external_id: str
    messages: Sequence[PromptMessage]
    reference: str | None = None
    context: str = ""
    tags: Sequence[str] = ()
    split: str = ""
    licence: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    rubric: Mapping[str, Any] | None = None
    """The task's own rubric, unparsed: the shape that `rewards.rubrics` reads."""
    outputs: Sequence[OutputRecord] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """The answers that a rating could take."""

    low: float
    high: float
    step: float = 1.0


@dataclass(frozen=True, slots=True)
class RatingRecord:
    """A number that a rater gave to one output."""

    row: int
    task_external_id: str
    output_external_id: str
    rater: str
    value: float
    scale: Scale
    criterion: str | None = None
    repeat: int = 0
    """0 for this rater's first rating of the output in the import, 1 for the second, and so on."""
    file: str = ""


@dataclass(frozen=True, slots=True)
class ComparisonRecord:
    """Which of two outputs a rater prefers. The two may be the same output (see `sparse_feedback`)."""

    row: int
    task_external_id: str
    output_a: str
    output_b: str
    rater: str
    choice: Choice
    tie_kind: TieKind = ""
    shown_first: Literal["a", "b"] | None = None
    """None where the data does not say in which order the two were shown."""
    repeat: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class Anchor:
    """By what a mark is found again in another state of its text; what is empty is not known."""

    quote: str
    prefix: str = ""
    suffix: str = ""
    text_sha256: str = ""
    """Of the whole text that was marked."""
    in_utf16: bool = False
    """The mark's offsets count UTF-16 code units."""


@dataclass(frozen=True, slots=True)
class SpanMark:
    """A marked stretch of one message, in Unicode code points, `start` included and `end` not.

    With an `anchor` it lies where the anchor finds it in the stored text, and otherwise at its offsets.
    """

    message: int
    start: int
    end: int
    type: str
    severity: str = ""
    value: float | None = None
    explanation: str = ""
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True)
class SpansRecord:
    """All that one rater marked in one output. No marks is an answer too: the rater found nothing."""

    row: int
    task_external_id: str
    """Empty where the file names the output alone."""
    output_external_id: str
    rater: str
    spans: Sequence[SpanMark]
    notes: str = ""
    repeat: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class CritiqueRecord:
    """Words of one rater about one output: a comment, what is missing, or the corrected text."""

    row: int
    task_external_id: str
    output_external_id: str
    rater: str
    kind: CritiqueKind
    text: str
    repeat: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was not taken, what is wrong with it, and what was expected instead."""

    row: int
    field: str
    message: str
    expected: str = ""
    file: str = ""

    def __str__(self) -> str:
        place = f"{self.file}: row {self.row}" if self.file else f"row {self.row}"
        at = f", {self.field}" if self.field else ""
        wanted = f" Expected {self.expected}." if self.expected else ""
        return f"{place}{at}: {self.message}.{wanted}"


JudgmentRecord = RatingRecord | ComparisonRecord | SpansRecord | CritiqueRecord
Record = TaskRecord | OutputRecord | JudgmentRecord


class FormatError(Exception):
    """A file that cannot be read at all as the format it is said to be.

    `row` is the line (of a JSON array: the item) at which reading stopped, 0 where the whole file is meant.
    """

    def __init__(self, message: str, *, expected: str = "", file: str = "", row: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.file = file
        self.row = row

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file, f"row {self.row}" if self.row else "") if part)
        wanted = f" Expected {self.expected}." if self.expected else ""
        return f"{place + ': ' if place else ''}{self.message}.{wanted}"


class InvalidRow(Exception):  # noqa: N818 - no error of the program: a RowError without its number
    """What is wrong with the row at hand; raised by validators and turned into a `RowError` by the reader."""

    def __init__(self, field: str, message: str, expected: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.expected = expected

    def at(self, row: int, file: str = "") -> RowError:
        """Return this complaint as the error of row `row`."""
        return RowError(row, self.field[:200], self.message, self.expected, file)
