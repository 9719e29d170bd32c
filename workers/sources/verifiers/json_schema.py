"""JSON schema: whether the answer is JSON that a schema accepts, and how many of its fields are right.

    correct = 1[the answer is JSON and valid],        valid_fields = |fields without an error| / |fields|

Fields are the properties that the schema names at its top. A field that is there counts where no error lies at it or
below; one that is not there counts where it is not required. A schema that names no properties has no fields: then
`valid_fields` is `correct`. Channel `errors` counts what the validator (JSON Schema draft 2020-12, the `jsonschema`
library) found. The schema is the parameter, or the task's own (`json_schema` of its metadata).

Schemas and answers are hostile: patterns and the whole check have a time limit (`timed_out`, unscored), and references
lead nowhere but into the schema itself.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextvars import ContextVar
from itertools import islice
from typing import Any

import jsonschema
import regex
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers.verifier import CORRECT, FAMILY, NO_ANSWER, Answer, Verifier, no_answer, refuse, scored

SCHEMA, VALID_FIELDS, ERRORS = "json_schema", "valid_fields", "errors"
PATTERN_SECONDS = 1.0
MOST_SECONDS = 5.0
MOST_ERRORS = 1_000
MOST_JSON = 200_000
_FENCED = re.compile(r"```[A-Za-z0-9]*+[ \t]*+\n(.*?)```", re.DOTALL)
_MOST_SHOWN = 10


class JsonSchema(Verifier):
    """Channels `correct`, `valid_fields` and `errors`; see the module."""

    declaration = Declaration(
        name="json_schema",
        version=1,
        title="JSON schema",
        summary="Whether the answer is JSON that a schema accepts, with credit for the fields that are right.",
        formula="correct = 1[valid];  valid_fields = fields without an error / fields of the schema",
        paper="JSON Schema, draft 2020-12 (json-schema.org); the share of valid fields is ours",
        fidelity=Fidelity.PAPER,
        checked_by="The errors of a well-kept validator, and shares worked by hand.",
        needs=frozenset({Input.OUTPUT}),
        uses=frozenset({Input.METADATA}),
        gives=frozenset({Gives.SIGNALS, Gives.CRITIQUES}),
        models=(),
        parameters=(
            Parameter(SCHEMA, "text", "", "JSON schema", "Empty: the task's own, `json_schema` of its metadata."),
            Parameter(
                "found_in",
                "choice",
                "answer",
                "The JSON is",
                choices=(
                    ("answer", "The whole answer, or its last fenced block"),
                    ("whole", "The whole answer, and nothing beside it"),
                ),
            ),
            NO_ANSWER,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """A given schema must be one."""
        if not parameters[SCHEMA]:
            return
        try:
            schema = json.loads(str(parameters[SCHEMA]))
        except (ValueError, RecursionError) as error:
            refuse(SCHEMA, f"not JSON: {error}")
        if problem := schema_problem(schema):
            refuse(SCHEMA, problem)

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Parse and validate."""
        schema = json.loads(str(parameters[SCHEMA])) if parameters[SCHEMA] else item.metadata.get(SCHEMA)
        if schema is None:
            return Unscored("no_schema", "neither the scorer nor the task's metadata has a JSON schema")
        if problem := schema_problem(schema):
            return Unscored("invalid_schema", f"the task's JSON schema: {problem}")
        place = json_part(answer) if parameters["found_in"] == "answer" else answer
        try:
            value = parse_json(place.text)
        except (ValueError, RecursionError) as error:
            return self._unparsed(item, parameters, place, error)
        try:
            errors = find_errors(value, schema)
        except TimeoutError:
            return Unscored("timed_out", f"a pattern took longer than {PATTERN_SECONDS:g} s, or all {MOST_SECONDS:g} s")
        except (RecursionError, Unresolvable) as error:
            return Unscored("invalid_schema", f"the schema cannot be followed: {type(error).__name__}")
        values = {CORRECT: float(not errors), VALID_FIELDS: valid_fields(value, schema, errors), ERRORS: len(errors)}
        remarks = [f"{error.json_path}: {error.message[:200]}" for error in errors[:_MOST_SHOWN]]
        return scored(item, values, evidence=place, remarks=remarks)

    def _unparsed(self, item: SourceItem, parameters: Parameters, place: Answer, error: Exception) -> Scored | Unscored:
        why = f"the answer is not JSON: {error}"
        if parameters["no_answer"] == "unscored":
            return no_answer(item, parameters, why)
        return scored(item, {CORRECT: 0.0, VALID_FIELDS: 0.0, ERRORS: 1.0}, evidence=place, remarks=[why])

    def without_answer(self, item: SourceItem, parameters: Parameters) -> Scored | Unscored:
        """No answer is no JSON."""
        if parameters["no_answer"] == "unscored":
            return no_answer(item, parameters, "the policy wrote no answer")
        return scored(item, {CORRECT: 0.0, VALID_FIELDS: 0.0, ERRORS: 1.0}, remarks=["The policy wrote no answer."])


