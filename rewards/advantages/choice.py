"""The estimator that a recipe chooses: read and checked by path, then computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rewards.advantages.contract import Estimator, Need
from rewards.advantages.registry import ESTIMATORS
from rewards.parameters import ParameterError, ParameterValue, validate_parameters
from rewards.recipes.errors import RecipeError
from rewards.shaping.rows import OUTPUT, Ints, Rows

ESTIMATOR: Final = "estimator"
EXTRAS: Final = "extras"
INPUT: Final = "input"


@dataclass(frozen=True)
class ChosenEstimator:
    """An estimator with checked parameters, and the input that serves each of its needs.

    Attributes
    ----------
    extras : mapping of str to tuple of str
        By need: the names of inputs, one or, where it takes many, several; a need that is optional and not named is
        absent.
    per_item : mapping
        By need and parameter: one value for each of its inputs.
    """

    estimator: Estimator
    parameters: Mapping[str, ParameterValue]
    extras: Mapping[str, tuple[str, ...]]
    per_item: Mapping[str, Mapping[str, tuple[ParameterValue, ...]]]
    path: str = "advantage"

    @property
    def input_names(self) -> tuple[str, ...]:
        """Every input that it reads, once."""
        return tuple(dict.fromkeys(name for names in self.extras.values() for name in names))


def read_estimator(
    document: object,
    path: str = "advantage",
    levels: Mapping[str, str] | None = None,
    reward_level: str | None = None,
) -> ChosenEstimator:
    """Read and check a document such as::

        {"estimator": "normalise_then_sum", "eps": 0.0001,
         "extras": {"objectives": ["accuracy", {"input": "brevity", "weight": 0.2}]}}

    A need that is not named under ``extras`` is served by the input of its own name; an optional one only if it is
    named.

    Parameters
    ----------
    document : object
    path : str
        Where it stands, for the errors.
    levels : mapping of str to str, optional
        The level of each declared input, by name: given, they are checked too.
    reward_level : str, optional
        Likewise for the reward.

    Raises
    ------
    RecipeError
        By path: what is wrong there, and what was expected.
    """
    return _Reader(document, path, levels, reward_level).read()


def estimate(chosen: ChosenEstimator, reward: Rows, groups: Ints, extras: Mapping[str, Rows]) -> Rows:
    """Advantages of n outputs.

    Parameters
    ----------
    reward : Rows
        Of n outputs. An estimator of whole outputs sums a dense one over each output.
    groups : ndarray of int64, shape (n,)
        Which task each output answers: outputs with the same number are a group.
    extras : mapping of str to Rows
        By the names of inputs that the document uses, such as all inputs of a recipe's frame.

    Returns
    -------
    Rows
        On the level that the estimator gives; NaN where the reward, or what the estimator needs, is unscored.

    Raises
    ------
    RecipeError
        By the path of the estimator or its extra: a missing input, another number of outputs or another level, or
        values that the estimator cannot work with.
    """
    estimator = chosen.estimator
    numbers = _checked_groups(groups, len(reward), chosen.path)
    if not estimator.takes(reward.level.name):
        raise RecipeError({chosen.path: _wrong_reward_level(estimator, reward.level.name)})
    if estimator.accepts == OUTPUT and reward.level.name != OUTPUT:
        reward = Rows.scalars(reward.total())
    arguments: dict[str, Any] = {need.name: _argument(chosen, need, extras, reward) for need in estimator.needs}
    for need in estimator.needs:
        for name, values in chosen.per_item.get(need.name, {}).items():
            arguments[f"{name}s"] = values
    try:
        return estimator.apply(reward, numbers, **arguments, **chosen.parameters)
    except ValueError as error:
        raise RecipeError({chosen.path: str(error)}) from error


def _argument(
    chosen: ChosenEstimator, need: Need, extras: Mapping[str, Rows], reward: Rows
) -> Rows | tuple[Rows, ...] | None:
    names = chosen.extras.get(need.name, ())
    rows = tuple(_extra(f"{chosen.path}.{EXTRAS}.{need.name}", need, name, extras, reward) for name in names)
    if need.many:
        return rows
    return rows[0] if rows else None


def _extra(path: str, need: Need, name: str, extras: Mapping[str, Rows], reward: Rows) -> Rows:
    rows = extras.get(name)
    if rows is None:
        raise RecipeError({path: f"the input {name} has no values here"})
    if len(rows) != len(reward):
        raise RecipeError({path: f"the input {name} has {len(rows)} outputs: expected {len(reward)}"})
    if not need.takes(rows.level.name):
        raise RecipeError({path: _wrong_level(need, name, rows.level.name)})
    if need.with_reward and not rows.level.same_as(reward.level):
        raise RecipeError({path: f"the input {name} stands on other segments than the reward"})
    return rows


def _checked_groups(groups: Ints, n_outputs: int, path: str) -> Ints:
    """Groups numbered from 0 without gaps."""
    numbers = np.asarray(groups)
    if numbers.shape != (n_outputs,) or not np.issubdtype(numbers.dtype, np.integer):
        raise RecipeError({path: f"groups of shape {numbers.shape}: expected one whole number for each output"})
    compact: Ints = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    return compact


def _wrong_level(need: Need, name: str, level: str) -> str:
    wanted = {"output": "one number an output", "dense": "numbers on turns, steps, sentences or tokens"}
    return f"the input {name} stands on the level {level}: expected {wanted.get(need.accepts, 'any level')}"


def _wrong_reward_level(estimator: Estimator, level: str) -> str:
    return f"{estimator.name} needs a reward on turns, steps, sentences or tokens: this one stands on the level {level}"


class _Reader:
    def __init__(self, document: object, path: str, levels: Mapping[str, str] | None, reward_level: str | None) -> None:
        self._document = document
        self._path = path
        self._levels = levels
        self._reward_level = reward_level
        self._problems: dict[str, str] = {}

    def read(self) -> ChosenEstimator:
        document = self._document
        if not isinstance(document, Mapping) or ESTIMATOR not in document:
            raise RecipeError({self._path: f'expected an object with "{ESTIMATOR}"'})
        name = document[ESTIMATOR]
        estimator = ESTIMATORS.get(name) if isinstance(name, str) else None
        if estimator is None:
            known = ", ".join(ESTIMATORS)
            raise RecipeError({f"{self._path}.{ESTIMATOR}": f"there is no estimator {name!r}: expected one of {known}"})
        if self._reward_level is not None and not estimator.takes(self._reward_level):
            self._problems[self._path] = _wrong_reward_level(estimator, self._reward_level)
        given = {str(key): value for key, value in document.items() if key not in (ESTIMATOR, EXTRAS)}
        parameters = self._checked(estimator.parameters, given, self._path)
        extras, per_item = self._extras(estimator, document.get(EXTRAS, {}))
        if self._problems:
            raise RecipeError(self._problems)
        return ChosenEstimator(estimator, parameters, extras, per_item, self._path)

    def _extras(
        self, estimator: Estimator, given: object
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, Mapping[str, tuple[ParameterValue, ...]]]]:
        base = f"{self._path}.{EXTRAS}"
        if not isinstance(given, Mapping):
            self._problems[base] = "expected an object: the name of an input for each of what the estimator needs"
            return {}, {}
        known = ", ".join(need.name for need in estimator.needs) or "none"
        for name in given:
            if estimator.need(str(name)) is None:
                self._problems[f"{base}.{name}"] = f"{estimator.name} does not need it: expected {known}"
        names: dict[str, tuple[str, ...]] = {}
        per_item: dict[str, Mapping[str, tuple[ParameterValue, ...]]] = {}
        for need in estimator.needs:
            path = f"{base}.{need.name}"
            if need.name in given:
                names[need.name], per_item[need.name] = self._named(need, given[need.name], path)
            elif not need.optional:
                names[need.name], per_item[need.name] = self._named(need, need.name, path)
            else:
                per_item[need.name] = {parameter.name: () for parameter in need.per_item}
        return names, per_item

    def _named(
        self, need: Need, given: object, path: str
    ) -> tuple[tuple[str, ...], dict[str, tuple[ParameterValue, ...]]]:
        items = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
        if not items or (len(items) > 1 and not need.many):
            self._problems[path] = "expected the names of one or more inputs" if need.many else "expected one input"
            return (), {}
        names: list[str] = []
        values: dict[str, list[ParameterValue]] = {parameter.name: [] for parameter in need.per_item}
        for index, item in enumerate(items):
            where = f"{path}[{index}]" if need.many and item is not given else path
            name, beside = (item.get(INPUT), item) if isinstance(item, Mapping) else (item, {})
            if not isinstance(name, str):
                self._problems[where] = f'expected the name of an input, or {{"{INPUT}": NAME, ...}}'
                continue
            self._check_level(need, name, where)
            names.append(name)
            settings = {str(key): value for key, value in beside.items() if key != INPUT}
            for parameter, value in self._checked(need.per_item, settings, where).items():
                values[parameter].append(value)
        return tuple(names), {name: tuple(column) for name, column in values.items()}

    def _check_level(self, need: Need, name: str, path: str) -> None:
        if self._levels is None:
            return
        level = self._levels.get(name)
        if level is None:
            known = ", ".join(self._levels) or "none is declared"
            self._problems[path] = f"there is no input {name!r}: expected one of those declared ({known})"
        elif not need.takes(level):
            self._problems[path] = _wrong_level(need, name, level)
        elif need.with_reward and self._reward_level not in (None, level):
            self._problems[path] = f"stands on the level {level}: expected {self._reward_level}, as the reward"

    def _checked(self, declared: Sequence[Any], given: Mapping[str, object], path: str) -> dict[str, ParameterValue]:
        try:
            return validate_parameters(declared, given)
        except ParameterError as error:
            self._problems.update({f"{path}.{name}": message for name, message in error.problems.items()})
            return {}
