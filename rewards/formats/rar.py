"""RaR-Medicine and RaR-Science: questions with reference answers and rubrics (Gunjal et al. 2025, arXiv 2507.17746).

A row of JSONL or Parquet is `question, reference_answer, question_source, rubric: [{title, description, weight}],
rubric_list, rubric_count`. The category of a criterion is the beginning of its description, "Essential Criteria: ...".
The paper weighs by category and does not use the whole numbers beside it, so they stay with the task, are written
back, and become the criteria's own weights only where the import asks for it.

The files have no ids: a task's id is made from its question, so that the same file read twice is the same tasks.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from rewards.formats.identity import digest_of
from rewards.formats.json_rows import check_storable, decode_row, kind_of, refuse_unknown_keys
from rewards.formats.records import FormatError, InvalidRow, RowError, TaskRecord
from rewards.formats.row_files import Columns, ColumnType
from rewards.formats.rubric_rows import Unwritable, binary_criteria, optional_text, what
from rewards.formats.sources import SourceFile, lines_of
from rewards.rubrics.content import IMPORTANCE_WEIGHTS, Criterion, Importance
from rewards.rubrics.parse import MAX_TEXT, MAX_WEIGHT, rubric_from_dict

NAME: Final = "rar"
BY_CATEGORY: Final = "category"
OWN_NUMBERS: Final = "numbers"
COLUMNS: Final[Columns] = {
    "question": ColumnType.TEXT,
    "reference_answer": ColumnType.TEXT,
    "question_source": ColumnType.TEXT,
    "rubric": ColumnType.RUBRIC,
    "rubric_list": ColumnType.TEXTS,
    "rubric_count": ColumnType.WHOLE,
}
MAX_TITLE: Final = 200
USUAL_NUMBERS: Final[Mapping[Importance, int]] = {"Essential": 5, "Important": 3, "Optional": 1, "Pitfall": -1}
"""Written where neither the file nor the rubric's author gave a number: the order of the categories, no more."""

_ITEM_KEYS: Final = frozenset({"title", "description", "weight"})
_PREFIX: Final = re.compile(r"\s*(essential|important|optional|pitfall)\s+criteri(?:a|on)\s*:\s*", re.IGNORECASE)
_CATEGORIES: Final[Mapping[str, Importance]] = {name.casefold(): name for name in IMPORTANCE_WEIGHTS}
_BATCH_ROWS: Final = 500


def read(files: Sequence[SourceFile], options: Mapping[str, str]) -> Iterator[TaskRecord | RowError]:
    """Yield the tasks of the files, each with its rubric; a row with any fault is one `RowError` and no task.

    Raises
    ------
    FormatError
        For a file that is neither JSONL nor Parquet with these columns, or an option of another value.
    """
    weights = options.get("weights", BY_CATEGORY)
    if weights not in (BY_CATEGORY, OWN_NUMBERS):
        raise FormatError(f"The option weights is {weights!r}", expected=f"{BY_CATEGORY} or {OWN_NUMBERS}")
    seen: Counter[str] = Counter()
    for source in files:
        for number, row in _rows(source):
            if isinstance(row, RowError):
                yield row
                continue
            try:
                task = parse_row(row, number, source.name, own_numbers=weights == OWN_NUMBERS)
            except InvalidRow as invalid:
                yield invalid.at(number, source.name)
                continue
            seen[task.external_id] += 1
            yield _with_id(task, seen[task.external_id])


def write(tasks: Iterable[TaskRecord], file: BinaryIO) -> int:
    """Write tasks with rubrics as JSONL so that `read` gives them back unchanged; return their number.

    Raises
    ------
    Unwritable
        For a task that the format cannot hold.
    """
    count = 0
    for task in tasks:
        file.write(orjson.dumps(row_of(task), option=orjson.OPT_APPEND_NEWLINE))
        count += 1
    return count


def category_of(description: str) -> tuple[Importance | None, str]:
    """The category that a description begins with, and the criterion without it."""
    found = _PREFIX.match(description)
    if found is None or not description[found.end() :].strip():
        return None, description
    return _CATEGORIES[found[1].casefold()], description[found.end() :]


def parse_row(data: object, row: int, file: str = "", *, own_numbers: bool = False) -> TaskRecord:
    """Check one row; InvalidRow names the path of the first field that is wrong."""
    if type(data) is not dict:
        raise InvalidRow("", f"The row is {kind_of(data)}", "one JSON object a line")
    if not data.keys() <= COLUMNS.keys():
        refuse_unknown_keys(data, frozenset(COLUMNS))
    question = data.get("question")
    if type(question) is not str or not question.strip():
        raise InvalidRow("question", what(question), "the text of the question")
    criteria, kept = _criteria(data.get("rubric"), own_numbers=own_numbers)
    descriptions = [item["description"] for item in data["rubric"]]
    listed = _listed(data.get("rubric_list"))
    count = data.get("rubric_count")
    if count is not None and (type(count) is not int or count != len(criteria)):
        raise InvalidRow("rubric_count", f"It is {count!r}", f"{len(criteria)}: the number of items in rubric")
    return TaskRecord(
        row,
        f"rar-{digest_of(question)}",
        [{"role": "user", "text": question}],
        reference=optional_text(data.get("reference_answer"), "reference_answer"),
        metadata={
            NAME: kept
            | {"question_source": optional_text(data.get("question_source"), "question_source")}
            | ({} if listed is None or listed == descriptions else {"rubric_list": listed})
        },
        rubric={"criteria": criteria},
        file=file,
    )


