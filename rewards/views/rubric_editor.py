"""Writing rubrics: the editor with its steps, the lint beside it, and pasting JSON."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from projects.access import Capability, project_for, require
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.models import Project
from projects.requests import AuthedRequest
from rewards.access import editable_rubric_for, rubric_version_for, task_for
from rewards.actions.rubrics import create_rubric, describe_rubric, save_version
from rewards.forms.rubric_draft import (
    IMPORTANCE_CHOICES,
    KIND_CHOICES,
    CriterionDraft,
    RubricDraft,
)
from rewards.forms.rubric_paste import RubricPasteForm
from rewards.models import Rubric, RubricVersion
from rewards.rubric_findings import findings_about
from rewards.rubrics.content import RubricContent
from rewards.rubrics.predefined import STARTERS


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rubric_create(request: AuthedRequest, slug: str) -> HttpResponse:
    """Write a new rubric of the project: from nothing, or with `?start=` from one that is shipped."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    return _create(request, project, _first_draft(request.GET.get("start", "")), task_external_id=None)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def task_rubric_create(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Write a rubric for one task alone; where it has one already, change that."""
    task = task_for(request.user, slug, pk)
    require(task.project, Capability.MANAGE)
    own = Rubric.objects.own_of(task)
    if own is not None:
        return redirect("rewards:rubric-edit", slug=slug, pk=own.pk)
    blank = RubricDraft(name=f"Rubric of {task.external_id}"[:200], criteria=[CriterionDraft()])
    return _create(request, task.project, blank, task_external_id=task.external_id)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rubric_edit(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Change a rubric; saving makes a new version unless nothing changed."""
    rubric = editable_rubric_for(request.user, slug, pk)
    if request.method != "POST":
        content = rubric_version_for(request.user, slug, pk).content()
        draft = RubricDraft.from_content(content, name=rubric.name, description=rubric.description)
        return _editor(request, rubric.project, draft, rubric=rubric)
    draft, content_or_none = _read(request)
    if content_or_none is not None:
        try:
            describe_rubric(rubric=rubric, name=draft.name, description=draft.description)
            saved = save_version(rubric=rubric, actor=request.user, content=content_or_none, note=draft.note)
        except AppError as error:
            draft.errors.update(error.fields or {"name": [error.message]})
        else:
            words = (
                gettext("Saved as version %(number)s.") % {"number": saved.version.number}
                if saved.is_new
                else gettext("Nothing changed: no new version.")
            )
            messages.success(request, words)
            return _go_to(request, saved.version)
    return _editor(request, rubric.project, draft, rubric=rubric)


@require_POST
@login_required
def rubric_lint(request: AuthedRequest, slug: str) -> HttpResponse:
    """What is suspicious about the rubric that is being written; nothing is stored.

    With `?rubric=` the verdicts under that rubric are looked at as well.
    """
    key = request.GET.get("rubric", "")
    rubric = editable_rubric_for(request.user, slug, int(key)) if key.isdecimal() and len(key) < 19 else None
    project = rubric.project if rubric else project_for(request.user, slug, needs=Capability.MANAGE)
    content = RubricDraft.from_post(request.POST).content()
    findings = findings_about(content, rubric_id=rubric.pk if rubric else None) if content else []
    context = {"project": project, "findings": findings, "is_readable": content is not None}
    return TemplateResponse(request, "rewards/rubric_findings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rubric_paste(request: AuthedRequest, slug: str) -> HttpResponse:
    """Make a rubric from JSON."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = RubricPasteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            version = create_rubric(
                project=project,
                actor=request.user,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                content=form.cleaned_data["text"],
            )
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(request, gettext("Rubric made."))
            return redirect("rewards:rubric-detail", slug=slug, pk=version.rubric_id)
    context = {"project": project, "section": "rubrics", "form": form}
    return TemplateResponse(request, "rewards/rubric_paste.html", context)


def _first_draft(start: str) -> RubricDraft:
    if not start:
        return RubricDraft(criteria=[CriterionDraft()])
    if start not in STARTERS:
        raise Http404
    starter = STARTERS[start]
    return RubricDraft.from_content(starter.content, name=starter.name, description=starter.description)


def _create(
    request: AuthedRequest, project: Project, blank: RubricDraft, *, task_external_id: str | None
) -> HttpResponse:
    if request.method != "POST":
        return _editor(request, project, blank)
    draft, content = _read(request)
    if content is not None:
        try:
            version = create_rubric(
                project=project,
                actor=request.user,
                name=draft.name,
                description=draft.description,
                content=content,
                note=draft.note,
                task_external_id=task_external_id,
            )
        except AppError as error:
            draft.errors.update(error.fields or {"name": [error.message]})
        else:
            messages.success(request, gettext("Rubric made."))
            return _go_to(request, version)
    return _editor(request, project, draft)


def _read(request: AuthedRequest) -> tuple[RubricDraft, RubricContent | None]:
    """The draft with the wanted step taken, and its content where it is to be saved and nothing is wrong."""
    draft = RubricDraft.from_post(request.POST)
    step = request.POST.get("do", "save")
    if step != "save":
        draft.apply(step)
        return draft, None
    draft.check_name()
    content = draft.content()
    return draft, None if draft.errors else content


def _editor(
    request: AuthedRequest, project: Project, draft: RubricDraft, *, rubric: Rubric | None = None
) -> HttpResponse:
    context = {
        "project": project,
        "section": "rubrics",
        "rubric": rubric,
        "draft": draft,
        "kinds": KIND_CHOICES,
        "importances": IMPORTANCE_CHOICES,
    }
    template = "rewards/rubric_edit.html" + ("#editor" if request.htmx else "")
    return TemplateResponse(request, template, context)


def _go_to(request: AuthedRequest, version: RubricVersion) -> HttpResponse:
    url = reverse("rewards:rubric-detail", args=[version.project.slug, version.rubric_id])
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
