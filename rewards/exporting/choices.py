"""All that decides what an export holds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from math import isfinite
from typing import Any

from django.utils.translation import gettext, gettext_noop

from projects.errors import AppError
from rewards.formats.registry import EXPORT_FORMATS, REWARDS, RUBRIC_KINDS, ExportFormat
from rewards.formats.row_files import WRITERS
from rewards.formats.splits import check_fractions
from rewards.rubrics.rules import AGGREGATIONS

DEFAULT_AGGREGATION = "rar_explicit"
LARGEST_SEED = 2**31 - 1
_USUAL_SPLITS = {"train": 0, "validation": 1, "test": 2}


class Source(StrEnum):
    """What rows are made from."""

    COMPARISONS = "comparisons"
    RANKINGS = "rankings"
    """Orders of several outputs, best-worst picks and ticks, as pairs."""
    RATINGS = "ratings"
    SCORES = "scores"
    SIGNALS = "signals"
    RECIPE = "recipe"
    RUBRICS = "rubrics"
    """No judgments: the tasks themselves with the rubrics of their own."""


class Combine(StrEnum):
    """How several raters of one output or pair are brought together."""

    TOGETHER = "together"
    """One vote a rater: the majority of a pair, the mean of an output."""
    EACH = "each"
    """Rows from every rater's own answers."""


class Answers(StrEnum):
    """Whose answers count where somebody settled on one from those of several people."""

    RAW = "raw"
    ADJUDICATED = "adjudicated"
    FIRST = "adjudicated_first"
    """The settled answer where there is one, else what people answered."""


class Pairing(StrEnum):
    """Which pairs are made from values."""

    ALL = "all"
    BEST_WORST = "best_worst"


