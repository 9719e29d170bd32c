"""What the page of a preference-loss study shows: a row for each loss, pairs to choose from, one pair read closely."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from annotations.models import Study
from annotations.studies.log_probs import PairSignals, pair_log_probs
from annotations.studies.pictures import Interval, interval
from annotations.studies.preference_loss import Asked, read_asked
from rewards import heat, signal_store
from rewards.composer.findings import Distribution
from rewards.models import Output, Task
from rewards.models import RewardSignal as StoredSignals
from rewards.preferences import LOSSES, LossPreview, PreferenceLoss, preview_loss
from rewards.shaping.rows import Floats
from rewards.signal_store import StoredSignal
from rewards.signals import RewardSignal

PAGE: Final = 10
ORDERS: Final = (("wrong", "Furthest the wrong way round"), ("right", "Furthest apart"))


class LossRow(NamedTuple):
    """One loss over all pairs; intervals are None where nothing of it is scored, or too little."""

    loss: PreferenceLoss
    parameters: str
    value: str
    margin: str
    accuracy: Interval | None
    people_accuracy: Interval | None
    n_people: int
    n_people_total: int
    length: tuple[float, float, float]
    """Correlation of the margin with the difference in tokens, and its interval; NaN where undefined."""
    margins: Distribution
    found: dict[str, Any]


class PairRow(NamedTuple):
    """A pair to choose."""

    place: int
    """In the study's list of pairs to read."""
    task: Task | None
    tokens: list[int]
    loss: float
    margin: float


class TokenRow(NamedTuple):
    text: str
    policy: float
    reference: float | None
    ratio: float | None
    pull: float


class Side(NamedTuple):
    """The chosen or the rejected output of a pair."""

    title: str
    output: Output
    messages: list[str]
    paint: str
    """JSON for the page's module: numbers only."""
    pull: float
    moved: float
    """The sum of the log-ratios, or of the log-probs where there is no reference."""
    rows: list[TokenRow]


class ShownPair(NamedTuple):
    row: PairRow
    sides: list[Side]
    layers: list[tuple[str, float]]
    """Name of what is laid over the text, and of what lies under its lines, with the end of its scale."""


class PairChoice(NamedTuple):
    """What the reader asked to see, made to fit what is there."""

    loss: str
    order: str
    start: int
    place: int | None

    @property
    def query(self) -> str:
        return f"loss={self.loss}&order={self.order}&start={self.start}"


def loss_rows(result: Mapping[str, Any]) -> list[LossRow]:
    return [_loss_row(row) for row in result["losses"]]


def choice_in(study: Study, given: Mapping[str, str]) -> PairChoice:
    """From a query; what does not fit falls back to the first loss, order, page and pair."""
    names = [row["name"] for row in study.result["losses"]]
    loss = given.get("loss", "")
    order = given.get("order", "")
    n_pairs = len(study.result["to_read"])
    place = _whole_number(given.get("pair", ""))
    start = _whole_number(given.get("start", "")) or 0
    return PairChoice(
        loss if loss in names else (names[0] if names else ""),
        order if order in dict(ORDERS) else ORDERS[0][0],
        start - start % PAGE if start < n_pairs else 0,
        place if place is not None and place < n_pairs else None,
    )


def pairs_to_choose(study: Study, choice: PairChoice) -> tuple[list[PairRow], int]:
    """One page of the pairs that this loss scores, in the chosen order, and how many there are; one query."""
    scored = [
        (row["losses"][choice.loss]["margin"], place)
        for place, row in enumerate(study.result["to_read"])
        if row["losses"][choice.loss]["margin"] is not None
    ]
    scored.sort(reverse=choice.order == "right")
    shown = [place for _, place in scored[choice.start : choice.start + PAGE]]
    return _pair_rows(study, choice.loss, shown), len(scored)


def shown_pair(study: Study, choice: PairChoice, rows: Sequence[PairRow]) -> ShownPair | None:
    """The chosen pair, else the first of `rows`, computed again from the very signals that the study read.

    None where there is no pair, or its signals or texts are no longer stored; six queries.
    """
    place = choice.place if choice.place is not None else (rows[0].place if rows else None)
    if place is None:
        return None
    row = next(iter(_pair_rows(study, choice.loss, [place])), None)
    asked = read_asked(study.parameters)
    kept = study.result["to_read"][place]
    signals = _signals(study, kept["signals"])
    outputs = Output.objects.of(study.project).select_related("policy").in_bulk([kept["chosen"], kept["rejected"]])
    if row is None or signals is None or len(outputs) < len({kept["chosen"], kept["rejected"]}):
        return None
    preview = preview_loss(
        choice.loss, pair_log_probs([signals], has_reference=asked.reference is not None), asked.losses[choice.loss]
    )
    return _shown(row, asked, signals, (outputs[kept["chosen"]], outputs[kept["rejected"]]), preview)


