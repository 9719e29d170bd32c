"""Constraint checks: which of a task's constraints an answer keeps.

    satisfied = (1/n) sum_i g_i(y),        correct = prod_i g_i(y)

The g_i are pure functions of the answer (module `constraints`), chosen by the scorer or by `constraints` of each task's
metadata. `correct` is IFEval's strict prompt-level accuracy for one answer and `satisfied` its instruction-level
accuracy (Zhou et al. 2023, arXiv 2311.07911); `loose` checks the variants of the answer that IFEval's loose accuracy
does. Each constraint has a channel of its own, named after its kind.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers.constraints import Constraint, ConstraintError, holds_loosely, read_constraints
from workers.sources.verifiers.verifier import CORRECT, FAMILY, NO_ANSWER, Answer, Verifier, no_answer, refuse, scored

CONSTRAINTS = "constraints"
SATISFIED = "satisfied"


class ConstraintChecks(Verifier):
    """Channels `correct`, `satisfied` and one for each constraint, named after its kind."""

    declaration = Declaration(
        name="constraint_checks",
        version=1,
        title="Constraint checks",
        summary="Which constraints that a program can check an answer keeps: length, words, layout, case, script.",
        formula="satisfied = (1/n) sum_i g_i(y);  correct = prod_i g_i(y)",
        paper="Zhou et al. 2023, Instruction-Following Evaluation, arXiv 2311.07911; Sun et al. 2025, arXiv 2505.12845",
        fidelity=Fidelity.PAPER,
        checked_by="Each constraint by cases worked by hand; both accuracies and the loose variants as in the paper.",
        needs=frozenset({Input.OUTPUT}),
        uses=frozenset({Input.METADATA}),
        gives=frozenset({Gives.SIGNALS}),
        models=(),
        parameters=(
            Parameter(
                CONSTRAINTS,
                "text",
                "",
                "Constraints",
                'A JSON list such as [{"kind": "max_words", "n": 100}]. Empty: `constraints` of the task\'s metadata.',
            ),
            Parameter(
                "loose",
                "boolean",
                False,
                "Loose",
                "Also without its first or last line, or without asterisks, an answer may keep a constraint.",
            ),
            NO_ANSWER,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Given constraints must be readable."""
        try:
            _given(parameters)
        except ConstraintError as error:
            refuse(CONSTRAINTS, str(error))

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Check each constraint."""
        constraints = _constraints(item, parameters)
        if isinstance(constraints, Unscored):
            return constraints
        holds = [
            holds_loosely(constraint, answer.text) if parameters["loose"] else constraint.holds(answer.text)
            for constraint in constraints
        ]
        values = {CORRECT: float(all(holds)), SATISFIED: sum(holds) / len(holds)}
        return scored(item, values | dict(zip(channels_of(constraints), map(float, holds), strict=True)))

    def without_answer(self, item: SourceItem, parameters: Parameters) -> Scored | Unscored:
        """No answer keeps no constraint, not even an upper bound of its length."""
        constraints = _constraints(item, parameters)
        if isinstance(constraints, Unscored):
            return constraints
        return no_answer(
            item, parameters, "the policy wrote no answer", (CORRECT, SATISFIED, *channels_of(constraints))
        )


def channels_of(constraints: Sequence[Constraint]) -> list[str]:
    """A channel each: the kind's name, numbered from the second of a kind on."""
    seen: Counter[str] = Counter()
    names = []
    for constraint in constraints:
        seen[constraint.kind.name] += 1
        number = seen[constraint.kind.name]
        names.append(constraint.kind.name if number == 1 else f"{constraint.kind.name}_{number}")
    return names


def _constraints(item: SourceItem, parameters: Parameters) -> list[Constraint] | Unscored:
    given = _given(parameters)
    if given is not None:
        return given
    if CONSTRAINTS not in item.metadata:
        return Unscored("no_constraints", "neither the scorer nor the task's metadata has constraints")
    try:
        return read_constraints(item.metadata[CONSTRAINTS])
    except ConstraintError as error:
        return Unscored("invalid_metadata", f"the task's constraints: {error}")


def _given(parameters: Parameters) -> list[Constraint] | None:
    if not parameters[CONSTRAINTS]:
        return None
    try:
        given: Any = json.loads(str(parameters[CONSTRAINTS]))
    except (ValueError, RecursionError) as error:
        raise ConstraintError(f"not JSON: {error}") from None
    return read_constraints(given)
