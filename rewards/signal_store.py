"""The only place that reads and writes stored segmentations and signal values.

Values are little-endian float32 and spans little-endian int32 triples, so the bulk can later move to files on object
storage behind these functions. NaN is unscored and is never turned into a number here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import transaction
from django.db.models import QuerySet

from rewards import models, segmentation, signals

_CHUNK = 500
"""Rows per statement: a signal of a long output is tens of kilobytes."""

TOKENIZER = "tokenizer:"
"""How the names of segmenters begin that cut as a model reads."""


@dataclass(frozen=True)
class NewSignal:
    """What `save_many` stores: numbers over the segments of one output, by one rater, in one channel.

    Attributes
    ----------
    output : models.Output
        With its messages loaded: the segments are checked against the texts.
    rater : models.Rater
    channel : str
        Which of the rater's numbers this is, such as ``log_ratio`` or ``view_a``.
    signal : signals.RewardSignal
    input_hash : str
        SHA-256 over everything the source declared that it reads.
    repeat : int
    """

    output: models.Output
    rater: models.Rater
    channel: str
    signal: signals.RewardSignal
    input_hash: str
    repeat: int = 0


@dataclass(frozen=True)
class StoredSignal:
    """A stored signal with its values; `signal` is the pure object that all computations take."""

    pk: int
    output_id: int
    rater: models.Rater
    channel: str
    signal: signals.RewardSignal
    input_hash: str
    repeat: int
    created_at: datetime


class CutValues(NamedTuple):
    """One output's numbers and what they stand on: shapes (n, 3) and (n,)."""

    spans: segmentation.Spans
    values: npt.NDArray[np.float32]


def save_many(new_signals: Iterable[NewSignal]) -> list[int]:
    """Store signals in bulk and idempotently; opens its own transaction.

    A signal of the same identity (rater, segmentation, channel, input hash, repeat) is kept as it was first stored, so
    a batch that is delivered twice writes nothing the second time.

    Returns
    -------
    list of int
        The stored rows' keys, in the order given.

    Raises
    ------
    ValueError
        Where segments lie outside the output's texts, or a segmenter cut the same output differently before.
    """
    wanted = list(new_signals)
    keys: list[int] = []
    with transaction.atomic():
        for first in range(0, len(wanted), _CHUNK):
            keys += _save_chunk(wanted[first : first + _CHUNK])
    return keys


def segmentation_for(output: models.Output, segmenter: str, spans: segmentation.Spans) -> models.Segmentation:
    """The stored row for these segments of the output, made on first use; at most two queries.

    Raises
    ------
    ValueError
        Where spans lie outside the output's texts, or differ from what `segmenter` cut before.
    """
    cut = segmentation.Segmentation(segmenter, spans)
    return _store_segmentations([(output, cut)])[output.pk, segmenter]


def load(stored: QuerySet[models.RewardSignal] | Iterable[int]) -> list[StoredSignal]:
    """Read signals with their values, segmentations and raters, in the queryset's (or the ids') order; three queries.

    Signals over the same stored segmentation share one `Segmentation` object.
    """
    if not isinstance(stored, QuerySet):
        ids = list(stored)
        by_id = {signal.pk: signal for signal in load(models.RewardSignal.objects.filter(pk__in=ids))}
        return [by_id[pk] for pk in ids if pk in by_id]
    rows = list(
        stored.values_list(
            "pk", "output_id", "rater_id", "channel", "segmentation_id", "values", "input_hash", "repeat", "created_at"
        )
    )
    raters = models.Rater.objects.in_bulk({row[2] for row in rows})
    cuts = load_segmentations({row[4] for row in rows})
    return [
        StoredSignal(
            pk=pk,
            output_id=output_id,
            rater=raters[rater_id],
            channel=channel,
            signal=signals.RewardSignal.from_bytes(cuts[cut_id], values),
            input_hash=input_hash,
            repeat=repeat,
            created_at=created_at,
        )
        for pk, output_id, rater_id, channel, cut_id, values, input_hash, repeat, created_at in rows
    ]


def load_cut_values(stored: QuerySet[models.RewardSignal]) -> dict[int, CutValues]:
    """Spans and values by output, as read-only arrays over the bytes read; one query.

    Where an output has several of these signals, one of them stands for it: narrow the queryset to one an output.
    """
    rows = stored.values_list("output_id", "segmentation__spans", "values")
    return {
        output: CutValues(_spans_of(spans), np.frombuffer(bytes(values), dtype="<f4")) for output, spans, values in rows
    }


def load_spans(output_ids: Iterable[int], segmenter: str) -> dict[int, segmentation.Spans]:
    """How `segmenter` cut these outputs, by output; those it has not cut are absent. One query."""
    found = models.Segmentation.objects.filter(output__in=list(output_ids), segmenter=segmenter)
    return {output: _spans_of(spans) for output, spans in found.values_list("output_id", "spans")}


