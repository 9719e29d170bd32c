"""Trying a scorer on one output, or on one task's outputs, and seeing what comes of it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from projects.access import project_for
from projects.errors import AppError
from projects.requests import AuthedRequest
from rewards.models import Output, Task
from workers.access import manageable_scorer_for, run_for
from workers.actions.runs import start_run
from workers.forms.trial import TrialForm
from workers.progress import progress_of
from workers.sources.registry import SOURCES
from workers.trial import trial_of

_MOST_OPTIONS = 20


@require_POST
@login_required
def trial_create(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Start a run of one item; what was scored before is shown at once."""
    scorer = manageable_scorer_for(request.user, slug, pk)
    source = SOURCES.get(scorer.source)
    reads_group = source is not None and source.declaration.reads_group
    form = TrialForm(request.POST, reads_group=reads_group)
    noun = "task" if reads_group else "output"
    if not form.is_valid():
        messages.error(request, gettext("Name the %(noun)s to try it on.") % {"noun": noun})
        return redirect("workers:scorer-detail", slug=slug, pk=pk)
    chosen = form.cleaned_data["chosen"]
    try:
        run = start_run(
            project=scorer.project,
            scorer=scorer,
            selection=form.selection(),
            name=f"Trial on {chosen}"[:200],
            actor=request.user,
        )
    except AppError as error:
        is_unknown = error.code == "nothing_selected"
        messages.error(
            request,
            gettext("There is no %(noun)s %(chosen)s to score in this project.")
            % {"noun": noun, "chosen": repr(chosen)}
            if is_unknown
            else str(error),
        )
        return redirect("workers:scorer-detail", slug=slug, pk=pk)
    return redirect("workers:trial-detail", slug=slug, pk=pk, run_pk=run.pk)


@require_safe
@login_required
def trial_detail(request: AuthedRequest, slug: str, pk: int, run_pk: int) -> HttpResponse:
    """What the scorer says about the one item; it looks again until the run is over."""
    run = run_for(request.user, slug, run_pk)
    if run.scorer_id != pk:
        raise Http404
    trial = trial_of(run, choice_key=request.GET.get("signal"))
    if trial is None:
        raise Http404
    source = SOURCES.get(run.scorer.source)
    context = {
        "project": run.project,
        "section": "sources",
        "run": run,
        "scorer": run.scorer,
        "declaration": source.declaration if source else None,
        "trial": trial,
        "page": trial.page,
        "task": trial.item.output.task,
        "progress": progress_of(run),
        "models": run.scorer.models.select_related("endpoint").order_by("role"),
    }
    return TemplateResponse(request, "workers/trial_detail.html" + ("#trial" if request.htmx else ""), context)


@require_safe
@login_required
def output_options(request: AuthedRequest, slug: str) -> HttpResponse:
    """Outputs whose id holds what was typed, for a list of suggestions."""
    project = project_for(request.user, slug)
    typed = request.GET.get("output") or request.GET.get("chosen") or ""
    context = {"rows": Output.objects.of(project).with_id_like(typed)[:_MOST_OPTIONS]}
    return TemplateResponse(request, "workers/pick_options.html", context)


@require_safe
@login_required
def task_options(request: AuthedRequest, slug: str) -> HttpResponse:
    """Tasks whose id holds what was typed, for a list of suggestions."""
    project = project_for(request.user, slug)
    context = {"rows": Task.objects.of(project).with_id_like(request.GET.get("chosen", ""))[:_MOST_OPTIONS]}
    return TemplateResponse(request, "workers/pick_options.html", context)
