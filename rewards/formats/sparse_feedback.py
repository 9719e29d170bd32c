"""The data of *Peering Through Preferences* (Bansal et al., 2024, arXiv 2308.15812): ratings and pairwise rankings.

Its CSV files have no header and are told apart by their columns: `instruction, input, output, rating` with a rating
from 1 to 7, and `instruction, input, output1, output2, ranking` with `(a)`, `(b)` or `equal`. `sample_generation.json`
is an array of `{instruction, input, responses}`. Files of one import are joined.

The data knows a response by its text alone, so here, and only here, equal texts of one task are one output: no rating
says which of two equal samples it is about. It follows that an output may be rated twice by one rater (`repeat` 0 and
1, in the order of the file; the study counts the first), and that a ranking may compare an output with itself. Both
occur in the released sample, and its consistency of 66 in 117 pairs counts them so.

An empty `input` stays empty (read with pandas it becomes "nan"). `equal` is kept as it stands: from an annotator model
it may also mean an answer that changed with the order.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from rewards.formats.csv_rows import CsvRow, csv_rows
from rewards.formats.identity import SeenIds, digest_of
from rewards.formats.json_rows import array_items, decode_row, kind_of, refuse_unknown_keys
from rewards.formats.records import (
    Choice,
    ComparisonRecord,
    FormatError,
    InvalidRow,
    OutputRecord,
    RatingRecord,
    Record,
    RowError,
    Scale,
    TaskRecord,
    TieKind,
)
from rewards.formats.sources import SourceFile

DEFAULT_RATER: Final = "AI annotator"
SCALE: Final = Scale(low=1, high=7, step=1)
_CHOICES: Final[Mapping[str, tuple[Choice, TieKind]]] = {"(a)": ("a", ""), "(b)": ("b", ""), "equal": ("tie", "equal")}
_RATING_COLUMNS: Final = ["instruction", "input", "output", "rating"]
_RANKING_COLUMNS: Final = ["instruction", "input", "output1", "output2", "ranking"]
_KEYS: Final = frozenset({"instruction", "input", "responses"})
_EXPECTED: Final = "4 columns (instruction, input, output, rating) or 5 (instruction, input, output1, output2, ranking)"


class _Kind(NamedTuple):
    """What one of the files is."""

    source: SourceFile
    content: Literal["responses", "feedback"]


def read(files: Sequence[SourceFile], options: Mapping[str, str]) -> Iterator[Record | RowError]:
    """Yield tasks, outputs, ratings and comparisons of the files, which must be seekable.

    `options["rater"]` names who gave the feedback, `options["policy"]` who wrote the responses: the files say neither.

    Raises
    ------
    FormatError
        If a file is none of the three kinds.
    """
    reader = _Reader(rater=options.get("rater") or DEFAULT_RATER, policy=options.get("policy", ""))
    kinds = [_kind_of_file(source) for source in files]
    # Responses first: only their file says which sample of the policy an output is.
    for source, content in kinds:
        if content == "responses":
            yield from _each_item(reader, source)
    for source, content in kinds:
        if content == "feedback":
            yield from _each_row(reader, source)


def _kind_of_file(source: SourceFile) -> _Kind:
    head = source.file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    source.file.seek(0)
    if head.startswith(b"{"):
        raise FormatError(
            "It is a JSON object, such as the pairs for reward-model training that are derived from the feedback",
            expected="the feedback files themselves, or sample_generation.json",
            file=source.name,
        )
    return _Kind(source, "responses" if head.startswith(b"[") else "feedback")


def _each_item(reader: "_Reader", source: SourceFile) -> Iterator[Record | RowError]:
    for item in array_items(source):
        if isinstance(item, RowError):
            yield item
            continue
        try:
            yield from reader.take_responses(decode_row(item.raw), item.number, source.name)
        except InvalidRow as invalid:
            yield invalid.at(item.number, source.name)


def _each_row(reader: "_Reader", source: SourceFile) -> Iterator[Record | RowError]:
    columns: list[str] | None = None
    for row in csv_rows(source):
        if isinstance(row, RowError):
            yield row
            continue
        if columns is None:
            columns = _columns_of(row, source.name)
            if row.fields == columns:
                continue
        try:
            if len(row.fields) != len(columns):
                raise InvalidRow("", f"The row has {len(row.fields)} columns", f"{len(columns)}, as in the first row")
            if columns is _RATING_COLUMNS:
                yield from reader.take_rating(row, source.name)
            else:
                yield from reader.take_ranking(row, source.name)
        except InvalidRow as invalid:
            yield invalid.at(row.line, source.name)


def _columns_of(first: CsvRow, file: str) -> list[str]:
    """Tell ratings from rankings by the first row, which may be a header though the published files have none."""
    fields = first.fields
    if fields[:2] == ["instruction", "input"] and fields[2:] in (["response"], ["response1", "response2"]):
        raise FormatError("These are the questions without the answers", expected=_EXPECTED, file=file, row=first.line)
    for columns in (_RATING_COLUMNS, _RANKING_COLUMNS):
        if len(fields) == len(columns):
            return columns
    raise FormatError(f"The first row has {len(fields)} columns", expected=_EXPECTED, file=file, row=first.line)


class _Reader:
    """Joins the files: knows which tasks and outputs were yielded, and how often each question was answered."""

    def __init__(self, *, rater: str, policy: str) -> None:
        self._rater = rater
        self._policy = policy
        self._tasks = SeenIds()
        self._outputs = SeenIds()
        self._answers: Counter[tuple[str, ...]] = Counter()

    def take_responses(self, data: object, number: int, file: str) -> Iterator[Record]:
        if not isinstance(data, dict):
            raise InvalidRow("", f"The item is {kind_of(data)}", "an object with instruction, input and responses")
        refuse_unknown_keys(data, _KEYS)
        for key in ("instruction", "input"):
            if not isinstance(data.get(key), str):
                raise InvalidRow(key, f"It is {kind_of(data.get(key))}", "a string")
        responses = data.get("responses")
        if not isinstance(responses, list):
            raise InvalidRow("responses", f"It is {kind_of(responses)}", "a list of strings")
        for index, text in enumerate(responses):
            if not isinstance(text, str):
                raise InvalidRow(f"responses[{index}]", f"It is {kind_of(text)}", "a string")
        task = _task(data["instruction"], data["input"], number, file)
        outputs = [
            self._output(task.external_id, text, number, file, {"sample_index": index})
            for index, text in enumerate(responses)
        ]
        yield from self._unseen(task, outputs)

    def take_rating(self, row: CsvRow, file: str) -> Iterator[Record]:
        instruction, given, text, answer = row.fields
        value = _rating(answer)
        task = _task(instruction, given, row.line, file)
        output = self._output(task.external_id, text, row.line, file, {})
        yield from self._unseen(task, [output])
        yield RatingRecord(
            row=row.line,
            task_external_id=task.external_id,
            output_external_id=output.external_id,
            rater=self._rater,
            value=value,
            scale=SCALE,
            repeat=self._repeat("rating", output.external_id),
            file=file,
        )

    def take_ranking(self, row: CsvRow, file: str) -> Iterator[Record]:
        instruction, given, text_a, text_b, answer = row.fields
        if answer.strip() not in _CHOICES:
            raise InvalidRow("ranking", f"It is {answer[:40]!r}", "(a), (b) or equal")
        choice, tie_kind = _CHOICES[answer.strip()]
        task = _task(instruction, given, row.line, file)
        a, b = (self._output(task.external_id, text, row.line, file, {}) for text in (text_a, text_b))
        yield from self._unseen(task, [a, b])
        yield ComparisonRecord(
            row=row.line,
            task_external_id=task.external_id,
            output_a=a.external_id,
            output_b=b.external_id,
            rater=self._rater,
            choice=choice,
            tie_kind=tie_kind,
            repeat=self._repeat("ranking", a.external_id, b.external_id),
            file=file,
        )

    def _output(self, task_id: str, text: str, row: int, file: str, generation: dict[str, Any]) -> OutputRecord:
        return OutputRecord(
            row=row,
            task_external_id=task_id,
            external_id=f"{task_id}-{digest_of(text)}",
            messages=[{"role": "assistant", "channel": "answer", "text": text}],
            policy=self._policy,
            generation=generation,
            file=file,
        )

    def _unseen(self, task: TaskRecord, outputs: Sequence[OutputRecord]) -> Iterator[Record]:
        """Yield the task and outputs that no earlier row has brought."""
        if self._tasks.add(task.external_id):
            yield task
        for output in outputs:
            if self._outputs.add(output.external_id):
                yield output

    def _repeat(self, *question: str) -> int:
        self._answers[question] += 1
        return self._answers[question] - 1


def _task(instruction: str, given: str, row: int, file: str) -> TaskRecord:
    if not instruction.strip():
        raise InvalidRow("instruction", "It is empty", "the instruction that the responses follow")
    return TaskRecord(
        row=row,
        external_id=f"sparse-{digest_of(instruction, given)}",
        messages=[{"role": "user", "text": f"{instruction}\n\n{given}" if given else instruction}],
        metadata={"instruction": instruction, "input": given},
        file=file,
    )


def _rating(answer: str) -> float:
    expected = f"a whole number from {SCALE.low:g} to {SCALE.high:g}"
    try:
        value = float(answer)
    except ValueError:
        raise InvalidRow("rating", f"It is {answer[:40]!r}", expected) from None
    if not (SCALE.low <= value <= SCALE.high and value.is_integer()):
        raise InvalidRow("rating", f"It is {answer[:40]!r}", expected)
    return value
