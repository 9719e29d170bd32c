"""Writes the judgments of a chunk: ratings, comparisons, spans and critiques that a file brings."""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import orjson
from django.db import models
from django.utils import timezone
from django.utils.text import slugify

from rewards.formats.records import (
    ComparisonRecord,
    CritiqueRecord,
    InvalidRow,
    JudgmentRecord,
    RatingRecord,
    RowError,
    SpansRecord,
)
from rewards.importing.anchoring import anchored_record
from rewards.importing.copying import copy_rows, reserve_ids
from rewards.importing.report import ImportReport
from rewards.models import Comparison, Critique, ImportBatch, Judgment, Output, Rater, Rating, SpanMark
from rewards.querysets.arrays import one_of
from rewards.text import sha256_text

_COLUMNS = [
    "id", "project_id", "kind", "rater_id", "task_id", "output_id", "input_hash", "repeat", "act", "idempotency_key",
    "presentation", "import_batch_id", "created_at",
]  # fmt: skip
_SPAN_COLUMNS = [
    "judgment_id", "output_id", "message", "start", "end", "text_sha256", "quote", "type", "severity", "value",
    "explanation",
]  # fmt: skip
_KINDS: dict[type[object], Judgment.Kind] = {
    RatingRecord: Judgment.Kind.RATING,
    ComparisonRecord: Judgment.Kind.COMPARISON,
    SpansRecord: Judgment.Kind.SPANS,
    CritiqueRecord: Judgment.Kind.CRITIQUE,
}


class _Placed(NamedTuple):
    """A record whose rater and outputs are known."""

    record: JudgmentRecord
    rater_id: int
    outputs: list[Output]
    key: str
    moved: int = 0
    """Marks that were found elsewhere in the stored text than the file says."""

    @property
    def kind(self) -> Judgment.Kind:
        return _KINDS[type(self.record)]


class JudgmentWriter:
    """Remembers the raters of one import, which every chunk names again."""

    def __init__(self, batch: ImportBatch) -> None:
        self._batch = batch
        self._raters: dict[str, int] = {}

    def write(self, records: Sequence[JudgmentRecord], report: ImportReport) -> None:
        """Insert what is not stored yet; a judgment on an output that was not taken is counted and left out."""
        if not records:
            return
        outputs = self._outputs_of(records)
        placed = []
        for record in records:
            named = [outputs.get(external_id) for external_id in _output_ids(record)]
            found = [output for output in named if output is not None]
            if len(found) < len(named):
                report.reject(_unknown_output(record))
                continue
            if len({output.task_id for output in found}) > 1:
                report.reject(_two_tasks(record))
                continue
            moved = 0
            if isinstance(record, SpansRecord):
                try:
                    record, moved = anchored_record(record, found[0].messages)
                except InvalidRow as invalid:
                    report.reject(invalid.at(record.row, record.file))
                    continue
            rater_id = self._rater(record.rater)
            placed.append(_Placed(record, rater_id, found, _key(record, rater_id), moved))
        self._insert(self._unstored(placed, report), report)

    def _outputs_of(self, records: Sequence[JudgmentRecord]) -> dict[str, Output]:
        external_ids = {external_id for record in records for external_id in _output_ids(record)}
        found = (
            Output.objects.filter(project_id=self._batch.project_id)
            .current()
            .filter(external_id__in=one_of(external_ids))
        )
        needed = ("id", "external_id", "task_id", "messages")
        return {output.external_id: output for output in found.only(*needed)}

    def _rater(self, name: str) -> int:
        if name not in self._raters:
            rater, _ = Rater.objects.get_or_create(
                project_id=self._batch.project_id,
                kind=Rater.Kind.EXTERNAL,
                name=name[:200],
                defaults={"pseudonym": f"external-{hashlib.sha256(name.encode()).hexdigest()[:12]}"},
            )
            self._raters[name] = rater.pk
        return self._raters[name]

    def _unstored(self, placed: Sequence[_Placed], report: ImportReport) -> list[_Placed]:
        stored = dict(
            Judgment.objects.filter(
                project_id=self._batch.project_id, idempotency_key__in=one_of(item.key for item in placed)
            ).values_list("idempotency_key", "import_batch_id")
        )
        fresh, seen = [], set(stored)
        for item in placed:
            if item.key not in seen:
                fresh.append(item)
                seen.add(item.key)
            else:
                mine = stored.get(item.key) == self._batch.pk
                report.counts[f"{item.kind}_created" if mine else f"{item.kind}_unchanged"] += 1
        return fresh

    def _insert(self, items: Sequence[_Placed], report: ImportReport) -> None:
        ids = reserve_ids(Judgment, len(items))
        now = timezone.now()
        copy_rows(
            Judgment,
            _COLUMNS,
            (
                (
                    pk,
                    self._batch.project_id,
                    item.kind,
                    item.rater_id,
                    item.outputs[0].task_id,
                    item.outputs[0].pk if len(item.outputs) == 1 else None,
                    "",
                    item.record.repeat,
                    _act(self._batch, item),
                    item.key,
                    orjson.dumps(_presentation(self._batch, item)).decode(),
                    self._batch.pk,
                    now,
                )
                for pk, item in zip(ids, items, strict=True)
            ),
        )
        report.inserted["judgments"] += len(items)
        for kind, insert_answers in _ANSWERS.items():
            of_kind = [(pk, item) for pk, item in zip(ids, items, strict=True) if isinstance(item.record, kind)]
            if of_kind:
                insert_answers(of_kind)
                report.counts[f"{_KINDS[kind]}_created"] += len(of_kind)
        marked = sum(len(item.record.spans) for item in items if isinstance(item.record, SpansRecord))
        if marked:
            report.counts["spans_marked"] += marked
        if moved := sum(item.moved for item in items):
            report.counts["spans_moved"] += moved


