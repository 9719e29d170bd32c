"""The audit log of a project."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from projects.access import Capability, project_for
from projects.forms.audit import AuditFilterForm
from projects.keyset import keyset_page
from projects.models import SavedFilter
from projects.requests import AuthedRequest


@require_safe
@login_required
def audit_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Who did what, newest first, for owners and managers; by person and by what it was done to."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = AuditFilterForm(request.GET, project=project)
    events = project.audit_events.for_list().matching(**form.conditions())
    page = keyset_page(events, ordering="-id", cursor=request.GET.get("cursor"))
    saved = project.saved_filters.filter(user=request.user, of_list=SavedFilter.List.AUDIT)
    context = {"project": project, "section": "audit", "page": page, "form": form, "saved_filters": saved}
    return TemplateResponse(request, "projects/audit_list.html", context)
