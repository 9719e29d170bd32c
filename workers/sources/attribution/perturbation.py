"""What the methods that ask about an output with parts left out have in common."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rewards.parameters import Parameter, Parameters
from rewards.statistics.attribution import Floats, area_over_deletion_curve, deletion_masks
from workers.engines.contract import Engine, require
from workers.sources.attribution.parts import (
    REPLACEMENT,
    SEGMENTS,
    Parts,
    RefusedError,
    VersionValues,
    completeness,
    whole_numbers,
)
from workers.sources.attribution.scalars import (
    INCLUDE_THINKING,
    ROLE,
    SCALAR,
    USE_CONTEXT,
    scalar_for,
    unscored,
)
from workers.sources.contract import Declaration, Estimate, Input, SourceItem
from workers.sources.outcome_model import OutcomeModel
from workers.sources.prompts import conversation_text
from workers.sources.results import Scored, SignalResult, Unscored

FAMILY = "Attribution"
DELETION_AREA = "deletion_area"
PROMPT_SPEC = OutcomeModel.declaration.prompt
NEEDS = frozenset({Input.TASK, Input.OUTPUT})
USES = frozenset({Input.CONTEXT, Input.REFERENCE})
DELETION = Parameter(
    "deletion_curve",
    "boolean",
    False,
    "Measure faithfulness",
    "Leaves the parts out one after another, the most credited first, and gives the mean drop of the number.",
)
SHARED_PARAMETERS = (SCALAR, SEGMENTS, REPLACEMENT, USE_CONTEXT, INCLUDE_THINKING, DELETION)


class Attribution(NamedTuple):
    """Values of the parts, float64 of shape (n,), and what a method says of them: numbers by channel."""

    values: Floats
    numbers: dict[str, float]


class Perturbation:
    """A source that divides a number by asking for it with parts left out.

    The whole and the empty output are asked about first: where the model cannot give its number for one of them, or
    for any other version, the item is unscored with the model's reason.
    """

    declaration: Declaration
    channel: str

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """At most so many versions of each output, of its full length."""
        requests = characters = 0
        for item in items:
            parts = Parts.of(item, parameters)
            if not len(parts):
                continue
            versions = 2 + self._versions(len(parts), parameters)
            versions += len(parts) if parameters[DELETION.name] else 0
            read = len(conversation_text(item.task_messages)) + sum(map(len, item.texts))
            requests, characters = requests + versions, characters + versions * read
        return Estimate(requests, characters)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """The parts' values, the number with and without them, and the completeness gap, by item."""
        engine = engines[ROLE.name]
        require(engine, *dict(ROLE.ways)[str(parameters[SCALAR.name])])
        return [self._score_one(item, engine, parameters) for item in items]

    def _versions(self, n: int, parameters: Parameters) -> int:
        """Versions beside the whole and the empty output, at most."""
        raise NotImplementedError

    def _attribute(self, value: VersionValues, parts: Parts, parameters: Parameters) -> Attribution:
        raise NotImplementedError

    def _score_one(self, item: SourceItem, engine: Engine, parameters: Parameters) -> Scored | Unscored:
        parts = Parts.of(item, parameters)
        if not len(parts):
            return Unscored("empty_output", "the output has no text to show")
        scalar = scalar_for(item, engine, parameters, self.declaration.template(parameters))
        if isinstance(scalar, Unscored):
            return scalar
        value = VersionValues(parts, scalar)
        try:
            full, empty = value(np.array([[True] * len(parts), [False] * len(parts)])).tolist()
            if not math.isfinite(full) or not math.isfinite(empty):
                return Unscored("not_finite", "the model's number for the whole or the empty output is not finite")
            found = self._attribute(value, parts, parameters)
            numbers = {**found.numbers, **self._faithfulness(value, found.values, parameters)}
        except RefusedError as error:
            return unscored(error.refusal)
        if not np.isfinite(found.values).all():
            return Unscored("not_finite", "the model's number for a version of the output is not finite")
        signal = parts.signal(found.values)
        numbers = {**completeness(signal, full, empty), **numbers}
        return Scored(signals=(SignalResult(self.channel, signal), *whole_numbers(item, numbers)))

    def _faithfulness(self, value: VersionValues, values: Floats, parameters: Parameters) -> dict[str, float]:
        if not parameters[DELETION.name]:
            return {}
        return {DELETION_AREA: area_over_deletion_curve(value(deletion_masks(values)))}