def _copy_answers(
    model: type[models.Model], columns: Sequence[str], row_of: Callable[[int, Any, list[Output]], list[tuple[Any, ...]]]
) -> Callable[[Sequence[tuple[int, _Placed]]], None]:
    def insert(items: Sequence[tuple[int, _Placed]]) -> None:
        copy_rows(model, columns, (row for pk, item in items for row in row_of(pk, item.record, item.outputs)))

    return insert


def _rating_rows(pk: int, record: RatingRecord, outputs: list[Output]) -> list[tuple[Any, ...]]:
    question = (slugify(record.criterion) if record.criterion else "") or "overall"
    return [(pk, question[:80], record.value, record.scale.low, record.scale.high)]


def _comparison_rows(pk: int, record: ComparisonRecord, outputs: list[Output]) -> list[tuple[Any, ...]]:
    tie_kind = record.tie_kind or ("equal" if record.choice == "tie" else "")
    return [(pk, outputs[0].pk, outputs[1].pk, record.choice, tie_kind)]


def _span_rows(pk: int, record: SpansRecord, outputs: list[Output]) -> list[tuple[Any, ...]]:
    texts = [message["text"] for message in outputs[0].messages]
    hashes = {message: sha256_text(texts[message]) for message in {span.message for span in record.spans}}
    return [
        (
            pk,
            outputs[0].pk,
            span.message,
            span.start,
            span.end,
            hashes[span.message],
            texts[span.message][span.start : span.end],
            span.type,
            span.severity,
            span.value,
            span.explanation,
        )
        for span in record.spans
    ]


def _critique_rows(pk: int, record: CritiqueRecord, outputs: list[Output]) -> list[tuple[Any, ...]]:
    return [(pk, record.kind, record.text)]


_ANSWERS: Mapping[type[object], Callable[[Sequence[tuple[int, _Placed]]], None]] = {
    RatingRecord: _copy_answers(Rating, ["judgment_id", "question", "value", "scale_low", "scale_high"], _rating_rows),
    ComparisonRecord: _copy_answers(
        Comparison, ["judgment_id", "output_a_id", "output_b_id", "choice", "tie_kind"], _comparison_rows
    ),
    SpansRecord: _copy_answers(SpanMark, _SPAN_COLUMNS, _span_rows),
    CritiqueRecord: _copy_answers(Critique, ["judgment_id", "kind", "text"], _critique_rows),
}


def _output_ids(record: JudgmentRecord) -> list[str]:
    if isinstance(record, ComparisonRecord):
        return [record.output_a, record.output_b]
    return [record.output_external_id]


def _key(record: JudgmentRecord, rater_id: int) -> str:
    """The judgment's content without its place in the file: the same row imported twice is stored once."""
    content = {key: value for key, value in asdict(record).items() if key not in {"row", "file", "rater"}}
    for mark in content.get("spans", ()):
        # What counts is where the words stand in the stored text, not by what they were found there.
        del mark["anchor"]
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"import:{_KINDS[type(record)]}:{rater_id}:{digest}"


def _act(batch: ImportBatch, item: _Placed) -> uuid.UUID:
    """One row of a file by one rater is one act."""
    record = item.record
    return uuid.uuid5(uuid.NAMESPACE_OID, f"import:{batch.pk}:{record.file}:{record.row}:{item.rater_id}")


def _presentation(batch: ImportBatch, item: _Placed) -> dict[str, Any]:
    shown: dict[str, Any] = {"format": batch.format, "file": item.record.file, "row": item.record.row}
    if isinstance(item.record, ComparisonRecord) and item.record.shown_first:
        pks = [output.pk for output in item.outputs]
        shown["order"] = pks if item.record.shown_first == "a" else pks[::-1]
    if isinstance(item.record, SpansRecord) and item.record.notes:
        shown["notes"] = item.record.notes
    return shown


def _two_tasks(record: JudgmentRecord) -> RowError:
    return RowError(record.row, "output", "The outputs answer different tasks", "outputs of one task", record.file)


def _unknown_output(record: JudgmentRecord) -> RowError:
    return RowError(
        record.row,
        "output",
        f"No stored output has the id {' or '.join(repr(name) for name in _output_ids(record))}",
        "an output of this file or project",
        record.file,
    )
