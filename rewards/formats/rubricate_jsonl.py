"""Rubricate's own JSONL: one task a line, with its outputs and, if it has one, its own rubric.

A line is read in one pass with checks written out by hand: they cost less than half of what the JSON parser itself
costs, where a generic validator costs several times as much.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

import orjson

from rewards.formats.identity import SeenIds
from rewards.formats.json_rows import decode_row, kind_of, refuse_unknown_keys
from rewards.formats.records import (
    CHANNELS,
    ROLES,
    InvalidRow,
    OutputMessage,
    OutputRecord,
    PromptMessage,
    RowError,
    TaskRecord,
)
from rewards.formats.sources import SourceFile, lines_of

MAX_ID: Final = 200
MAX_POLICY: Final = 200
MAX_TAG: Final = 100
MAX_SPLIT: Final = 40
MAX_LICENCE: Final = 100

_TASK_KEYS: Final = frozenset(
    {
        "id", "prompt", "messages", "reference", "context", "tags", "split", "licence", "metadata", "rubric", "outputs",
    }
)  # fmt: skip
_OUTPUT_KEYS: Final = frozenset({"id", "policy", "text", "messages", "generation"})
_PROMPT_MESSAGE_KEYS: Final = frozenset({"role", "text"})
_OUTPUT_MESSAGE_KEYS: Final = frozenset({"role", "channel", "text"})
_NOTHING: Final[dict[str, Any]] = {}


def read(files: Sequence[SourceFile], options: Mapping[str, str]) -> Iterator[TaskRecord | RowError]:
    """Yield the tasks of the files, each with its outputs; a line with any fault is one `RowError` and no task.

    Memory does not grow with the file but for nine bytes an id, which find those that are used twice.
    """
    seen_tasks, seen_outputs = SeenIds(), SeenIds()
    for source in files:
        name = source.name
        for line in lines_of(source):
            if isinstance(line, RowError):
                yield line
                continue
            if not line.raw or line.raw.isspace():
                continue
            try:
                task = parse_task(decode_row(line.raw), line.number, name)
                _refuse_used_ids(task, seen_tasks, seen_outputs)
            except InvalidRow as invalid:
                yield invalid.at(line.number, name)
            else:
                yield task


def write(tasks: Iterable[TaskRecord], file: BinaryIO) -> int:
    """Write tasks so that `read` gives them back unchanged; return their number."""
    count = 0
    for task in tasks:
        file.write(orjson.dumps(_task_to_json(task), option=orjson.OPT_APPEND_NEWLINE))
        count += 1
    return count


def parse_task(data: object, row: int, file: str = "") -> TaskRecord:
    """Check one decoded line.

    Raises
    ------
    InvalidRow
        With the path of the first field that is wrong.
    """
    if type(data) is not dict:
        raise InvalidRow("", f"The row is {kind_of(data)}", "one JSON object a line")
    if not data.keys() <= _TASK_KEYS:
        refuse_unknown_keys(data, _TASK_KEYS)
    get = data.get
    external_id = _required_id(get("id"), "id")
    rubric = get("rubric")
    if rubric is not None:
        _check_rubric(rubric)
    reference = get("reference")
    if reference is not None and type(reference) is not str:
        raise InvalidRow("reference", f"It is {kind_of(reference)}", "a string or null")
    return TaskRecord(
        row,
        external_id,
        _prompt_messages(data),
        reference,
        _optional_text(get("context"), "context"),
        _tags(get("tags")),
        _short_text(get("split"), "split", MAX_SPLIT),
        _short_text(get("licence"), "licence", MAX_LICENCE),
        _object(get("metadata"), "metadata"),
        rubric,
        _outputs(get("outputs"), row, external_id, file),
        file,
    )


def _refuse_used_ids(task: TaskRecord, seen_tasks: SeenIds, seen_outputs: SeenIds) -> None:
    if not seen_tasks.add(task.external_id):
        raise InvalidRow("id", f"The id {task.external_id!r} is used by an earlier row", "an id of its own")
    for index, output in enumerate(task.outputs):
        if not seen_outputs.add(output.external_id):
            raise InvalidRow(
                f"outputs[{index}].id",
                f"The output id {output.external_id!r} is used by an earlier output",
                "an id of its own",
            )


def _prompt_messages(data: dict[str, Any]) -> list[PromptMessage]:
    prompt = data.get("prompt")
    messages = data.get("messages")
    if prompt is not None:
        if messages is not None:
            raise InvalidRow("prompt", "The row has both a prompt and messages", "one of the two")
        if type(prompt) is not str:
            raise InvalidRow("prompt", f"It is {kind_of(prompt)}", "a string")
        if not prompt:
            raise InvalidRow("prompt", "It is empty", "the text of the prompt")
        return [{"role": "user", "text": prompt}]
    if messages is None:
        raise InvalidRow("prompt", "The row has no prompt", "a string in prompt, or a list in messages")
    if type(messages) is not list or not messages:
        raise InvalidRow("messages", f"It is {_empty_or_kind(messages)}", "a list of at least one message")
    for index, message in enumerate(messages):
        _check_message(message, "messages", index, _PROMPT_MESSAGE_KEYS)
    return messages


def _check_message(message: object, path: str, index: int, known: frozenset[str]) -> None:
    at = f"{path}[{index}]"
    if type(message) is not dict:
        raise InvalidRow(at, f"It is {kind_of(message)}", "an object with role and text")
    if not message.keys() <= known:
        refuse_unknown_keys(message, known, at)
    role = message.get("role")
    if type(role) is not str or role not in ROLES:
        raise InvalidRow(f"{at}.role", _not_one_of(role), "one of " + ", ".join(sorted(ROLES)))
    text = message.get("text")
    if type(text) is not str:
        raise InvalidRow(f"{at}.text", f"It is {_missing_or_kind(text)}", "a string")


def _outputs(value: object, row: int, task_id: str, file: str) -> list[OutputRecord]:
    if value is None:
        return []
    if type(value) is not list:
        raise InvalidRow("outputs", f"It is {kind_of(value)}", "a list of outputs")
    return [_output(data, index, row, task_id, file) for index, data in enumerate(value)]


def _output(data: object, index: int, row: int, task_id: str, file: str) -> OutputRecord:
    if type(data) is not dict:
        raise InvalidRow(f"outputs[{index}]", f"It is {kind_of(data)}", "an object with policy and text")
    if not data.keys() <= _OUTPUT_KEYS:
        refuse_unknown_keys(data, _OUTPUT_KEYS, f"outputs[{index}]")
    get = data.get
    external_id = get("id")
    if external_id is None:
        external_id = f"{task_id}/{index + 1}"
    policy = get("policy")
    if type(policy) is not str or not 0 < len(policy) <= MAX_POLICY:
        if policy is not None:
            _short_text(policy, f"outputs[{index}].policy", MAX_POLICY)
        policy = ""
    text = get("text")
    messages = get("messages")
    if type(text) is str and messages is None:
        messages = [{"role": "assistant", "channel": "answer", "text": text}]
    else:
        messages = _output_messages(text, messages, f"outputs[{index}]")
    generation = get("generation", _NOTHING)
    if type(generation) is not dict:
        generation = _object(generation, f"outputs[{index}].generation")
    if type(external_id) is not str or not 0 < len(external_id) <= MAX_ID:
        _required_id(external_id, f"outputs[{index}].id")
    return OutputRecord(row, task_id, external_id, messages, policy, generation, file)


def _output_messages(text: object, messages: object, at: str) -> list[OutputMessage]:
    if text is not None:
        if messages is not None:
            raise InvalidRow(f"{at}.text", "The output has both a text and messages", "one of the two")
        raise InvalidRow(f"{at}.text", f"It is {kind_of(text)}", "a string")
    if messages is None:
        raise InvalidRow(f"{at}.text", "The output has no text", "a string in text, or a list in messages")
    if type(messages) is not list or not messages:
        raise InvalidRow(f"{at}.messages", f"It is {_empty_or_kind(messages)}", "a list of at least one message")
    checked: list[OutputMessage] = []
    for index, message in enumerate(messages):
        _check_message(message, f"{at}.messages", index, _OUTPUT_MESSAGE_KEYS)
        channel = message.get("channel", "answer")
        if type(channel) is not str or channel not in CHANNELS:
            raise InvalidRow(
                f"{at}.messages[{index}].channel", _not_one_of(channel), "one of " + ", ".join(sorted(CHANNELS))
            )
        checked.append({"role": message["role"], "channel": channel, "text": message["text"]})
    return checked


def _required_id(value: object, path: str) -> str:
    if type(value) is not str:
        if value is None:
            raise InvalidRow(path, "It is missing", "a string")
        if isinstance(value, int | float) and not isinstance(value, bool):
            # Not turned into a string: 1, 1.0 and "1" would become one id or three, and long ones lose digits.
            raise InvalidRow(path, f"It is the number {value!r}", f'a string: "{value}" in quotation marks')
        raise InvalidRow(path, f"It is {kind_of(value)}", "a string")
    if not value or value.isspace():
        raise InvalidRow(path, "It is empty", "at least one character")
    if len(value) > MAX_ID:
        raise InvalidRow(path, f"It has {len(value):,} characters", f"at most {MAX_ID}")
    return value


def _optional_text(value: object, path: str) -> str:
    if value is None:
        return ""
    if type(value) is not str:
        raise InvalidRow(path, f"It is {kind_of(value)}", "a string")
    return value


def _short_text(value: object, path: str, limit: int) -> str:
    text = _optional_text(value, path)
    if len(text) > limit:
        raise InvalidRow(path, f"It has {len(text):,} characters", f"at most {limit}")
    return text


def _tags(value: object) -> Sequence[str]:
    if value is None:
        return ()
    if type(value) is not list:
        raise InvalidRow("tags", f"It is {kind_of(value)}", "a list of strings")
    for index, tag in enumerate(value):
        if type(tag) is not str or not tag:
            raise InvalidRow(f"tags[{index}]", f"It is {_empty_or_kind(tag)}", "a string")
        if len(tag) > MAX_TAG:
            raise InvalidRow(f"tags[{index}]", f"It has {len(tag):,} characters", f"at most {MAX_TAG}")
    return value


def _object(value: object, path: str) -> Mapping[str, Any]:
    if value is None:
        return _NOTHING
    if type(value) is not dict:
        raise InvalidRow(path, f"It is {kind_of(value)}", "an object")
    return value


def _check_rubric(rubric: object) -> None:
    """Check the outer shape only: what criteria may say is for `rewards.rubrics`."""
    if type(rubric) is not dict:
        raise InvalidRow("rubric", f"It is {kind_of(rubric)}", "an object with a list of criteria")
    criteria = rubric.get("criteria")
    if type(criteria) is not list or not criteria:
        raise InvalidRow("rubric.criteria", f"It is {_empty_or_kind(criteria)}", "a list of at least one criterion")
    for index, criterion in enumerate(criteria):
        if type(criterion) is not dict:
            raise InvalidRow(f"rubric.criteria[{index}]", f"It is {kind_of(criterion)}", "an object")


def _missing_or_kind(value: object) -> str:
    return "missing" if value is None else kind_of(value)


def _empty_or_kind(value: object) -> str:
    return "empty" if value in ("", []) else _missing_or_kind(value)


def _not_one_of(value: object) -> str:
    return f"It is {value[:40]!r}" if isinstance(value, str) else f"It is {_missing_or_kind(value)}"


def _task_to_json(task: TaskRecord) -> dict[str, Any]:
    data: dict[str, Any] = {"id": task.external_id, "messages": task.messages}
    if task.reference is not None:
        data["reference"] = task.reference
    optional = {
        "context": task.context,
        "tags": list(task.tags),
        "split": task.split,
        "licence": task.licence,
        "metadata": task.metadata,
        "rubric": task.rubric,
        "outputs": [_output_to_json(output) for output in task.outputs],
    }
    data.update((key, value) for key, value in optional.items() if value)
    return data


def _output_to_json(output: OutputRecord) -> dict[str, Any]:
    data: dict[str, Any] = {"id": output.external_id, "messages": output.messages}
    if output.policy:
        data["policy"] = output.policy
    if output.generation:
        data["generation"] = output.generation
    return data
