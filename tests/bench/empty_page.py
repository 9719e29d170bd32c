"""What pages are measured against: a page of the same project with nothing in it."""

import sys
from types import ModuleType

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.template import engines
from django.urls import include, path

from projects.access import project_for
from projects.requests import AuthedRequest


def urls_with_empty_page() -> ModuleType:
    """The URLconf with one page more, `/p/<slug>/empty/`: signed in, let into the project, the frame of its pages."""
    frame = engines["django"].from_string('{% extends "project_base.html" %}')

    @login_required
    def empty(request: AuthedRequest, slug: str) -> HttpResponse:
        project = project_for(request.user, slug)
        return HttpResponse(frame.render({"project": project, "section": "tasks"}, request))

    urls = ModuleType("tests.bench.urls_with_empty_page")
    patterns = [path("p/<slug:slug>/empty/", empty), path("", include("rubricate.urls"))]
    urls.urlpatterns = patterns
    sys.modules[urls.__name__] = urls
    return urls
