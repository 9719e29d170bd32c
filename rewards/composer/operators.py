"""Operators and estimators for pages and documents: words from the declaration, a picture from an example. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from rewards.advantages.contract import Estimator
from rewards.advantages.registry import by_family as estimators_by_family
from rewards.parameters import Parameter
from rewards.shaping.contract import ONTO, Operator, Slot, Want, call
from rewards.shaping.registry import by_family
from rewards.shaping.rows import OUTPUT, TOKEN, Level, Rows

_LENGTHS: Final = (7, 5, 6, 6)
"""Segments of the example's four outputs: two tasks with two outputs each, so groups have something to compare."""
_GROUPS: Final = (0, 0, 1, 1)
_SEED: Final = 7
_KINDS_OF_NUMBERS: Final = ((-0.4, 1.0, 1), (0.1, 1.0, 1), (0.0, 1.0, 0), (1, 9, 0), (100, 9_000, -2))
"""Least, greatest, and digits after the point."""


class Bars(NamedTuple):
    """Numbers to draw side by side; `breaks` are the places where a new output begins."""

    label: str
    values: tuple[float, ...]
    breaks: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """An operator at work with its defaults: what went in, and what came out."""

    inputs: tuple[Bars, ...]
    result: Bars

    @property
    def is_telling(self) -> bool:
        """The result is neither the same everywhere nor what went in."""
        differs = len({value for value in self.result.values if value == value}) > 1
        return differs and all(self.result.values != one.values for one in self.inputs)


@dataclass(frozen=True)
class OperatorPage:
    """One operator; `example` is None where its defaults cannot work on the example, and `why` says so."""

    operator: Operator
    example: Example | None
    why: str

    @property
    def parameters(self) -> list[tuple[str, Parameter]]:
        """Of the operator, then those of each term, with the slot's name."""
        own = [("", parameter) for parameter in self.operator.parameters]
        return own + [(slot.name, one) for slot in self.operator.slots for one in slot.per_term]


@dataclass(frozen=True)
class FamilyPage:
    name: str
    label: str
    operators: list[OperatorPage]


@dataclass(frozen=True)
class EstimatorPage:
    """One estimator of advantages."""

    estimator: Estimator

    @property
    def parameters(self) -> list[tuple[str, Parameter]]:
        own = [("", parameter) for parameter in self.estimator.parameters]
        return own + [(need.name, one) for need in self.estimator.needs for one in need.per_item]


@dataclass(frozen=True)
class EstimatorFamily:
    name: str
    label: str
    estimators: list[EstimatorPage]


@cache
def family_pages() -> tuple[FamilyPage, ...]:
    """Every operator by family, each with its picture."""
    return tuple(
        FamilyPage(family.value, family.label, [operator_page(operator) for operator in operators])
        for family, operators in by_family().items()
        if operators
    )


def estimator_families() -> tuple[EstimatorFamily, ...]:
    """Every estimator of advantages by family."""
    return tuple(
        EstimatorFamily(family.value, family.label, [EstimatorPage(one) for one in estimators])
        for family, estimators in estimators_by_family().items()
        if estimators
    )


def operator_page(operator: Operator) -> OperatorPage:
    """The operator with an example that shows something, of the first kind of numbers that gives one.

    Operators take rewards of both signs, shares, zeros and ones, or counts; which of them a slot means is not declared,
    so they are tried in that order, on tokens where the slots take them and else on whole outputs.
    """
    dull, why = None, ""
    for kind in _KINDS_OF_NUMBERS:
        for level in (TOKEN, OUTPUT):
            try:
                example = _example(operator, level, kind)
            except ValueError as error:
                why = why or str(error)
                continue
            if example.is_telling:
                return OperatorPage(operator, example, "")
            dull = dull or example
    return OperatorPage(operator, dull, "" if dull else why)


def _example(operator: Operator, free_level: str, kind: tuple[float, float, int]) -> Example:
    draws = np.random.default_rng(_SEED)
    arguments: dict[str, Any] = {}
    inputs: list[Bars] = []
    for slot in operator.slots:
        if slot.optional:
            arguments[slot.name] = () if slot.many else None
            continue
        rows = tuple(_rows(slot, free_level, kind, draws) for _ in range(max(slot.at_least, 2) if slot.many else 1))
        arguments[slot.name] = rows if slot.many else rows[0]
        inputs += [
            _bars(f"{slot.label} {index + 1}" if slot.many else slot.label, one) for index, one in enumerate(rows)
        ]
        for parameter in slot.per_term:
            arguments[f"{parameter.name}s"] = (parameter.default,) * len(rows)
    parameters = {parameter.name: parameter.default for parameter in operator.parameters}
    onto = str(parameters.get(ONTO, TOKEN))
    given = {
        Want.GROUPS: np.array(_GROUPS),
        Want.RNG: np.random.default_rng(_SEED),
        Want.LEVEL: Level.of_lengths(onto, _LENGTHS),
    }
    return Example(tuple(inputs), _bars("Result", call(operator, arguments, parameters, given)))


def _rows(slot: Slot, free_level: str, kind: tuple[float, float, int], draws: np.random.Generator) -> Rows:
    """Round numbers, so that a reader can follow them."""
    level = free_level if slot.takes(free_level) else OUTPUT if slot.takes(OUTPUT) else TOKEN
    low, high, digits = kind
    segments = Level.of_outputs(len(_LENGTHS)) if level == OUTPUT else Level.of_lengths(level, _LENGTHS)
    return Rows(segments, np.round(draws.uniform(low, high, segments.size), digits))


def _bars(label: str, rows: Rows) -> Bars:
    return Bars(label, tuple(rows.values.tolist()), tuple(rows.level.starts[1:-1].tolist()))
