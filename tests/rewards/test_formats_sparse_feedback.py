"""Peering Through Preferences: the released sample gives the published table, and faults are told by row."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest

from rewards.formats import sparse_feedback
from rewards.formats.records import ComparisonRecord, FormatError, OutputRecord, RatingRecord, RowError, TaskRecord
from rewards.formats.sources import SourceFile

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sparse_feedback"
released = pytest.mark.skipif(not DATA.is_dir(), reason=f"the released data is not at {DATA}")


def read(*files, **options):
    sources = [SourceFile(name, io.BytesIO(raw)) for name, raw in files]
    return list(sparse_feedback.read(sources, options))


def csv_file(*rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def of_kind(records, kind):
    return [record for record in records if isinstance(record, kind)]


def read_released(*names):
    return read(*((name, (DATA / name).read_bytes()) for name in names))


@released
def test_the_released_sample_gives_the_published_table():
    records = read_released("feedback_ratings_sample_generation.csv", "feedback_rankings_sample_generation.csv")
    assert not of_kind(records, RowError)
    ratings = of_kind(records, RatingRecord)
    comparisons = of_kind(records, ComparisonRecord)
    assert (len(ratings), len(comparisons)) == (99, 118)
    first = {rating.output_external_id: rating.value for rating in ratings if rating.repeat == 0}
    joined = [pair for pair in comparisons if pair.output_a in first and pair.output_b in first]
    assert len(joined) == 117

    def implied(pair):
        gap = first[pair.output_a] - first[pair.output_b]
        return "a" if gap > 0 else "b" if gap < 0 else "tie"

    table = Counter((implied(pair), pair.choice) for pair in joined)
    # The facts of ../shared/data/README.md: rows by implied preference, columns by direct answer.
    assert [[table[row, column] for column in ("a", "b", "tie")] for row in ("a", "b", "tie")] == [
        [19, 10, 8],
        [6, 26, 9],
        [11, 7, 21],
    ]
    assert sum(rating.repeat == 1 for rating in ratings) == 2
    assert sum(pair.output_a == pair.output_b for pair in comparisons) == 2


@released
def test_the_responses_join_the_feedback():
    records = read_released("feedback_rankings_sample_generation.csv", "sample_generation.json")
    tasks, outputs = of_kind(records, TaskRecord), of_kind(records, OutputRecord)
    # 20 prompts with 5 responses each, two of which repeat another's text; the feedback brings none that is new.
    assert (len(tasks), len(outputs)) == (20, 98)
    assert {output.generation["sample_index"] for output in outputs} == {0, 1, 2, 3, 4}
    assert not of_kind(records, RowError)


def test_an_empty_input_stays_empty_and_an_input_follows_a_blank_line():
    tasks = of_kind(read(("r.csv", csv_file(["Do", "", "done", "4"], ["Do", "this", "done", "5"]))), TaskRecord)
    assert [task.messages[0]["text"] for task in tasks] == ["Do", "Do\n\nthis"]
    assert tasks[0].metadata == {"instruction": "Do", "input": ""}


def test_records_refer_only_to_what_came_before():
    known = set()
    for record in read(("k.csv", csv_file(["Do", "", "x", "y", "(a)"], ["Do", "", "y", "z", "equal"]))):
        if isinstance(record, TaskRecord):
            known.add(record.external_id)
        elif isinstance(record, OutputRecord):
            assert record.task_external_id in known
            known.add(record.external_id)
        else:
            assert {record.output_a, record.output_b} <= known


def test_choices_keep_sides_and_ties():
    rows = csv_file(["Do", "", "x", "y", "(a)"], ["Do", "", "x", "y", "(b)"], ["Do", "", "x", "y", "equal"])
    pairs = of_kind(read(("k.csv", rows), rater="Ann"), ComparisonRecord)
    assert [(pair.choice, pair.tie_kind, pair.repeat, pair.rater, pair.shown_first) for pair in pairs] == [
        ("a", "", 0, "Ann", None),
        ("b", "", 1, "Ann", None),
        ("tie", "equal", 2, "Ann", None),
    ]


def test_equal_texts_of_one_task_are_one_output_and_of_two_tasks_are_two():
    rows = csv_file(["Do", "", "x", "4"], ["Do", "", "x", "5"], ["Else", "", "x", "5"])
    records = read(("r.csv", rows))
    assert len(of_kind(records, OutputRecord)) == 2
    assert [(rating.value, rating.repeat) for rating in of_kind(records, RatingRecord)] == [(4, 0), (5, 1), (5, 0)]


def test_a_header_is_passed_over():
    records = read(("r.csv", csv_file(["instruction", "input", "output", "rating"], ["Do", "", "x", "7"])))
    assert [(rating.row, rating.value) for rating in of_kind(records, RatingRecord)] == [(2, 7)]


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        (["Do", "", "y", "8"], "rating", "It is '8'"),
        (["Do", "", "y", "0"], "rating", "It is '0'"),
        (["Do", "", "y", "4.5"], "rating", "It is '4.5'"),
        (["Do", "", "y", "nan"], "rating", "It is 'nan'"),
        (["Do", "", "y", "six"], "rating", "It is 'six'"),
        (["", "", "y", "4"], "instruction", "It is empty"),
        (["Do", "y", "4"], "", "The row has 3 columns"),
        (["Do", "\0", "y", "4"], "column 2", "Character 1 is NUL"),
    ],
)
def test_a_faulty_rating_is_told_and_brings_nothing(row, field, message):
    records = read(("r.csv", csv_file(["Do", "", "x", "4"], row, ["Do", "", "z", "5"])))
    (error,) = of_kind(records, RowError)
    assert (error.row, error.field, error.message) == (2, field, message)
    assert len(of_kind(records, OutputRecord)) == len(of_kind(records, RatingRecord)) == 2


def test_a_faulty_ranking_is_told():
    (error,) = of_kind(read(("k.csv", csv_file(["Do", "", "x", "y", "(c)"]))), RowError)
    assert (error.field, error.message, error.expected) == ("ranking", "It is '(c)'", "(a), (b) or equal")


def test_faulty_responses_are_told():
    good = {"instruction": "Do", "input": "", "responses": ["a", "a", "b"]}
    items = [good | {"responses": ["a", 3]}, good | {"input": None}, good | {"respones": []}, 7, good]
    records = read(("g.json", json.dumps(items).encode()))
    errors = of_kind(records, RowError)
    assert [(error.row, error.field) for error in errors] == [
        (1, "responses[1]"),
        (2, "input"),
        (3, "respones"),
        (4, ""),
    ]
    assert [output.generation["sample_index"] for output in of_kind(records, OutputRecord)] == [0, 2]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"prompt": {"sentences": []}}', "It is a JSON object"),
        (b"a,b\n", "The first row has 2 columns"),
        (b"instruction,input,response1,response2\n", "These are the questions without the answers"),
        (b'[{"instruction": "Do"', "The file ends in the middle of the array"),
    ],
)
def test_other_files_are_refused(raw, message):
    with pytest.raises(FormatError) as refusal:
        read(("other", raw))
    assert refusal.value.message.startswith(message)
    assert refusal.value.file == "other"
