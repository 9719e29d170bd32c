"""From the names that a recipe uses to the rows of one project: raters, signals, rubrics. A name that fits nothing, or
several things, is told by its path before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from projects.models import Project
from rewards.adjudicated import is_settled
from rewards.models import Criterion, Judgment, Rater, RewardSignal, Rubric, RubricVersion, Segmentation
from rewards.querysets.signal import SignalChoice
from rewards.recipes.errors import RecipeError
from rewards.recipes.inputs import GIVEN, WORDS, RecipeInput
from rewards.recipes.tree import Recipe
from rewards.signals import DIAGNOSTIC_CHANNELS

_NAMED_IN_ERRORS: Final = 10
_JUDGED_BY: Final[Mapping[str, str]] = {
    "rating": Judgment.Kind.RATING,
    "rubric": Judgment.Kind.VERDICTS,
    "verdict": Judgment.Kind.VERDICTS,
    "comparison": Judgment.Kind.COMPARISON,
    "marks": Judgment.Kind.SPANS,
    "steps": Judgment.Kind.STEPS,
}
RATER_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "all": (Rater.Kind.PERSON, Rater.Kind.EXTERNAL, Rater.Kind.SCORER),
    "people": (Rater.Kind.PERSON, Rater.Kind.EXTERNAL),
    "models": (Rater.Kind.SCORER,),
}


@dataclass(frozen=True)
class Resolved:
    """What the names of a recipe stand for, by input.

    Attributes
    ----------
    signals : mapping of str to SignalChoice
    raters : mapping of str to tuple of int or None
        Keys of those whose answers count; None where they are meant by kind.
    versions : mapping of str to RubricVersion or None
        With criteria; None for each task's own rubric.
    """

    signals: Mapping[str, SignalChoice]
    raters: Mapping[str, tuple[int, ...] | None]
    versions: Mapping[str, RubricVersion | None]


def resolve(project: Project, recipe: Recipe, names: Collection[str], output_ids: Collection[int] = ()) -> Resolved:
    """Find what the inputs of these names read.

    At most seven queries and two for each input with a rubric. With `output_ids`, the signals of those outputs are
    looked at first, which an index serves; the project's only where they leave a question.

    Raises
    ------
    RecipeError
        ``inputs.NAME.SETTING``: what this project does not have, and what it has.
    """
    inputs = [recipe.inputs[name] for name in names]
    problems: dict[str, str] = {
        f"inputs.{given.name}.kind": "not bound yet: choose where in this project it comes from"
        for given in inputs
        if given.kind == GIVEN
    }
    found = _Raters(project, inputs)
    signals = _signals(project, inputs, found, output_ids, problems)
    raters = {given.name: found.of_judgments(given, problems) for given in inputs if given.kind in _READ_BY_RATER}
    versions = {given.name: _version(project, given, problems) for given in inputs if given.kind in _WITH_RUBRIC}
    if not problems:
        problems = _never_given(project, inputs) | _unknown_tokens(project, recipe)
    if problems:
        raise RecipeError(problems)
    return Resolved(signals, raters, versions)


_READ_BY_RATER: Final = frozenset({*_JUDGED_BY, "critiques"})
_WITH_RUBRIC: Final = frozenset({"rubric", "verdict"})


class _Raters:
    """The raters that a recipe names; one query."""

    def __init__(self, project: Project, inputs: Iterable[RecipeInput]) -> None:
        names: set[str] = set()
        for given in inputs:
            names.update(given.raters.names)
            if given.kind == "signal":
                names.add(given.text("rater"))
        self._project = project
        self._by_name: dict[str, list[Rater]] = {}
        # A person goes by the pseudonym alone: recipes are shown, exported and shared.
        raters = Rater.objects.of(project).filter(
            Q(pseudonym__in=names) | Q(name__in=names) & ~Q(kind=Rater.Kind.PERSON)
        )
        for rater in raters.order_by("pk") if names else ():
            for name in {rater.pseudonym, rater.label} & names:
                self._by_name.setdefault(name, []).append(rater)

    def one(self, name: str, path: str, problems: dict[str, str]) -> Rater | None:
        found = self._by_name.get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            problems[path] = f"{len(found)} raters are called {name!r}: expected one of {_listed(found)}"
        else:
            problems[path] = f"there is no rater {name!r} in this project: expected one such as {self._some()}"
        return None

    def of_judgments(self, given: RecipeInput, problems: dict[str, str]) -> tuple[int, ...] | None:
        if given.raters.whose != "named":
            return None
        path = f"inputs.{given.name}.raters"
        named = [self.one(name, f"{path}[{index}]", problems) for index, name in enumerate(given.raters.names)]
        found = [rater for rater in named if rater is not None]
        settled = [rater for rater in found if is_settled(rater)]
        if settled and len(settled) < len(found):
            problems[path] = f"{_listed(settled)} settled what others answered: expected it, or others, and not both"
        return tuple(rater.pk for rater in found)

    def _some(self) -> str:
        known = Rater.objects.of(self._project).order_by("-kind", "pk")[:_NAMED_IN_ERRORS]
        return ", ".join(rater.label for rater in known) or "none: nobody has judged anything yet"


def _listed(raters: Iterable[Rater]) -> str:
    return ", ".join(sorted(rater.pseudonym for rater in raters))


def _signals(
    project: Project,
    inputs: Iterable[RecipeInput],
    raters: _Raters,
    output_ids: Collection[int],
    problems: dict[str, str],
) -> dict[str, SignalChoice]:
    wanted: list[tuple[RecipeInput, int]] = []
    for given in inputs:
        if given.kind == "signal":
            rater = raters.one(given.text("rater"), f"inputs.{given.name}.rater", problems)
            if rater is not None:
                wanted.append((given, rater.pk))
    if not wanted:
        return {}
    keys = {rater for _, rater in wanted}
    signals = RewardSignal.objects.of(project).filter(rater__in=keys)
    near = signals.choices(output_ids) if output_ids else []
    chosen: dict[str, SignalChoice] = {}
    open_questions: list[tuple[RecipeInput, int]] = []
    for given, key in wanted:
        fitting = _fitting(given, key, near)
        if len(fitting) == 1:
            chosen[given.name] = fitting[0]
        else:
            open_questions.append((given, key))
    if open_questions:
        # These outputs may lack what others of the project have: that is a note, not an error.
        everywhere = signals.of_project_choices()
        for given, key in open_questions:
            fitting = _fitting(given, key, near) or _fitting(given, key, everywhere)
            problem = _which(given, key, fitting, everywhere)
            if problem:
                problems[f"inputs.{given.name}.{problem[0]}"] = problem[1]
            else:
                chosen[given.name] = fitting[0]
    return chosen


def _fitting(given: RecipeInput, rater: int, choices: Iterable[SignalChoice]) -> list[SignalChoice]:
    channel, segmenter = given.text("channel"), given.text("segmenter")
    return [
        choice
        for choice in choices
        if choice.rater_id == rater
        and (choice.channel == channel if channel else choice.channel not in DIAGNOSTIC_CHANNELS)
        and segmenter in ("", choice.segmenter)
    ]


def _which(
    given: RecipeInput, rater: int, fitting: list[SignalChoice], everywhere: list[SignalChoice]
) -> tuple[str, str] | None:
    """The setting that leaves a question, and what could stand there."""
    name = given.text("rater")
    if not fitting:
        known = sorted({choice.channel for choice in everywhere if choice.rater_id == rater})
        if not known:
            return "rater", f"{name} has stored no signal in this project"
        if given.text("channel") not in {*known, ""}:
            channel = given.text("channel")
            return "channel", f"{name} has no channel {channel!r}: expected one of {', '.join(known)}"
        cuts = sorted({choice.segmenter for choice in everywhere if choice.rater_id == rater})
        return "segmenter", f"{name} has no signal on these segments: expected one of {', '.join(cuts)}"
    channels = sorted({choice.channel for choice in fitting})
    if len(channels) > 1:
        return "channel", f"{name} has several channels: expected one of {', '.join(channels)}"
    if len(fitting) > 1:
        cuts = sorted({choice.segmenter for choice in fitting})
        return "segmenter", f"{name} has several segmentations: expected one of {', '.join(cuts)}"
    return None


def _version(project: Project, given: RecipeInput, problems: dict[str, str]) -> RubricVersion | None:
    name, number, path = given.text("rubric"), int(given.number("version")), f"inputs.{given.name}"
    if not name:
        return None
    rubric = Rubric.objects.of(project).shared().filter(name=name).first()
    if rubric is None:
        known = Rubric.objects.of(project).shared().active().order_by("name")[:_NAMED_IN_ERRORS]
        names = ", ".join(rubric.name for rubric in known) or "none is there"
        problems[f"{path}.rubric"] = f"there is no rubric {name!r} in this project: expected one of {names}"
        return None
    versions = rubric.versions.with_criteria().newest_first()
    version = versions.filter(number=number).first() if number else versions.first()
    if version is None:
        problems[f"{path}.version"] = f"{name} has no version {number}"
        return None
    if given.kind == "verdict":
        criteria = Criterion.objects.filter(version=version).values_list("key", flat=True)
        if given.text("criterion") not in set(criteria):
            problems[f"{path}.criterion"] = f"{name} has no such criterion: expected one of {', '.join(criteria)}"
    return version


def _never_given(project: Project, inputs: Iterable[RecipeInput]) -> dict[str, str]:
    """Kinds of answers that nobody in the project has ever given; one query for each kind that is asked for."""
    problems = {}
    kinds = {given.kind for given in inputs} & set(_JUDGED_BY)
    stored = {kind for kind in kinds if Judgment.objects.of(project).filter(kind=_JUDGED_BY[kind]).exists()}
    for given in inputs:
        if given.kind in kinds - stored:
            label = Judgment.Kind(_JUDGED_BY[given.kind]).label.lower()
            problems[f"inputs.{given.name}"] = f"this project has no {label} yet"
    return problems


def _unknown_tokens(project: Project, recipe: Recipe) -> dict[str, str]:
    if recipe.tokens == WORDS:
        return {}
    stored = Segmentation.objects.filter(project=project)
    if stored.filter(segmenter=recipe.tokens).exists():
        return {}
    known = stored.filter(segmenter__startswith="tokenizer:").order_by("segmenter").values_list("segmenter", flat=True)
    names = ", ".join(known.distinct()[:_NAMED_IN_ERRORS]) or "no tokenizer's tokens are stored"
    return {"tokens": f"nothing is cut by {recipe.tokens!r}: expected {WORDS}, or a stored tokenizer ({names})"}
