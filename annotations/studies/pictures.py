"""What the study pages draw: shares of a bar and places on a scale, in per cent, for SVG attributes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

HEAT_BINS = 5


class Segment(NamedTuple):
    """One part of a stacked bar."""

    label: str
    pairs: int
    css_class: str
    x: float
    width: float


class BarRow(NamedTuple):
    label: str
    total: int
    segments: list[Segment]


class Interval(NamedTuple):
    """A value with its bounds on a scale from 0 to 100."""

    label: str
    value: float
    low: float
    high: float
    text: str

    @property
    def width(self) -> float:
        return self.high - self.low


class MatrixCell(NamedTuple):
    """One place of a matrix; `heat` is a class of signals.css."""

    text: str
    note: str
    heat: str


def stacked_bar(label: str, parts: Sequence[tuple[str, int, str]]) -> BarRow:
    """A bar of (label, count, class) parts that together make 100."""
    total = sum(count for _, count, _ in parts)
    segments, x = [], 0.0
    for name, count, css_class in parts:
        width = 100 * count / total if total else 0.0
        segments.append(Segment(name, count, css_class, round(x, 3), round(width, 3)))
        x += width
    return BarRow(label, total, segments)


def interval(label: str, proportion: dict[str, Any]) -> Interval | None:
    """A share and its interval; None where there is nothing to share out, or too little to draw an interval from."""
    if None in (proportion["value"], proportion["low"], proportion["high"]):
        return None
    value, low, high = (100 * proportion[name] for name in ("value", "low", "high"))
    return Interval(label, round(value, 2), round(low, 2), round(high, 2), f"{value:.1f} % [{low:.1f}, {high:.1f}]")


def gap_bars(rows: Sequence[dict[str, Any]]) -> list[BarRow]:
    """By rating gap: how often the comparison agrees, reverses, or calls it equal."""
    return [
        stacked_bar(
            f"{row['gap']:g}",
            [("decisive", row["decisive"], "series-4"), ("equal", row["equal"], "series-3")]
            if row["gap"] == 0
            else [
                ("agrees", row["agreeing"], "series-1"),
                ("reversed", row["reversed"], "series-2"),
                ("equal", row["equal"], "series-3"),
            ],
        )
        for row in rows
    ]


def length_bars(rows: Sequence[dict[str, Any]]) -> list[BarRow]:
    """By difference in length: consistent and inconsistent pairs."""
    return [
        stacked_bar(
            f"{row['low']}+ words" if row["high"] is None else f"{row['low']}–{row['high']} words",
            [
                ("consistent", row["pairs"] - row["inconsistent"], "series-1"),
                ("inconsistent", row["inconsistent"], "series-2"),
            ],
        )
        for row in rows
    ]


def table_cells(table: Sequence[Sequence[int]]) -> list[list[MatrixCell]]:
    """The 3x3 table: blue on the diagonal, orange off it, deeper where more pairs lie."""
    most = max((count for row in table for count in row), default=0)
    total = sum(sum(row) for row in table)

    def cell(count: int, *, on_diagonal: bool) -> MatrixCell:
        level = round(HEAT_BINS * count / most) if most else 0
        heat = f"heat-{'p' if on_diagonal else 'n'}{level}" if level else "heat-0"
        return MatrixCell(str(count), f"{100 * count / total:.0f} %" if total else "", heat)

    return [[cell(count, on_diagonal=i == j) for j, count in enumerate(row)] for i, row in enumerate(table)]


def alpha_matrix(result: dict[str, Any]) -> list[tuple[str, list[MatrixCell]]]:
    """Alpha between any two raters as a symmetric matrix; a dash where they share too little."""
    names = {rater["id"]: rater["name"] for rater in result["raters"]}
    pairs = {frozenset((pair["first"], pair["second"])): pair for pair in result["pairs"]}
    shown = result["matrix_raters"]
    return [
        (names[row], [_alpha_cell(pairs.get(frozenset((row, column))), itself=row == column) for column in shown])
        for row in shown
    ]


def _alpha_cell(pair: dict[str, Any] | None, *, itself: bool) -> MatrixCell:
    if itself:
        return MatrixCell("", "", "heat-0")
    if pair is None or pair["alpha"] is None:
        return MatrixCell("–", f"{pair['units'] if pair else 0} shared", "heat-0")
    level = min(HEAT_BINS, round(abs(pair["alpha"]) * HEAT_BINS))
    heat = f"heat-{'p' if pair['alpha'] > 0 else 'n'}{level}" if level else "heat-0"
    return MatrixCell(f"{pair['alpha']:.2f}", f"{pair['units']} units", heat)


class AccuracyRow(NamedTuple):
    """One scalar of one scorer; `interval` is None where nothing of it was compared."""

    name: str
    scalar: str
    interval: Interval | None
    note: str
    n: int
    n_total: int


def accuracy_rows(rows: Sequence[dict[str, Any]]) -> list[AccuracyRow]:
    """Accuracy on a scale from 0 to 100 %, with what it means in words."""
    return [
        AccuracyRow(
            row["name"],
            row["scalar"],
            interval(row["scalar"], row),
            _accuracy_in_words(row) + (f" · {row['equal']:,} equal" if row["equal"] else ""),
            row["n"],
            row["n_total"],
        )
        for row in rows
    ]


def _accuracy_in_words(row: dict[str, Any]) -> str:
    if not row["n"]:
        return "no compared pair is scored"
    if row["low"] is None:
        return "too few tasks"
    if row["is_chance"]:
        return "no better than chance"
    return "better than chance" if row["low"] > 0.5 else "worse than chance"


class BiasRow(NamedTuple):
    """A judge's answers in both orders."""

    bar: BarRow
    first: Interval | None


