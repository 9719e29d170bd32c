"""Gaussian soft match: how near a number, a date, an interval or a box comes to the reference's.

With x the answer, mu the reference and sigma half of the reference's size (of the scale, for numbers and dates):

    point    = exp(-1/2 sum_d ((x_d - mu_d) / sigma_d)^2)          of the centres
    coverage = exp(-D_B),  D_B = sum_d [ (x_d - mu_d)^2 / (8 s_d) + 1/2 ln(s_d / (sigma_d sigma'_d)) ],
               s_d = (sigma_d^2 + sigma'_d^2) / 2                  Bhattacharyya distance of the two Gaussians
    soft_match = w point + (1 - w) coverage

sigma' belongs to the answer's own size. Both are from GUI-G2 (Tang et al. 2025, arXiv 2507.15846), for boxes; its
reward adds the two and a format reward, here they are weighted to stay within [0, 1]. Numbers and dates have no size of
their own: for them `soft_match` is the point. Fidelity: reconstructed. The text leaves open what happens to an answer
without size (here its coverage is 0) and to the other three kinds, which carry the same formula over to one dimension.
Turned off, `soft_match` is 1 for a hit and 0 for a miss: an equal number, date or interval; a box whose centre lies in
the reference's.

An answer that names several takes the last; corners are put in order.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers.answers import MARKER_WORDS, WHERE, locate_answer
from workers.sources.verifiers.numeric import DECIMAL_MARK, PERCENT, numbers_of
from workers.sources.verifiers.verifier import FAMILY, NO_ANSWER, Answer, Verifier, no_answer, scored

SOFT_MATCH, POINT, COVERAGE = "soft_match", "point", "coverage"
NUMBER, DATE, INTERVAL, BOX = "number", "date", "interval", "box"
_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_COORDINATE = r"\s{0,4}[+-]?\d{1,15}(?:\.\d{1,15})?\s{0,4}"


def _tuple(n: int) -> re.Pattern[str]:
    return re.compile(r"[\[(]" + ",".join([f"({_COORDINATE})"] * n) + r"[\])]")


_TUPLES = {INTERVAL: _tuple(2), BOX: _tuple(4)}


class Range(NamedTuple):
    """One dimension of a thing: a point where both ends are equal."""

    low: float
    high: float

    @property
    def centre(self) -> float:
        return (self.low + self.high) / 2

    @property
    def size(self) -> float:
        return self.high - self.low


class SoftMatch(Verifier):
    """Channel `soft_match`, and for intervals and boxes its parts `point` and `coverage`; see the module."""

    declaration = Declaration(
        name="soft_match",
        version=1,
        title="Gaussian soft match",
        summary="How near a number, a date, an interval or a box comes to the reference's: dense, not hit or miss.",
        formula="point = exp(-1/2 sum ((x - mu) / sigma)^2);  coverage = exp(-Bhattacharyya);  sigma = 0.5 size",
        paper="Tang et al. 2025, GUI-G2: Gaussian Reward Modeling for GUI Grounding, arXiv 2507.15846",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Boxes worked by hand after the paper's formulas; numbers, dates and intervals carry them over.",
        needs=frozenset({Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(),
        parameters=(
            Parameter(
                "kind",
                "choice",
                NUMBER,
                "The answer is",
                choices=(
                    (NUMBER, "A number"),
                    (DATE, "A date: 2024-03-31"),
                    (INTERVAL, "An interval: [start, end]"),
                    (BOX, "A box: [x1, y1, x2, y2]"),
                ),
            ),
            Parameter("soft", "boolean", True, "Soft", "Else 1 for a hit and 0 for a miss."),
            Parameter(
                "scale",
                "number",
                1.0,
                "Size for numbers and dates",
                "In the number's own unit, or in days. Intervals and boxes have their own.",
                minimum=1e-9,
                maximum=1e12,
            ),
            Parameter("ratio", "number", 0.5, "Sigma by size", minimum=1e-3, maximum=100),
            Parameter(
                "point_weight", "number", 0.5, "Weight of the point", "The rest is coverage's.", minimum=0, maximum=1
            ),
            WHERE,
            MARKER_WORDS,
            DECIMAL_MARK,
            PERCENT,
            NO_ANSWER,
        ),
        family=FAMILY,
    )

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Read both, and compare."""
        kind = str(parameters["kind"])
        reference = read(Answer.of(0, item.reference or ""), {**parameters, "where": "auto"})
        if reference is None:
            return Unscored("reference_not_readable", f"the reference holds no {kind} that can be read")
        wanted, _ = reference
        if kind in _TUPLES and any(dimension.size <= 0 for dimension in wanted):
            return Unscored("reference_without_size", f"the reference's {kind} has no size to measure by")
        channels = (SOFT_MATCH, POINT, COVERAGE) if kind in _TUPLES else (SOFT_MATCH,)
        found = read(answer, parameters)
        if found is None:
            return no_answer(item, parameters, f"the answer holds no {kind}", channels)
        given, place = found
        values = compare(given, wanted, kind, parameters)
        return scored(item, {channel: values[channel] for channel in channels}, evidence=place)


