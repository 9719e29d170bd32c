"""Rubricate's own JSONL: what it takes, what it refuses and in which words, and that texts come back exactly."""

import io
import json
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.formats import rubricate_jsonl
from rewards.formats.identity import SeenIds
from rewards.formats.records import FormatError, OutputRecord, RowError, TaskRecord
from rewards.formats.sources import SourceFile

GOOD: dict[str, Any] = {"id": "t", "prompt": "Why?"}


def read(*raws, **limits):
    files = [SourceFile(f"file-{index}", io.BytesIO(raw), **limits) for index, raw in enumerate(raws)]
    return list(rubricate_jsonl.read(files, {}))


def read_rows(*rows):
    return read(b"\n".join(json.dumps(row).encode() for row in rows))


def only_error(*rows):
    (error,) = [record for record in read_rows(*rows) if isinstance(record, RowError)]
    return error


def test_a_task_comes_with_all_that_its_line_says():
    row: dict[str, Any] = {
        "id": "arithmetic-1",
        "messages": [{"role": "system", "text": "Be brief."}, {"role": "user", "text": "2+2?"}],
        "reference": "4",
        "context": "Integers.",
        "tags": ["arithmetic", "easy"],
        "split": "test",
        "licence": "CC0-1.0",
        "metadata": {"source": {"page": 3}},
        "rubric": {"criteria": [{"text": "Says 4."}]},
        "outputs": [
            {"id": "o1", "policy": "small", "text": "5", "generation": {"temperature": 0.7, "seed": 11}},
            {
                "policy": "small",
                "messages": [
                    {"role": "assistant", "channel": "thinking", "text": "Hm."},
                    {"role": "assistant", "text": "4"},
                ],
            },
        ],
    }
    (task,) = read_rows(row)
    assert task == TaskRecord(
        row=1,
        external_id="arithmetic-1",
        messages=row["messages"],
        reference="4",
        context="Integers.",
        tags=["arithmetic", "easy"],
        split="test",
        licence="CC0-1.0",
        metadata={"source": {"page": 3}},
        rubric={"criteria": [{"text": "Says 4."}]},
        outputs=[
            OutputRecord(
                1,
                "arithmetic-1",
                "o1",
                [{"role": "assistant", "channel": "answer", "text": "5"}],
                "small",
                {"temperature": 0.7, "seed": 11},
                "file-0",
            ),
            OutputRecord(
                1,
                "arithmetic-1",
                "arithmetic-1/2",  # no id of its own: the task's id and its place
                [
                    {"role": "assistant", "channel": "thinking", "text": "Hm."},
                    {"role": "assistant", "channel": "answer", "text": "4"},
                ],
                "small",
                {},
                "file-0",
            ),
        ],
        file="file-0",
    )


