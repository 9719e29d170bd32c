"""Fine-Grained RLHF: the released dev set gives its known counts, and faults are told by question."""

import io
import json
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from rewards.formats import fine_grained_rlhf
from rewards.formats.records import ComparisonRecord, CritiqueRecord, FormatError, RowError, SpansRecord, TaskRecord
from rewards.formats.sources import SourceFile

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fine_grained_rlhf" / "dev_feedback.json"
released = pytest.mark.skipif(not DATA.is_file(), reason=f"the released data is not at {DATA}")

QUESTION: dict[str, Any] = {
    "question": "Why?",
    "passages": [["Title", "First.", "Second."], ["Other", "Third."]],
    "gold": "Because.",
    "prediction 1": "😀 wrong, and wrong again",
    "prediction 2": "Two",
    "prediction 3": "Three",
    "prediction 4": "Four",
    "feedback": {
        "errors": [{"error type": "Irrelevant", "explanation": "Not asked", "start": 2, "end": 7}],
        "missing-info": [{"error type": "Missing-Answer", "passage_id": 1, "sentence_id": [0, 2]}],
        "corrected-prediction": "Right",
    },
    "preference": [1, 2, 0, 1, 1, 1],
}


def read_bytes(raw, **limits):
    return list(fine_grained_rlhf.read([SourceFile("dev.json", io.BytesIO(raw), **limits)], {}))


def read(*questions):
    return read_bytes(json.dumps(questions).encode())


def of_kind(records, kind):
    return [record for record in records if isinstance(record, kind)]


@pytest.fixture(scope="module")
def dev_set():
    return read_bytes(DATA.read_bytes())


@released
def test_the_released_spans_are_all_there_and_on_their_texts(dev_set):
    outputs = [output for task in of_kind(dev_set, TaskRecord) for output in task.outputs]
    texts = {output.external_id: output.messages[0]["text"] for output in outputs}
    assert not of_kind(dev_set, RowError)
    assert len(texts) == 2000
    types: Counter[str] = Counter()
    for group in of_kind(dev_set, SpansRecord):
        types.update(span.type for span in group.spans)
        for span in group.spans:
            assert 0 <= span.start < span.end <= len(texts[group.output_external_id])
    # The facts of ../shared/data/README.md.
    assert types == {
        "Irrelevant": 909,
        "Wrong-Grounding": 163,
        "Unverifiable": 152,
        "Redundant": 133,
        "Incoherent": 16,
    }


@released
def test_the_released_preferences_give_the_known_win_matrix(dev_set):
    pairs = of_kind(dev_set, ComparisonRecord)
    assert Counter(pair.choice for pair in pairs) == {"a": 1577, "b": 1039, "tie": 384}
    wins = [[0.0] * 4 for _ in range(4)]
    for pair in pairs:
        a, b = int(pair.output_a[-1]) - 1, int(pair.output_b[-1]) - 1
        wins[a][b] += {"a": 1, "b": 0, "tie": 0.5}[pair.choice]
        wins[b][a] += {"a": 0, "b": 1, "tie": 0.5}[pair.choice]
    assert wins == [[0, 291, 314, 307], [209, 0, 298, 299], [186, 202, 0, 260], [193, 201, 240, 0]]


@released
def test_the_released_notes_are_kept(dev_set):
    kinds = Counter(critique.kind for critique in of_kind(dev_set, CritiqueRecord))
    # 842 notes on missing information; of 500 corrections 13 are empty.
    assert kinds == {"missing": 842, "edit": 487}


def test_a_question_becomes_a_task_with_four_answers_and_all_feedback():
    task, spans, missing, edit, *pairs = read(QUESTION)
    assert (task.messages, task.reference) == ([{"role": "user", "text": "Why?"}], "Because.")
    assert task.context == "Passage 1: Title\n(1) First.\n(2) Second.\n\nPassage 2: Other\n(1) Third."
    assert [output.policy for output in task.outputs] == [f"prediction-{number}" for number in (1, 2, 3, 4)]
    (span,) = spans.spans
    first = task.outputs[0]
    assert spans.output_external_id == first.external_id
    # Code points: the emoji is one character.
    assert first.messages[0]["text"][span.start : span.end] == "wrong"
    assert (span.type, span.explanation, span.message) == ("Irrelevant", "Not asked", 0)
    assert (missing.kind, missing.text) == ("missing", "Missing-Answer: passage 1, sentence 0, 2\nTitle Second.")
    assert (edit.kind, edit.text) == ("edit", "Right")
    assert [(pair.output_a[-1] + pair.output_b[-1], pair.choice, pair.tie_kind) for pair in pairs] == [
        ("12", "a", ""),
        ("13", "b", ""),
        ("14", "tie", "equal"),
        ("23", "a", ""),
        ("24", "a", ""),
        ("34", "a", ""),
    ]


