"""Brings the scores that an export reads up to date with the stored verdicts."""

from projects.models import Project
from rewards.actions.scores import derive_scores, derive_task_rubric_scores
from rewards.exporting.choices import ExportChoices, Source
from rewards.exporting.recipes import derive_recipe_scores
from rewards.models import Rater, RubricVersion


def derive_for(project: Project, choices: ExportChoices) -> str:
    """Derive the scores of the chosen rubric or recipe; the hash they are found by, empty for other sources.

    No model is asked. The verdicts of one rubric are held in memory meanwhile.
    """
    if choices.source == Source.RECIPE:
        return derive_recipe_scores(project, choices)
    if choices.source != Source.SCORES:
        return ""
    if choices.rubric_version is None:
        raters = choices.raters or tuple(Rater.objects.of_task_rubrics(project).values_list("pk", flat=True))
        definition = derive_task_rubric_scores(project=project, rater_ids=raters, aggregation=choices.aggregation)
    else:
        version = (
            RubricVersion.objects.with_criteria()
            .select_related("rubric", "project")
            .get(project=project, pk=choices.rubric_version)
        )
        raters = choices.raters or tuple(Rater.objects.of_verdicts(version.rubric).values_list("pk", flat=True))
        definition = derive_scores(version=version, rater_ids=raters, aggregation=choices.aggregation)
    return definition.hash
