"""Pairwise comparisons as *LLMFAO* publishes them (Ustalov, 2023): models, or anything else, side by side, with ties.

A CSV of comparisons has the columns left, right and winner, and in the released crowd data also which prompt, which
models by number, and which worker. It holds no texts: these are in `prompts.jsonl` and `results.jsonl`, which are
joined by number where they are chosen too. Without them prompts and responses are empty, since nothing in the file is
what a model wrote. Where there are no models (a comparison of foods, say), the name of a thing is its text.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from rewards.formats.csv_rows import CsvRow, csv_rows
from rewards.formats.identity import SeenIds, digest_of
from rewards.formats.json_rows import decode_row, kind_of
from rewards.formats.records import (
    Choice,
    ComparisonRecord,
    FormatError,
    InvalidRow,
    OutputRecord,
    RowError,
    TaskRecord,
)
from rewards.formats.rubricate_jsonl import MAX_POLICY, MAX_TAG
from rewards.formats.sources import SourceFile, lines_of

DEFAULT_RATER: Final = "LLMFAO annotators"
MODEL_COLUMNS: Final = ("prompt", "model_x", "model_y")
_NEEDED: Final = ("left", "right", "winner")
_COLUMNS: Final = ("id", *MODEL_COLUMNS, "worker", "winner", "left", "right")
_CHOICES: Final[Mapping[str, Choice]] = {"left": "a", "right": "b", "tie": "tie"}
_EXPECTED: Final = (
    "a CSV with left, right and winner, prompts.jsonl (id, text) or results.jsonl (prompt, model, result)"
)
_OF_PROMPT: Final = frozenset({"id", "text", "type"})
_OF_RESULT: Final = frozenset({"id", "prompt", "model", "name", "result", "slug"})

Yielded = TaskRecord | OutputRecord | ComparisonRecord


class _Side(NamedTuple):
    """One of the two that a row compares."""

    output_id: str
    text: str
    policy: str


def read(files: Sequence[SourceFile], options: Mapping[str, str]) -> Iterator[Yielded | RowError]:
    """Yield tasks, outputs and comparisons of the files, which must be seekable.

    `options["rater"]` names who compared where the file has no column `worker`. Prompts are held in memory, responses
    are not.

    Raises
    ------
    FormatError
        If a file is none of the three kinds.
    """
    reader = _Reader(rater=options.get("rater") or DEFAULT_RATER)
    tables = [source for source in files if not _is_json(source)]
    rows = [source for source in files if source not in tables]
    # What the others name comes first: prompts, then the responses to them.
    for take in (reader.take_prompt, reader.take_result):
        for source in rows:
            yield from _each_line(source, take)
            source.file.seek(0)
    for source in tables:
        yield from _each_row(source, reader)


def _is_json(source: SourceFile) -> bool:
    head = source.file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    source.file.seek(0)
    return head.startswith(b"{")


def _each_line(source: SourceFile, take: Any) -> Iterator[Yielded | RowError]:
    for line in lines_of(source):
        if isinstance(line, RowError):
            yield line
        elif line.raw.strip():
            try:
                yield from take(decode_row(line.raw), line.number, source.name)
            except InvalidRow as invalid:
                yield invalid.at(line.number, source.name)


def _each_row(source: SourceFile, reader: "_Reader") -> Iterator[Yielded | RowError]:
    rows = csv_rows(source)
    header = next(rows, None)
    if isinstance(header, RowError):
        raise FormatError(header.message, expected=header.expected, file=source.name, row=header.row)
    columns = _columns_of(header, source.name)
    for row in rows:
        if isinstance(row, RowError):
            yield row
            continue
        try:
            if len(row.fields) != len(columns):
                raise InvalidRow("", f"The row has {len(row.fields)} columns", f"{len(columns)}, as in the header")
            yield from reader.take_comparison(dict(zip(columns, row.fields, strict=True)), row.line, source.name)
        except InvalidRow as invalid:
            yield invalid.at(row.line, source.name)


def _columns_of(header: CsvRow | None, file: str) -> list[str]:
    columns = [] if header is None else [name.strip() for name in header.fields]
    unknown = [name for name in columns if name not in _COLUMNS]
    missing = [name for name in _NEEDED if name not in columns]
    if unknown or missing or len(set(columns)) < len(columns):
        found = ",".join(columns)[:80]
        raise FormatError(f"The header is {found!r}", expected=_EXPECTED, file=file, row=1)
    named = [name for name in MODEL_COLUMNS if name in columns]
    if named and len(named) < len(MODEL_COLUMNS):
        raise FormatError(
            f"There is {' and '.join(named)} alone", expected="prompt, model_x and model_y, or none", file=file, row=1
        )
    return columns


class _Reader:
    """Joins the files: knows the prompts, and which tasks, outputs and names were there."""

    def __init__(self, *, rater: str) -> None:
        self._rater = rater
        self._prompts: dict[str, dict[str, Any]] = {}
        self._names: dict[str, str] = {}
        self._has_results = False
        self._tasks = SeenIds()
        self._outputs = SeenIds()
        self._answers: Counter[tuple[str, ...]] = Counter()

    def take_prompt(self, data: object, number: int, file: str) -> Iterator[Yielded]:
        """Remember a prompt; responses are for the second pass."""
        row = _object(data)
        if "result" in row:
            return
        if "text" not in row:
            raise FormatError("It holds neither prompts nor responses", expected=_EXPECTED, file=file, row=number)
        key, text = _number(row, "id"), _text(row, "text")
        if self._prompts.setdefault(key, row)["text"] != text:
            raise InvalidRow("id", f"An earlier row has prompt {key} with another text", "an id of its own")
        yield from ()

    def take_result(self, data: object, number: int, file: str) -> Iterator[Yielded]:
        row = _object(data)
        if "result" not in row:
            return
        self._has_results = True
        prompt, model = _number(row, "prompt"), _number(row, "model")
        task = self._task(prompt, number, file)
        side = _Side(
            f"{task.external_id}-{model}", _text(row, "result"), self._named(model, _text(row, "name"), "name")
        )
        if side.output_id in self._outputs:
            raise InvalidRow("model", f"An earlier row has model {model}'s response to prompt {prompt}", "one response")
        yield from self._unseen(task)
        generation = {key: value for key, value in row.items() if key not in _OF_RESULT}
        yield self._output(task, side, number, file, generation)

    def take_comparison(self, row: Mapping[str, str], line: int, file: str) -> Iterator[Yielded]:
        choice = _CHOICES.get(row["winner"].strip())
        if choice is None:
            raise InvalidRow("winner", f"It is {row['winner'][:40]!r}", "left, right or tie")
        task = self._task(row["prompt"], line, file) if "prompt" in row else _task_of_things(file, line)
        a = self._side(task, row, "left", "model_x", line)
        b = self._side(task, row, "right", "model_y", line)
        yield from self._unseen(task)
        for side in (a, b):
            if side.output_id not in self._outputs:
                yield self._output(task, side, line, file, {})
        rater = f"worker-{row['worker'].strip()}" if row.get("worker", "").strip() else self._rater
        question = (rater, a.output_id, b.output_id)
        self._answers[question] += 1
        yield ComparisonRecord(
            row=line,
            task_external_id=task.external_id,
            output_a=a.output_id,
            output_b=b.output_id,
            rater=rater,
            choice=choice,
            tie_kind="equal" if choice == "tie" else "",
            repeat=self._answers[question] - 1,
            file=file,
        )

    def _side(self, task: TaskRecord, row: Mapping[str, str], name: str, model: str, line: int) -> _Side:
        if not row[name].strip():
            raise InvalidRow(name, "It is empty", "the name of what is compared")
        if model not in row:
            return _Side(f"{task.external_id}-{digest_of(row[name])}", row[name], "")
        key = _digits(row[model], model)
        side = _Side(f"{task.external_id}-{key}", "", self._named(key, row[name], name))
        if self._has_results and side.output_id not in self._outputs:
            raise InvalidRow(
                model, f"There is no response of model {key} to prompt {row['prompt']}", "one in results.jsonl"
            )
        return side

    def _named(self, model: str, name: str, field: str) -> str:
        if len(name) > MAX_POLICY:
            raise InvalidRow(field, f"It has {len(name):,} characters", f"at most {MAX_POLICY}")
        known = self._names.setdefault(model, name)
        if known != name:
            raise InvalidRow(
                field, f"Model {model} is {name[:40]!r} here and {known[:40]!r} in an earlier row", "one name"
            )
        return name

    def _task(self, prompt: str, row: int, file: str) -> TaskRecord:
        known = self._prompts.get(_digits(prompt, "prompt"), {})
        kind = str(known.get("type") or "")
        return TaskRecord(
            row=row,
            external_id=f"llmfao-{prompt}",
            messages=[{"role": "user", "text": str(known.get("text", ""))}],
            tags=[kind[:MAX_TAG]] if kind else [],
            metadata={key: value for key, value in known.items() if key not in _OF_PROMPT},
            file=file,
        )

    def _output(self, task: TaskRecord, side: _Side, row: int, file: str, generation: dict[str, Any]) -> OutputRecord:
        self._outputs.add(side.output_id)
        return OutputRecord(
            row=row,
            task_external_id=task.external_id,
            external_id=side.output_id,
            messages=[{"role": "assistant", "channel": "answer", "text": side.text}],
            policy=side.policy,
            generation=generation,
            file=file,
        )

    def _unseen(self, task: TaskRecord) -> Iterator[TaskRecord]:
        if self._tasks.add(task.external_id):
            yield task


def _task_of_things(file: str, line: int) -> TaskRecord:
    """All rows of a file without prompts compare for one purpose, which only the file's name tells."""
    stem = PurePath(file).stem or "comparisons"
    return TaskRecord(
        row=line, external_id=f"pairs-{digest_of(stem)}", messages=[{"role": "user", "text": stem}], file=file
    )


def _object(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InvalidRow("", f"The row is {kind_of(data)}", "an object")
    return data


def _text(row: Mapping[str, Any], field: str) -> str:
    if not isinstance(row.get(field), str):
        raise InvalidRow(field, f"It is {kind_of(row.get(field))}", "a string")
    return str(row[field])


def _number(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRow(field, f"It is {kind_of(value)}", "a whole number")
    return str(value)


def _digits(value: str, field: str) -> str:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise InvalidRow(field, f"It is {value[:40]!r}", "a whole number")
    return value