def compare(given: Sequence[Range], wanted: Sequence[Range], kind: str, parameters: Parameters) -> dict[str, float]:
    """All channels, from the dimensions of the two."""
    ratio, weight = float(parameters["ratio"]), float(parameters["point_weight"])
    scale = float(parameters["scale"])
    sigmas = [ratio * (dimension.size or scale) for dimension in wanted]
    point = point_reward(given, wanted, sigmas)
    coverage = coverage_reward(given, wanted, ratio) if kind in _TUPLES else point
    soft = weight * point + (1 - weight) * coverage if kind in _TUPLES else point
    return {SOFT_MATCH: soft if parameters["soft"] else hit(given, wanted, kind), POINT: point, COVERAGE: coverage}


def point_reward(given: Sequence[Range], wanted: Sequence[Range], sigmas: Sequence[float]) -> float:
    """exp of minus half the squared distance of the centres, in sigmas."""
    offs = [(a.centre - b.centre) / sigma for a, b, sigma in zip(given, wanted, sigmas, strict=True)]
    # Not to the power of 2, which raises where the product is merely infinite.
    return math.exp(-0.5 * sum(off * off for off in offs))


def coverage_reward(given: Sequence[Range], wanted: Sequence[Range], ratio: float) -> float:
    """exp of minus the Bhattacharyya distance of the two Gaussians; 0 where the answer has no size."""
    distance = 0.0
    for a, b in zip(given, wanted, strict=True):
        sigma_a, sigma_b = ratio * a.size, ratio * b.size
        if sigma_a <= 0:
            return 0.0
        mean = (sigma_a**2 + sigma_b**2) / 2
        distance += (a.centre - b.centre) ** 2 / (8 * mean) + 0.5 * math.log(mean / (sigma_a * sigma_b))
    return math.exp(-distance)


def hit(given: Sequence[Range], wanted: Sequence[Range], kind: str) -> float:
    """1 for a hit, 0 for a miss."""
    if kind == BOX:
        return float(all(b.low <= a.centre <= b.high for a, b in zip(given, wanted, strict=True)))
    return float(list(given) == list(wanted))


def read(answer: Answer, parameters: Parameters) -> tuple[list[Range], Answer] | None:
    """The last thing of the asked kind where the answer stands, as its dimensions, and its place."""
    found = locate_answer(answer, parameters)
    if found is None:
        return None
    kind = str(parameters["kind"])
    if kind == NUMBER:
        numbers = numbers_of(found.text, parameters)
        if not numbers or abs(numbers[-1].value) > 1e300:
            return None
        value = float(numbers[-1].value)
        return [Range(value, value)], found.part(numbers[-1].start, numbers[-1].end)
    if kind == DATE:
        return _read_date(found)
    matches = list(_TUPLES[kind].finditer(found.text))
    if not matches:
        return None
    numbers_read = [float(group) for group in matches[-1].groups()]
    half = len(numbers_read) // 2
    ranges = [Range(*sorted(pair)) for pair in zip(numbers_read[:half], numbers_read[half:], strict=True)]
    return ranges, found.part(*matches[-1].span())


def _read_date(found: Answer) -> tuple[list[Range], Answer] | None:
    for match in reversed(list(_DATE.finditer(found.text))):
        try:
            day = float(datetime.date(*(int(part) for part in match.groups())).toordinal())
        except ValueError:
            continue
        return [Range(day, day)], found.part(*match.span())
    return None
