"""What a recipe may start from: the kinds of inputs, their settings, and the check of both. Pure.

Each kind says on which levels it can stand and what may be set, so one declaration makes the check, the form and the
page. Where the numbers come from is known to whoever builds the frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rewards.parameters import Parameter, ParameterError, ParameterValue, validate_parameters
from rewards.recipes.errors import RecipeError
from rewards.rubrics.rules import AGGREGATIONS
from rewards.shaping.rows import LEVELS, OUTPUT, STEP

Whose = Literal["all", "people", "models", "named"]

ALL: Final = "all"
PEOPLE: Final = "people"
MODELS: Final = "models"
_GROUPS: Final = (ALL, PEOPLE, MODELS)

GIVEN: Final = "given"
WORDS: Final = "words"
"""The tokens of a recipe that names no tokenizer."""
MAX_VALUES: Final = 100


@dataclass(frozen=True, slots=True)
class Raters:
    """Whose answers count.

    Attributes
    ----------
    whose : {"all", "people", "models", "named"}
        People are those of the project and those whose answers were imported; models are its scorers.
    names : tuple of str
        Of ``named``.
    """

    whose: Whose = "all"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MarkValue:
    """What a marked span of this label is worth; an empty severity stands for every one not named."""

    label: str
    severity: str
    value: float


@dataclass(frozen=True, slots=True)
class InputKind:
    """One kind of input.

    Attributes
    ----------
    levels : tuple of str
        Where its numbers can stand; the first is the default.
    takes_raters, takes_values : bool
        Whether ``raters`` and ``values`` (numbers by label of a span) may be set beside the parameters.
    needed : tuple of str
        Parameters that may not be left empty.
    """

    name: str
    label: str
    summary: str
    levels: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    takes_raters: bool = False
    takes_values: bool = False
    needed: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecipeInput:
    """A named reward that a recipe starts from, checked.

    Attributes
    ----------
    level : str
        Where its numbers stand when the recipe gets them.
    parameters : mapping of str to bool, int, float or str
        Of its kind, with defaults.
    values : tuple of MarkValue
        Empty where each mark's own value counts.
    """

    name: str
    kind: str
    level: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    raters: Raters = Raters()
    values: tuple[MarkValue, ...] = ()

    def text(self, name: str) -> str:
        """A parameter that is text."""
        return str(self.parameters[name])

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self.parameters[name])


def _name(name: str, label: str, hint: str = "", default: str = "") -> Parameter:
    return Parameter(name, "text", default, label, hint, max_length=200)


_CARRY: Final = Parameter(
    "carry",
    "choice",
    "sum",
    "How its numbers reach the level",
    "On the level output: their sum, their mean, or the last one",
    choices=(
        ("sum", "Split over the characters, and added up"),
        ("mean", "Averaged over the characters"),
        ("each", "On every segment touched"),
        ("split", "Split among the segments touched"),
        ("last", "On the last segment touched"),
    ),
)
_CARRY_TO_OUTPUT: Final = ("sum", "mean", "last")

FACTS: Final = (
    ("n_words", "Words"),
    ("n_characters", "Characters"),
    ("n_tokens", "Tokens"),
    ("n_turns", "Turns"),
    ("n_tool_calls", "Messages of tools"),
    ("repetition", "Share of repeated word 4-grams"),
    ("reference_words", "Words of the reference"),
    ("reference_characters", "Characters of the reference"),
)

_KINDS: Final = (
    InputKind(
        "signal",
        "Stored signal",
        "Numbers that a scorer stored for each output's segments; the newest of each output.",
        LEVELS,
        (
            _name("rater", "Scorer", "Its name, or its short name (scorer-...) where several share it"),
            _name("channel", "Channel", "Which of its numbers; may be empty where it has one"),
            _name("segmenter", "Segmenter", "Whose segments; may be empty where it has one"),
            _CARRY,
        ),
        needed=("rater",),
    ),
    InputKind(
        "rating",
        "Ratings",
        "Mean over raters, each by the mean of what they gave.",
        (OUTPUT,),
        (
            _name("question", "Question", default="overall"),
            Parameter(
                "scale",
                "choice",
                "raw",
                "Scale",
                choices=(("raw", "As given"), ("unit", "0 to 1 over the scale that was offered")),
            ),
        ),
        takes_raters=True,
    ),
    InputKind(
        "rubric",
        "Score under a rubric",
        "Stored verdicts, brought to one number by an aggregation.",
        (OUTPUT,),
        (
            _name("rubric", "Rubric", "Empty for each task's own"),
            Parameter("version", "integer", 0, "Version", "0 for the newest", minimum=0, maximum=1_000_000),
            Parameter(
                "aggregation",
                "choice",
                "rar_explicit",
                "Aggregation",
                choices=tuple((name, rule.title) for name, rule in AGGREGATIONS.items()),
            ),
        ),
        takes_raters=True,
    ),
    InputKind(
        "verdict",
        "Verdict on one criterion",
        "Mean over raters of the stored verdicts' values.",
        (OUTPUT,),
        (
            _name("rubric", "Rubric"),
            Parameter("version", "integer", 0, "Version", "0 for the newest", minimum=0, maximum=1_000_000),
            _name("criterion", "Criterion", "Its key"),
        ),
        takes_raters=True,
        needed=("rubric", "criterion"),
    ),
    InputKind(
        "comparison",
        "Share of comparisons won",
        "Ties count half to each; who could not tell is left out.",
        (OUTPUT,),
        takes_raters=True,
    ),
    InputKind(
        "marks",
        "Marked spans",
        "People's or critics' spans, worth by label and severity; whoever marked nothing said 0.",
        ("token", OUTPUT, "turn", "step", "sentence", "subsentence"),
        (
            Parameter(
                "place",
                "choice",
                "each",
                "Placement",
                choices=(
                    ("each", "Full value on every segment touched"),
                    ("split", "Split over the characters"),
                    ("last", "On the last segment touched"),
                    ("lowest", "A segment gets the lowest value that touches it"),
                ),
            ),
            Parameter(
                "unmarked",
                "number",
                0.0,
                "Unmarked segments",
                "What a segment gets that nothing of these labels touches",
                minimum=-1000.0,
                maximum=1000.0,
            ),
        ),
        takes_raters=True,
        takes_values=True,
    ),
    InputKind(
        "critiques",
        "Number of critiques",
        "How many a rater gave an output, such as what it misses; 0 where they judged it and gave none.",
        (OUTPUT,),
        (
            Parameter(
                "type",
                "choice",
                "missing",
                "Kind",
                choices=(("missing", "Missing information"), ("comment", "Comment"), ("edit", "Corrected text")),
            ),
        ),
        takes_raters=True,
    ),
    InputKind(
        "steps",
        "Labels of steps",
        "+1 correct, 0 neutral, -1 wrong: mean over raters; steps that nobody labelled are unscored.",
        (STEP, OUTPUT, "turn", "sentence", "token"),
        (_CARRY,),
        takes_raters=True,
    ),
    InputKind(
        "metadata",
        "Field of output or task",
        "A number, or true (1) or false (0), that came with the output or its task.",
        (OUTPUT,),
        (
            Parameter("of", "choice", "output", "Whose", choices=(("output", "The output's"), ("task", "The task's"))),
            _name("field", "Field", "Dots lead into objects: checks.tests_passed"),
        ),
        needed=("field",),
    ),
    InputKind(
        "fact",
        "Counted from the text",
        "Words, tokens, turns, repetition and the like.",
        (OUTPUT,),
        (Parameter("fact", "choice", "n_words", "What", choices=FACTS),),
    ),
    InputKind(
        GIVEN,
        "Handed over by the program",
        "Not bound: plain Python supplies it, a project chooses another kind.",
        LEVELS,
    ),
)

KINDS: Final[Mapping[str, InputKind]] = {kind.name: kind for kind in _KINDS}


def read_input(name: str, declared: object) -> RecipeInput:
    """Check what a recipe declares of one input.

    Raises
    ------
    RecipeError
        Names every setting that is wrong by its path below ``inputs.NAME``.
    """
    path = f"inputs.{name}"
    if not isinstance(declared, Mapping):
        raise RecipeError({path: "expected an object that says what it is"})
    given_kind = declared.get("kind", GIVEN)
    kind = KINDS.get(given_kind) if isinstance(given_kind, str) else None
    if kind is None:
        raise RecipeError({f"{path}.kind": f"expected one of {', '.join(KINDS)}"})
    problems: dict[str, str] = {}
    level = declared.get("level", kind.levels[0])
    if level not in LEVELS:
        problems[f"{path}.level"] = f"expected one of {', '.join(LEVELS)}"
    elif level not in kind.levels:
        problems[f"{path}.level"] = f"{kind.label.lower()} stands on one of {', '.join(kind.levels)}, not {level}"
    raters = _raters(declared, kind, path, problems)
    values = _values(declared, kind, path, problems)
    parameters = _parameters(declared, kind, path, problems)
    if not problems:
        problems = _unfit(kind, level, parameters, path)
    if problems:
        raise RecipeError(problems)
    return RecipeInput(name, kind.name, level, parameters, raters, values)


def _parameters(
    declared: Mapping[str, Any], kind: InputKind, path: str, problems: dict[str, str]
) -> dict[str, ParameterValue]:
    beside = {"kind", "level", *(["raters"] if kind.takes_raters else []), *(["values"] if kind.takes_values else [])}
    try:
        parameters = validate_parameters(kind.parameters, {k: v for k, v in declared.items() if k not in beside})
    except ParameterError as error:
        problems.update({f"{path}.{name}": message for name, message in error.problems.items()})
        return {}
    for name in kind.needed:
        if not str(parameters[name]).strip():
            problems[f"{path}.{name}"] = f"missing: {kind.label.lower()} needs it"
    return parameters


def _unfit(kind: InputKind, level: str, parameters: Mapping[str, ParameterValue], path: str) -> dict[str, str]:
    carry = parameters.get("carry")
    if carry is not None and level == OUTPUT and carry not in _CARRY_TO_OUTPUT:
        return {f"{path}.carry": f"one number an output: expected one of {', '.join(_CARRY_TO_OUTPUT)}"}
    return {}


def _raters(declared: Mapping[str, Any], kind: InputKind, path: str, problems: dict[str, str]) -> Raters:
    given = declared.get("raters", ALL)
    if not kind.takes_raters:
        return Raters()
    if given == ALL:
        return Raters("all")
    if given == PEOPLE:
        return Raters("people")
    if given == MODELS:
        return Raters("models")
    if isinstance(given, list) and given and all(isinstance(name, str) and name.strip() for name in given):
        return Raters("named", tuple(given))
    problems[f"{path}.raters"] = f"expected one of {', '.join(_GROUPS)}, or a list of names"
    return Raters()


def _values(declared: Mapping[str, Any], kind: InputKind, path: str, problems: dict[str, str]) -> tuple[MarkValue, ...]:
    if not kind.takes_values or "values" not in declared:
        return ()
    given = declared["values"]
    if not isinstance(given, Mapping) or not 0 < len(given) <= MAX_VALUES:
        problems[f"{path}.values"] = f"expected an object of at most {MAX_VALUES} numbers by label"
        return ()
    values: list[MarkValue] = []
    for label, worth in given.items():
        by_severity = worth if isinstance(worth, Mapping) else {"": worth}
        for severity, value in by_severity.items():
            where = f"{path}.values.{label}" + (f".{severity}" if severity else "")
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                problems[where] = "expected a number, or an object of numbers by severity"
                continue
            values.append(MarkValue(str(label), str(severity), float(value)))
    return tuple(values)
