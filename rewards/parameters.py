"""Typed parameters of sources and operators: one declaration makes the form, the JSON schema and the checks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ParameterValue = bool | int | float | str
Parameters = Mapping[str, ParameterValue]
Kind = Literal["number", "integer", "boolean", "choice", "text"]

MAX_TEXT = 2_000


class ParameterError(ValueError):
    """Parameters that cannot be taken: a message by the name of each that is wrong."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes
    ----------
    name, label, help : str
    kind : {"number", "integer", "boolean", "choice", "text"}
    default : bool, int, float or str
    minimum, maximum : float or None
        Inclusive bounds of a number.
    choices : tuple of (value, label)
        Of a choice.
    max_length : int
        Of a text, in characters.
    has_lines : bool
        A text of several lines; their ends are stored as line feeds.
    """

    name: str
    kind: Kind
    default: ParameterValue
    label: str
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    max_length: int = MAX_TEXT
    has_lines: bool = False

    def read(self, value: object) -> ParameterValue:
        """The value in its own type; ValueError says what was expected."""
        if self.kind == "boolean":
            if isinstance(value, bool):
                return value
            raise ValueError("expected true or false")
        if self.kind == "choice":
            if isinstance(value, str) and value in dict(self.choices):
                return value
            raise ValueError(f"expected one of {', '.join(dict(self.choices))}")
        if self.kind == "text":
            text = _read_text(value, self.max_length)
            return text.replace("\r\n", "\n") if self.has_lines else text
        return self._read_number(value)

    def _read_number(self, value: object) -> ParameterValue:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError("expected a number")
        if self.kind == "integer" and value != int(value):
            raise ValueError("expected a whole number")
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"expected at least {self.minimum:g}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"expected at most {self.maximum:g}")
        return int(value) if self.kind == "integer" else float(value)

    def json_schema(self) -> dict[str, Any]:
        """This parameter as a property of a JSON schema (draft 2020-12)."""
        types = {"choice": "string", "text": "string"}
        schema: dict[str, Any] = {"type": types.get(self.kind, self.kind), "title": self.label, "default": self.default}
        if self.help:
            schema["description"] = self.help
        if self.choices:
            schema["enum"] = [value for value, _ in self.choices]
        if self.kind == "text":
            schema["maxLength"] = self.max_length
        if self.minimum is not None:
            schema["minimum"] = self.minimum
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        return schema


def validate_parameters(parameters: Sequence[Parameter], given: Mapping[str, object]) -> dict[str, ParameterValue]:
    """All parameters, with defaults for those not given.

    Raises
    ------
    ParameterError
        Names every parameter that is unknown or out of range.
    """
    problems = dict.fromkeys(_unknown(parameters, given), "there is no such parameter")
    values: dict[str, ParameterValue] = {}
    for parameter in parameters:
        try:
            values[parameter.name] = parameter.read(given.get(parameter.name, parameter.default))
        except ValueError as error:
            problems[parameter.name] = str(error)
    if problems:
        raise ParameterError(problems)
    return values


def parameters_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of all parameters."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {parameter.name: parameter.json_schema() for parameter in parameters},
    }


def _unknown(parameters: Sequence[Parameter], given: Iterable[str]) -> list[str]:
    known = {parameter.name for parameter in parameters}
    return [name for name in given if name not in known]


def _read_text(value: object, max_length: int) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")
    if len(value) > max_length:
        raise ValueError(f"expected at most {max_length} characters")
    return value
