"""Brings the scores that an export reads up to date with the stored verdicts."""

from projects.models import Project
from rewards.actions.scores import derive_scores, derive_task_rubric_scores
from rewards.adjudicated import PREFIX
from rewards.exporting.choices import Answers, ExportChoices, Source
from rewards.exporting.recipes import derive_recipe_scores
from rewards.models import Rater, RubricVersion
from rewards.querysets.rater import RaterQuerySet


def derive_for(project: Project, choices: ExportChoices) -> str:
    """Derive the scores of the chosen rubric or recipe; the hash they are found by, empty for other sources.

    No model is asked. The verdicts of one rubric are held in memory meanwhile.
    """
    if choices.source == Source.RECIPE:
        return derive_recipe_scores(project, choices)
    if choices.source != Source.SCORES:
        return ""
    if choices.rubric_version is None:
        raters = _raters(Rater.objects.of_task_rubrics(project), choices)
        definition = derive_task_rubric_scores(project=project, rater_ids=raters, aggregation=choices.aggregation)
    else:
        version = (
            RubricVersion.objects.with_criteria()
            .select_related("rubric", "project")
            .get(project=project, pk=choices.rubric_version)
        )
        raters = _raters(Rater.objects.of_verdicts(version.rubric), choices)
        definition = derive_scores(version=version, rater_ids=raters, aggregation=choices.aggregation)
    return definition.hash


def _raters(judged: RaterQuerySet, choices: ExportChoices) -> tuple[int, ...]:
    """Whose verdicts count: those named, else everybody's, or those alone on which somebody settled."""
    if choices.answers == Answers.ADJUDICATED:
        judged = judged.filter(pseudonym__startswith=PREFIX)
    elif not choices.raters:
        judged = judged.exclude(pseudonym__startswith=PREFIX)
    if choices.raters:
        judged = judged.filter(pk__in=choices.raters)
    return tuple(judged.values_list("pk", flat=True))
