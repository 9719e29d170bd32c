"""Runs: listed, started, followed, stopped."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects.access import Capability, allows, project_for
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.keyset import keyset_page
from projects.requests import AuthedRequest
from rewards.provenance import shown_replies
from workers.access import attempt_for, manageable_run_for, run_for
from workers.actions.runs import cancel_run, resume_run, retry_failed, start_run
from workers.estimation import estimate_run
from workers.forms.run import RunForm
from workers.forms.server import RunBudgetForm
from workers.models import Run, RunItem
from workers.progress import progress_of, publish, reason_label
from workers.selection import OutputSelection


@require_safe
@login_required
def run_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """The runs of a project, latest first."""
    project = project_for(request.user, slug)
    page = keyset_page(Run.objects.of(project).for_list(), cursor=request.GET.get("cursor"))
    is_live = any(run.is_active for run in page.rows)
    context = {"project": project, "section": "runs", "page": page, "is_live": is_live}
    return TemplateResponse(request, "workers/run_list.html" + ("#runs" if request.htmx else ""), context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def run_create(request: AuthedRequest, slug: str) -> HttpResponse:
    """Pick scorer and outputs, see the estimate, start."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = RunForm(request.POST or None, project=project, initial={"scorer": request.GET.get("scorer")})
    if form.is_valid():
        chosen = form.cleaned_data
        try:
            run = start_run(
                project=project,
                scorer=chosen["scorer"],
                selection=form.selection(),
                repeats=chosen["repeats"],
                name=chosen["name"],
                budget=chosen["budget"],
                actor=request.user,
            )
        except AppError as error:
            show_in_form(form, error)
        else:
            return redirect("workers:run-detail", slug=slug, pk=run.pk)
    context = {"project": project, "section": "runs", "form": form}
    return TemplateResponse(request, "workers/run_form.html", context)


@require_POST
@login_required
def run_estimate(request: AuthedRequest, slug: str) -> HttpResponse:
    """What the run in the form would cost."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = RunForm(request.POST, project=project)
    estimate = None
    if form.is_valid():
        estimate = estimate_run(
            project=project,
            scorer=form.cleaned_data["scorer"],
            selection=form.selection(),
            repeats=form.cleaned_data["repeats"],
        )
    context = {"project": project, "form": form, "estimate": estimate}
    return TemplateResponse(request, "workers/run_form.html#estimate", context)


@require_safe
@login_required
def run_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """One run, live; its progress alone for htmx."""
    run = run_for(request.user, slug, pk)
    return _run_page(request, run)


@require_POST
@login_required
def run_change(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Cancel, resume, or try again what failed, by the button that was pressed."""
    run = manageable_run_for(request.user, slug, pk)
    if "cancel" in request.POST:
        cancel_run(run=run, actor=request.user)
    elif "resume" in request.POST:
        resume_run(run=run, actor=request.user)
    elif "retry" in request.POST:
        retry_failed(run=run, actor=request.user)
    publish(run.pk, now=True)
    if request.htmx:
        return _run_page(request, run_for(request.user, slug, pk))
    return redirect("workers:run-detail", slug=slug, pk=pk)


def _run_page(request: AuthedRequest, run: Run) -> HttpResponse:
    models = list(run.scorer.models.select_related("endpoint").order_by("role"))
    is_priced = any(use.endpoint.prices for use in models)
    context = {
        "project": run.project,
        "section": "runs",
        "run": run,
        "progress": progress_of(run),
        "selection": OutputSelection.from_json(run.selection),
        "models": models,
        "budget_form": RunBudgetForm(initial={"budget": run.budget})
        if is_priced and allows(run.project, Capability.MANAGE)
        else None,
    }
    return TemplateResponse(request, "workers/run_detail.html" + ("#progress" if request.htmx else ""), context)


@require_safe
@login_required
def run_items(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """The items of a run by what came of them, with the last attempt's words."""
    run = run_for(request.user, slug, pk)
    status, reason = request.GET.get("status", ""), request.GET.get("reason", "")
    items = RunItem.objects.of(run).matching(status=status, reason=reason).for_list().with_last_attempt()
    context = {
        "project": run.project,
        "section": "runs",
        "run": run,
        "status": status,
        "reason": reason_label(reason) if reason else "",
        "statuses": RunItem.Status.choices,
        "page": keyset_page(items, ordering="id", cursor=request.GET.get("cursor")),
    }
    return TemplateResponse(request, "workers/run_items.html", context)


@require_safe
@login_required
def attempt_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """One attempt with what models said where it could not be used, and the traceback of an error, for managers."""
    attempt = attempt_for(request.user, slug, pk)
    replies = shown_replies(attempt.replies)
    context = {
        "project": attempt.project,
        "section": "runs",
        "attempt": attempt,
        "reason": reason_label(attempt.reason) if attempt.reason else "",
        "replies": replies,
        "n_understood": sum(reply.is_understood for reply in replies),
    }
    return TemplateResponse(request, "workers/attempt_detail.html" + ("#traceback" if request.htmx else ""), context)
