"""Exports: listed, composed with a preview, followed, downloaded, deleted."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects.access import Capability, project_for
from projects.errors import AppError
from projects.keyset import keyset_page
from projects.requests import AuthedRequest
from rewards.access import export_file_for, export_for
from rewards.actions.exports import cancel_export, create_export, delete_export
from rewards.exporting.downloads import archive_response, file_response
from rewards.exporting.page import export_page
from rewards.exporting.preview import preview_of
from rewards.formats.registry import EXPORT_FORMATS
from rewards.forms.exports import ExportForm, show_refusal
from rewards.models import Export


@require_safe
@login_required
def export_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """The exports of a project, latest first."""
    project = project_for(request.user, slug)
    page = keyset_page(Export.objects.of(project).for_list(), cursor=request.GET.get("cursor"))
    context = {"project": project, "section": "exports", "page": page}
    return TemplateResponse(request, "rewards/export_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def export_create(request: AuthedRequest, slug: str) -> HttpResponse:
    """Choose what the dataset is made of; `recipe` is the version whose rewards to begin with."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = ExportForm(request.POST or None, project=project, recipe=request.GET.get("recipe", ""))
    if form.is_valid():
        try:
            export = create_export(
                project, by=request.user, choices=form.export_choices, name=form.cleaned_data["name"]
            )
        except AppError as error:
            show_refusal(form, error)
        else:
            return redirect("rewards:export-detail", slug=slug, pk=export.pk)
    context = {"project": project, "section": "exports", "form": form, "formats": EXPORT_FORMATS.values()}
    return TemplateResponse(request, "rewards/export_form.html", context)


@require_POST
@login_required
def export_preview(request: AuthedRequest, slug: str) -> HttpResponse:
    """How many rows the choices in the form would give, and the first three."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = ExportForm(request.POST, project=project)
    preview = preview_of(project, form.export_choices) if form.is_valid() else None
    context = {"project": project, "form": form, "preview": preview}
    return TemplateResponse(request, "rewards/export_form.html#preview", context)


@require_safe
@login_required
def export_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """One export, live while it is built: its files, what went in and what was left out."""
    export = export_for(request.user, slug, pk)
    context = {"project": export.project, "section": "exports", "export": export, "page": export_page(export)}
    return TemplateResponse(request, "rewards/export_detail.html" + ("#state" if request.htmx else ""), context)


@require_safe
@login_required
def export_file(request: AuthedRequest, slug: str, pk: int, file: int) -> HttpResponseBase:
    """One file to save."""
    return file_response(request, export_file_for(request.user, slug, pk, file))


@require_safe
@login_required
def export_archive(request: AuthedRequest, slug: str, pk: int) -> HttpResponseBase:
    """The whole folder as a zip archive."""
    return archive_response(request, export_for(request.user, slug, pk))


@require_POST
@login_required
def export_cancel(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Stop building it."""
    export = export_for(request.user, slug, pk, needs=Capability.MANAGE)
    try:
        cancel_export(export, by=request.user)
    except AppError as error:
        messages.error(request, error.message)
    return redirect("rewards:export-detail", slug=slug, pk=pk)


@require_POST
@login_required
def export_delete(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Remove an export and its files."""
    export = export_for(request.user, slug, pk, needs=Capability.MANAGE)
    try:
        delete_export(export, by=request.user)
    except AppError as error:
        messages.error(request, error.message)
        return redirect("rewards:export-detail", slug=slug, pk=pk)
    messages.success(request, gettext("Export deleted. The judgments that it was made from are untouched."))
    return redirect("rewards:export-list", slug=slug)
