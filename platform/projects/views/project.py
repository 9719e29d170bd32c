"""Home, a project's front page and its settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects.access import Capability, allows, is_owner, project_for, projects_for
from projects.actions.member import hide_guide
from projects.actions.project import change_project, create_project
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.forms.project import NewProjectForm, ProjectSettingsForm
from projects.guide import steps_for
from projects.keyset import keyset_page
from projects.models import Project, Role
from projects.requests import AuthedRequest


@require_safe
@login_required
def project_list(request: AuthedRequest) -> HttpResponse:
    """Every project of the person who asks."""
    page = keyset_page(projects_for(request.user), ordering="name", cursor=request.GET.get("cursor"))
    marked = Project.objects.to_be_deleted_by(request.user).for_list()
    return TemplateResponse(request, "projects/project_list.html", {"page": page, "marked": marked})


@require_safe
@login_required
def project_switcher(request: AuthedRequest) -> HttpResponse:
    """The menu of projects in the top bar, fetched when it is opened."""
    page = keyset_page(projects_for(request.user), ordering="name", limit=20)
    context = {"page": page, "current": request.GET.get("current", "")}
    return TemplateResponse(request, "projects/project_list.html#switcher", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def project_create(request: AuthedRequest) -> HttpResponse:
    """Start a project."""
    form = NewProjectForm(request.POST or None)
    if form.is_valid():
        try:
            project = create_project(user=request.user, **form.cleaned_data)
        except AppError as error:
            show_in_form(form, error)
        else:
            return redirect(project)
    return TemplateResponse(request, "projects/project_form.html", {"form": form})


@require_safe
@login_required
def project_detail(request: AuthedRequest, slug: str) -> HttpResponse:
    """The front page of a project."""
    project = project_for(request.user, slug)
    steps = steps_for(project, request.user) if allows(project, Capability.MANAGE) else []
    context = {
        "project": project,
        "section": "overview",
        "steps": steps,
        "lacks_factor": project.viewer_role == Role.MANAGER and is_owner(project, request.user),
    }
    return TemplateResponse(request, "projects/project_detail.html", context)


@require_POST
@login_required
def guide_hide(request: AuthedRequest, slug: str) -> HttpResponse:
    """Put the list of first steps away."""
    project = project_for(request.user, slug)
    hide_guide(project=project, user=request.user)
    return redirect(project)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def project_settings(request: AuthedRequest, slug: str) -> HttpResponse:
    """Name and description."""
    project = project_for(request.user, slug, needs=Capability.OWN)
    initial = {"name": project.name, "description": project.description}
    form = ProjectSettingsForm(request.POST or None, initial=initial)
    if form.is_valid():
        change_project(project=project, actor=request.user, **form.cleaned_data)
        messages.success(request, gettext("Settings saved."))
        return redirect("projects:project-settings", slug=project.slug)
    context = {"project": project, "section": "settings", "form": form}
    return TemplateResponse(request, "projects/project_settings.html", context)
