"""Reading a recipe: from its JSON document to checked nodes.

A document is::

    {"recipe": 1,
     "inputs": {"critic": {"kind": "signal", "level": "token", ...}, "outcome": {"kind": "metadata", ...}},
     "tokens": "words",
     "nodes": {"z": {"op": "...", ...}},
     "reward": {"op": "weighted_sum",
                "terms": [{"of": {"input": "critic"}, "weight": 0.5},
                          {"of": {"op": "end_of_sequence", "scores": {"node": "z"}}}],
                "unscored": "skip"},
     "advantage": {"estimator": "group_mean_std"},
     "seed": 0}

A node is ``{"input": NAME}``, ``{"node": NAME}`` (one of `nodes`, computed once wherever it is used) or
``{"op": NAME}`` with the operator's slots and parameters beside it. `tokens` says what a token is: words, or the
segmenter of a tokenizer whose tokens are stored. What an input declares is in `rewards.recipes.inputs`. Every problem
is told by its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rewards.advantages.choice import ChosenEstimator, read_estimator
from rewards.parameters import ParameterError, ParameterValue, validate_parameters
from rewards.recipes.errors import RecipeError
from rewards.recipes.inputs import WORDS, RecipeInput, read_input
from rewards.shaping.contract import ONTO, Operator, Slot
from rewards.shaping.registry import OPERATORS

VERSION: Final = 1
MAX_NODES: Final = 200
MAX_DEPTH: Final = 40
TERM: Final = "of"

_KEYS: Final = frozenset({"recipe", "inputs", "tokens", "nodes", "reward", "advantage", "seed"})
_MAX_SEGMENTER: Final = 120


@dataclass(frozen=True, eq=False)
class InputNode:
    path: str
    level: str
    name: str


@dataclass(frozen=True, eq=False)
class OperatorNode:
    """An operator with checked inputs and parameters.

    Attributes
    ----------
    slots : mapping
        By slot: a node, a tuple of nodes, or None where it is optional and absent.
    per_term : mapping
        By slot and parameter: one value for each of its nodes.
    """

    path: str
    level: str
    operator: Operator
    slots: Mapping[str, Node | tuple[Node, ...] | None]
    parameters: Mapping[str, ParameterValue]
    per_term: Mapping[str, Mapping[str, tuple[ParameterValue, ...]]] = field(default_factory=dict)


Node = InputNode | OperatorNode


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes
    ----------
    reward : Node
    tokens : str
        ``words``, or the segmenter of a tokenizer.
    nodes : mapping of str to Node
        The named ones.
    advantage : ChosenEstimator or None
        How advantages within each task's group are made of the reward.
    """

    inputs: Mapping[str, RecipeInput]
    tokens: str
    nodes: Mapping[str, Node]
    reward: Node
    advantage: ChosenEstimator | None
    seed: int
    document: Mapping[str, Any]

    def walk(self) -> Iterator[Node]:
        """Every node that the reward is made of, each once, what it is made of first."""
        seen: set[int] = set()

        def below(node: Node) -> Iterator[Node]:
            if id(node) in seen:
                return
            seen.add(id(node))
            if isinstance(node, OperatorNode):
                for given in node.slots.values():
                    for child in _nodes(given):
                        yield from below(child)
            yield node

        return below(self.reward)

    def used_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that reward and advantage are made of, in the order in which they come to them."""
        named = [node.name for node in self.walk() if isinstance(node, InputNode)]
        return tuple(dict.fromkeys([*named, *(self.advantage.input_names if self.advantage else ())]))

    def levels_onto(self) -> frozenset[str]:
        """The levels that operators place numbers onto."""
        placing = (node for node in self.walk() if isinstance(node, OperatorNode) and ONTO in node.parameters)
        return frozenset(str(node.parameters[ONTO]) for node in placing)


def read_recipe(document: object) -> Recipe:
    """Read and check a document.

    Raises
    ------
    RecipeError
        Names every node that is wrong, and what was expected there.
    """
    return _Reader(document).read()


class _Reader:
    def __init__(self, document: object) -> None:
        self._problems: dict[str, str] = {}
        self._document = document
        self._inputs: dict[str, RecipeInput] = {}
        self._unreadable: set[str] = set()
        self._named: dict[str, Node | None] = {}
        self._open: list[str] = []
        self._n_nodes = 0

    def read(self) -> Recipe:
        document = self._document
        if not isinstance(document, Mapping):
            raise RecipeError({"recipe": "expected an object with inputs and a reward"})
        for key in document:
            if key not in _KEYS:
                self._problems[str(key)] = f"there is no such part: expected {', '.join(sorted(_KEYS))}"
        if document.get("recipe") != VERSION:
            self._problems["recipe"] = f"expected {VERSION}, the version of this format"
        seed = document.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
            self._problems["seed"] = "expected a whole number from 0 to 4294967295"
        self._read_inputs(document.get("inputs", {}))
        tokens = self._tokens(document.get("tokens", WORDS))
        names = document.get("nodes", {})
        if not isinstance(names, Mapping):
            self._problems["nodes"] = "expected an object of nodes by name"
            names = {}
        for name in names:
            self._named_node(str(name), f"nodes.{name}")
        reward = self._node(document.get("reward"), "reward", 0)
        advantage = self._advantage(document.get("advantage"), reward)
        if self._problems or reward is None:
            raise RecipeError(self._problems)
        return Recipe(
            inputs=self._inputs,
            tokens=tokens,
            nodes={name: node for name, node in self._named.items() if node is not None},
            reward=reward,
            advantage=advantage,
            seed=int(seed),
            document=document,
        )

    def _read_inputs(self, given: object) -> None:
        if not isinstance(given, Mapping):
            self._problems["inputs"] = "expected an object of inputs by name"
            return
        for name, declared in given.items():
            try:
                self._inputs[str(name)] = read_input(str(name), declared)
            except RecipeError as error:
                self._problems.update(error.problems)
                self._unreadable.add(str(name))

    def _advantage(self, given: object, reward: Node | None) -> ChosenEstimator | None:
        if given is None or reward is None:
            return None
        try:
            levels = {name: declared.level for name, declared in self._inputs.items()}
            return read_estimator(given, levels=levels, reward_level=reward.level)
        except RecipeError as error:
            self._problems.update(error.problems)
            return None

    def _tokens(self, given: object) -> str:
        if isinstance(given, str) and 0 < len(given) <= _MAX_SEGMENTER and "\x00" not in given:
            return given
        self._problems["tokens"] = f"expected {WORDS}, or the segmenter of a stored tokenizer"
        return WORDS

    def _node(self, given: object, path: str, depth: int) -> Node | None:
        self._n_nodes += 1
        if depth > MAX_DEPTH or self._n_nodes > MAX_NODES:
            self._problems[path] = f"too large: at most {MAX_NODES} nodes, {MAX_DEPTH} deep"
            return None
        if not isinstance(given, Mapping) or len({"input", "node", "op"} & set(given)) != 1:
            self._problems[path] = 'expected {"input": NAME}, {"node": NAME} or {"op": NAME, ...}'
            return None
        if "op" in given:
            return self._operator(given, path, depth)
        if len(given) > 1:
            self._problems[path] = "expected nothing beside the name"
            return None
        return self._input(given["input"], path) if "input" in given else self._named_node(given["node"], path, depth)

    def _input(self, name: object, path: str) -> Node | None:
        declared = self._inputs.get(name) if isinstance(name, str) else None
        if declared is None:
            if isinstance(name, str) and name in self._unreadable:
                return None
            known = ", ".join(self._inputs) or "none is declared"
            self._problems[path] = f"there is no input {name!r}: expected one of those declared ({known})"
            return None
        return InputNode(path, declared.level, declared.name)

    def _named_node(self, name: object, path: str, depth: int = 0) -> Node | None:
        """The node of this name, read once; a name that leads back to itself is a cycle."""
        definitions = self._document.get("nodes", {}) if isinstance(self._document, Mapping) else {}
        if not isinstance(name, str) or name not in definitions:
            self._problems[path] = (
                f"there is no node {name!r}: expected one of {', '.join(map(str, definitions)) or 'none'}"
            )
            return None
        if name in self._open:
            self._problems[path] = f"a cycle: {' > '.join([*self._open[self._open.index(name) :], name])}"
            return None
        if name not in self._named:
            self._open.append(name)
            self._named[name] = self._node(definitions[name], f"nodes.{name}", depth + 1)
            self._open.pop()
        return self._named[name]

    def _operator(self, given: Mapping[str, Any], path: str, depth: int) -> Node | None:
        operator = OPERATORS.get(given["op"]) if isinstance(given["op"], str) else None
        if operator is None:
            self._problems[path] = f"there is no operator {given['op']!r}"
            return None
        slots: dict[str, Node | tuple[Node, ...] | None] = {}
        per_term: dict[str, Mapping[str, tuple[ParameterValue, ...]]] = {}
        before = len(self._problems)
        for slot in operator.slots:
            if slot.many:
                slots[slot.name], per_term[slot.name] = self._terms(slot, given.get(slot.name), path, depth)
            elif slot.name in given:
                slots[slot.name] = self._slot(slot, given[slot.name], f"{path}.{slot.name}", depth)
            elif slot.optional:
                slots[slot.name] = None
            else:
                self._problems[f"{path}.{slot.name}"] = f"missing: {operator.name} needs it"
        names = {"op", *(slot.name for slot in operator.slots)}
        parameters = self._parameters(operator, {key: given[key] for key in given if key not in names}, path)
        if len(self._problems) > before:
            return None
        level = self._level(operator, slots, parameters, path)
        return None if level is None else OperatorNode(path, level, operator, slots, parameters, per_term)

    def _slot(self, slot: Slot, given: object, path: str, depth: int) -> Node | None:
        node = self._node(given, path, depth + 1)
        if node is not None and not slot.takes(node.level):
            wanted = (
                "one number an output" if slot.accepts == "output" else "numbers on turns, steps, sentences or tokens"
            )
            self._problems[path] = f"stands on the level {node.level}: expected {wanted}"
            return None
        return node

    def _terms(
        self, slot: Slot, given: object, path: str, depth: int
    ) -> tuple[tuple[Node, ...], dict[str, tuple[ParameterValue, ...]]]:
        place = f"{path}.{slot.name}"
        if given is None and slot.optional:
            return (), {parameter.name: () for parameter in slot.per_term}
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) < slot.at_least:
            self._problems[place] = f"expected a list of at least {slot.at_least}"
            return (), {}
        nodes: list[Node] = []
        values: dict[str, list[ParameterValue]] = {parameter.name: [] for parameter in slot.per_term}
        for index, term in enumerate(given):
            where = f"{place}[{index}]"
            if not isinstance(term, Mapping) or TERM not in term:
                self._problems[where] = f'expected an object with "{TERM}"'
                continue
            node = self._slot(slot, term[TERM], f"{where}.{TERM}", depth)
            beside = {key: value for key, value in term.items() if key != TERM}
            for name, value in self._checked(slot.per_term, beside, where).items():
                values[name].append(value)
            if node is not None:
                nodes.append(node)
        return tuple(nodes), {name: tuple(column) for name, column in values.items()}

    def _parameters(self, operator: Operator, given: Mapping[str, object], path: str) -> dict[str, ParameterValue]:
        return self._checked(operator.parameters, given, path)

    def _checked(self, declared: Sequence[Any], given: Mapping[str, object], path: str) -> dict[str, ParameterValue]:
        try:
            return validate_parameters(declared, given)
        except ParameterError as error:
            self._problems.update({f"{path}.{name}": message for name, message in error.problems.items()})
            return {}

    def _level(
        self,
        operator: Operator,
        slots: Mapping[str, Node | tuple[Node, ...] | None],
        parameters: Mapping[str, ParameterValue],
        path: str,
    ) -> str | None:
        """The level of the result; slots that accept any must share one, and say so where they do not."""
        free = [
            (f"{path}.{slot.name}" + (f"[{index}].{TERM}" if slot.many else ""), node)
            for slot in (operator.leading, *(s for s in operator.slots if s is not operator.leading))
            if slot.accepts != "output"
            for index, node in enumerate(_nodes(slots[slot.name]))
        ]
        for place, node in free[1:]:
            if node.level != free[0][1].level:
                self._problems[place] = (
                    f"stands on the level {node.level}: expected {free[0][1].level}, as at {free[0][0]}"
                )
                return None
        if operator.gives == "output":
            return "output"
        if operator.gives == "onto":
            return str(parameters[ONTO])
        leading = _nodes(slots[operator.leading.name])
        return leading[0].level


def _nodes(given: Node | tuple[Node, ...] | None) -> tuple[Node, ...]:
    if given is None:
        return ()
    return given if isinstance(given, tuple) else (given,)