def bias_rows(rows: Sequence[dict[str, Any]]) -> list[BiasRow]:
    """Pairs by what the change of places did to the answer, and how often the first place won."""
    return [
        BiasRow(
            stacked_bar(
                row["name"],
                [
                    ("same answer", row["consistent"], "series-1"),
                    ("first both times", row["flipped_first"], "series-2"),
                    ("second both times", row["flipped_second"], "series-4"),
                    ("tie in one order", row["partly_tied"], "series-3"),
                ],
            ),
            interval("first place chosen", row["first"]),
        )
        for row in rows
    ]


class DenseRow(NamedTuple):
    """One signal over parts of outputs; an interval is None where it is undefined."""

    name: str
    channel: str
    segments: str
    auroc: Interval | None
    verdict: str
    precision: Interval | None
    base_rate: float | None
    first_error: Interval | None
    preference: Interval | None
    found: dict[str, Any]


def dense_rows(rows: Sequence[dict[str, Any]]) -> list[DenseRow]:
    """What the table of the dense bench shows."""
    return [
        DenseRow(
            name=row["name"],
            channel=row["channel"],
            segments=segments_in_words(row["segmenter"]),
            auroc=interval("AUROC", row["auroc"]),
            verdict=_area_in_words(row["auroc"]),
            precision=interval("average precision", row["average_precision"]),
            base_rate=None if row["base_rate"] is None else round(100 * row["base_rate"], 2),
            first_error=interval("first error", row["first_error"]),
            preference=interval("preferences", row["preference"]),
            found=row,
        )
        for row in rows
    ]


class StepRow(NamedTuple):
    """A scorer that labels steps; None where there is no output of a kind."""

    name: str
    erroneous: Interval | None
    correct: Interval | None
    found: dict[str, Any]


def step_rows(rows: Sequence[dict[str, Any]]) -> list[StepRow]:
    """What the table of first wrong steps shows."""
    return [
        StepRow(
            row["name"], interval("with an error", row["on_erroneous"]), interval("without", row["on_correct"]), row
        )
        for row in rows
    ]


def type_matrix(result: dict[str, Any]) -> list[tuple[str, list[MatrixCell]]]:
    """AUROC by signal and type of span: blue above one half, orange below."""
    return [
        (
            f"{row['name']}: {row['channel']}, by {segments_in_words(row['segmenter'])}",
            [_area_cell(row["by_type"][one]) for one in result["types"]],
        )
        for row in result["rows"]
    ]


def segments_in_words(segmenter: str) -> str:
    """Without the hash of a tokenizer or the version of a rule."""
    return segmenter.split(":")[0].split("/")[0].replace("tokenizer", "tokens")


def _area_in_words(area: dict[str, Any]) -> str:
    if area["value"] is None:
        return "undefined: nothing is marked, or everything is"
    if area["low"] is None:
        return "too few tasks"
    if area["low"] > 0.5:
        return "low values mark errors"
    return "high values mark errors" if area["high"] < 0.5 else "no better than chance"


def _area_cell(area: dict[str, Any]) -> MatrixCell:
    if area["value"] is None:
        return MatrixCell("–", f"{area['marked']} marked", "heat-0")
    level = min(HEAT_BINS, round(abs(area["value"] - 0.5) * 2 * HEAT_BINS))
    heat = f"heat-{'p' if area['value'] > 0.5 else 'n'}{level}" if level else "heat-0"
    return MatrixCell(f"{area['value']:.2f}", f"{area['marked']} marked", heat)
