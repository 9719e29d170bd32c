"""Artefacts and the fits by which they are made: listed, asked for, followed, read."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects.access import Capability, project_for
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.keyset import keyset_page
from projects.requests import AuthedRequest
from rewards.models import Export
from workers.access import artefact_for, fit_for
from workers.actions.artefacts import cancel_fit, request_fit, retry_fit
from workers.artefact_files import PREFIX
from workers.export_rows import has_labels
from workers.fit_pictures import loss_curve, measures
from workers.forms.fit import FitForm
from workers.models import Artefact, Fit, ModelEndpoint
from workers.sources.registry import SOURCES
from workers.training.registry import TRAINERS

_OPEN_SHOWN = 20


@require_safe
@login_required
def artefact_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Fitted weights of a project, the latest first; what is being fitted or failed stands above."""
    project = project_for(request.user, slug)
    page = keyset_page(Artefact.objects.of(project).for_list(), cursor=request.GET.get("cursor"))
    fits = list(Fit.objects.of(project).exclude(status=Fit.Status.FINISHED).for_list()[:_OPEN_SHOWN])
    context = {
        "project": project,
        "section": "sources",
        "tab": "artefacts",
        "page": page,
        "rows": [(artefact, TRAINERS.get(artefact.source), measures(artefact.metrics)) for artefact in page.rows],
        "fits": fits,
        "is_live": any(fit.is_open for fit in fits),
        "trainers": [trainer.declaration for trainer in TRAINERS.values()],
    }
    template = "workers/artefact_list.html" + ("#artefacts" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_safe
@login_required
def artefact_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What was fitted, on what, how well it does on what was held out, and how to use it."""
    artefact = artefact_for(request.user, slug, pk)
    trainer = TRAINERS.get(artefact.source)
    adapter = f"{PREFIX}{artefact.sha256}"
    context = {
        "project": artefact.project,
        "section": "sources",
        "artefact": artefact,
        "trainer": trainer.declaration if trainer else None,
        "measures": measures(artefact.metrics),
        "curve": loss_curve(artefact.metrics.get("curve", [])),
        "sources": [one.declaration for one in SOURCES.values() if one.declaration.artefact == artefact.source],
        "endpoints": ModelEndpoint.objects.filter(project=artefact.project, adapter=adapter),
        "scorers": artefact.scorers.order_by("-id")[:_OPEN_SHOWN],
    }
    return TemplateResponse(request, "workers/artefact_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def fit_create(request: AuthedRequest, slug: str, trainer: str) -> HttpResponse:
    """Have weights of one kind fitted; the form follows what the trainer declares."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    if trainer not in TRAINERS:
        raise Http404
    declaration = TRAINERS[trainer].declaration
    ready = Export.objects.of(project).filter(status=Export.Status.READY).order_by("-id")
    form = FitForm(
        request.POST or None,
        declaration=declaration,
        exports=[export for export in ready.defer("manifest") if has_labels(export)],
        endpoints=list(ModelEndpoint.objects.offered_to(project)),
    )
    if form.is_valid():
        try:
            fit = request_fit(project=project, kind=trainer, actor=request.user, **form.values())
        except AppError as error:
            show_in_form(form, error)
        else:
            return redirect("workers:fit-detail", slug=slug, pk=fit.pk)
    context = {"project": project, "section": "sources", "trainer": declaration, "form": form}
    return TemplateResponse(request, "workers/fit_form.html", context)


@require_safe
@login_required
def fit_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """One fit, live while it is computed."""
    fit = fit_for(request.user, slug, pk)
    trainer = TRAINERS.get(fit.kind)
    curve = fit.artefact.metrics.get("curve", []) if fit.artefact else fit.curve
    context = {
        "project": fit.project,
        "section": "sources",
        "fit": fit,
        "trainer": trainer.declaration if trainer else None,
        "curve": loss_curve(curve),
    }
    template = "workers/fit_detail.html" + ("#state" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_POST
@login_required
def fit_change(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Cancel a fit, or try it again, by the button that was pressed."""
    fit = fit_for(request.user, slug, pk, needs=Capability.MANAGE)
    try:
        if "retry" in request.POST:
            retry_fit(fit=fit, actor=request.user)
        else:
            cancel_fit(fit=fit, actor=request.user)
    except AppError as error:
        messages.error(request, error.message)
    return redirect("workers:fit-detail", slug=slug, pk=pk)
