"""Choices in words, with names for keys: what the manifest and the card say."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import Project
from rewards.exporting.choices import (
    ANSWERS_TITLES,
    COMBINE_TITLES,
    PAIRING_TITLES,
    SOURCE_TITLES,
    ExportChoices,
    Source,
)
from rewards.exporting.recipes import recipe_version_of
from rewards.formats.registry import REWARDS
from rewards.models import Policy, Rater, RecipeVersion, RewardSignal, RubricVersion
from rewards.rubrics.rules import AGGREGATIONS

FACTS = (
    "source", "question", "rubric", "aggregation", "aggregation_title", "signal_of", "scorer_hash", "channel", "recipe",
    "answers", "raters_combined", "pairs", "smallest_margin", "margin", "weight",
    "desirable_from", "undesirable_to", "raters", "policies",
    "tag", "split_of_tasks", "versions", "channels",
)  # fmt: skip
"""The names that `described` gives to choices, in the order in which people read them."""


def check_references(project: Project, choices: ExportChoices) -> None:
    """Raise the 400 `export_invalid` where a key names nothing of this project."""
    missing: dict[str, list[str]] = {}
    if len(_raters(project, choices)) < len(set(choices.raters)):
        missing["raters"] = [gettext("One of these raters is not of this project.")]
    if len(_policies(project, choices)) < len(set(choices.policies)):
        missing["policies"] = [gettext("One of these policies is not of this project.")]
    wants_version = choices.source == Source.SCORES and choices.rubric_version is not None
    if wants_version and not RubricVersion.objects.filter(project=project, pk=choices.rubric_version or 0).exists():
        missing["rubric_version"] = [gettext("There is no such version of a rubric in this project.")]
    if choices.source == Source.SIGNALS:
        stored = RewardSignal.objects.of(project).filter(rater=choices.signal_rater, channel=choices.channel)
        if not stored.exists():
            missing["channel"] = [gettext("This rater has no such signal.")]
    wants_recipe = choices.source == Source.RECIPE
    if wants_recipe and not RecipeVersion.objects.filter(project=project, pk=choices.recipe_version or 0).exists():
        missing["recipe_version"] = [gettext("There is no such version of a recipe in this project.")]
    if missing:
        field, (message, *_) = next(iter(missing.items()))
        raise AppError(f"{field}: {message}", code="export_invalid", fields=missing)


def described(project: Project, choices: ExportChoices) -> dict[str, Any]:
    """The choices that matter for this source, by name, in words."""
    facts: dict[str, Any] = {"source": SOURCE_TITLES[choices.source]}
    facts |= _OF_SOURCE[choices.source](project, choices)
    if choices.source == Source.RUBRICS:
        return facts | {
            "tag": choices.tag or "any",
            "split_of_tasks": choices.split or "any",
            "versions": "current ones only",
        }
    if choices.source in (Source.COMPARISONS, Source.RANKINGS, Source.RATINGS, Source.SCORES):
        facts["answers"] = ANSWERS_TITLES[choices.answers]
    if choices.source in (Source.COMPARISONS, Source.RANKINGS, Source.RATINGS):
        facts["raters_combined"] = COMBINE_TITLES[choices.combine]
    if choices.export_format.kind == REWARDS:
        return facts | _scope_facts(project, choices) | {"channels": "all"}
    if choices.is_paired and choices.source != Source.COMPARISONS:
        facts["pairs"] = PAIRING_TITLES[choices.pairing]
    if choices.is_paired or choices.is_of_votes:
        facts["smallest_margin"] = choices.min_gap
    if choices.is_paired:
        facts["margin"] = choices.margin_is if choices.margin else "no column"
    elif not choices.is_of_votes:
        facts |= {"desirable_from": choices.desirable_from, "undesirable_to": choices.undesirable_to}
    if choices.has_weight:
        facts["weight"] = "1 / C(K, 2) for a pair of an order of K outputs; with several raters, the mean"
    facts["raters"] = _raters(project, choices) or "all"
    return facts | _scope_facts(project, choices) | {"channels": "answer"}


def _scope_facts(project: Project, choices: ExportChoices) -> dict[str, Any]:
    return {
        "policies": _policies(project, choices) or "all",
        "tag": choices.tag or "any",
        "split_of_tasks": choices.split or "any",
        "versions": "current ones only" if choices.current_only else "all",
    }


def _raters(project: Project, choices: ExportChoices) -> list[str]:
    raters = Rater.objects.of(project).filter(pk__in=choices.raters).order_by("pk")
    return [rater.label for rater in raters]


def _policies(project: Project, choices: ExportChoices) -> list[str]:
    named = Policy.objects.filter(project=project, pk__in=choices.policies)
    return list(named.order_by("pk").values_list("name", flat=True))


def _rating_facts(project: Project, choices: ExportChoices) -> dict[str, Any]:
    return {"question": choices.question}


def _score_facts(project: Project, choices: ExportChoices) -> dict[str, Any]:
    rubric: Any = "each task's own, in its newest version"
    if choices.rubric_version is not None:
        version = RubricVersion.objects.select_related("rubric").get(project=project, pk=choices.rubric_version)
        rubric = {"name": version.rubric.name, "version": version.number, "sha256": version.content_hash}
    aggregation = AGGREGATIONS[choices.aggregation]
    return {"rubric": rubric, "aggregation": choices.aggregation, "aggregation_title": aggregation.title}


def _signal_facts(project: Project, choices: ExportChoices) -> dict[str, Any]:
    assert choices.signal_rater is not None
    rater = Rater.objects.of(project).get(pk=choices.signal_rater)
    return {"signal_of": rater.label, "scorer_hash": rater.scorer_hash or "", "channel": choices.channel}


def _recipe_facts(project: Project, choices: ExportChoices) -> dict[str, Any]:
    version = recipe_version_of(project, choices)
    return {"recipe": {"name": version.recipe.name, "version": version.number, "sha256": version.content_hash}}


_OF_SOURCE: dict[str, Callable[[Project, ExportChoices], dict[str, Any]]] = {
    Source.COMPARISONS: lambda project, choices: {},
    Source.RANKINGS: lambda project, choices: {},
    Source.RATINGS: _rating_facts,
    Source.SCORES: _score_facts,
    Source.SIGNALS: _signal_facts,
    Source.RECIPE: _recipe_facts,
    Source.RUBRICS: lambda project, choices: {"rubric": "each task's own, in its newest version"},
}