SOURCE_TITLES: Mapping[str, str] = {
    Source.COMPARISONS: gettext_noop("Comparisons of two outputs"),
    Source.RANKINGS: gettext_noop("Rankings, best-worst picks and ticks"),
    Source.RATINGS: gettext_noop("Ratings"),
    Source.SCORES: gettext_noop("Scores under a rubric"),
    Source.SIGNALS: gettext_noop("Totals of a stored signal"),
    Source.RECIPE: gettext_noop("Rewards of a recipe"),
    Source.RUBRICS: gettext_noop("Tasks with their own rubrics"),
}
COMBINE_TITLES: Mapping[str, str] = {
    Combine.TOGETHER: gettext_noop("All raters together: majority or mean"),
    Combine.EACH: gettext_noop("Each rater alone"),
}
ANSWERS_TITLES: Mapping[str, str] = {
    Answers.RAW: gettext_noop("As people and models gave them"),
    Answers.ADJUDICATED: gettext_noop("Adjudicated ones alone"),
    Answers.FIRST: gettext_noop("Adjudicated where there is one, else as given"),
}
PAIRING_TITLES: Mapping[str, str] = {
    Pairing.ALL: gettext_noop("Every pair of a task"),
    Pairing.BEST_WORST: gettext_noop("The best against the worst"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportChoices:
    """Choices as they are stored with the export; ids are keys of the project's rows.

    Attributes
    ----------
    format, file_type : str
        Of `EXPORT_FORMATS` and `WRITERS`.
    source, combine, pairing, answers : str
    question : str
        Of ratings.
    rubric_version : int | None
        Of scores; None for each task's own rubric in its newest version.
    aggregation : str
        From verdicts to a score.
    signal_rater, channel
        Whose stored signal, and which of its numbers.
    recipe_version : int | None
        Of rewards.
    min_gap : float
        Pairs with a smaller margin are left out.
    desirable_from, undesirable_to : float | None
        Unpaired rows from values: labels at and above the one, at and below the other; what lies between is left out.
    raters, policies : tuple of int
        None at all: everybody's judgments, everybody's outputs.
    tag, split : str
        Of tasks.
    current_only : bool
        Leave out judgments of versions that newer ones replaced.
    margin, weight, ids : bool
        Columns: how much better the chosen output is; how much a pair counts beside the others of its ranking; the
        external ids that a row comes from.
    fractions : dict of str to float
        Splits by task.
    seed : int
    """

    format: str = "trl_preference"
    file_type: str = "jsonl"
    source: str = Source.COMPARISONS
    combine: str = Combine.TOGETHER
    pairing: str = Pairing.ALL
    answers: str = Answers.RAW
    question: str = "overall"
    rubric_version: int | None = None
    aggregation: str = DEFAULT_AGGREGATION
    signal_rater: int | None = None
    channel: str = ""
    recipe_version: int | None = None
    min_gap: float = 0.0
    desirable_from: float | None = None
    undesirable_to: float | None = None
    raters: tuple[int, ...] = ()
    policies: tuple[int, ...] = ()
    tag: str = ""
    split: str = ""
    current_only: bool = True
    margin: bool = True
    weight: bool = False
    ids: bool = False
    fractions: dict[str, float] = field(default_factory=lambda: {"train": 0.9, "test": 0.1})
    seed: int = 0

    @property
    def export_format(self) -> ExportFormat:
        return EXPORT_FORMATS[self.format]

    @property
    def is_paired(self) -> bool:
        return self.export_format.kind == "preference"

    @property
    def is_of_votes(self) -> bool:
        """Whether raters chose between outputs, instead of giving each a value."""
        return self.source in (Source.COMPARISONS, Source.RANKINGS)

    @property
    def has_weight(self) -> bool:
        """Whether pairs have a column with their weight: only those of rankings differ in it."""
        return self.weight and self.is_paired and self.source == Source.RANKINGS

    @property
    def margin_is(self) -> str:
        """What the margin column holds, in words."""
        if self.is_of_votes:
            if self.combine == Combine.TOGETHER:
                return "share of the raters who prefer the chosen output, ties counted among the raters"
            if self.source == Source.RANKINGS:
                return "places between the two in the order"
            return "steps from the middle of the scale, 1 where the question had none"
        return {
            Source.RATINGS: "difference of the ratings",
            Source.SCORES: "difference of the scores",
            Source.SIGNALS: "difference of the totals",
            Source.RECIPE: "difference of the rewards",
        }[Source(self.source)]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"raters": list(self.raters), "policies": list(self.policies)}


def choices_from_json(data: Mapping[str, Any]) -> ExportChoices:
    """Check choices as far as they can be without the database.

    Raises
    ------
    AppError
        `export_invalid`, naming every field that is wrong.
    """
    problems = dict.fromkeys(data.keys() - {f.name for f in fields(ExportChoices)}, gettext("There is no such choice."))
    given = {name: value for name, value in data.items() if name not in problems}
    if holds_rubrics(given.get("format")):
        given.setdefault("source", Source.RUBRICS)
    if holds_rewards(given.get("format")):
        given.setdefault("source", Source.RECIPE)
    for name, check in _CHECKS.items():
        if name in given and (problem := check(given[name])):
            problems[name] = problem
    if not problems:
        problems = _unfit(ExportChoices(**given))
    if problems:
        first, problem = next(iter(problems.items()))
        raise AppError(
            f"{first}: {problem}",
            code="export_invalid",
            fields={name: [message] for name, message in problems.items()},
        )
    if "fractions" in given:
        given["fractions"] = ordered_splits(given["fractions"])
    return ExportChoices(**(given | {name: tuple(given[name]) for name in ("raters", "policies") if name in given}))


def holds_rubrics(format_name: object) -> bool:
    """Whether it is a format of tasks with their rubrics."""
    known = EXPORT_FORMATS.get(format_name) if isinstance(format_name, str) else None
    return known is not None and known.kind in RUBRIC_KINDS


def holds_rewards(format_name: object) -> bool:
    """Whether it is a format of outputs with a recipe's rewards."""
    known = EXPORT_FORMATS.get(format_name) if isinstance(format_name, str) else None
    return known is not None and known.kind == REWARDS


def ordered_splits(fractions: Mapping[str, float]) -> dict[str, float]:
    """Splits in the order in which people name them: a stored JSON object keeps none, and the order decides rows."""
    return dict(sorted(fractions.items(), key=lambda item: (_USUAL_SPLITS.get(item[0], len(_USUAL_SPLITS)), item[0])))


def _unfit(choices: ExportChoices) -> dict[str, str]:
    """What is right by itself but not together."""
    problems = {}
    file_types = choices.export_format.file_types
    if holds_rubrics(choices.format) != (choices.source == Source.RUBRICS):
        rubrics = ", ".join(name for name in EXPORT_FORMATS if holds_rubrics(name))
        problems["format"] = gettext("“%(source)s” goes with the formats %(rubrics)s, and only with them.") % {
            "source": gettext(SOURCE_TITLES[Source.RUBRICS]),
            "rubrics": rubrics,
        }
    if holds_rewards(choices.format) and choices.source != Source.RECIPE:
        problems["format"] = gettext("It is made from “%(source)s”, and from nothing else.") % {
            "source": gettext(SOURCE_TITLES[Source.RECIPE])
        }
    if choices.answers == Answers.FIRST and not (choices.is_of_votes or choices.source == Source.RATINGS):
        problems["answers"] = gettext("Answers take each other's place in comparisons, rankings and ratings only.")
    if choices.source == Source.RECIPE and choices.recipe_version is None:
        problems["recipe_version"] = gettext("Choose the recipe whose rewards to take.")
    if choices.file_type not in file_types:
        problems["file_type"] = gettext("This format is written as %(file_types)s.") % {
            "file_types": ", ".join(file_types)
        }
    try:
        check_fractions(choices.fractions)
    except ValueError as error:
        problems["fractions"] = f"{str(error)[:1].upper()}{str(error)[1:]}."
    if choices.source == Source.SIGNALS and not (choices.signal_rater and choices.channel):
        problems["channel"] = gettext("Choose whose signal to take, and which of its channels.")
    labelled = choices.export_format.kind == "unpaired" and not choices.is_of_votes
    if labelled and "format" not in problems:
        if choices.desirable_from is None or choices.undesirable_to is None:
            problems["desirable_from"] = gettext(
                "Say from which value on an output is desirable, and up to which it is not."
            )
        elif choices.desirable_from <= choices.undesirable_to:
            problems["desirable_from"] = gettext("It must lie above the value up to which outputs are undesirable.")
    return problems


def _one_of(*known: str) -> Any:
    return lambda value: None if value in known else f"Expected one of: {', '.join(known)}."


def _number(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return None if is_number else "Expected a number."


def _gap(value: Any) -> str | None:
    return _number(value) or (None if value >= 0 else "Expected a number from 0 on.")


def _seed(value: Any) -> str | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_SEED
    return None if fits else f"Expected a whole number from 0 to {LARGEST_SEED}."


def _key(value: Any) -> str | None:
    fits = value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63)
    return None if fits else "Expected an id."


def _keys(value: Any) -> str | None:
    fits = isinstance(value, list | tuple) and all(item is not None and _key(item) is None for item in value)
    return None if fits else "Expected a list of ids."


def _text(longest: int) -> Any:
    def check(value: Any) -> str | None:
        fits = isinstance(value, str) and len(value) <= longest and "\x00" not in value
        return None if fits else f"Expected at most {longest} characters."

    return check


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "Expected true or false."


def _optional_number(value: Any) -> str | None:
    return None if value is None else _number(value)


def _fractions(value: Any) -> str | None:
    fits = (
        isinstance(value, dict)
        and len(value) <= 10
        and all(isinstance(name, str) and len(name) <= 40 and not _number(share) for name, share in value.items())
    )
    return None if fits else 'Expected shares by name, such as {"train": 0.9, "test": 0.1}.'


_CHECKS: Mapping[str, Any] = {
    "format": _one_of(*EXPORT_FORMATS),
    "file_type": _one_of(*WRITERS),
    "source": _one_of(*Source),
    "combine": _one_of(*Combine),
    "pairing": _one_of(*Pairing),
    "answers": _one_of(*Answers),
    "question": _text(80),
    "rubric_version": _key,
    "aggregation": _one_of(*AGGREGATIONS),
    "signal_rater": _key,
    "channel": _text(80),
    "recipe_version": _key,
    "min_gap": _gap,
    "desirable_from": _optional_number,
    "undesirable_to": _optional_number,
    "raters": _keys,
    "policies": _keys,
    "tag": _text(100),
    "split": _text(40),
    "current_only": _flag,
    "margin": _flag,
    "weight": _flag,
    "ids": _flag,
    "fractions": _fractions,
    "seed": _seed,
}
