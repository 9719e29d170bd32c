"""Partial credit: points for the parts of an answer that are right, and a weight for the task's difficulty.

    r = (10 accuracy + 0.5 detail) weight
    detail = min(10, sum of the points of the parts that are right - 5 per superfluous entry)
    weight = 1.0 / 1.2 / 1.5 for easy / middle / hard, + 0.5 where the task's route has a transfer

RewardMap (Feng et al. 2025, arXiv 2510.02240), whose detail for a route is 2 for its two ends, 4 for its line (3 for
each line where there is a transfer) and 1 for each right transfer. Here the parts are data of the task:

    "partial_credit": {"parts": [{"path": "/0/from", "equals": "A", "points": 1}, ...],
                       "list": "", "length": 1, "difficulty": "hard", "bonus": 0.5}

`path` is a JSON pointer into the answer, which is JSON; `equals` a value, compared without regard to letter case and
outer white space where it is text, or with `any_of` a list of accepted ones; `list` is the pointer to the list whose
entries beyond `length` are superfluous; `difficulty` a name or a number; `bonus` is added to it. Accuracy is 1 where
every part is right and nothing is superfluous.

Fidelity: reconstructed. In the authors' code the penalty for superfluous segments counts from the number of transfers,
not of segments, so that the last segment of every right route loses 5 points (the only one of a route without
transfers); here it counts from the number of segments that the route has. Their detail has no lower bound; nor here,
unless `floor` is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from rewards.parameters import Parameter, Parameters
from workers.sources.contract import Declaration, Fidelity, Input, SourceItem
from workers.sources.results import Gives, Scored, Unscored
from workers.sources.verifiers.json_schema import json_part, parse_json
from workers.sources.verifiers.verifier import CORRECT, FAMILY, NO_ANSWER, Answer, Verifier, no_answer, scored

PARTIAL_CREDIT, DETAIL = "partial_credit", "detail"
FIELD = "partial_credit"
MOST_DETAIL = 10.0
DIFFICULTIES = ("easy", "middle", "hard")
ACCURACY_POINTS = Parameter("accuracy_points", "number", 10.0, "Points for a right answer", minimum=0, maximum=1000)
DETAIL_WEIGHT = Parameter("detail_weight", "number", 0.5, "Weight of the detail", minimum=0, maximum=1000)
WEIGHTS = (
    Parameter("easy", "number", 1.0, "Weight of an easy task", minimum=0, maximum=100),
    Parameter("middle", "number", 1.2, "Weight of a middling task", minimum=0, maximum=100),
    Parameter("hard", "number", 1.5, "Weight of a hard task", minimum=0, maximum=100),
)
_MISSING = object()


class TemplateError(ValueError):
    """The task's template cannot be used: says which part, and what was expected."""


class Part(NamedTuple):
    """One part of a right answer."""

    path: str
    accepted: list[Any]
    points: float


class Template(NamedTuple):
    """What a task gives points for."""

    parts: list[Part]
    list_path: str | None
    length: int
    difficulty: str | float
    bonus: float


class PartialCredit(Verifier):
    """Channels `partial_credit`, `detail` and `correct`; see the module."""

    declaration = Declaration(
        name="partial_credit",
        version=1,
        title="Partial credit",
        summary=(
            "Points for each part of a structured answer that is right, weighted by the task's difficulty. The answer "
            'is JSON; the task\'s metadata says what is right as "partial_credit": {"parts": [{"path": "/0/line", '
            '"equals": "M1", "points": 4}], "list": "", "length": 1, "difficulty": "hard", "bonus": 0.5}.'
        ),
        formula="r = (10 accuracy + 0.5 detail) weight;  detail = min(10, points of right parts - 5 superfluous)",
        paper="Feng et al. 2025, RewardMap: Tackling Sparse Rewards in Fine-grained Visual Reasoning, arXiv 2510.02240",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Routes worked by hand; the authors' penalty falls on right answers, and here it does not.",
        needs=frozenset({Input.OUTPUT, Input.METADATA}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS, Gives.CRITIQUES}),
        models=(),
        parameters=(
            ACCURACY_POINTS,
            DETAIL_WEIGHT,
            Parameter("penalty", "number", 5.0, "Taken off for each superfluous entry", minimum=0, maximum=1000),
            Parameter("floor", "boolean", False, "Detail is never below zero"),
            *WEIGHTS,
            NO_ANSWER,
        ),
        family=FAMILY,
    )

    def verify(self, item: SourceItem, answer: Answer, parameters: Parameters) -> Scored | Unscored:
        """Compare the answer with the task's template, part by part."""
        try:
            template = read_template(item.metadata)
            weight = difficulty_weight(template.difficulty, template.bonus, parameters)
        except TemplateError as error:
            return Unscored("invalid_metadata", f"the task's metadata, partial_credit: {error}")
        place = json_part(answer)
        try:
            value = parse_json(place.text)
        except (ValueError, RecursionError) as error:
            return no_answer(item, parameters, f"the answer is not JSON: {error}", (PARTIAL_CREDIT, DETAIL, CORRECT))
        right = [_is_right(value, part) for part in template.parts]
        wrong = [part for part, is_right in zip(template.parts, right, strict=True) if not is_right]
        superfluous = _superfluous(value, template)
        points = sum(part.points for part, is_right in zip(template.parts, right, strict=True) if is_right)
        detail = min(MOST_DETAIL, points - float(parameters["penalty"]) * superfluous)
        detail = max(0.0, detail) if parameters["floor"] else detail
        accuracy = float(not wrong and not superfluous)
        values = {PARTIAL_CREDIT: credit(accuracy, detail, weight, parameters), DETAIL: detail, CORRECT: accuracy}
        remarks = [f"{part.path or 'the answer'} is not as expected." for part in wrong]
        remarks += [f"{superfluous} superfluous entries."] if superfluous else []
        return scored(item, values, evidence=place, remarks=remarks)

    def without_answer(self, item: SourceItem, parameters: Parameters) -> Scored | Unscored:
        """Nothing is right in no answer."""
        return no_answer(item, parameters, "the policy wrote no answer", (PARTIAL_CREDIT, DETAIL, CORRECT))


