"""From a recipe's document to nested fields. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rewards.advantages.choice import ESTIMATOR, EXTRAS, INPUT
from rewards.advantages.contract import Need
from rewards.advantages.registry import ESTIMATORS
from rewards.composer.document import Document, below, inputs_of, level_of, path_of
from rewards.composer.fields import (
    AdvantageForm,
    Field,
    InputForm,
    NeedForm,
    NodeForm,
    RecipeForm,
    SlotForm,
    TermForm,
)
from rewards.parameters import Parameter
from rewards.recipes.inputs import KINDS, WORDS, InputKind
from rewards.recipes.tree import MAX_DEPTH, TERM
from rewards.shaping.contract import Slot
from rewards.shaping.registry import OPERATORS
from rewards.shaping.rows import LEVELS

_MORE: Final = (
    Parameter(
        "tokens", "text", WORDS, "Tokens", "words, or a stored tokenizer such as tokenizer:0123456789ab", max_length=120
    ),
    Parameter("seed", "integer", 0, "Seed", "Of operators that draw at random", minimum=0, maximum=2**32 - 1),
)


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
        named = self._document.get("nodes")
        return RecipeForm(
            inputs=[self._input(name, one) for name, one in inputs_of(self._document).items()],
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
        names = list(inputs_of(self._document))
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
