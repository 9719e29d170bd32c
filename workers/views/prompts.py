"""Judge prompts: the templates that sources come with, and a project's own in versions."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from projects.access import Capability, project_for
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.keyset import keyset_page
from projects.models import Project
from projects.requests import AuthedRequest
from rewards.rubrics.diff import diff_words
from workers.access import current_output_in, editable_prompt_for, prompt_for
from workers.actions.prompts import add_prompt_version, create_prompt, template_problem
from workers.forms.prompt import PromptForm
from workers.models import Prompt, PromptVersion
from workers.prompt_preview import PromptPreview, preview_prompt
from workers.sources.contract import Declaration
from workers.sources.prompts import PromptSpec
from workers.sources.registry import SOURCES

BUILT_IN = 0
"""Stands for the source's own template among the numbers of versions."""


@dataclass(frozen=True)
class Wording:
    """A template with the number that it has on pages."""

    number: int
    template: str
    version: PromptVersion | None = None

    def __str__(self) -> str:
        return f"Version {self.number}" if self.number else "Built in"


@require_safe
@login_required
def prompt_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """The template of every source that has one, and the project's own."""
    project = project_for(request.user, slug)
    context = {
        "project": project,
        "section": "sources",
        "tab": "prompts",
        "declarations": [source.declaration for source in SOURCES.values() if source.declaration.prompt],
        "page": keyset_page(Prompt.objects.offered_to(project).for_list(), cursor=request.GET.get("cursor")),
    }
    return TemplateResponse(request, "workers/prompt_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def prompt_create(request: AuthedRequest, slug: str, source: str) -> HttpResponse:
    """Write a prompt for a source, starting from its own."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    declaration, spec = _declared(source)
    form = PromptForm(request.POST or None, is_new=True, initial={"template": spec.default})
    if request.method == "POST" and "preview" in request.POST:
        return _form_page(request, project, declaration, form, preview=_previewed(project, declaration, request))
    if form.is_valid():
        chosen = form.cleaned_data
        try:
            version = create_prompt(
                project=project,
                source=source,
                name=chosen["name"],
                template=chosen["template"],
                actor=request.user,
            )
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(
                request,
                gettext("%(version)s is saved. Choose it when you make a scorer of %(title)s.")
                % {"version": version, "title": declaration.title},
            )
            return redirect("workers:prompt-detail", slug=slug, pk=version.prompt_id)
    return _form_page(request, project, declaration, form)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def prompt_edit(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Write the next version."""
    prompt = editable_prompt_for(request.user, slug, pk)
    project = prompt.project
    assert project is not None
    declaration, _ = _declared(prompt.source)
    newest = prompt.versions.order_by("-number")[0]
    form = PromptForm(request.POST or None, is_new=False, initial={"template": newest.template})
    if request.method == "POST" and "preview" in request.POST:
        preview = _previewed(project, declaration, request)
        return _form_page(request, project, declaration, form, prompt=prompt, preview=preview)
    if form.is_valid():
        try:
            version = add_prompt_version(prompt=prompt, template=form.cleaned_data["template"], actor=request.user)
        except AppError as error:
            show_in_form(form, error)
        else:
            if version == newest:
                messages.info(
                    request,
                    gettext("Nothing differs from %(version)s: there is no new version.") % {"version": version},
                )
            else:
                messages.success(
                    request,
                    gettext("%(version)s is saved; scorers of older versions stay as they are.") % {"version": version},
                )
            return redirect("workers:prompt-detail", slug=slug, pk=pk)
    return _form_page(request, project, declaration, form, prompt=prompt)


@require_safe
@login_required
def prompt_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """One version of a prompt, the newest unless `?version=` says another, and the list of them."""
    project, prompt = prompt_for(request.user, slug, pk)
    versions = list(prompt.versions.for_list())
    shown = _numbered(versions, request.GET.get("version"), versions[0].number)
    source = SOURCES.get(prompt.source)
    declaration = source.declaration if source else None
    context = {
        "project": project,
        "section": "sources",
        "prompt": prompt,
        "declaration": declaration,
        "versions": versions,
        "shown": shown,
        "problem": template_problem(declaration, shown.template) if declaration and declaration.prompt else "",
    }
    return TemplateResponse(request, "workers/prompt_detail.html", context)


@require_safe
@login_required
def prompt_diff(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Two versions word by word; number 0 is the template that the source comes with."""
    project, prompt = prompt_for(request.user, slug, pk)
    versions = list(prompt.versions.for_list())
    wordings = [Wording(version.number, version.template, version) for version in versions]
    source = SOURCES.get(prompt.source)
    if source is not None and source.declaration.prompt is not None:
        wordings.append(Wording(BUILT_IN, source.declaration.prompt.default))
    before = wordings[min(1, len(wordings) - 1)].number
    old = _numbered(wordings, request.GET.get("old"), before)
    new = _numbered(wordings, request.GET.get("new"), versions[0].number)
    context = {
        "project": project,
        "section": "sources",
        "prompt": prompt,
        "wordings": wordings,
        "old": old,
        "new": new,
        "words": diff_words(old.template, new.template),
    }
    return TemplateResponse(request, "workers/prompt_diff.html", context)


def _numbered(versions: list[Any], asked: str | None, default: int) -> Any:
    """The version of that number; 404 where there is none."""
    try:
        number = int(asked) if asked else default
    except ValueError as error:
        raise Http404 from error
    found = next((version for version in versions if version.number == number), None)
    if found is None:
        raise Http404
    return found


def _declared(source: str) -> tuple[Declaration, PromptSpec]:
    found = SOURCES.get(source)
    if found is None or found.declaration.prompt is None:
        raise Http404
    return found.declaration, found.declaration.prompt


def _previewed(project: Project, declaration: Declaration, request: AuthedRequest) -> PromptPreview:
    template = request.POST.get("template", "").replace("\r\n", "\n").replace("\r", "\n")
    if problem := template_problem(declaration, template):
        return PromptPreview([], 0, f"{problem[0].upper()}{problem[1:]}.")
    output = current_output_in(project, request.POST.get("output", ""))
    if output is None:
        return PromptPreview([], 0, "No output of this project has that id.")
    return preview_prompt(project, declaration, template, output)


def _form_page(
    request: AuthedRequest,
    project: Project,
    declaration: Declaration,
    form: PromptForm,
    *,
    prompt: Prompt | None = None,
    preview: PromptPreview | None = None,
) -> HttpResponse:
    context = {
        "project": project,
        "section": "sources",
        "declaration": declaration,
        "form": form,
        "prompt": prompt,
        "preview": preview,
    }
    is_partial = request.htmx and preview is not None
    return TemplateResponse(request, "workers/prompt_form.html" + ("#preview" if is_partial else ""), context)