def test_no_marks_are_an_answer_too():
    question = deepcopy(QUESTION)
    question["feedback"] = {"errors": [], "missing-info": [], "corrected-prediction": ""}
    records = read(question)
    assert of_kind(records, SpansRecord)[0].spans == []
    assert not of_kind(records, CritiqueRecord)


def test_equal_questions_are_two_tasks():
    first, second = of_kind(read(QUESTION, QUESTION), TaskRecord)
    assert first.external_id != second.external_id


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("feedback", "errors", 0, "end"), 26, "feedback.errors[0]"),
        (("feedback", "errors", 0, "start"), -1, "feedback.errors[0]"),
        (("feedback", "errors", 0, "start"), 7, "feedback.errors[0]"),
        (("feedback", "errors", 0, "start"), "2", "feedback.errors[0].start"),
        (("feedback", "errors", 0, "start"), True, "feedback.errors[0].start"),
        (("feedback", "errors", 0, "error type"), "", "feedback.errors[0].error type"),
        (("feedback", "errors", 0, "explanation"), None, "feedback.errors[0].explanation"),
        (("feedback", "missing-info", 0, "passage_id"), 3, "feedback.missing-info[0].passage_id"),
        (("feedback", "missing-info", 0, "passage_id"), 0, "feedback.missing-info[0].passage_id"),
        (("feedback", "missing-info", 0, "sentence_id"), [3], "feedback.missing-info[0].sentence_id[0]"),
        (("feedback", "corrected-prediction"), 1, "feedback.corrected-prediction"),
        (("feedback", "extra"), 1, "feedback.extra"),
        (("feedback",), None, "feedback"),
        (("preference",), [1, 2], "preference"),
        (("preference", 3), 3, "preference[3]"),
        (("preference", 3), True, "preference[3]"),
        (("prediction 4",), None, "prediction 4"),
        (("passages", 1), "text", "passages[1]"),
        (("question",), 4, "question"),
        (("prediction 5",), "more", "prediction 5"),
        (("gold",), "a\ud800", "gold"),
        (("gold",), "a\0", "gold"),
    ],
)
def test_a_faulty_question_is_told_and_yields_nothing_else(path, value, field):
    faulty = deepcopy(QUESTION)
    place = faulty
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    records = read(faulty, QUESTION)
    (error,) = of_kind(records, RowError)
    assert (error.row, error.field, error.file) == (1, field, "dev.json")
    assert {record.row for record in records[1:]} == {2}


def test_offsets_outside_the_text_say_how_long_it_is():
    faulty = deepcopy(QUESTION)
    faulty["feedback"]["errors"][0]["end"] = 99
    (error,) = read(faulty)
    assert error.message == "The span 2 to 99 is not within the answer"
    assert error.expected == "0 <= start < end <= 24 characters"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "It does not begin with ["),
        (b'{"question": "a"}', "It does not begin with ["),
        (b'[{"question": "a"}', "The file ends in the middle of the array"),
        (b'[{"question": "a]', "The file ends in the middle of the array"),
        (b"[] []", "There is more after the array's end"),
        (b"\xff\xfe[\x00]\x00", "It is UTF-16 (little-endian) text"),
    ],
)
def test_files_that_are_no_array_are_refused(raw, message):
    with pytest.raises(FormatError) as refusal:
        read_bytes(raw)
    assert refusal.value.message == message


def test_bytes_that_are_not_utf8_are_errors_of_their_question():
    raw = json.dumps([QUESTION, QUESTION], ensure_ascii=False).encode().replace(b"Because.", b"Becaus\xe9.", 1)
    error, *rest = read_bytes(raw)
    assert error.row == 1
    assert "0xe9" in error.message
    assert {record.row for record in rest} == {2}


def test_broken_items_do_not_hide_the_ones_after_them():
    errors_and_records = read_bytes(b'[1, , {"a" 2}, "\\\\", ' + json.dumps(QUESTION).encode() + b"]")
    assert [error.row for error in of_kind(errors_and_records, RowError)] == [1, 2, 3, 4]
    assert [task.row for task in of_kind(errors_and_records, TaskRecord)] == [5]


def test_an_item_over_the_limit_is_skipped():
    long = QUESTION | {"gold": "x" * 600_000}
    error, *rest = read_bytes(json.dumps([long, QUESTION]).encode(), max_row_bytes=5_000)
    assert (error.row, error.message) == (1, "The item is longer than 5,000 bytes")
    assert {record.row for record in rest} == {2}


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64])
def test_items_are_found_wherever_the_file_is_cut(chunk, monkeypatch):
    tricky = QUESTION | {"gold": 'a "quoted\\" [ } , \\ text', "question": "]\\\\"}
    whole = read(tricky, QUESTION)
    assert len(of_kind(whole, TaskRecord)) == 2
    monkeypatch.setattr("rewards.formats.json_rows._CHUNK", chunk)
    assert read(tricky, QUESTION) == whole