def _signals(study: Study, keys: Sequence[int | None]) -> PairSignals | None:
    wanted = [key for key in keys if key is not None]
    stored = {row.pk: row for row in signal_store.load(StoredSignals.objects.of(study.project).filter(pk__in=wanted))}
    if len(stored) < len(set(wanted)) or None in keys[:2]:
        return None
    return PairSignals(*(None if key is None else stored[key] for key in keys))


def _shown(
    row: PairRow, asked: Asked, signals: PairSignals, outputs: tuple[Output, Output], preview: LossPreview
) -> ShownPair:
    pulls = (preview.chosen_weights.values, preview.rejected_weights.values)
    sides = [
        _Tokens(output, policy, reference, pull, has_reference=asked.reference is not None)
        for output, policy, reference, pull in zip(outputs, signals[:2], signals[2:], pulls, strict=True)
        if policy is not None
    ]
    limits = [heat.scale_limit([side.merged(layer).values for side in sides]) for layer in range(2)]
    names = ["pull", "log-ratio" if asked.reference is not None else "log-prob"]
    return ShownPair(
        row,
        [side.side(title, limits) for title, side in zip(("Chosen", "Rejected"), sides, strict=True)],
        list(zip(names, limits, strict=True)),
    )


class _Tokens:
    """One output's tokens with what is known of each."""

    def __init__(
        self,
        output: Output,
        policy: StoredSignal,
        reference: StoredSignal | None,
        pulls: Floats,
        *,
        has_reference: bool,
    ) -> None:
        self.output = output
        self.cut = policy.signal.segmentation
        self.policy = policy.signal.values.astype(np.float64)
        # A loss without a reference has a pull where the reference's log-probs are not stored: they are unknown.
        unknown = np.full(len(self.policy), np.nan)
        self.reference = (
            (unknown if reference is None else reference.signal.values.astype(np.float64)) if has_reference else None
        )
        self.moved = self.policy if self.reference is None else self.policy - self.reference
        self.pulls = pulls

    def merged(self, layer: int) -> heat.Merged:
        return heat.merge_overlaps(RewardSignal(self.cut, (self.pulls, self.moved)[layer].astype(np.float32)))

    def side(self, title: str, limits: Sequence[float]) -> Side:
        texts = [message["text"] for message in self.output.messages]
        layers = [
            {"limit": limit, **heat.display_block(self.merged(layer), texts)} for layer, limit in enumerate(limits)
        ]
        return Side(
            title,
            self.output,
            texts,
            json.dumps({"layers": layers, "marks": []}, separators=(",", ":")),
            float(self.pulls.sum()),
            float(self.moved.sum()),
            self._rows(texts),
        )

    def _rows(self, texts: Sequence[str]) -> list[TokenRow]:
        return [
            TokenRow(
                texts[message][start:end],
                float(self.policy[at]),
                None if self.reference is None else float(self.reference[at]),
                None if self.reference is None else float(self.moved[at]),
                float(self.pulls[at]),
            )
            for at, (message, start, end) in enumerate(self.cut.spans.tolist())
        ]


def _pair_rows(study: Study, loss: str, places: Sequence[int]) -> list[PairRow]:
    kept = study.result["to_read"]
    tasks = (
        Task.objects.filter(project=study.project_id)
        .defer("messages")
        .in_bulk({kept[place]["task"] for place in places})
    )
    return [
        PairRow(
            place,
            tasks.get(kept[place]["task"]),
            kept[place]["tokens"],
            kept[place]["losses"][loss]["loss"],
            kept[place]["losses"][loss]["margin"],
        )
        for place in places
        if kept[place]["losses"][loss]["margin"] is not None
    ]


def _loss_row(row: dict[str, Any]) -> LossRow:
    loss = LOSSES[row["name"]]
    labels = {parameter.name: parameter.label for parameter in loss.parameters}
    length = row["length_correlation"]
    return LossRow(
        loss,
        ", ".join(f"{labels.get(name, name)} {_parameter(value)}" for name, value in row["parameters"].items()),
        _estimate(row["loss"]),
        _estimate(row["margin"]),
        interval("accuracy", row["accuracy"]),
        interval("accuracy against people", row["people_accuracy"]),
        row["people_accuracy"]["n"],
        row["people_accuracy"]["n_total"],
        (_float(length["value"]), _float(length["low"]), _float(length["high"])),
        _distribution(row["margins"]),
        row,
    )


def _distribution(found: Mapping[str, Any]) -> Distribution:
    values: dict[str, Any] = {name: _float(value) if value is None else value for name, value in found.items()}
    return Distribution(**values)


def _estimate(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "–"
    bounds = "" if found["low"] is None else f" [{found['low']:.3g}, {found['high']:.3g}]"
    return f"{found['value']:.3g}{bounds}".replace("-", "\u2212")


def _parameter(value: object) -> str:
    return (
        ("yes" if value else "no")
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _float(value: float | None) -> float:
    return float("nan") if value is None else value


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
