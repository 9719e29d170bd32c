"""Rubricate's CSV: a header, then one row an output; rows with the same task_id belong to one task.

The first row of a task says what the task is. Its other rows need not follow at once; they leave the task's columns
empty or repeat all of them, and never contradict them.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from io import TextIOWrapper
from typing import BinaryIO, Final

from rewards.formats.csv_rows import CsvRow, csv_rows
from rewards.formats.identity import SeenIds, digest_of
from rewards.formats.records import FormatError, InvalidRow, OutputRecord, RowError, TaskRecord
from rewards.formats.rubricate_jsonl import MAX_ID, MAX_LICENCE, MAX_POLICY, MAX_SPLIT, MAX_TAG
from rewards.formats.sources import SourceFile

COLUMNS: Final = (
    "task_id", "prompt", "reference", "context", "tags", "split", "licence", "output_id", "policy", "output",
)  # fmt: skip
TASK_COLUMNS: Final = COLUMNS[1:7]
_LIMITS: Final = (
    ("task_id", MAX_ID),
    ("output_id", MAX_ID),
    ("policy", MAX_POLICY),
    ("split", MAX_SPLIT),
    ("licence", MAX_LICENCE),
)


def read(files: Sequence[SourceFile], options: Mapping[str, str]) -> Iterator[TaskRecord | OutputRecord | RowError]:
    """Yield each task with its first output, and its further outputs as they come.

    Memory grows by some bytes an id only, however the rows are ordered.

    Raises
    ------
    FormatError
        If the header is not that of this format, or a file is not CSV.
    """
    reader = _Reader()
    for source in files:
        rows = csv_rows(source)
        header = next(rows, None)
        if header is None:
            raise FormatError("The file is empty", expected="a header: " + ",".join(COLUMNS), file=source.name)
        if isinstance(header, RowError):
            raise FormatError(header.message, expected=header.expected, file=source.name, row=header.row)
        columns = _columns_of(header, source.name)
        for row in rows:
            if isinstance(row, RowError):
                yield row
                continue
            try:
                yield from reader.take(_as_mapping(row, columns), row.line, source.name)
            except InvalidRow as invalid:
                yield invalid.at(row.line, source.name)


def write(tasks: Iterable[TaskRecord], file: BinaryIO) -> int:
    """Write tasks so that `read` gives back their texts unchanged; return the number of rows.

    Raises
    ------
    ValueError
        For a task that CSV cannot carry: several messages, a bar in a tag, metadata, a rubric of its own.
    """
    text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    count = 0
    for task in tasks:
        fields = _task_fields(task)
        for output_fields in [_output_fields(output) for output in task.outputs] or [{}]:
            writer.writerow(fields | output_fields)
            count += 1
    text.detach()
    return count


class _Reader:
    """Knows which tasks, and with which content, the rows so far have brought."""

    def __init__(self) -> None:
        self._tasks = SeenIds()
        self._contents = SeenIds()
        self._outputs = SeenIds()

    def take(self, row: Mapping[str, str], line: int, file: str) -> Iterator[TaskRecord | OutputRecord]:
        _check_lengths(row)
        task_id = row["task_id"]
        content = digest_of(task_id, *(row[column] for column in TASK_COLUMNS))
        is_new = task_id not in self._tasks
        if is_new and not row["prompt"]:
            raise InvalidRow("prompt", f"The first row of task {task_id!r} has no prompt", "the text of the prompt")
        if not is_new and any(row[column] for column in TASK_COLUMNS) and content not in self._contents:
            raise InvalidRow(
                "task_id",
                f"Task {task_id!r} differs from what an earlier row says of it",
                "the same " + ", ".join(TASK_COLUMNS) + ", or all of them empty",
            )
        output = _output(row, line, file)
        task = _task(row, line, file, output) if is_new else None
        if output is not None and not self._outputs.add(output.external_id):
            raise InvalidRow(
                "output_id", f"The output id {output.external_id!r} is used by an earlier row", "an id of its own"
            )
        if task is not None:
            self._tasks.add(task_id)
            self._contents.add(content)
            yield task
        elif output is not None:
            yield output
        else:
            raise InvalidRow("output_id", f"The row adds nothing to task {task_id!r}", "an output, or a new task_id")


def _columns_of(header: CsvRow, file: str) -> list[str]:
    columns = [name.strip() for name in header.fields]
    for name in columns:
        if name not in COLUMNS:
            close = get_close_matches(name, COLUMNS, n=1)
            hint = f"{close[0]!r} (did you mean that?)" if close else "some of " + ",".join(COLUMNS)
            if len(columns) == 1 and ";" in name:
                hint = "columns separated by commas, not semicolons"
            raise FormatError(f"The column {name[:80]!r} is not known", expected=hint, file=file, row=header.line)
        if columns.count(name) > 1:
            raise FormatError(f"There are two columns {name!r}", expected="each once", file=file, row=header.line)
    for name in ("task_id", "prompt"):
        if name not in columns:
            raise FormatError(f"There is no column {name!r}", expected=",".join(COLUMNS), file=file, row=header.line)
    return columns


def _as_mapping(row: CsvRow, columns: Sequence[str]) -> Mapping[str, str]:
    if len(row.fields) != len(columns):
        raise InvalidRow("", f"The row has {len(row.fields)} columns", f"{len(columns)}, as in the header")
    return dict.fromkeys(COLUMNS, "") | dict(zip(columns, row.fields, strict=True))


def _check_lengths(row: Mapping[str, str]) -> None:
    if not row["task_id"].strip():
        raise InvalidRow("task_id", "It is empty", "an id")
    for column, limit in _LIMITS:
        if len(row[column]) > limit:
            raise InvalidRow(column, f"It has {len(row[column]):,} characters", f"at most {limit}")


def _task(row: Mapping[str, str], line: int, file: str, output: OutputRecord | None) -> TaskRecord:
    tags = [tag.strip() for tag in row["tags"].split("|") if tag.strip()]
    for tag in tags:
        if len(tag) > MAX_TAG:
            raise InvalidRow("tags", f"A tag has {len(tag):,} characters", f"at most {MAX_TAG}")
    return TaskRecord(
        row=line,
        external_id=row["task_id"],
        messages=[{"role": "user", "text": row["prompt"]}],
        reference=row["reference"] or None,
        context=row["context"],
        tags=tags,
        split=row["split"],
        licence=row["licence"],
        outputs=[] if output is None else [output],
        file=file,
    )


def _output(row: Mapping[str, str], line: int, file: str) -> OutputRecord | None:
    if not row["output_id"].strip():
        if row["output"] or row["policy"]:
            raise InvalidRow("output_id", "The row has an output without an id", "an id")
        return None
    return OutputRecord(
        row=line,
        task_external_id=row["task_id"],
        external_id=row["output_id"],
        messages=[{"role": "assistant", "channel": "answer", "text": row["output"]}],
        policy=row["policy"],
        file=file,
    )


def _task_fields(task: TaskRecord) -> dict[str, str]:
    if len(task.messages) != 1 or task.messages[0]["role"] != "user":
        raise ValueError(f"CSV holds one user message a task; {task.external_id!r} has others")
    if task.metadata or task.rubric or task.reference == "":
        raise ValueError(f"CSV holds no metadata, rubric or empty reference; {task.external_id!r} has one")
    if any("|" in tag or tag != tag.strip() for tag in task.tags):
        raise ValueError(f"CSV separates tags by bars; {task.external_id!r} has a tag with one")
    return {
        "task_id": task.external_id,
        "prompt": task.messages[0]["text"],
        "reference": task.reference or "",
        "context": task.context,
        "tags": "|".join(task.tags),
        "split": task.split,
        "licence": task.licence,
    }


def _output_fields(output: OutputRecord) -> dict[str, str]:
    if len(output.messages) != 1 or output.messages[0]["channel"] != "answer" or output.generation:
        raise ValueError(f"CSV holds one answer and no generation settings; {output.external_id!r} has others")
    return {"output_id": output.external_id, "policy": output.policy, "output": output.messages[0]["text"]}