def json_part(answer: Answer) -> Answer:
    """The answer as it stands where it begins like JSON, else its last fenced block, else as it stands."""
    stripped = answer.stripped()
    if stripped.text[:1] in {"{", "["}:
        return stripped
    fenced = list(_FENCED.finditer(answer.text))
    return answer.part(*fenced[-1].span(1)) if fenced else stripped


def parse_json(text: str) -> Any:
    """The value; ValueError or RecursionError for what is not JSON (NaN and infinities are none), or too long."""
    if len(text) > MOST_JSON:
        raise ValueError(f"{len(text)} characters: expected {MOST_JSON} at most")

    def refuse_constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse_constant)


def schema_problem(schema: Any) -> str:
    """Why this is no schema to check with; empty where it is one."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        for pattern in _patterns_of(schema):
            regex.compile(pattern)
    except SchemaError as error:
        return f"not a JSON schema: {error.json_path}: {error.message[:200]}"
    except regex.error as error:
        return f"a pattern is not a regular expression: {error}"
    except RecursionError:
        return "too deep"
    if _has_keyword(schema, "unevaluatedProperties") and _has_keyword(schema, "patternProperties"):
        return "unevaluatedProperties beside patternProperties is not checked here: its search has no time limit"
    return ""


def find_errors(value: Any, schema: Any) -> list[ValidationError]:
    """What the validator finds, by path; `MOST_ERRORS` at most.

    Raises
    ------
    TimeoutError
        Where a pattern, or all of it, takes too long.
    RecursionError, Unresolvable
        Where references of the schema go round in a circle or lead out of it.
    """
    # A registry without a way to retrieve: the library's own would fetch references from the network.
    validator = _Validator(schema, registry=Registry())
    token = _deadline.set(time.monotonic() + MOST_SECONDS)
    try:
        found = list(islice(validator.iter_errors(value), MOST_ERRORS))
    finally:
        _deadline.reset(token)
    return sorted(found, key=lambda error: error.json_path)


def valid_fields(value: Any, schema: Any, errors: Collection[ValidationError]) -> float:
    """The share of the schema's top properties that are right."""
    fields = list(schema.get("properties", {})) if isinstance(schema, dict) else []
    if not fields or not isinstance(value, dict):
        return float(not errors) if not fields else 0.0
    required = set(schema.get("required", []))
    wrong = {error.absolute_path[0] for error in errors if error.absolute_path}
    right = [field for field in fields if (field not in wrong if field in value else field not in required)]
    return len(right) / len(fields)


def _has_keyword(schema: Any, keyword: str) -> bool:
    if isinstance(schema, Mapping):
        return keyword in schema or any(_has_keyword(inner, keyword) for inner in schema.values())
    return isinstance(schema, list) and any(_has_keyword(inner, keyword) for inner in schema)


def _patterns_of(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        if isinstance(schema.get("patternProperties"), Mapping):
            yield from schema["patternProperties"]
        for inner in schema.values():
            yield from _patterns_of(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _patterns_of(inner)


_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)
Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def _within_time(keyword: Keyword) -> Keyword:
    """The keyword, under the deadline of the whole check: nested alternatives multiply."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError] | None:
        if time.monotonic() > _deadline.get():
            raise TimeoutError
        return keyword(validator, value, instance, schema)

    return checked


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not regex.search(pattern, instance, timeout=PATTERN_SECONDS):
        yield ValidationError(f"{instance[:100]!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        for name, value in instance.items():
            if regex.search(pattern, name, timeout=PATTERN_SECONDS):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The library's own searches the patterns without a time limit."""
    if not isinstance(instance, dict):
        return
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in schema.get("properties", {}):
            continue
        if any(regex.search(pattern, name, timeout=PATTERN_SECONDS) for pattern in patterns):
            continue
        if wanted is False:
            yield ValidationError(f"the property {name[:100]!r} was not expected")
        elif wanted is not True:
            yield from validator.descend(value, wanted, path=name)


def _unique_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The library's own compares each item with each other one."""
    if wanted and isinstance(instance, list):
        written = {_canonical(one) for one in instance}
        if len(written) < len(instance):
            yield ValidationError("the items are not all different")


def _canonical(value: Any) -> str:
    """The same text for equal JSON values: 1 and 1.0 are equal, 1 and true are not."""

    def plain(part: Any) -> Any:
        if isinstance(part, float) and part.is_integer():
            return int(part)
        if isinstance(part, dict):
            return {name: plain(inner) for name, inner in part.items()}
        return [plain(inner) for inner in part] if isinstance(part, list) else part

    return json.dumps(plain(value), sort_keys=True)


_OWN: dict[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {name: _within_time(keyword) for name, keyword in {**jsonschema.Draft202012Validator.VALIDATORS, **_OWN}.items()},
)