@pytest.mark.parametrize(
    ("change", "field", "message", "expected"),
    [
        ({"id": 17}, "id", "It is the number 17", 'a string: "17" in quotation marks'),
        ({"id": None}, "id", "It is missing", "a string"),
        ({"id": " "}, "id", "It is empty", "at least one character"),
        ({"id": "x" * 201}, "id", "It has 201 characters", "at most 200"),
        ({"prompt": ""}, "prompt", "It is empty", "the text of the prompt"),
        ({"prompt": 3}, "prompt", "It is the number 3", "a string"),
        ({"prompt": None}, "prompt", "The row has no prompt", "a string in prompt, or a list in messages"),
        ({"messages": []}, "prompt", "The row has both a prompt and messages", "one of the two"),
        ({"reference": ["a"]}, "reference", "It is a list", "a string or null"),
        ({"context": {}}, "context", "It is an object", "a string"),
        ({"tags": "a,b"}, "tags", "It is a string", "a list of strings"),
        ({"tags": ["a", 1]}, "tags[1]", "It is the number 1", "a string"),
        ({"split": "x" * 41}, "split", "It has 41 characters", "at most 40"),
        ({"metadata": []}, "metadata", "It is a list", "an object"),
        ({"rubric": {"criteria": []}}, "rubric.criteria", "It is empty", "a list of at least one criterion"),
        ({"license": "MIT"}, "license", "The key 'license' is not known here", "'licence' (did you mean that?)"),
        ({"outputs": {}}, "outputs", "It is an object", "a list of outputs"),
        ({"outputs": ["a"]}, "outputs[0]", "It is a string", "an object with policy and text"),
        ({"outputs": [{"text": "a"}, {"text": 4}]}, "outputs[1].text", "It is the number 4", "a string"),
        (
            {"outputs": [{"policy": "p"}]},
            "outputs[0].text",
            "The output has no text",
            "a string in text, or a list in messages",
        ),
        ({"outputs": [{"text": "a", "policy": 1}]}, "outputs[0].policy", "It is the number 1", "a string"),
        ({"outputs": [{"text": "a", "generation": 1}]}, "outputs[0].generation", "It is the number 1", "an object"),
        (
            {"outputs": [{"messages": [{"role": "assistant", "channel": "loud", "text": "a"}]}]},
            "outputs[0].messages[0].channel",
            "It is 'loud'",
            "one of answer, thinking, tool",
        ),
        (
            {"outputs": [{"messages": [{"role": "robot", "text": "a"}]}]},
            "outputs[0].messages[0].role",
            "It is 'robot'",
            "one of assistant, system, tool, user",
        ),
        (
            {"outputs": [{"messages": [{"role": "assistant", "content": "a"}]}]},
            "outputs[0].messages[0].content",
            "The key 'content' is not known here",
            "one of channel, role, text",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_what_was_expected(change, field, message, expected):
    bad = GOOD | change
    error = only_error({"id": "first", "prompt": "a"}, bad)
    assert (error.row, error.file) == (2, "file-0")
    assert (error.field, error.message, error.expected) == (field, message, expected)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"[1, 2]", "The row is a list"),
        (b'"text"', "The row is a string"),
        (b"null", "The row is null"),
        (b'{"id": "a", "prompt": "b"', "It is not valid JSON at character"),
        (b'{"id": "a", "prompt": NaN}', "It is not valid JSON at character 23"),
    ],
)
def test_a_row_that_is_no_object_is_an_error_of_that_row_only(raw, message):
    error, good = read(raw + b"\n" + json.dumps(GOOD).encode())
    assert error.row == 1
    assert error.message.startswith(message)
    assert good.external_id == "t"


def test_nul_characters_are_row_errors_that_name_the_field():
    error = only_error(GOOD | {"outputs": [{"text": "fine"}, {"text": "a\x00b"}]})
    assert (error.field, error.message) == ("outputs[1].text", "Character 2 is NUL (\\u0000)")
    error = only_error(GOOD | {"metadata": {"a\x00": 1}})
    assert error.field == "metadata.a?"


def test_an_escaped_backslash_before_u0000_is_no_nul():
    (task,) = read(rb'{"id": "t", "prompt": "a\\u0000b"}')
    assert task.messages[0]["text"] == r"a\u0000b"


def test_lone_surrogates_are_row_errors_that_name_the_field():
    error = only_error(GOOD | {"outputs": [{"text": "ab\ud800"}]})
    assert error.field == "outputs[0].text"
    assert error.message == "Character 3 is half of a surrogate pair (\\ud800)"
    assert error.expected == "text in which surrogates come in pairs"


def test_surrogates_in_pairs_are_one_character():
    (task,) = read(rb'{"id": "t", "prompt": "\ud83d\ude00"}')
    assert task.messages[0]["text"] == "😀"


def test_bytes_that_are_not_utf8_are_errors_of_their_row():
    latin = '{"id": "é", "prompt": "b"}'.encode("latin-1")
    error, good = read(latin + b"\n" + json.dumps(GOOD).encode())
    assert error.message == "Byte 9 of the row is 0xe9, which is not UTF-8 here"
    assert error.expected == "UTF-8"
    assert good.row == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_a_utf16_file_is_refused_as_a_whole(encoding):
    with pytest.raises(FormatError, match="UTF-16") as refusal:
        read(json.dumps(GOOD).encode(encoding))
    assert "UTF-8" in refusal.value.expected
    assert refusal.value.file == "file-0"


def test_a_compressed_file_is_refused_by_name():
    with pytest.raises(FormatError, match="gzip"):
        read(b"\x1f\x8b\x08\x00rest")


@pytest.mark.parametrize("levels", [100, 2_000, 200_000])
def test_deeply_nested_values_are_row_errors(levels):
    deep = b'{"id": "t", "prompt": "a", "metadata": {"x": ' + b"[" * levels + b"]" * levels + b"}}"
    error, good = read(deep + b"\n" + json.dumps(GOOD).encode())
    assert error.message == "The values are nested too deeply"
    assert good.external_id == "t"