def row_of(task: TaskRecord) -> dict[str, Any]:
    """The row that holds a task with its rubric.

    Raises
    ------
    Unwritable
        Where there is no rubric, a criterion is not binary or its weight no whole number, or the prompt is more than
        one message of a user.
    """
    if task.rubric is None:
        raise Unwritable("no_rubric")
    if len(task.messages) != 1 or task.messages[0]["role"] != "user":
        raise Unwritable("prompt_not_single")
    kept = task.metadata.get(NAME)
    kept = kept if isinstance(kept, dict) else {}
    items = [_item_of(criterion, kept) for criterion in binary_criteria(rubric_from_dict(task.rubric))]
    descriptions = [item["description"] for item in items]
    listed = kept.get("rubric_list")
    return {
        "question": task.messages[0]["text"],
        "reference_answer": task.reference or "",
        "question_source": kept.get("question_source") or "",
        "rubric": items,
        "rubric_list": listed if listed and len(listed) == len(items) else descriptions,
        "rubric_count": len(items),
    }


def _rows(source: SourceFile) -> Iterator[tuple[int, Any]]:
    """Numbered rows of either kind of file; a `RowError` where one cannot be decoded."""
    head = source.file.read(4)
    source.file.seek(0)
    if head == b"PAR1":
        yield from _parquet_rows(source)
        return
    for line in lines_of(source):
        if isinstance(line, RowError):
            yield line.row, line
        elif line.raw and not line.raw.isspace():
            try:
                yield line.number, decode_row(line.raw)
            except InvalidRow as invalid:
                yield line.number, invalid.at(line.number, source.name)


def _parquet_rows(source: SourceFile) -> Iterator[tuple[int, Any]]:
    try:
        parquet = pq.ParquetFile(source.file)
        missing = {"question", "rubric"} - set(parquet.schema_arrow.names)
        if missing:
            raise FormatError(f"There is no column {sorted(missing)[0]}", expected=", ".join(COLUMNS), file=source.name)
        number = 0
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                try:
                    check_storable(row)
                except InvalidRow as invalid:
                    yield number, invalid.at(number, source.name)
                else:
                    yield number, row
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FormatError(
            f"It cannot be read as Parquet: {error}", expected="a whole file", file=source.name
        ) from error


def _with_id(task: TaskRecord, occurrence: int) -> TaskRecord:
    """A question that comes again is another task: the same text is not the same sample."""
    if occurrence == 1:
        return task
    return TaskRecord(
        task.row,
        f"{task.external_id}-{occurrence}",
        task.messages,
        reference=task.reference,
        metadata=task.metadata,
        rubric=task.rubric,
        file=task.file,
    )


def _criteria(value: object, *, own_numbers: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Criteria as rubrics are parsed from; and by key the numbers, and descriptions that are not put together alike."""
    if type(value) is not list or not value:
        raise InvalidRow("rubric", what(value), "a list of at least one item")
    criteria: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    descriptions: dict[str, str] = {}
    for index, data in enumerate(value):
        at, key = f"rubric[{index}]", f"criterion-{index + 1}"
        item = _checked_item(data, at)
        category, text = category_of(item["description"])
        if category and _description(category, text) != item["description"]:
            descriptions[key] = item["description"]
        numbers[key] = item["weight"]
        weight = float(item["weight"]) if own_numbers else None
        criteria.append({"key": key, "title": item["title"], "text": text, "importance": category, "weight": weight})
    return criteria, {"numbers": numbers, "descriptions": descriptions}


def _checked_item(data: object, at: str) -> dict[str, Any]:
    if type(data) is not dict:
        raise InvalidRow(at, f"It is {kind_of(data)}", "an object with title, description and weight")
    if not data.keys() <= _ITEM_KEYS:
        refuse_unknown_keys(data, _ITEM_KEYS, at)
    title, description, weight = data.get("title"), data.get("description"), data.get("weight")
    if type(title) is not str or len(title) > MAX_TITLE:
        found = f"It has {len(title):,} characters" if isinstance(title, str) else what(title)
        raise InvalidRow(f"{at}.title", found, f"a string of at most {MAX_TITLE} characters")
    if type(description) is not str or not description.strip() or len(description) > MAX_TEXT:
        raise InvalidRow(f"{at}.description", what(description), f"the criterion, in at most {MAX_TEXT:,} characters")
    if type(weight) is not int or abs(weight) > MAX_WEIGHT:
        raise InvalidRow(f"{at}.weight", what(weight), "a whole number")
    return {"title": title, "description": description, "weight": weight}


def _item_of(criterion: Criterion, kept: Mapping[str, Any]) -> dict[str, Any]:
    original = kept.get("descriptions", {}).get(criterion.key)
    description = _description(criterion.importance, criterion.text)
    if original is not None and category_of(original) == (criterion.importance, criterion.text):
        description = original
    return {"title": criterion.title, "description": description, "weight": _number(criterion, kept)}


def _number(criterion: Criterion, kept: Mapping[str, Any]) -> int:
    """The author's weight, else the file's number, else the usual one of the category."""
    if criterion.weight is not None:
        if criterion.weight != int(criterion.weight):
            raise Unwritable("weight_not_whole")
        return int(criterion.weight)
    number = kept.get("numbers", {}).get(criterion.key)
    if isinstance(number, int):
        return number
    return USUAL_NUMBERS[criterion.importance] if criterion.importance else 1


def _description(category: Importance | None, text: str) -> str:
    return f"{category} Criteria: {text}" if category else text


def _listed(value: object) -> list[str] | None:
    if value is None:
        return None
    if type(value) is not list or not all(type(text) is str for text in value):
        raise InvalidRow("rubric_list", f"It is {kind_of(value)}", "a list of strings")
    return value
