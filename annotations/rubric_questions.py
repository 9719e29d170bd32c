"""Criteria of a rubric as questions for people, so that their answers meet a judge's verdicts on the same criterion."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Max

from projects.models import Project
from rewards.models import Criterion, RubricVersion

BINARY_ANCHORS = {"1": "Not at all", "5": "Completely"}
BINARY_LEVELS = [{"label": "Yes", "value": 1.0, "anchor": ""}, {"label": "No", "value": 0.0, "anchor": ""}]
"""The verdicts on a binary criterion, as judges give them too."""


def rating_of(criterion: Criterion) -> dict[str, Any]:
    """A rating question for one criterion, as `annotations.protocols` reads it.

    A criterion with levels is rated on its levels, from 1 for the first; a binary one from 1 to 5.
    """
    levels = criterion.levels if 2 <= len(criterion.levels) <= 11 else []
    anchors = {
        str(number): level["label"] + (f": {level['anchor']}" if level.get("anchor") else "")
        for number, level in enumerate(levels, start=1)
    }
    return {
        "kind": "rating",
        "key": criterion.key.lower().strip("-_") or f"criterion-{criterion.pk}",
        "prompt": criterion.text[:1000],
        "scale_low": 1,
        "scale_high": len(levels) or 5,
        "anchors": {level: words[:300] for level, words in (anchors or BINARY_ANCHORS).items()},
        "allow_na": criterion.may_be_na,
        "criterion": criterion.pk,
    }


def checklist_of(version: RubricVersion) -> dict[str, Any]:
    """One question with a verdict for every criterion of the rubric; one query unless `criteria` is prefetched."""
    return {
        "kind": "checklist",
        "key": "",
        "prompt": f"Does the response meet these criteria? ({version.rubric.name})"[:1000],
        "criteria": [checked_criterion(criterion) for criterion in version.criteria.all()],
        "evidence": True,
    }


def checked_criterion(criterion: Criterion) -> dict[str, Any]:
    """A criterion as `annotations.protocols.checklist` keeps it."""
    levels = [
        {"label": level["label"], "value": level["value"], "anchor": level.get("anchor", "")}
        for level in criterion.levels
    ]
    return {
        "criterion": criterion.pk,
        "key": criterion.key,
        "text": criterion.text.strip(),
        "levels": levels or BINARY_LEVELS,
        "allow_na": criterion.may_be_na,
    }


def criteria_problems(project: Project, questions: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What is wrong with the criteria that questions name, by `questions.<index>.<field>`; one query.

    Parameters
    ----------
    questions : sequence of dict
        As `Question.config` writes them. Those of a checklist must read as the rubric does, for its verdicts count as
        verdicts on the rubric.
    """
    wanted = {pk for question in questions for pk in _named_by(question)}
    known = {found.pk: found for found in Criterion.objects.filter(project=project, pk__in=wanted)} if wanted else {}
    problems: dict[str, list[str]] = defaultdict(list)
    for index, question in enumerate(questions):
        if question.get("criterion") and question["criterion"] not in known:
            problems[f"questions.{index}.criterion"].append("This project has no such criterion.")
        for row, asked in enumerate(question.get("criteria", ())):
            where = f"questions.{index}.criteria.{row}"
            found = known.get(asked["criterion"])
            if found is None:
                problems[where].append("This project has no such criterion.")
            elif asked != checked_criterion(found):
                problems[where].append("This is not what the criterion says. Add the checklist anew from its rubric.")
    return problems


def outdated_rubrics(questions: Sequence[Mapping[str, Any]]) -> list[tuple[RubricVersion, int]]:
    """Rubric versions that questions ask by and that have a newer one, with the newest number; two queries, or none."""
    wanted = {pk for question in questions for pk in _named_by(question)}
    if not wanted:
        return []
    asked = RubricVersion.objects.filter(criteria__in=wanted).distinct().select_related("rubric")
    newest: Mapping[int, int] = dict(
        RubricVersion.objects.filter(rubric__versions__criteria__in=wanted)
        .order_by()
        .values_list("rubric")
        .annotate(newest=Max("number"))
    )
    outdated = (version for version in asked.order_by("pk") if version.number < newest[version.rubric_id])
    return [(version, newest[version.rubric_id]) for version in outdated]


def _named_by(question: Mapping[str, Any]) -> Iterable[int]:
    if question.get("criterion"):
        yield question["criterion"]
    for asked in question.get("criteria", ()):
        yield asked["criterion"]
