"""What a recipe's document looks like as nested fields: the shapes that templates print. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

from rewards.advantages.contract import Estimator, Need
from rewards.composer.document import keys_of, path_of
from rewards.parameters import Parameter
from rewards.recipes.inputs import GIVEN, InputKind
from rewards.shaping.contract import Operator, Slot

VALUE: Final = "v:"
"""Before the pointer in the name of a parameter's field."""
CHOICE: Final = "is:"
"""Before the pointer in the name of the field that says what a node is."""
SHOWN: Final = "shown:"
"""Before the pointer in the name of the field that says that a checkbox was on the page."""

_STEPS: Final = 200


class Slider(NamedTuple):
    """Ends and step of a number's slider."""

    low: float
    high: float
    step: float


@dataclass(frozen=True)
class Field:
    """One parameter as a field."""

    pointer: str
    parameter: Parameter
    value: Any
    error: str = ""

    @property
    def name(self) -> str:
        return VALUE + self.pointer

    @property
    def id(self) -> str:
        return id_of(self.name)

    @property
    def path(self) -> str:
        return path_of(self.pointer)

    @property
    def text(self) -> str:
        """The value as a field of a form shows it."""
        if isinstance(self.value, list):
            return ", ".join(map(str, self.value))
        if isinstance(self.value, float):
            # As short as it is exact: what comes back unchanged must be read as the same number.
            return (
                repr(int(self.value))
                if math.isfinite(self.value) and abs(self.value) < 1e15 and self.value == int(self.value)
                else repr(self.value)
            )
        return "" if self.value is None else str(self.value)

    @property
    def slider(self) -> Slider | None:
        """Twice what the number is to either side, within its bounds; None for what is no number."""
        number = self.value
        if self.parameter.kind not in ("number", "integer") or isinstance(number, bool):
            return None
        if not isinstance(number, int | float) or not math.isfinite(number):
            return None
        reach = 2 * max(abs(number), abs(float(self.parameter.default)), 1.0)
        low = -reach if self.parameter.minimum is None else max(self.parameter.minimum, -reach)
        high = reach if self.parameter.maximum is None else min(self.parameter.maximum, reach)
        if not low <= number <= high or low >= high:
            return None
        step = 1.0 if self.parameter.kind == "integer" else (high - low) / _STEPS
        return Slider(low, high, step)


@dataclass(frozen=True)
class TermForm:
    """One node of a list with what belongs to it there."""

    pointer: str
    node: NodeForm
    fields: list[Field]
    number: int
    n_terms: int


@dataclass(frozen=True)
class SlotForm:
    """One input of an operator."""

    slot: Slot
    pointer: str
    terms: list[TermForm] = field(default_factory=list)
    node: NodeForm | None = None
    error: str = ""


@dataclass(frozen=True)
class NodeForm:
    """One node: what it is, its parameters, and the nodes in its slots.

    Attributes
    ----------
    choice : str
        ``input:NAME``, ``node:NAME`` or ``op:NAME``; empty where the document says nothing that is known.
    level : str
        Where its numbers stand; empty where that cannot be told.
    """

    pointer: str
    choice: str
    title: str
    level: str
    operator: Operator | None
    fields: list[Field]
    slots: list[SlotForm]
    error: str

    @property
    def path(self) -> str:
        return path_of(self.pointer)

    @property
    def id(self) -> str:
        return id_of(CHOICE + self.pointer)

    @property
    def is_named(self) -> bool:
        """Whether the document names it, so that it is no part of another one."""
        keys = keys_of(self.pointer)
        return len(keys) == 2 and keys[0] == "nodes"


@dataclass(frozen=True)
class InputForm:
    """One declared input: its kind, level and settings, and numbers by label where it takes them."""

    name: str
    pointer: str
    kind: InputKind | None
    level: Field | None
    fields: list[Field]
    values: list[Field]
    error: str

    @property
    def id(self) -> str:
        return id_of(self.pointer)

    @property
    def path(self) -> str:
        return path_of(self.pointer)

    @property
    def source_id(self) -> str:
        """Of the field that says where it comes from."""
        return f"bind-{self.id}"

    @property
    def is_bound(self) -> bool:
        """Whether a project can supply it."""
        return self.kind is not None and self.kind.name != GIVEN


@dataclass(frozen=True)
class NeedForm:
    """An input that an estimator needs beside the reward; several where it takes many."""

    need: Need
    pointer: str
    items: list[list[Field]]
    error: str


@dataclass(frozen=True)
class AdvantageForm:
    """The chosen estimator; None where the recipe names none."""

    estimator: Estimator | None
    fields: list[Field]
    needs: list[NeedForm]
    error: str

    @property
    def choice(self) -> str:
        return self.estimator.name if self.estimator else ""


@dataclass(frozen=True)
class RecipeForm:
    """All of a recipe.

    Attributes
    ----------
    more : list of Field
        Which tokens, and the seed.
    loose : list of (str, str)
        Path and message of each problem that belongs to no field or node here.
    """

    inputs: list[InputForm]
    named: list[tuple[str, NodeForm]]
    reward: NodeForm
    advantage: AdvantageForm
    more: list[Field]
    loose: list[tuple[str, str]]


def id_of(name: str) -> str:
    """An element's id for a field name of any characters; the same name has the same id."""
    return f"f-{sha256(name.encode()).hexdigest()[:12]}"


def fields_of(form: RecipeForm) -> Iterator[Field]:
    """Every field, from the inputs down to the last node."""
    for one in form.inputs:
        yield from [*([one.level] if one.level else []), *one.fields, *one.values]
    for _, node in form.named:
        yield from _fields_of_node(node)
    yield from _fields_of_node(form.reward)
    yield from form.advantage.fields
    for need in form.advantage.needs:
        for row in need.items:
            yield from row
    yield from form.more


def nodes_of(form: RecipeForm) -> Iterator[NodeForm]:
    """Every node, the innermost first."""
    for _, node in form.named:
        yield from _nodes_of_node(node)
    yield from _nodes_of_node(form.reward)


def _children(node: NodeForm) -> Iterator[NodeForm]:
    for slot in node.slots:
        yield from (term.node for term in slot.terms)
        if slot.node is not None:
            yield slot.node


def _fields_of_node(node: NodeForm) -> Iterator[Field]:
    yield from node.fields
    for slot in node.slots:
        for term in slot.terms:
            yield from term.fields
    for child in _children(node):
        yield from _fields_of_node(child)


def _nodes_of_node(node: NodeForm) -> Iterator[NodeForm]:
    for child in _children(node):
        yield from _nodes_of_node(child)
    yield node


def read_field(one: Field, posted: str) -> Any:
    """What a person typed, in the parameter's own type where it can be read; else the text, for the check to name."""
    kind = one.parameter.kind
    if isinstance(one.value, list):
        return [name.strip() for name in posted.split(",") if name.strip()]
    if kind == "boolean":
        return posted == "on"
    if kind in ("number", "integer"):
        try:
            number = float(posted)
        except ValueError:
            return posted
        if not math.isfinite(number):
            return posted
        return int(number) if kind == "integer" and number == int(number) else number
    return posted
