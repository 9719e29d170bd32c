"""Scorers: made from sources, listed, tried on one output."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects.access import Capability, project_for
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.keyset import keyset_page
from projects.requests import AuthedRequest
from rewards.models import RubricVersion
from workers.access import manageable_scorer_for, scorer_for
from workers.actions.scorers import archive_scorer, create_scorer
from workers.catalogue import entry_for
from workers.forms.scorer import ScorerForm
from workers.forms.trial import TrialForm
from workers.models import Artefact, ModelEndpoint, PromptVersion, Run, Scorer
from workers.sources.registry import SOURCES, UnknownSourceError, source_named


@require_safe
@login_required
def scorer_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """The scorers of a project, latest first."""
    project = project_for(request.user, slug)
    context = {
        "project": project,
        "section": "sources",
        "tab": "scorers",
        "page": keyset_page(Scorer.objects.of(project).active().for_list(), cursor=request.GET.get("cursor")),
    }
    return TemplateResponse(request, "workers/scorer_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def scorer_create(request: AuthedRequest, slug: str, source: str) -> HttpResponse:
    """Make a scorer from a source; the form follows what the source declares."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    try:
        declaration = source_named(source).declaration
    except UnknownSourceError as error:
        raise Http404 from error
    endpoints = list(ModelEndpoint.objects.offered_to(project))
    entry = entry_for(declaration, endpoints)
    form = ScorerForm(
        request.POST or None,
        entry=entry,
        endpoints=endpoints,
        rubric_versions=RubricVersion.objects.newest_shared(project),
        prompt_versions=PromptVersion.objects.offered_to(project).for_source(source).for_list(),
        artefacts=Artefact.objects.of(project).of_kind(declaration.artefact).for_list() if declaration.artefact else (),
        initial={"prompt": request.GET.get("prompt"), "artefact": request.GET.get("artefact")},
    )
    if form.is_valid():
        try:
            scorer = create_scorer(project=project, actor=request.user, **form.values())
        except AppError as error:
            show_in_form(form, error)
        else:
            return redirect("workers:scorer-detail", slug=slug, pk=scorer.pk)
    context = {"project": project, "section": "sources", "entry": entry, "form": form}
    return TemplateResponse(request, "workers/scorer_form.html", context)


@require_safe
@login_required
def scorer_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """All that decides a scorer's numbers, and its runs."""
    scorer = scorer_for(request.user, slug, pk)
    source = SOURCES.get(scorer.source)
    context = {
        "project": scorer.project,
        "section": "sources",
        "scorer": scorer,
        "declaration": source.declaration if source else None,
        "trial": TrialForm(reads_group=source.declaration.reads_group) if source else None,
        "usage": Run.objects.of(scorer.project).by(scorer).usage(),
        "page": keyset_page(Run.objects.of(scorer.project).by(scorer).for_list(), limit=20),
    }
    return TemplateResponse(request, "workers/scorer_detail.html", context)


@require_POST
@login_required
def scorer_archive(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Offer the scorer no more; its judgments stay."""
    scorer = manageable_scorer_for(request.user, slug, pk)
    archive_scorer(scorer=scorer, actor=request.user)
    messages.success(request, gettext("%(name)s is archived; what it has judged stays.") % {"name": scorer.name})
    return redirect("workers:scorer-list", slug=slug)