def credit(accuracy: float, detail: float, weight: float, parameters: Parameters) -> float:
    """(10 accuracy + 0.5 detail) weight, with the parameters in place of 10 and 0.5."""
    return (float(parameters["accuracy_points"]) * accuracy + float(parameters["detail_weight"]) * detail) * weight


def difficulty_weight(difficulty: Any, bonus: Any, parameters: Parameters) -> float:
    """The weight of a named difficulty, or the number itself, and the bonus.

    Raises
    ------
    TemplateError
        For another name, or what is no number.
    """
    if isinstance(difficulty, str) and difficulty in DIFFICULTIES:
        return float(parameters[difficulty]) + _number("bonus", bonus)
    if isinstance(difficulty, str):
        raise TemplateError(f"difficulty is {difficulty!r}: expected {', '.join(DIFFICULTIES)} or a number")
    return _number("difficulty", difficulty) + _number("bonus", bonus)


def read_template(metadata: Mapping[str, Any]) -> Template:
    """The template of a task; TemplateError says what is wrong with it."""
    given = metadata.get(FIELD)
    if not isinstance(given, dict) or not isinstance(given.get("parts"), list) or not given["parts"]:
        raise TemplateError("expected an object with a list of parts")
    length = given.get("length", 0)
    if "list" in given and (
        isinstance(length, bool) or not isinstance(length, int) or not isinstance(given["list"], str)
    ):
        raise TemplateError("expected list as a JSON pointer, and length as a whole number")
    return Template(
        parts=[_read_part(number, part) for number, part in enumerate(given["parts"])],
        list_path=given.get("list"),
        length=length,
        difficulty=given.get("difficulty", 1.0),
        bonus=given.get("bonus", 0.0),
    )


def at_pointer(value: Any, pointer: str) -> Any:
    """What stands at a JSON pointer (RFC 6901), or a sign that nothing does."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return _MISSING
    return value


def _read_part(number: int, part: Any) -> Part:
    where = f"parts/{number}"
    if not isinstance(part, dict) or not isinstance(part.get("path"), str):
        raise TemplateError(f"{where}: expected an object with path, equals (or any_of) and points")
    if part["path"] and not part["path"].startswith("/"):
        raise TemplateError(f"{where}: path is {part['path']!r}: expected a JSON pointer, which begins with /")
    if "equals" not in part and not isinstance(part.get("any_of"), list):
        raise TemplateError(f"{where}: expected equals, or any_of as a list")
    accepted = [part["equals"]] if "equals" in part else part["any_of"]
    return Part(part["path"], accepted, _number(f"{where}/points", part.get("points", 1.0)))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TemplateError(f"{name} is {value!r}: expected a number")
    return float(value)


def _is_right(value: Any, part: Part) -> bool:
    found = at_pointer(value, part.path)
    return found is not _MISSING and any(_alike(found, accepted) for accepted in part.accepted)


def _alike(found: Any, accepted: Any) -> bool:
    if isinstance(found, str) and isinstance(accepted, str):
        return found.strip().casefold() == accepted.strip().casefold()
    return isinstance(found, bool) == isinstance(accepted, bool) and bool(found == accepted)


def _superfluous(value: Any, template: Template) -> int:
    if template.list_path is None:
        return 0
    entries = at_pointer(value, template.list_path)
    return max(0, len(entries) - template.length) if isinstance(entries, list) else 0
