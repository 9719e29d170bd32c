"""What every operator of the registry keeps to, whoever wrote it."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rewards.recipes.evaluate import Frame, evaluate
from rewards.recipes.tree import TERM, read_recipe
from rewards.shaping import registry
from rewards.shaping.contract import ONTO, Operator, Slot, Want, call
from rewards.shaping.registry import OPERATORS
from rewards.shaping.rows import Level, Rows

OPERATOR = pytest.mark.parametrize("operator", OPERATORS.values(), ids=list(OPERATORS))

LENGTHS = {"output": [1, 1, 1, 1, 1], "step": [2, 1, 3, 1, 2], "token": [3, 2, 4, 2, 3]}
# A pair, a group without outputs, two alone and one beside the pair.
GROUPS = [0, 0, 2, 3, 0]
STATES_A_VALUE_FOR_UNSCORED = {"fill"}
SAME_FOR_ALL_OF_A_TASK = {"difficulty_budget", "easy_sample_weight"}
# Where all outcomes are right, no answer is the most frequent wrong one; where all weights are 0, there is no mean.
UNDEFINED_ON_CONSTANTS = {("incorrect_majority", 1.0), ("sum_of_products", 0.0)}

Numbers = Callable[[int], np.ndarray]


def _rows(level: str, numbers: Numbers, n_outputs: int) -> Rows:
    lengths = LENGTHS[level][:n_outputs]
    values = numbers(sum(lengths))
    return Rows.scalars(values) if level == "output" else Rows(Level.of_lengths(level, lengths), values)


def _level_of(slot: Slot) -> str:
    return "output" if slot.accepts == "output" else "step"


def _inputs(operator: Operator, numbers: Numbers, n_outputs: int = 5) -> dict[str, Any]:
    """Two terms of each list, every optional input given, what stands beside terms at its default."""
    inputs: dict[str, Any] = {}
    for slot in operator.slots:
        given = [_rows(_level_of(slot), numbers, n_outputs) for _ in range(max(2, slot.at_least))]
        inputs[slot.name] = tuple(given) if slot.many else given[0]
        inputs |= {f"{parameter.name}s": (parameter.default,) * len(given) for parameter in slot.per_term}
    return inputs


def _given(n_outputs: int = 5) -> dict[Want, Any]:
    return {
        Want.GROUPS: np.array(GROUPS[:n_outputs], dtype=np.int64),
        Want.RNG: np.random.default_rng(7),
        Want.LEVEL: Level.of_lengths("token", LENGTHS["token"][:n_outputs]),
    }


def _call(operator: Operator, inputs: dict[str, Any], given: dict[Want, Any]) -> Rows:
    return call(operator, inputs, {parameter.name: parameter.default for parameter in operator.parameters}, given)


def _some(size: int) -> np.ndarray:
    """From 0 to 1, which every operator takes: probabilities, outcomes, shares, lengths."""
    return np.linspace(0.05, 0.95, size)


def _unscored(size: int) -> np.ndarray:
    return np.full(size, np.nan)


def _all_rows(inputs: dict[str, Any]) -> list[Rows]:
    nested = [value if isinstance(value, tuple) else (value,) for value in inputs.values()]
    return [row for values in nested for row in values if isinstance(row, Rows)]


def _permuted(rows: Rows, order: list[int]) -> Rows:
    lists = rows.to_lists()
    if rows.level.name == "output":
        return Rows.scalars([lists[index][0] for index in order])
    return Rows.ragged(rows.level.name, [lists[index] for index in order])


def test_no_operator_hides_another_of_the_same_name() -> None:
    declared = [operator.name for module in registry._MODULES for operator in module.OPERATORS]
    assert sorted(declared) == sorted(OPERATORS)


@OPERATOR
def test_an_operator_says_what_it_is_and_where_its_formula_stands(operator: Operator) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", operator.name)
    assert operator.label
    assert operator.summary.endswith(".")
    assert operator.formula
    doc = inspect.getdoc(operator.apply) or ""
    cited = re.findall(r"\b\d{4}\.\d{4,5}\b", doc)
    assert "``" in doc or "::" in doc, "the docstring has no formula"
    assert cited or "common practice" in doc.lower(), "the docstring names no source"
    assert {paper.arxiv for paper in operator.papers} <= set(cited), (
        "a paper of the declaration is not in the docstring"
    )
    assert operator.papers or "common practice" in doc.lower()


@OPERATOR
def test_the_names_of_an_operator_are_those_of_its_function_and_never_collide(operator: Operator) -> None:
    beside = [f"{parameter.name}s" for slot in operator.slots for parameter in slot.per_term]
    slots, parameters = [slot.name for slot in operator.slots], [parameter.name for parameter in operator.parameters]
    names = [*slots, *beside, *parameters, *(want.value for want in operator.wants)]
    assert len(set(names)) == len(names)
    assert not {"op", "input", "node", TERM} & set(names)
    assert set(names) - {ONTO} == set(inspect.signature(operator.apply).parameters)
    assert (ONTO in parameters) == (operator.gives == "onto") == (Want.LEVEL in operator.wants)
    for parameter in [*operator.parameters, *(p for slot in operator.slots for p in slot.per_term)]:
        assert parameter.label
        assert parameter.read(parameter.default) == parameter.default


@OPERATOR
def test_a_parameter_left_out_in_python_is_the_one_left_out_in_a_recipe(operator: Operator) -> None:
    signature = inspect.signature(operator.apply).parameters
    for parameter in operator.parameters:
        if parameter.name != ONTO and signature[parameter.name].default is not inspect.Parameter.empty:
            assert signature[parameter.name].default == parameter.default, parameter.name


@OPERATOR
def test_the_result_stands_where_the_operator_says(operator: Operator) -> None:
    inputs, given = _inputs(operator, _some), _given()
    result = _call(operator, inputs, given)
    leading = inputs[operator.leading.name]
    expected = {
        "output": Level.of_outputs(5),
        "same": (leading[0] if isinstance(leading, tuple) else leading).level,
        "onto": given[Want.LEVEL],
    }[operator.gives]
    assert result.level.same_as(expected)
    assert result.scored.any()


@OPERATOR
def test_no_outputs_give_no_numbers(operator: Operator) -> None:
    result = _call(operator, _inputs(operator, _some, 0), _given(0))
    assert len(result) == 0
    assert result.values.shape == (0,)


@OPERATOR
def test_what_nobody_scored_is_unscored_and_not_zero(operator: Operator) -> None:
    result = _call(operator, _inputs(operator, _unscored), _given())
    if operator.name in STATES_A_VALUE_FOR_UNSCORED:
        assert result.scored.all()
    else:
        assert not result.scored.any()


@OPERATOR
def test_one_output_that_nobody_scored_stays_unscored_beside_the_others(operator: Operator) -> None:
    inputs = _inputs(operator, _some)
    for rows in _all_rows(inputs):
        rows.values[rows.level.output == 1] = np.nan
    result = _call(operator, inputs, _given())
    of_output = result.scored[result.level.output == 1]
    known = operator.name in STATES_A_VALUE_FOR_UNSCORED | SAME_FOR_ALL_OF_A_TASK
    assert of_output.all() if known else not of_output.any()
    assert result.scored[result.level.output != 1].any()


@OPERATOR
@pytest.mark.parametrize("constant", [0.0, 0.1, 1.0])
def test_values_that_are_all_equal_give_numbers(operator: Operator, constant: float) -> None:
    # Without a spread to divide by, and with groups of one member; 0.1 is where a mean is not quite its values.
    result = _call(operator, _inputs(operator, lambda size: np.full(size, constant)), _given())
    if (operator.name, constant) not in UNDEFINED_ON_CONSTANTS:
        assert result.scored.all()


@OPERATOR
def test_the_same_seed_gives_the_same_numbers(operator: Operator) -> None:
    results = [_call(operator, _inputs(operator, _some), _given()).values for _ in range(2)]
    np.testing.assert_array_equal(*results)


@OPERATOR
def test_an_operator_leaves_what_it_is_given_as_it_was(operator: Operator) -> None:
    inputs, given = _inputs(operator, _some), _given()
    for rows in _all_rows(inputs):
        rows.values[rows.level.output == 2] = np.nan
    before = [rows.values.copy() for rows in _all_rows(inputs)]
    result = _call(operator, inputs, given)
    for rows, values in zip(_all_rows(inputs), before, strict=True):
        np.testing.assert_array_equal(rows.values, values)
    assert given[Want.GROUPS].tolist() == GROUPS
    assert len(result) == 5


@pytest.mark.parametrize(
    # Draws go by place.
    "operator",
    [operator for operator in OPERATORS.values() if Want.RNG not in operator.wants],
    ids=lambda operator: operator.name,
)
def test_the_order_of_outputs_does_not_matter(operator: Operator) -> None:
    order = [3, 0, 4, 2, 1]
    inputs, given = _inputs(operator, _some), _given()
    moved = {
        name: tuple(_permuted(row, order) if isinstance(row, Rows) else row for row in value)
        if isinstance(value, tuple)
        else _permuted(value, order)
        for name, value in inputs.items()
    }
    elsewhere = {
        Want.GROUPS: given[Want.GROUPS][order],
        Want.LEVEL: Level.of_lengths("token", [LENGTHS["token"][index] for index in order]),
    }
    expected = _permuted(_call(operator, inputs, given), order)
    np.testing.assert_allclose(_call(operator, moved, elsewhere).values, expected.values, rtol=1e-9, atol=1e-12)


@OPERATOR
def test_a_recipe_can_ask_for_every_operator_with_its_defaults(operator: Operator) -> None:
    names = {slot.name: f"{slot.name}_input" for slot in operator.slots}
    document = {
        "recipe": 1,
        "inputs": {names[slot.name]: {"level": _level_of(slot)} for slot in operator.slots},
        "reward": {
            "op": operator.name,
            **{
                slot.name: [{TERM: {"input": names[slot.name]}}] * max(2, slot.at_least)
                if slot.many
                else {"input": names[slot.name]}
                for slot in operator.slots
            },
        },
        "seed": 3,
    }
    given = _given()
    rows = {names[slot.name]: _rows(_level_of(slot), _some, 5) for slot in operator.slots}
    frame = Frame(given[Want.GROUPS], rows, {"token": given[Want.LEVEL]})
    recipe = read_recipe(document)
    result = evaluate(recipe, frame).reward
    assert result.level.name == recipe.reward.level
    np.testing.assert_array_equal(result.values, evaluate(recipe, frame).reward.values)
