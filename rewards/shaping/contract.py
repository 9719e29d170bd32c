"""What an operator declares: its inputs, its parameters, its formula and its paper.

From one declaration come the check of a recipe, the form in the composer, the page of operators and its documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from rewards.parameters import Parameter
from rewards.shaping.rows import DENSE, LEVELS, Rows

Accepts = Literal["output", "dense", "any"]
GivesLevel = Literal["output", "same", "onto"]

ONTO: Final = "onto"
"""The parameter by which a recipe names the level that a placing operator writes on."""


class Family(StrEnum):
    """What an operator is for; the composer offers them in this order."""

    COMBINE = "combine"
    GATE = "gate"
    PLACE = "place"
    STEPS = "steps"
    LENGTH = "length"
    LINK = "link"
    ENSEMBLE = "ensemble"
    GROUP = "group"
    CONTROL = "control"

    @property
    def label(self) -> str:
        return _FAMILY_LABELS[self]


_FAMILY_LABELS: Final = {
    Family.COMBINE: "Combine",
    Family.GATE: "Gates and stages",
    Family.PLACE: "Place and spread",
    Family.STEPS: "Over steps",
    Family.LENGTH: "Length, form and tools",
    Family.LINK: "Links, clips and kernels",
    Family.ENSEMBLE: "Ensembles and uncertainty",
    Family.GROUP: "Within a task's group",
    Family.CONTROL: "Noise and controls",
}


class Want(StrEnum):
    """What an operator is handed beside its inputs, as keyword arguments of these names."""

    GROUPS = "groups"
    """int64, shape (n,): which task each output answers, numbered from 0."""
    RNG = "rng"
    """numpy Generator, seeded by the recipe's seed and the node's path: the same recipe gives the same numbers."""
    LEVEL = "level"
    """The `Level` that the parameter `onto` names."""


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a formula stands: `Paper("Scaling Laws ...", "2210.10760", "Eq. 3")`; the equation may be empty."""

    title: str
    arxiv: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One input of an operator.

    Attributes
    ----------
    name : str
        Also the keyword argument: `Rows`, or a tuple of them where `many`.
    accepts : {"output", "dense", "any"}
        On which levels: one number an output, several, or either.
    many : bool
        A list of at least `at_least` nodes.
    optional : bool
        May be absent: the argument is None.
    per_term : tuple of Parameter
        Of each node of a list, such as its weight; handed over as a tuple by the parameter's name in the plural
        (``weight`` arrives as ``weights``).
    """

    name: str
    label: str
    accepts: Accepts = "any"
    many: bool = False
    at_least: int = 1
    optional: bool = False
    per_term: tuple[Parameter, ...] = ()

    def takes(self, level: str) -> bool:
        """Whether values on this level fit."""
        return level in {"output": ("output",), "dense": DENSE, "any": LEVELS}[self.accepts]


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    Attributes
    ----------
    name : str
        Lower snake case; what a recipe says.
    apply : callable
        Pure and vectorised: takes its slots, parameters and wants as keyword arguments, returns `Rows`. Its docstring
        holds formula, shapes, errors and source. ValueError for values that it cannot work with.
    gives : {"output", "same", "onto"}
        The level of the result: one number an output, that of the slot `follows`, or the one that `onto` names.
    follows : str
        The slot whose level a result of ``same`` has, by default the first. Every other slot that accepts ``any``
        must stand on that level too.
    formula : str
        One line of plain mathematics, for pages: ``r = sum_k w_k r_k``.
    """

    name: str
    label: str
    family: Family
    summary: str
    formula: str
    papers: tuple[Paper, ...]
    slots: tuple[Slot, ...]
    apply: Callable[..., Rows]
    parameters: tuple[Parameter, ...] = ()
    gives: GivesLevel = "same"
    follows: str = ""
    wants: frozenset[Want] = frozenset()
    notes: str = ""

    @property
    def leading(self) -> Slot:
        """The slot whose level the result follows."""
        named = [slot for slot in self.slots if slot.name == self.follows]
        return (named or self.slots)[0]

    def slot(self, name: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.name == name), None)


def onto_parameter(default: str = "token") -> Parameter:
    """The level that a placing operator writes on."""
    return Parameter(
        ONTO, "choice", default, "Level", "Where the numbers are put", choices=tuple((n, n) for n in DENSE)
    )


def call(operator: Operator, inputs: dict[str, Any], parameters: dict[str, Any], given: dict[Want, Any]) -> Rows:
    """Apply an operator to checked inputs and parameters, with what it wants of `given`."""
    wanted = {want.value: given[want] for want in operator.wants}
    # The level itself is handed over in place of its name.
    named = {name: value for name, value in parameters.items() if name != ONTO}
    return operator.apply(**inputs, **named, **wanted)
