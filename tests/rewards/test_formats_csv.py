"""Rubricate's CSV: rows joined to tasks, faults told by row, texts returned exactly."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.formats import rubricate_csv
from rewards.formats.records import FormatError, OutputRecord, RowError, TaskRecord
from rewards.formats.sources import SourceFile

HEADER = "task_id,prompt,reference,context,tags,split,licence,output_id,policy,output\r\n"


def read(text, **limits):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(rubricate_csv.read([SourceFile("tasks.csv", io.BytesIO(raw), **limits)], {}))


def test_rows_of_one_task_give_one_task_and_its_outputs():
    first, second, other, third = read(
        HEADER
        + "t1,Why?,Because,Ctx,a|b,test,MIT,o1,p1,One\r\n"
        + "t1,Why?,Because,Ctx,a|b,test,MIT,o2,p2,Two\r\n"
        + "t2,How?,,,,,,,,\r\n"
        + "t1,,,,,,,o3,,Three\r\n"  # not beside the others, and without the task's columns
    )
    assert isinstance(first, TaskRecord)
    assert (first.external_id, first.reference, first.context, first.tags) == ("t1", "Because", "Ctx", ["a", "b"])
    assert (first.split, first.licence) == ("test", "MIT")
    assert [output.external_id for output in first.outputs] == ["o1"]
    assert isinstance(second, OutputRecord)
    assert (second.task_external_id, second.policy, second.messages[0]["text"]) == ("t1", "p2", "Two")
    assert (other.external_id, other.reference, other.outputs) == ("t2", None, [])
    assert (third.row, third.task_external_id, third.external_id) == (5, "t1", "o3")


def test_columns_may_come_in_any_order_and_optional_ones_be_absent():
    (task,) = read("output,prompt,output_id,task_id\nA,Q,o,t\n")
    assert (task.external_id, task.messages[0]["text"], task.outputs[0].messages[0]["text"]) == ("t", "Q", "A")


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ("t1,Else?,,,,,,o2,p,Two", "task_id", "Task 't1' differs from what an earlier row says of it"),
        ("t1,Why?,Other,,,,,o2,p,Two", "task_id", "Task 't1' differs from what an earlier row says of it"),
        ("t1,,,,,,,o1,p,Two", "output_id", "The output id 'o1' is used by an earlier row"),
        ("t1,Why?,,,,,,,,", "output_id", "The row adds nothing to task 't1'"),
        ("t2,,,,,,,o2,p,Two", "prompt", "The first row of task 't2' has no prompt"),
        (",Why?,,,,,,o2,p,Two", "task_id", "It is empty"),
        ("t2,Why?,,,,,,,p,Two", "output_id", "The row has an output without an id"),
        ("t2,Why?", "", "The row has 2 columns"),
        ("t2,Why?,,,,,,o2,p,T\0wo", "column 10", "Character 2 is NUL"),
        ("t2,Why?,,," + "x" * 101 + ",,,o2,p,Two", "tags", "A tag has 101 characters"),
    ],
)
def test_a_faulty_row_is_told_and_the_others_kept(row, field, message):
    records = read(HEADER + "t1,Why?,,,,,,o1,p,One\r\n" + row + "\r\nt9,Last,,,,,,,,\r\n")
    (error,) = [record for record in records if isinstance(record, RowError)]
    assert (error.row, error.field, error.message, error.file) == (3, field, message, "tasks.csv")
    assert [record.external_id for record in records if isinstance(record, TaskRecord)] == ["t1", "t9"]


def test_line_numbers_count_lines_not_records():
    _, error = read(HEADER + 't1,"Two\nlines",,,,,,,,\r\nt2,,,,,,,,,\r\n')
    assert error.row == 4


def test_bytes_that_are_not_utf8_are_errors_of_their_row():
    error, good = read(HEADER.encode() + "t1,é,,,,,,,,\r\n".encode("latin-1") + b"t2,a,,,,,,,,\r\n")
    assert error.message == "Character 1 is the byte 0xe9, which is not UTF-8 here"
    assert (error.row, error.field, error.expected) == (2, "column 2", "UTF-8")
    assert good.external_id == "t2"


@pytest.mark.parametrize(
    ("text", "message", "expected"),
    [
        ("", "The file is empty", "a header: task_id,"),
        ("task_id;prompt\n", "The column 'task_id;prompt' is not known", "columns separated by commas"),
        ("taskid,prompt\n", "The column 'taskid' is not known", "'task_id' (did you mean that?)"),
        ("task_id,prompt,prompt\n", "There are two columns 'prompt'", "each once"),
        ("task_id,output\n", "There is no column 'prompt'", "task_id,prompt"),
    ],
)
def test_a_header_that_is_not_ours_refuses_the_file(text, message, expected):
    with pytest.raises(FormatError) as refusal:
        read(text)
    assert refusal.value.message == message
    assert refusal.value.expected.startswith(expected)


def test_a_quotation_mark_that_is_never_closed_refuses_the_file_at_its_row():
    with pytest.raises(FormatError, match="not CSV from this row on") as refusal:
        read(HEADER + 't1,a,,,,,,,,\r\nt2,"b,,,,,,,,\r\nt3,c,,,,,,,,\r\n')
    assert refusal.value.row == 3


def test_a_ten_megabyte_field_is_taken_and_one_over_the_limit_refused():
    (task,) = read(HEADER + "t1," + "x" * 10_000_000 + ",,,,,,,,\n")
    assert len(task.messages[0]["text"]) == 10_000_000
    with pytest.raises(FormatError, match="longer than 1,000 bytes"):
        read(HEADER + "t1," + "x" * 2_000 + ",,,,,,,,\n", max_row_bytes=1_000)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30) | st.sampled_from(
    ['"', '""', "a,b", "a\r\nb\rc\n", "👩‍👩‍👧", "שלום\u200f", "\u2028\u0085\ufeff", "=1+1"]
)


@settings(deadline=None)  # a busy machine is no fault of the code
@given(st.lists(st.tuples(texts.filter(bool), texts, st.lists(texts, max_size=3)), max_size=4))
def test_what_was_written_is_read_back_exactly(rows):
    tasks = [
        TaskRecord(
            number,
            f"t{number}",
            [{"role": "user", "text": prompt}],
            context=context,
            tags=["a"],
            outputs=[
                OutputRecord(
                    number,
                    f"t{number}",
                    f"o{number}.{place}",
                    [{"role": "assistant", "channel": "answer", "text": text}],
                    "p",
                )
                for place, text in enumerate(outputs)
            ],
        )
        for number, (prompt, context, outputs) in enumerate(rows)
    ]
    file = io.BytesIO()
    rubricate_csv.write(tasks, file)
    records = read(file.getvalue())
    read_tasks = [record for record in records if isinstance(record, TaskRecord)]
    read_outputs = [
        output for record in records for output in (record.outputs if isinstance(record, TaskRecord) else [record])
    ]
    assert [(task.external_id, task.messages, task.context, task.tags) for task in read_tasks] == [
        (task.external_id, task.messages, task.context, task.tags) for task in tasks
    ]
    assert [(output.external_id, output.messages, output.policy) for output in read_outputs] == [
        (output.external_id, output.messages, output.policy) for task in tasks for output in task.outputs
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "system", "text": "x"}]},
        {"metadata": {"a": 1}},
        {"tags": ["a|b"]},
        {"outputs": [OutputRecord(1, "t", "o", [{"role": "assistant", "channel": "tool", "text": ""}])]},
    ],
)
def test_what_csv_cannot_carry_is_refused(change):
    task = TaskRecord(**({"row": 1, "external_id": "t", "messages": [{"role": "user", "text": "x"}]} | change))
    with pytest.raises(ValueError, match="CSV"):
        rubricate_csv.write([task], io.BytesIO())
