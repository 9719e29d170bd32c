"""The tasks of a project, and one task with its outputs."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from projects.access import Capability, allows, project_for
from projects.keyset import keyset_page
from projects.models import SavedFilter
from projects.requests import AuthedRequest
from rewards.access import other_version_for, task_for
from rewards.forms.task_filter import TaskFilterForm
from rewards.forms.task_view import TaskViewForm
from rewards.models import Judgment, Task
from rewards.rubrics.rules import AGGREGATIONS
from rewards.task_page.diff import diff_tasks
from rewards.task_page.page import task_page
from rewards.task_page.rows import tags_of, task_rows


@require_safe
@login_required
def task_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Current tasks, filtered and sorted; six queries whatever the number of tasks."""
    project = project_for(request.user, slug)
    form = TaskFilterForm(request.GET, project=project)
    tasks = Task.objects.of(project).for_list().matching(**form.conditions())
    page = keyset_page(tasks, ordering=form.ordering(), cursor=request.GET.get("cursor"))
    judgment_counts = Judgment.objects.count_by_task(task.pk for task in page.rows)
    context = {
        "project": project,
        "section": "tasks",
        "form": form,
        "page": page,
        "rows": task_rows(page.rows, judgment_counts),
        "tags": tags_of(page.rows),
        "saved_filters": project.saved_filters.filter(user=request.user, of_list=SavedFilter.List.TASKS),
    }
    template = "rewards/task_list.html" + ("#results" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_safe
@login_required
def task_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """One version of a task: prompt, outputs side by side with a signal over them, verdicts by rater."""
    task = task_for(request.user, slug, pk)
    form = TaskViewForm(request.GET)
    page = task_page(task, output_ids=form.output_ids, choice_keys=form.signal_keys, aggregation=form.aggregation_name)
    context = {
        "project": task.project,
        "section": "tasks",
        "task": task,
        "page": page,
        "may_review": allows(task.project, Capability.ANNOTATE),
        "aggregations": AGGREGATIONS.values(),
    }
    template = "rewards/task_detail.html" + ("#outputs" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_safe
@login_required
def task_diff(request: AuthedRequest, slug: str, pk: int, other: int) -> HttpResponse:
    """What changed from one version of a task to another."""
    task = task_for(request.user, slug, pk)
    old = other_version_for(task, other)
    context = {"project": task.project, "section": "tasks", "task": task, "old": old, "diff": diff_tasks(old, task)}
    return TemplateResponse(request, "rewards/task_diff.html", context)
