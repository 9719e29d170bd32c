"""Who may see and change what the rewards app keeps: the only door, for pages, API and sockets alike.

Everything here shows policies and other people's answers, so it takes the capability to view; annotators reach outputs
through their assignments alone. Each returned object carries its project as `projects.access` loaded it, with the
viewer's role.
"""

from typing import TypeVar

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext

from projects.access import Capability, project_for, require
from projects.errors import AppError
from projects.models import Project, User
from rewards.models import (
    Export,
    ExportFile,
    ImportBatch,
    Judgment,
    Output,
    Rater,
    Recipe,
    RecipeVersion,
    RewardName,
    RewardSignal,
    Rubric,
    RubricVersion,
    SpanMark,
    Task,
)

Row = TypeVar("Row", Export, ImportBatch, Judgment, Output, Recipe, RewardName, RewardSignal, Rubric, Task)


def task_for(user: User, slug: str, pk: int) -> Task:
    """One version of a task (two queries)."""
    return _of_project(user, slug, Task.objects.all(), pk)


def other_version_for(task: Task, pk: int) -> Task:
    """Another version of a task that the user may see (one query)."""
    other = Task.objects.filter(project_id=task.project_id, external_id=task.external_id, pk=pk).first()
    if other is None:
        raise Http404
    return other


def current_task_for(project: Project, external_id: str) -> Task | None:
    """The current version of a task by its id, in a project that the user was let into; None where there is none."""
    return Task.objects.of(project).current().filter(external_id=external_id).first()


def output_for(user: User, slug: str, pk: int) -> Output:
    """One version of an output, with its policy (two queries)."""
    return _of_project(user, slug, Output.objects.select_related("policy"), pk)


def judgment_for(user: User, slug: str, pk: int) -> Judgment:
    """One judgment with its answers and the texts that its spans lie in."""
    return _of_project(user, slug, Judgment.objects.with_answers().with_marked_texts(), pk)


def traced_judgment_for(user: User, slug: str, pk: int) -> Judgment:
    """One judgment with its rater, its task's id and what models said for it, without its answers (two queries)."""
    judgments = Judgment.objects.select_related("rater", "trace", "task").defer("task__messages", "task__context")
    return _of_project(user, slug, judgments, pk)


def reviewable_mark_for(user: User, slug: str, pk: int) -> SpanMark:
    """A model's standing mark, with its output, that `user` may accept, change or reject (two queries).

    That takes both to see what models said, which annotators may not, and to judge, which viewers may not.
    """
    project = project_for(user, slug)
    require(project, Capability.ANNOTATE)
    marks = SpanMark.objects.select_related("output", "judgment__rater").filter(
        judgment__project=project, judgment__withdrawn_at=None, judgment__rater__kind=Rater.Kind.SCORER
    )
    mark = marks.filter(pk=pk).first()
    if mark is None:
        raise Http404
    mark.output.project = project
    return mark


def signal_for(user: User, slug: str, pk: int) -> RewardSignal:
    """One stored signal without its values."""
    return _of_project(user, slug, RewardSignal.objects.for_list(), pk)


def rubric_for(user: User, slug: str, pk: int) -> Rubric:
    """A rubric to read (two queries)."""
    return _of_project(user, slug, Rubric.objects.all(), pk)


def editable_rubric_for(user: User, slug: str, pk: int) -> Rubric:
    """A rubric that `user` may give new versions; 403 for who may only read it."""
    return _of_project(user, slug, Rubric.objects.all(), pk, needs=Capability.MANAGE)


def rubric_version_for(user: User, slug: str, pk: int, number: int | None = None) -> RubricVersion:
    """A version of a rubric with its criteria; the newest one without `number` (four queries)."""
    rubric = rubric_for(user, slug, pk)
    versions = rubric.versions.with_criteria().newest_first()
    version = versions.first() if number is None else versions.filter(number=number).first()
    if version is None:
        raise Http404
    version.rubric, version.project = rubric, rubric.project
    return version


def recipe_for(user: User, slug: str, pk: int, *, needs: Capability = Capability.VIEW) -> Recipe:
    """A recipe to read, or with MANAGE to give new versions (two queries)."""
    return _of_project(user, slug, Recipe.objects.all(), pk, needs=needs)


def recipe_version_for(user: User, slug: str, pk: int, number: int | None = None) -> RecipeVersion:
    """A version of a recipe; the newest one without `number` (three queries)."""
    recipe = recipe_for(user, slug, pk)
    versions = recipe.versions.newest_first()
    version = versions.first() if number is None else versions.filter(number=number).first()
    if version is None:
        raise Http404
    version.recipe, version.project = recipe, recipe.project
    return version


def reward_name_for(user: User, slug: str, pk: int, *, needs: Capability = Capability.VIEW) -> RewardName:
    """A name that a reward goes by, with the version behind it (two queries)."""
    return _of_project(user, slug, RewardName.objects.for_list(), pk, needs=needs)


def named_version_for(user: User, slug: str, name: str) -> RecipeVersion:
    """The version that a name stands for (two queries).

    Raises
    ------
    AppError
        ``reward_name_unknown`` (404).
    """
    project = project_for(user, slug)
    given = RewardName.objects.of(project).select_related("version__recipe").filter(name=name).first()
    if given is None:
        raise AppError(
            gettext("No reward goes by the name %(name)s here.") % {"name": repr(name)},
            code="reward_name_unknown",
            status=404,
        )
    given.version.project = project
    return given.version


def import_for(user: User, slug: str, pk: int) -> ImportBatch:
    """An import to follow or undo, with its author (two queries); 403 for who may not manage."""
    return _of_project(user, slug, ImportBatch.objects.for_list(), pk, needs=Capability.MANAGE)


def export_for(user: User, slug: str, pk: int, *, needs: Capability = Capability.VIEW) -> Export:
    """An export to read and download, or with MANAGE to cancel and delete; with its author (two queries)."""
    return _of_project(user, slug, Export.objects.select_related("created_by"), pk, needs=needs)


def export_file_for(user: User, slug: str, pk: int, file: int) -> ExportFile:
    """One file of a ready export (three queries)."""
    export = export_for(user, slug, pk)
    found = export.files.filter(pk=file).first()
    if found is None:
        raise Http404
    found.export = export
    return found


def _of_project(user: User, slug: str, rows: QuerySet[Row], pk: int, *, needs: Capability = Capability.VIEW) -> Row:
    project = project_for(user, slug, needs=needs)
    row = rows.filter(project=project, pk=pk).first()
    if row is None:
        raise Http404
    row.project = project
    return row
