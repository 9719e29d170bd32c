"""Spans that come with a file lie on the words that were marked, also where the stored text is another by now."""

import io
import json

import pytest

from rewards.actions.imports import import_files
from rewards.formats import rubricate_spans
from rewards.formats.records import FormatError, RowError
from rewards.formats.sources import SourceFile
from rewards.models import ImportBatch, Judgment, SpanMark
from rewards.text import quote_selector, sha256_text
from tests.factories import make_output, make_project, make_task

MARKED = "Paris is the capital. It has the Louvre. It has the Seine."
"""What people marked; "the" at 29 is the one before Louvre."""
pytestmark = pytest.mark.django_db


def span(start, end, text=MARKED, **fields):
    selector = quote_selector(text, start, end, context=6)
    told = {"quote": selector.exact, "prefix": selector.prefix, "suffix": selector.suffix}
    return {"start": start, "end": end, "type": "wrong", **told, "text_sha256": sha256_text(text)} | fields


def import_spans(project, *rows, **options):
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    files = [SourceFile("spans.jsonl", io.BytesIO(lines))]
    return import_files(project, by=None, format_name="rubricate_spans", files=files, bytes_total=len(lines), **options)


def stored(text):
    output = make_output(make_task(make_project()), text)
    return output, output.project


def line(output, *spans, **fields):
    return {"output": output.external_id, "rater": "ann", "spans": list(spans), **fields}


def marks():
    return list(SpanMark.objects.order_by("id").values_list("start", "end", "quote"))


def test_spans_of_the_stored_text_stay_where_they_are_and_come_once():
    output, project = stored(MARKED)
    row = line(output, span(29, 32), span(0, 5, value=-1.5, severity="major"), notes="skimmed")
    batch = import_spans(project, row)
    assert marks() == [(29, 32, "the"), (0, 5, "Paris")]
    assert {name: n for name, n in batch.counts.items() if n} == {"spans_created": 1, "spans_marked": 2}
    judgment = Judgment.objects.get()
    assert (judgment.rater.name, judgment.presentation["notes"]) == ("ann", "skimmed")
    assert SpanMark.objects.get(start=0).value == -1.5
    again = import_spans(project, row)
    assert (again.counts["spans_unchanged"], Judgment.objects.count()) == (1, 1)


def test_spans_of_another_state_of_the_text_are_found_by_their_words_and_counted():
    output, project = stored("In short: " + MARKED)
    batch = import_spans(project, line(output, span(29, 32)))
    assert marks() == [(39, 42, "the")]
    assert SpanMark.objects.get().text_sha256 == sha256_text("In short: " + MARKED)
    assert batch.counts["spans_moved"] == 1
    # The same row again finds the same words, which are stored.
    assert import_spans(project, line(output, span(29, 32))).counts["spans_unchanged"] == 1


@pytest.mark.parametrize(
    ("text", "mark", "message"),
    [
        (MARKED.replace("Louvre", "Eiffel Tower"), span(29, 32), "stand nowhere in it"),
        (MARKED + " " + MARKED, span(29, 32), "stand several times in it"),
        # Words that stand there, in another text: the hash tells, and the words alone do not.
        (MARKED + " Or not?", span(29, 32, prefix="", suffix=""), "stand several times in it"),
        (MARKED, span(29, 32, prefix="of "), "stand nowhere in it"),
        (MARKED + "!", {"start": 0, "end": 5, "type": "wrong", "text_sha256": sha256_text(MARKED)}, "another text"),
        (MARKED, {"start": 50, "end": 99, "type": "wrong"}, "expected 0 <= start < end <= 58"),
        (MARKED, span(0, 5, message=1), "There is no message 1"),
    ],
)
def test_a_span_that_cannot_be_found_again_is_an_error_of_its_row_and_no_mark(text, mark, message):
    output, project = stored(text)
    batch = import_spans(project, line(output, span(0, 5, quote="", prefix="", suffix="", text_sha256=""), mark))
    error = batch.row_errors.get()
    assert error.row == 1
    assert error.field.startswith("spans[1]")
    assert message in error.message
    assert error.expected
    assert (batch.status, Judgment.objects.count()) == (ImportBatch.Status.DONE, 0)


def test_offsets_in_utf16_units_become_code_points():
    text = "\U0001f600 Paris is the capital."
    output, project = stored(text)
    # The face is two units and one code point.
    units = {"options": {"units": "utf-16"}}
    import_spans(project, line(output, span(2, 7, text) | {"start": 3, "end": 8}), **units)
    # Within the face: no character begins there, and the words tell where it was meant to be.
    batch = import_spans(project, line(output, span(11, 14, text) | {"start": 1, "end": 4}), **units)
    assert marks() == [(2, 7, "Paris"), (11, 14, "the")]
    assert batch.counts["spans_moved"] == 1


def test_a_stored_answer_that_differs_from_the_files_has_the_files_marks_on_the_same_words():
    project = make_project()

    def take(answer, *errors, on_conflict="new_version"):
        question = {
            "question": "Which?", "passages": [["A title", "One."]], "gold": "Paris.", "preference": [0] * 6,
            **{f"prediction {n}": answer for n in (1, 2, 3, 4)},
            "feedback": {"errors": list(errors), "missing-info": [], "corrected-prediction": ""},
        }  # fmt: skip
        raw = json.dumps([question]).encode()
        files = [SourceFile("dev.json", io.BytesIO(raw))]
        return import_files(project, by=None, format_name="fine_grained_rlhf", files=files, on_conflict=on_conflict)

    take("Well. " + MARKED)
    error = {"error type": "Irrelevant", "explanation": "", "start": 9, "end": 20}
    batch = take(MARKED, error, on_conflict="row_error")
    assert (batch.error_count, batch.counts["spans_moved"]) == (4, 1)
    assert marks() == [(15, 26, "the capital")]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"output": 7}, "output"),
        ({"spans": None}, "spans"),
        ({"spans": [{"start": 3, "end": 3, "type": "x"}]}, "spans[0]"),
        ({"spans": [{"start": True, "end": 3, "type": "x"}]}, "spans[0].start"),
        ({"spans": [{"start": 0, "end": 3}]}, "spans[0].type"),
        ({"spans": [{"start": 0, "end": 3, "type": "x", "value": "1"}]}, "spans[0].value"),
        ({"spans": [{"start": 0, "end": 3, "type": "x", "prefix": "a"}]}, "spans[0].quote"),
        ({"spans": [{"start": 0, "end": 3, "type": "x", "text_sha256": "ABC"}]}, "spans[0].text_sha256"),
        ({"spans": [{"start": 0, "end": 3, "type": "x", "exact": "a"}]}, "spans[0].exact"),
    ],
)
def test_a_faulty_line_is_told_by_its_field(fields, field):
    raw = json.dumps({"output": "o", "spans": [], **fields}).encode()
    (error,) = rubricate_spans.read([SourceFile("s.jsonl", io.BytesIO(raw))], {})
    assert isinstance(error, RowError)
    assert (error.row, error.field) == (1, field)
    assert error.expected


def test_units_that_nobody_counts_in_are_refused_and_utf16_needs_words():
    with pytest.raises(FormatError, match="code points or utf-16"):
        list(rubricate_spans.read([], {"units": "bytes"}))
    raw = b'{"output": "o", "spans": [{"start": 0, "end": 3, "type": "x"}]}'
    (error,) = rubricate_spans.read([SourceFile("s.jsonl", io.BytesIO(raw))], {"units": "utf-16"})
    assert error.field == "spans[0].quote"
