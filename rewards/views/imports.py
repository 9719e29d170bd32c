"""Imports: listed, started, followed, undone."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects.access import Capability, project_for
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.keyset import keyset_page
from projects.requests import AuthedRequest
from rewards.access import import_for
from rewards.actions.imports import create_import, undo_import
from rewards.formats.registry import IMPORT_FORMATS
from rewards.forms.imports import ImportForm
from rewards.importing.error_table import errors_as_csv
from rewards.importing.report import STORED_ERRORS
from rewards.importing.summary import summary_of
from rewards.models import ImportBatch


@require_safe
@login_required
def import_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """The imports of a project, latest first."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    page = keyset_page(ImportBatch.objects.of(project).for_list(), cursor=request.GET.get("cursor"))
    context = {"project": project, "section": "imports", "page": page, "formats": IMPORT_FORMATS}
    return TemplateResponse(request, "rewards/import_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def import_create(request: AuthedRequest, slug: str) -> HttpResponse:
    """Choose a format and files; `?format=` names the format."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    chosen = IMPORT_FORMATS.get(request.GET.get("format", "")) or next(iter(IMPORT_FORMATS.values()))
    form = ImportForm(request.POST or None, request.FILES or None, import_format=chosen)
    if form.is_valid():
        try:
            batch = create_import(
                project,
                by=request.user,
                format_name=chosen.name,
                uploads=form.uploads,
                options=form.options(),
                on_conflict=form.cleaned_data["on_conflict"],
                on_error=form.cleaned_data["on_error"],
            )
        except AppError as error:
            show_in_form(form, error)
        else:
            return redirect("rewards:import-detail", slug=slug, pk=batch.pk)
    context = {
        "project": project,
        "section": "imports",
        "form": form,
        "chosen": chosen,
        "formats": IMPORT_FORMATS.values(),
    }
    return TemplateResponse(request, "rewards/import_form.html" + ("#format" if request.htmx else ""), context)


@require_safe
@login_required
def import_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """One import, live: how far it is, what it brought, and its errors by row."""
    batch = import_for(request.user, slug, pk)
    context = {
        "project": batch.project,
        "section": "imports",
        "batch": batch,
        "format": IMPORT_FORMATS.get(batch.format),
        "summary": summary_of(batch.counts),
        "page": keyset_page(batch.row_errors.all(), ordering="id", cursor=request.GET.get("cursor")),
        "stored_errors": STORED_ERRORS,
    }
    return TemplateResponse(request, "rewards/import_detail.html" + ("#state" if request.htmx else ""), context)


@require_safe
@login_required
def import_errors(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """The stored errors as CSV."""
    batch = import_for(request.user, slug, pk)
    response = HttpResponse(errors_as_csv(batch.row_errors.all()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{batch.pk}-errors.csv"'
    return response


@require_POST
@login_required
def import_undo(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Take back what an import brought, or say why that cannot be."""
    batch = import_for(request.user, slug, pk)
    try:
        undo_import(batch, by=request.user)
    except AppError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, gettext("The import is undone: what it brought is removed."))
    return redirect("rewards:import-detail", slug=slug, pk=pk)
