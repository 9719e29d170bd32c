"""The models that a project may use."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from projects.access import Capability, project_for, require
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.requests import AuthedRequest
from workers.access import endpoint_for
from workers.actions.endpoints import probe_again, register_endpoint
from workers.budgets import project_budget
from workers.forms.endpoint import EndpointForm
from workers.forms.server import ProjectBudgetForm
from workers.models import ModelEndpoint, WorkerHeartbeat


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def endpoint_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Models with their state, and the workers that live; managers register models here."""
    project = project_for(request.user, slug)
    form = EndpointForm()
    if request.method == "POST":
        require(project, Capability.MANAGE)
        form = EndpointForm(request.POST)
        if form.is_valid():
            try:
                endpoint = register_endpoint(project=project, actor=request.user, **form.cleaned_data)
            except AppError as error:
                show_in_form(form, error)
            else:
                messages.success(
                    request, gettext("%(name)s is registered; a worker looks at it next.") % {"name": endpoint.name}
                )
                return redirect("workers:endpoint-list", slug=slug)
    budget = project_budget(project)
    context = {
        "project": project,
        "section": "sources",
        "tab": "models",
        "form": form,
        "endpoints": (endpoints := list(ModelEndpoint.objects.offered_to(project))),
        "is_waiting": any(endpoint.state == ModelEndpoint.State.WAITING for endpoint in endpoints),
        "budget": budget,
        "budget_form": ProjectBudgetForm(initial={"amount": budget.amount if budget else None}),
        "workers": WorkerHeartbeat.objects.alive().order_by("queue", "name"),
    }
    template = "workers/endpoint_list.html" + ("#endpoints" if request.htmx and request.method != "POST" else "")
    return TemplateResponse(request, template, context)


@require_POST
@login_required
def endpoint_probe(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Look at a model anew."""
    endpoint = endpoint_for(request.user, slug, pk, needs=Capability.MANAGE)
    probe_again(endpoint=endpoint, actor=request.user)
    messages.success(request, gettext("A worker looks at %(name)s next.") % {"name": endpoint.name})
    return redirect("workers:endpoint-list", slug=slug)
