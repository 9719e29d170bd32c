"""Models behind HTTP: registered, and changed in their terms; and the project's budget for them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from projects.access import Capability, project_for
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.requests import AuthedRequest
from workers.access import endpoint_for, manageable_run_for
from workers.actions.budgets import set_project_budget, set_run_budget
from workers.actions.servers import change_server, register_server
from workers.budgets import endpoint_budget
from workers.forms.server import ChangedTermsForm, ProjectBudgetForm, RunBudgetForm, ServerForm
from workers.models import ModelEndpoint


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def server_create(request: AuthedRequest, slug: str) -> HttpResponse:
    """Name a served model; a worker looks at it next."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = ServerForm(request.POST or None)
    if form.is_valid():
        chosen = form.cleaned_data
        try:
            endpoint = register_server(
                project=project,
                name=chosen["name"],
                url=chosen["url"],
                served_model=chosen["served_model"],
                key=chosen["key"],
                terms=form.terms(),
                actor=request.user,
            )
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(
                request, gettext("%(name)s is registered; a worker looks at it next.") % {"name": endpoint.name}
            )
            return redirect("workers:endpoint-list", slug=slug)
    context = {"project": project, "section": "sources", "form": form}
    return TemplateResponse(request, "workers/endpoint_server.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def endpoint_terms(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Key, limits, prices and budget of a served model of the project's own."""
    endpoint = endpoint_for(request.user, slug, pk, needs=Capability.MANAGE)
    if endpoint.engine != ModelEndpoint.Engine.OPENAI:
        raise Http404
    project = project_for(request.user, slug)
    form = ChangedTermsForm(request.POST or None, initial=ChangedTermsForm.initial_of(endpoint))
    if form.is_valid():
        try:
            resumed = change_server(endpoint=endpoint, terms=form.terms(), key=form.new_key(), actor=request.user)
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(
                request,
                gettext("%(name)s is changed.%(going_on)s") % {"name": endpoint.name, "going_on": _going_on(resumed)},
            )
            return redirect("workers:endpoint-list", slug=slug)
    context = {
        "project": project,
        "section": "sources",
        "form": form,
        "endpoint": endpoint,
        "budget": endpoint_budget(endpoint),
    }
    return TemplateResponse(request, "workers/endpoint_server.html", context)


@require_POST
@login_required
def project_budget(request: AuthedRequest, slug: str) -> HttpResponse:
    """Bound what all runs of the project may spend together."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = ProjectBudgetForm(request.POST)
    if form.is_valid():
        resumed = set_project_budget(project=project, amount=form.cleaned_data["amount"], actor=request.user)
        messages.success(
            request, gettext("The project's budget is set.%(going_on)s") % {"going_on": _going_on(resumed)}
        )
    else:
        messages.error(request, gettext("The budget was not set: a number from 0 on is expected, or nothing."))
    return redirect("workers:endpoint-list", slug=slug)


@require_POST
@login_required
def run_budget(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Bound what a run may spend; one that had reached its budget goes on."""
    run = manageable_run_for(request.user, slug, pk)
    form = RunBudgetForm(request.POST)
    if form.is_valid():
        was_stopped = run.is_stopped_by_budget
        set_run_budget(run=run, amount=form.cleaned_data["budget"], actor=request.user)
        messages.success(
            request,
            gettext("The run's budget is set.%(going_on)s")
            % {"going_on": _going_on(int(was_stopped and run.is_active))},
        )
    else:
        messages.error(request, gettext("The budget was not set: a number from 0 on is expected, or nothing."))
    return redirect("workers:run-detail", slug=slug, pk=pk)


def _going_on(runs: int) -> str:
    if not runs:
        return ""
    return " One run goes on." if runs == 1 else f" {runs} runs go on."
