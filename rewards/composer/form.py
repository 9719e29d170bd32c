"""A recipe's document as nested fields, and the fields back into the document. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

from rewards.advantages.choice import ESTIMATOR, EXTRAS, INPUT
from rewards.advantages.contract import Estimator, Need
from rewards.advantages.registry import ESTIMATORS
from rewards.composer.document import Document, below, level_of, path_of
from rewards.parameters import Parameter
from rewards.recipes.inputs import KINDS, WORDS, InputKind
from rewards.recipes.tree import MAX_DEPTH, TERM
from rewards.shaping.contract import Operator, Slot
from rewards.shaping.registry import OPERATORS
from rewards.shaping.rows import LEVELS, OUTPUT

VALUE: Final = "v:"
"""Before the pointer in the name of a parameter's field."""
CHOICE: Final = "is:"
"""Before the pointer in the name of the field that says what a node is."""
SHOWN: Final = "shown:"
"""Before the pointer in the name of the field that says that a checkbox was on the page."""

_STEPS: Final = 200
_MORE: Final = (
    Parameter(
        "tokens", "text", WORDS, "Tokens", "words, or a stored tokenizer such as tokenizer:0123456789ab", max_length=120
    ),
    Parameter("seed", "integer", 0, "Seed", "Of operators that draw at random", minimum=0, maximum=2**32 - 1),
)


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


def recipe_form(document: Document, problems: Mapping[str, str]) -> RecipeForm:
    """The document as fields; a document that is no recipe yet has fields for as much as can be understood.

    Parameters
    ----------
    problems : mapping of str to str
        By path, as `RecipeError` tells them; each is shown at its field or node.
    """
    return _Builder(document, problems).form()


