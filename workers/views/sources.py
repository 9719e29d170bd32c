"""The reward sources: what each is, what it was checked against, and whether it can be used here."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from projects.access import project_for
from projects.requests import AuthedRequest
from workers.catalogue import families, source_for, sources_for
from workers.models import PromptVersion, Scorer
from workers.sources.registry import SOURCES


@require_safe
@login_required
def source_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Every source under its family."""
    project = project_for(request.user, slug)
    context = {
        "project": project,
        "section": "sources",
        "tab": "sources",
        "families": families(sources_for(project)),
    }
    return TemplateResponse(request, "workers/source_list.html", context)


@require_safe
@login_required
def source_detail(request: AuthedRequest, slug: str, source: str) -> HttpResponse:
    """One source with all that it declares, the project's scorers of it and its prompts."""
    project = project_for(request.user, slug)
    if source not in SOURCES:
        raise Http404
    context = {
        "project": project,
        "section": "sources",
        "entry": source_for(project, source),
        "scorers": Scorer.objects.of(project).active().by_source(source).order_by("-id")[:20],
        "prompt_versions": PromptVersion.objects.offered_to(project).for_source(source).newest().for_list()[:20],
    }
    return TemplateResponse(request, "workers/source_detail.html", context)
