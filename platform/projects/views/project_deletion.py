"""Pages by which a project goes, comes back, and says how long it keeps what."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from projects.access import Capability, marked_project_for, project_for
from projects.actions.project_deletion import ask_for_deletion, erase_now, restore_project
from projects.actions.retention import change_data_policy, what_is_due
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.forms.leaving import DataPolicyForm, ProjectDeletionForm
from projects.holdings import in_words
from projects.requests import AuthedRequest
from projects.retention import KINDS


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def project_delete(request: AuthedRequest, slug: str) -> HttpResponse:
    """What goes with the project; typing its address marks it for deletion."""
    project = project_for(request.user, slug, needs=Capability.OWN)
    form = ProjectDeletionForm(request.POST or None, project=project)
    if form.is_valid():
        try:
            ask_for_deletion(project=project, actor=request.user, typed=form.cleaned_data["typed"])
        except AppError as error:
            show_in_form(form, error)
        else:
            return redirect("projects:project-deletion", slug=slug)
    context = {
        "project": project,
        "section": "settings",
        "form": form,
        "days": settings.PROJECT_RESTORE_DAYS,
        "member_count": project.memberships.count(),
    }
    return TemplateResponse(request, "projects/project_delete.html", context)


@require_safe
@login_required
def project_deletion(request: AuthedRequest, slug: str) -> HttpResponse:
    """Until when the project can be restored, or how far its erasing is; the polling page goes home once it is gone."""
    try:
        project = marked_project_for(request.user, slug)
    except Http404:
        if not request.htmx:
            raise
        return HttpResponseClientRedirect(reverse("projects:project-list"))
    progress = project.deletion_progress
    percent = 100 * progress["rows_gone"] // max(progress["rows_total"], 1) if progress else 0
    context = {"project": project, "progress": progress, "percent": min(percent, 100)}
    template = "projects/project_deletion.html" + ("#state" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_POST
@login_required
def project_restore(request: AuthedRequest, slug: str) -> HttpResponse:
    """Show the project again."""
    project = marked_project_for(request.user, slug)
    restore_project(project=project, actor=request.user)
    messages.success(request, gettext("The project is back. Runs that were stopped can be resumed."))
    return redirect("projects:project-detail", slug=slug)


@require_POST
@login_required
def project_erase(request: AuthedRequest, slug: str) -> HttpResponse:
    """Do not wait for the end of the days."""
    erase_now(project=marked_project_for(request.user, slug), actor=request.user)
    return redirect("projects:project-deletion", slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def data_policy(request: AuthedRequest, slug: str) -> HttpResponse:
    """What becomes of leavers' judgments, how long what is kept, and what went so far.

    Through htmx the preview alone: what would go at once with the days in the form.
    """
    project = project_for(request.user, slug, needs=Capability.OWN)
    stored = {key: project.retention.get(key) for key in KINDS}
    if request.htmx and request.method != "POST":
        asked = DataPolicyForm(request.GET)
        asked.is_valid()
        return TemplateResponse(request, "projects/data_policy.html#due", {"due": what_is_due(project, asked.days)})
    initial = {"fate_of_judgments": project.fate_of_judgments, **stored}
    form = DataPolicyForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        fate = form.cleaned_data["fate_of_judgments"]
        change_data_policy(project=project, actor=request.user, fate=fate, days=form.days)
        messages.success(request, gettext("Saved; what is due goes within hours."))
        return redirect("projects:data-policy", slug=slug)
    context = {
        "project": project,
        "section": "settings",
        "form": form,
        "due": what_is_due(project, stored),
        "erased": in_words(project.erasures.totals()),
    }
    return TemplateResponse(request, "projects/data_policy.html", context)