class _Builder:
    def __init__(self, document: Document, problems: Mapping[str, str]) -> None:
        self._document = document
        self._problems = dict(problems)

    def form(self) -> RecipeForm:
        inputs = self._document.get("inputs")
        named = self._document.get("nodes")
        return RecipeForm(
            inputs=[self._input(name, one) for name, one in inputs.items()] if isinstance(inputs, Mapping) else [],
            named=[(name, self._node(node, below("", "nodes", name), 0)) for name, node in named.items()]
            if isinstance(named, Mapping)
            else [],
            reward=self._node(self._document.get("reward"), "/reward", 0),
            advantage=self._advantage(self._document.get("advantage")),
            more=self._fields(_MORE, self._document, ""),
            loose=list(self._problems.items()),
        )

    def _take(self, pointer: str) -> str:
        return self._problems.pop(path_of(pointer), "")

    def _fields(self, parameters: Sequence[Parameter], given: Mapping[str, Any], pointer: str) -> list[Field]:
        return [
            Field(place, parameter, given.get(parameter.name, parameter.default), self._take(place))
            for parameter in parameters
            for place in [below(pointer, parameter.name)]
        ]

    def _input(self, name: str, declared: Any) -> InputForm:
        pointer = below("", "inputs", name)
        given = declared if isinstance(declared, Mapping) else {}
        kind = KINDS.get(str(given.get("kind")))
        error = " ".join(filter(None, [self._take(pointer), self._take(below(pointer, "kind"))]))
        if kind is None:
            return InputForm(name, pointer, None, None, [], [], error or "there is no such kind of input")
        fields = self._fields(kind.parameters, given, pointer)
        if kind.takes_raters:
            fields += self._fields([_raters_parameter(given.get("raters"))], given, pointer)
        level = None
        if len(kind.levels) > 1:
            level = self._fields([_level_parameter(kind)], given, pointer)[0]
        return InputForm(name, pointer, kind, level, fields, self._values(given.get("values"), pointer), error)

    def _values(self, values: Any, pointer: str) -> list[Field]:
        return [
            Field(place, Parameter("value", "number", 0.0, label, minimum=-1000.0, maximum=1000.0), value, error)
            for place, label, value in _flat(values, below(pointer, "values"))
            for error in [self._take(place)]
        ]

    def _node(self, node: Any, pointer: str, depth: int) -> NodeForm:
        given = node if isinstance(node, Mapping) else {}
        kind = next((kind for kind in ("op", "input", "node") if given.get(kind)), "")
        named = str(given.get(kind, ""))
        operator = OPERATORS.get(named) if kind == "op" else None
        error = self._take(pointer)
        if operator is None or depth > MAX_DEPTH:
            choice = f"{kind}:{named}" if kind in ("input", "node") else ""
            title = named or "Nothing chosen yet"
            return NodeForm(pointer, choice, title, self._level(given), None, [], [], error)
        return NodeForm(
            pointer=pointer,
            choice=f"op:{operator.name}",
            title=operator.label,
            level=self._level(given),
            operator=operator,
            fields=self._fields(operator.parameters, given, pointer),
            slots=[self._slot(slot, given.get(slot.name), below(pointer, slot.name), depth) for slot in operator.slots],
            error=error,
        )

    def _slot(self, slot: Slot, given: Any, pointer: str, depth: int) -> SlotForm:
        if not slot.many:
            node = None if given is None else self._node(given, pointer, depth + 1)
            return SlotForm(slot, pointer, node=node, error="" if node else self._take(pointer))
        terms = given if isinstance(given, list) else []
        return SlotForm(
            slot,
            pointer,
            terms=[
                self._term(slot, term, below(pointer, index), index, len(terms), depth)
                for index, term in enumerate(terms)
            ],
            error=self._take(pointer),
        )

    def _term(self, slot: Slot, given: Any, pointer: str, index: int, n_terms: int, depth: int) -> TermForm:
        term = given if isinstance(given, Mapping) else {}
        node = self._node(term.get(TERM), below(pointer, TERM), depth + 1)
        return TermForm(pointer, node, self._fields(slot.per_term, term, pointer), index + 1, n_terms)

    def _advantage(self, given: Any) -> AdvantageForm:
        chosen = given if isinstance(given, Mapping) else {}
        estimator = ESTIMATORS.get(str(chosen.get(ESTIMATOR)))
        error = " ".join(filter(None, [self._take("/advantage"), self._take(f"/advantage/{ESTIMATOR}")]))
        if estimator is None:
            return AdvantageForm(None, [], [], error)
        extras = chosen.get(EXTRAS)
        named = extras if isinstance(extras, Mapping) else {}
        needs = [self._need(need, named.get(need.name)) for need in estimator.needs]
        return AdvantageForm(estimator, self._fields(estimator.parameters, chosen, "/advantage"), needs, error)

    def _need(self, need: Need, given: Any) -> NeedForm:
        pointer = below("", "advantage", EXTRAS, need.name)
        items = given if isinstance(given, list) else [] if given is None else [given]
        rows = []
        for index, item in enumerate(items):
            place = below(pointer, index) if isinstance(given, list) else pointer
            if isinstance(item, Mapping):
                named = self._input_field(need, below(place, INPUT), item.get(INPUT))
                rows.append([named, *self._fields(need.per_item, item, place)])
            else:
                rows.append([self._input_field(need, place, item)])
        return NeedForm(need, pointer, rows, self._take(pointer))

    def _input_field(self, need: Need, pointer: str, value: Any) -> Field:
        inputs = self._document.get("inputs")
        names = list(inputs) if isinstance(inputs, Mapping) else []
        known = [*names, *([] if value in names else [str(value)])]
        parameter = Parameter("input", "choice", "", need.label, need.help, choices=tuple((n, n) for n in known))
        # What is wrong with an item is told at the item, which has no field but this one.
        return Field(pointer, parameter, value, self._take(pointer) or self._take(pointer.removesuffix(f"/{INPUT}")))

    def _level(self, node: Mapping[str, Any]) -> str:
        level = level_of(self._document, node)
        return level if level in LEVELS else ""


def _raters_parameter(given: Any) -> Parameter:
    """Whose answers count: a group, or the names that the document has."""
    choices = [("all", "Everybody"), ("people", "People"), ("models", "Models")]
    if isinstance(given, list):
        return Parameter("raters", "text", "", "Whose answers", "Names, with commas between them", max_length=2000)
    return Parameter("raters", "choice", "all", "Whose answers", choices=tuple(choices))


def _level_parameter(kind: InputKind) -> Parameter:
    return Parameter("level", "choice", kind.levels[0], "Level", choices=tuple((name, name) for name in kind.levels))


def _flat(values: Any, pointer: str) -> Iterator[tuple[str, str, Any]]:
    """Numbers by label, and by severity below it: place, words, value."""
    if not isinstance(values, Mapping):
        return
    for label, value in values.items():
        place = below(pointer, label)
        if isinstance(value, Mapping):
            yield from ((below(place, low), f"{label}, {low}" if low else label, worth) for low, worth in value.items())
        else:
            yield place, label, value


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


def level_words(level: str) -> str:
    """What a level means, in two or three words."""
    return "one an output" if level == OUTPUT else f"one a {level}" if level else ""