def load_tokens(output_ids: Iterable[int]) -> dict[int, segmentation.Segmentation]:
    """By output, its tokens by the tokenizer that cut most of these outputs; one query.

    An output that this tokenizer did not cut is left out: two tokenizers beside each other would be two units.
    """
    wanted = models.Segmentation.objects.filter(output__in=list(output_ids), segmenter__startswith=TOKENIZER)
    rows = list(wanted.order_by("segmenter"))
    counts = Counter(row.segmenter for row in rows)
    if not counts:
        return {}
    chosen = max(counts, key=lambda name: counts[name])
    return {row.output_id: pure_segmentation(row) for row in rows if row.segmenter == chosen}


def load_segmentations(ids: Iterable[int]) -> dict[int, segmentation.Segmentation]:
    """Stored segmentations by key; one query."""
    rows = models.Segmentation.objects.filter(pk__in=list(ids)).values_list("pk", "segmenter", "spans")
    return {pk: segmentation.Segmentation.from_bytes(segmenter, bytes(spans)) for pk, segmenter, spans in rows}


def pure_segmentation(row: models.Segmentation) -> segmentation.Segmentation:
    """What a stored row says, without a database."""
    return segmentation.Segmentation.from_bytes(row.segmenter, bytes(row.spans))


def _spans_of(stored: bytes | memoryview) -> segmentation.Spans:
    return np.frombuffer(bytes(stored), dtype="<i4").reshape(-1, 3)


def _save_chunk(wanted: Sequence[NewSignal]) -> list[int]:
    if not wanted:
        return []
    cuts = _store_segmentations([(new.output, new.signal.segmentation) for new in wanted])
    identities = [
        (
            new.rater.pk,
            cuts[new.output.pk, new.signal.segmentation.segmenter].pk,
            new.channel,
            new.input_hash,
            new.repeat,
        )
        for new in wanted
    ]
    rows = {
        identity: models.RewardSignal(
            project_id=new.output.project_id,
            output_id=new.output.pk,
            rater_id=identity[0],
            segmentation_id=identity[1],
            channel=new.channel,
            values=new.signal.to_bytes(),
            total=new.signal.total if new.signal.n_scored else None,
            scored_count=new.signal.n_scored,
            input_hash=new.input_hash,
            repeat=new.repeat,
        )
        for new, identity in zip(reversed(wanted), reversed(identities), strict=True)
    }
    models.RewardSignal.objects.bulk_create(rows.values(), ignore_conflicts=True)
    stored = models.RewardSignal.objects.filter(
        rater_id__in={identity[0] for identity in identities},
        segmentation_id__in={identity[1] for identity in identities},
    ).values_list("rater_id", "segmentation_id", "channel", "input_hash", "repeat", "pk")
    keys = {(rater, cut, channel, input_hash, repeat): pk for rater, cut, channel, input_hash, repeat, pk in stored}
    return [keys[identity] for identity in identities]


def _store_segmentations(
    cut_outputs: Sequence[tuple[models.Output, segmentation.Segmentation]],
) -> dict[tuple[int, str], models.Segmentation]:
    """Rows by (output, segmenter), made where missing; two queries."""
    wanted: dict[tuple[int, str], segmentation.Segmentation] = {}
    rows = []
    for output, cut in cut_outputs:
        identity = (output.pk, cut.segmenter)
        if identity in wanted:
            _check_same(wanted[identity], cut.to_bytes(), output.pk)
            continue
        cut.check_within([message["text"] for message in output.messages])
        wanted[identity] = cut
        rows.append(
            models.Segmentation(
                project_id=output.project_id,
                output_id=output.pk,
                segmenter=cut.segmenter,
                spans=cut.to_bytes(),
                count=len(cut),
            )
        )
    models.Segmentation.objects.bulk_create(rows, ignore_conflicts=True)
    found = models.Segmentation.objects.filter(
        output_id__in={output_id for output_id, _ in wanted}, segmenter__in={segmenter for _, segmenter in wanted}
    )
    stored = {(row.output_id, row.segmenter): row for row in found if (row.output_id, row.segmenter) in wanted}
    for identity, cut in wanted.items():
        _check_same(cut, bytes(stored[identity].spans), identity[0])
    return stored


def _check_same(cut: segmentation.Segmentation, spans: bytes, output_id: int) -> None:
    if cut.to_bytes() != spans:
        raise ValueError(
            f"segmenter {cut.segmenter} cut output {output_id} differently before: "
            "a changed segmenter takes a new name, because stored values hang on it"
        )