def test_byte_order_mark_crlf_and_blank_lines_are_no_content():
    raw = b'\xef\xbb\xbf{"id": "a", "prompt": "x"}\r\n\r\n   \n{"id": "b", "prompt": "y"}\r\n'
    assert [(task.row, task.external_id) for task in read(raw)] == [(1, "a"), (4, "b")]
    assert read(b"") == read(b"\xef\xbb\xbf") == []


def test_ids_are_used_once_in_all_files_of_an_import():
    line = json.dumps(GOOD).encode()
    first, error = read(line, line)
    assert first.external_id == "t"
    assert (error.file, error.row, error.field) == ("file-1", 1, "id")
    assert error.message == "The id 't' is used by an earlier row"


def test_output_ids_are_used_once_too():
    error = only_error(
        {**GOOD, "id": "a", "outputs": [{"id": "o", "text": ""}]}, {**GOOD, "outputs": [{"id": "o", "text": ""}]}
    )
    assert (error.row, error.field) == (2, "outputs[0].id")


def test_ids_are_found_again_among_many():
    seen = SeenIds()
    assert all(seen.add(str(number)) for number in range(20_000))
    assert not any(seen.add(str(number)) for number in range(20_000))
    assert "19999" in seen
    assert "20000" not in seen


def test_a_ten_megabyte_prompt_is_taken():
    (task,) = read_rows(GOOD | {"prompt": "x" * 10_000_000})
    assert len(task.messages[0]["text"]) == 10_000_000


def test_a_row_over_the_limit_is_skipped_and_the_next_one_read():
    long = json.dumps(GOOD | {"prompt": "x" * 3_000_000}).encode()
    error, good = read(long + b"\n" + json.dumps(GOOD).encode(), max_row_bytes=1_000)
    assert (error.row, error.message) == (1, "The row is longer than 1,000 bytes")
    assert good.row == 2


def test_memory_does_not_grow_with_the_file():
    line = orjson.dumps(GOOD | {"prompt": "x" * 1_000, "outputs": [{"text": "y" * 1_000}]})

    class Endless(io.BytesIO):
        """A file of 20,000 lines (40 MB) that is never held in memory."""

        lines = 20_000

        def readline(self, size=-1):
            self.lines -= 1
            return line.replace(b'"t"', b'"%d"' % self.lines) + b"\n" if self.lines >= 0 else b""

    tracemalloc.start()
    try:
        count = sum(1 for _ in rubricate_jsonl.read([SourceFile("long", Endless())], {}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 8 * 2**20


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40) | st.sampled_from(
    ["👩‍👩‍👧 🇩🇪", "שלום\u200f עולם", "a\r\nb\rc\n", "\u2028\u0085\ufeff", "\\u0000", "<script>alert(1)</script>"]
)
outputs = st.lists(
    st.tuples(texts, texts.filter(lambda name: len(name) < 30), st.sampled_from(["answer", "thinking", "tool"])),
    max_size=3,
)


@settings(deadline=None)  # a busy machine is no fault of the code
@given(st.lists(st.tuples(texts.filter(bool), st.none() | texts, texts, outputs), max_size=4))
def test_what_was_written_is_read_back_exactly(rows):
    tasks = [
        TaskRecord(
            row=number,
            external_id=f"task {number}",
            messages=[{"role": "user", "text": prompt}],
            reference=reference,
            context=context,
            metadata={"text": context},
            outputs=[
                OutputRecord(
                    number,
                    f"task {number}",
                    f"{number}.{place}",
                    [{"role": "assistant", "channel": channel, "text": text}],
                    policy,
                )
                for place, (text, policy, channel) in enumerate(written)
            ],
        )
        for number, (prompt, reference, context, written) in enumerate(rows, start=1)
    ]
    file = io.BytesIO()
    assert rubricate_jsonl.write(tasks, file) == len(tasks)
    file.seek(0)
    again = list(rubricate_jsonl.read([SourceFile("", file)], {}))
    assert again == [task_with_lists(task) for task in tasks]


def task_with_lists(task):
    """Records compare by value, and JSON knows lists only."""
    return TaskRecord(
        **{name: getattr(task, name) for name in TaskRecord.__slots__} | {"outputs": list(task.outputs), "tags": ()}
    )
