"""Rubrics: the list, reading versions, and what changed between them."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST, require_safe

from projects.access import project_for
from projects.keyset import keyset_page
from projects.requests import AuthedRequest
from rewards.access import editable_rubric_for, rubric_version_for
from rewards.actions.rubrics import archive_rubric, restore_rubric
from rewards.forms.rubric_choice import RubricListForm, VersionPairForm
from rewards.models import Rubric
from rewards.rubric_findings import findings_about
from rewards.rubrics.diff import diff_rubrics
from rewards.rubrics.parse import rubric_to_dict


@require_safe
@login_required
def rubric_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Rubrics of the project, or with `of=tasks` the tasks' own ones."""
    project = project_for(request.user, slug)
    form = RubricListForm(request.GET)
    rubrics = form.narrow(Rubric.objects.of(project)).for_list()
    page = keyset_page(rubrics, ordering=form.ordering, cursor=request.GET.get("cursor"))
    context = {"project": project, "section": "rubrics", "form": form, "page": page}
    template = "rewards/rubric_list.html" + ("#results" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_safe
@login_required
def rubric_version(request: AuthedRequest, slug: str, pk: int, number: int | None = None) -> HttpResponse:
    """One version of a rubric, the newest one by default, with its lint and all versions beside it."""
    version = rubric_version_for(request.user, slug, pk, number)
    content = version.content()
    context = {
        "project": version.project,
        "section": "rubrics",
        "rubric": version.rubric,
        "version": version,
        "content": content,
        "findings": findings_about(content, rubric_id=version.rubric_id),
        "versions": version.rubric.versions.for_list(),
    }
    return TemplateResponse(request, "rewards/rubric_detail.html", context)


@require_safe
@login_required
def rubric_export(request: AuthedRequest, slug: str, pk: int, number: int) -> HttpResponse:
    """The version as a JSON file, which the paste page takes back unchanged."""
    version = rubric_version_for(request.user, slug, pk, number)
    data = {
        "name": version.rubric.name,
        "version": version.number,
        "content_hash": version.content_hash,
        **rubric_to_dict(version.content()),
    }
    response = JsonResponse(data, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="rubric-{pk}-v{number}.json"'
    return response


@require_safe
@login_required
def rubric_diff(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What changed between any two versions; by default between the last two."""
    newest = rubric_version_for(request.user, slug, pk)
    form = VersionPairForm(request.GET, newest=newest.number)
    old = rubric_version_for(request.user, slug, pk, form.old_number)
    new = newest if form.new_number == newest.number else rubric_version_for(request.user, slug, pk, form.new_number)
    context = {
        "project": newest.project,
        "section": "rubrics",
        "rubric": newest.rubric,
        "old": old,
        "new": new,
        "versions": newest.rubric.versions.for_list(),
        "diff": diff_rubrics(old.content(), new.content()),
    }
    return TemplateResponse(request, "rewards/rubric_diff.html", context)


@require_POST
@login_required
def rubric_archive(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Take a rubric out of the lists, or put it back (`restore`)."""
    rubric = editable_rubric_for(request.user, slug, pk)
    change = restore_rubric if "restore" in request.POST else archive_rubric
    change(rubric=rubric, actor=request.user)
    return redirect("rewards:rubric-detail", slug=slug, pk=pk)
