"""Cutting what is read into chunks, reading ahead, and showing a sign of life meanwhile."""

import threading

import pytest
from django.conf import settings
from django.utils import timezone

from rewards import heartbeat
from rewards.actions.imports import requeue_stalled_imports
from rewards.formats.records import FormatError, RowError, TaskRecord
from rewards.heartbeat import beating
from rewards.importing import chunks
from rewards.importing.chunks import chunks_of, read_ahead
from rewards.importing.copying import array_literal
from rewards.importing.report import STORED_ERRORS, ImportReport
from rewards.importing.tasks import preview_of
from rewards.models import ImportBatch
from rubricate.celery import app
from tests.factories import make_project


def task(number, text="x"):
    return TaskRecord(number, f"t{number}", [{"role": "user", "text": text}])


def test_a_chunk_ends_at_its_rows_or_at_its_characters(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 3)
    monkeypatch.setattr(chunks, "CHUNK_CHARACTERS", 10)
    rows = [task(1), task(2), RowError(3, "", "broken"), task(4), task(5, "y" * 10), task(6)]
    found = [([record.row for record in chunk.records], len(chunk.errors)) for chunk in chunks_of(iter(rows))]
    assert found == [([1, 2], 1), ([4, 5], 0), ([6], 0)]


def test_what_came_before_an_unreadable_place_is_kept():
    def rows():
        yield task(1)
        yield RowError(2, "", "broken")
        raise FormatError("The file ends in the middle")

    found = chunks_of(rows())
    chunk = next(found)
    assert (len(chunk.records), len(chunk.errors)) == (1, 1)
    with pytest.raises(FormatError):
        next(found)


def test_reading_ahead_keeps_order_and_raises_where_the_reader_did():
    def items():
        yield from (1, 2)
        raise ValueError("third")

    ahead = read_ahead(items())
    assert (next(ahead), next(ahead)) == (1, 2)
    with pytest.raises(ValueError, match="third"):
        next(ahead)


def test_the_next_item_is_read_while_one_is_used():
    reading_second = threading.Event()

    def items():
        yield 1
        reading_second.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == 1
    assert reading_second.wait(10)
    assert list(ahead) == [2]


def test_a_reader_may_stop_early():
    ahead = read_ahead(iter(range(100)))
    assert next(ahead) == 0
    ahead.close()


def test_an_array_is_written_as_copy_reads_it():
    assert array_literal(["a,b", 'say "hi"', "back\\slash", "NULL", ""]) == (
        '{"a,b","say \\"hi\\"","back\\\\slash","NULL",""}'
    )


def test_a_preview_folds_white_space_and_fills_its_length():
    assert preview_of([{"role": "user", "text": " a \n\n b "}], "user") == "a b"
    spaced = "word" + " " * 500 + "end"
    assert preview_of([{"role": "user", "text": spaced}], "user") == "word end"
    assert len(preview_of([{"role": "user", "text": "ab " * 500}], "user")) == 240


def test_errors_beyond_the_stored_ones_are_counted_only():
    report = ImportReport()
    for row in range(STORED_ERRORS + 5):
        report.reject(RowError(row, "", "broken"))
    assert (report.error_count, len(report.new_errors)) == (STORED_ERRORS + 5, STORED_ERRORS)


def test_a_heart_beats_while_the_block_runs_and_stops_with_it(monkeypatch):
    monkeypatch.setattr(heartbeat, "SECONDS_BETWEEN_BEATS", 0.001)
    beaten = threading.Event()
    with beating(beaten.set):
        assert beaten.wait(10)
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())


@pytest.mark.django_db
def test_imports_that_fell_silent_are_sent_again(monkeypatch):
    project = make_project()
    sent: list[int] = []
    monkeypatch.setattr("rewards.tasks.run_import_batch.delay", sent.append)

    def batch(**fields):
        made = ImportBatch.objects.create(project=project, format="rubricate_jsonl", **fields)
        ImportBatch.objects.filter(pk=made.pk).update(created_at="2020-01-01T00:00Z")
        return made

    silent = batch(status="running", stored_files=["x"], heartbeat_at="2020-01-01T00:00Z")
    waiting = batch(status="pending", stored_files=["x"])
    batch(status="running", stored_files=["x"], heartbeat_at=timezone.now())
    batch(status="running", stored_files=[], heartbeat_at="2020-01-01T00:00Z")
    batch(status="done", stored_files=["x"], heartbeat_at="2020-01-01T00:00Z")
    assert requeue_stalled_imports() == 2
    assert sorted(sent) == sorted([silent.pk, waiting.pk])


def test_beat_sends_only_tasks_that_exist():
    app.loader.import_default_modules()
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert named <= set(app.tasks)
    assert {"rewards.tasks.requeue_stalled_imports", "rewards.tasks.requeue_stalled_exports"} <= named
