"""Recipes: listed, read, compared, brought in, archived, and composed over real outputs."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from projects.access import Capability, project_for, require
from projects.errors import AppError
from projects.keyset import keyset_page
from projects.models import Project
from projects.requests import AuthedRequest
from rewards.access import recipe_for, recipe_version_for
from rewards.actions.recipe_rewards import cancel_storing, start_storing, stored_reward
from rewards.actions.recipes import (
    archive_recipe,
    create_recipe,
    rename_recipe,
    restore_recipe,
    save_version,
)
from rewards.actions.reward_names import give_name, take_name
from rewards.composer.document import Document, empty_document
from rewards.composer.editing import Edited, edited, read_json
from rewards.composer.operators import estimator_families, family_pages
from rewards.composer.page import ComposerPage, composer_page
from rewards.composer.picture import Settings
from rewards.forms.recipes import ComposerForm, RecipeFileForm, RecipeListForm, RecipeNameForm, StoreForm
from rewards.forms.rubric_choice import VersionPairForm
from rewards.models import Recipe, RecipeVersion
from rewards.recipes.diff import diff_recipes
from rewards.recipes.errors import RecipeError
from rewards.recipes.presets import PRESETS
from rewards.recipes.tree import read_recipe


@require_safe
@login_required
def recipe_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """The project's recipes, and what to start from."""
    project = project_for(request.user, slug)
    form = RecipeListForm(request.GET)
    page = keyset_page(
        form.narrow(Recipe.objects.of(project)).for_list(), ordering="name", cursor=request.GET.get("cursor")
    )
    context = {"project": project, "section": "recipes", "form": form, "page": page, "presets": PRESETS.values()}
    return TemplateResponse(request, "rewards/recipes/list.html" + ("#results" if request.htmx else ""), context)


@require_safe
@login_required
def recipe_version(request: AuthedRequest, slug: str, pk: int, number: int | None = None) -> HttpResponse:
    """One version of a recipe, the newest by default, with all versions beside it."""
    version = recipe_version_for(request.user, slug, pk, number)
    page = composer_page(
        version.project, Edited(version.tree), ComposerForm(request.GET, project=version.project).settings()
    )
    context = {
        "project": version.project,
        "section": "recipes",
        "recipe": version.recipe,
        "version": version,
        "versions": version.recipe.versions.for_list(),
        "page": page,
        "stored": stored_reward(version),
        "names": version.reward_names.order_by("name"),
    }
    template = "rewards/recipes/detail.html" + ("#stored" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_safe
@login_required
def recipe_diff(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What changed between any two versions, by place; by default between the last two."""
    newest = recipe_version_for(request.user, slug, pk)
    form = VersionPairForm(request.GET, newest=newest.number)
    old = recipe_version_for(request.user, slug, pk, form.old_number)
    new = newest if form.new_number == newest.number else recipe_version_for(request.user, slug, pk, form.new_number)
    context = {
        "project": newest.project,
        "section": "recipes",
        "recipe": newest.recipe,
        "old": old,
        "new": new,
        "versions": newest.recipe.versions.for_list(),
        "changes": diff_recipes(read_recipe(old.tree), read_recipe(new.tree)),
    }
    return TemplateResponse(request, "rewards/recipes/diff.html", context)


@require_safe
@login_required
def recipe_export(request: AuthedRequest, slug: str, pk: int, number: int) -> HttpResponse:
    """The version as a JSON file, which the import page takes back unchanged."""
    version = recipe_version_for(request.user, slug, pk, number)
    response = JsonResponse(version.tree, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="recipe-{pk}-v{number}.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def recipe_import(request: AuthedRequest, slug: str) -> HttpResponse:
    """A recipe from a JSON file or text, opened in the composer: nothing is stored before it is saved there."""
    project = project_for(request.user, slug)
    form = RecipeFileForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        try:
            document = read_json(form.cleaned_data["text"])
        except RecipeError as error:
            form.add_error(None, gettext("This is no recipe: %(error)s.") % {"error": error})
        else:
            return _compose_page(request, composer_page(project, Edited(document), _settings(request, project)))
    context = {"project": project, "section": "recipes", "form": form}
    return TemplateResponse(request, "rewards/recipes/import.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def recipe_edit_name(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Rename or describe a recipe."""
    recipe = recipe_for(request.user, slug, pk, needs=Capability.MANAGE)
    form = RecipeNameForm(request.POST or None, initial={"name": recipe.name, "description": recipe.description})
    if form.is_valid():
        try:
            rename_recipe(recipe=recipe, actor=request.user, **form.cleaned_data)
        except AppError as error:
            form.add_error("name", error.message)
        else:
            return redirect("rewards:recipe-detail", slug=slug, pk=pk)
    context = {"project": recipe.project, "section": "recipes", "recipe": recipe, "form": form}
    return TemplateResponse(request, "rewards/recipes/name.html", context)


@require_POST
@login_required
def recipe_archive(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Take a recipe out of the lists, or put it back (`restore`)."""
    recipe = recipe_for(request.user, slug, pk, needs=Capability.MANAGE)
    change = restore_recipe if "restore" in request.POST else archive_recipe
    change(recipe=recipe, actor=request.user)
    return redirect("rewards:recipe-detail", slug=slug, pk=pk)


@require_POST
@login_required
def recipe_store(request: AuthedRequest, slug: str, pk: int, number: int) -> HttpResponse:
    """Have a worker store the version's reward over the outputs of chosen tasks, or stop it (`cancel`)."""
    version = recipe_version_for(request.user, slug, pk, number)
    require(version.project, Capability.MANAGE)
    form = StoreForm(request.POST)
    try:
        if "cancel" in request.POST:
            cancel_storing(version=version, actor=request.user)
        elif form.is_valid():
            start_storing(version=version, actor=request.user, **form.cleaned_data)
        else:
            messages.error(request, gettext("A tag has at most 100 characters and a split at most 40."))
    except AppError as error:
        messages.error(request, error.message)
    return redirect("rewards:recipe-version", slug=slug, pk=pk, number=number)


@require_POST
@login_required
def recipe_reward_name(request: AuthedRequest, slug: str, pk: int, number: int) -> HttpResponse:
    """Let a name stand for the version, or take one away from it (`take`)."""
    version = recipe_version_for(request.user, slug, pk, number)
    require(version.project, Capability.MANAGE)
    try:
        if "take" in request.POST:
            given = version.reward_names.select_related("project", "version").filter(name=request.POST["take"]).first()
            if given is not None:
                take_name(given=given, actor=request.user)
        else:
            given = give_name(version=version, actor=request.user, name=request.POST.get("name", "").strip())
            messages.success(
                request,
                gettext("%(name)s stands for version %(number)s now.") % {"name": given.name, "number": version.number},
            )
    except AppError as error:
        messages.error(request, error.message)
    return redirect("rewards:recipe-version", slug=slug, pk=pk, number=number)


@require_safe
@login_required
def operator_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Every operator with its formula, paper, parameters and picture."""
    project = project_for(request.user, slug)
    context = {"project": project, "section": "recipes", "families": family_pages(), "estimators": estimator_families()}
    return TemplateResponse(request, "rewards/recipes/operators.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def recipe_compose(request: AuthedRequest, slug: str) -> HttpResponse:
    """Compose a recipe over real outputs: a POST sends the whole form, and stores nothing unless it is a save."""
    project = project_for(request.user, slug)
    if request.method != "POST":
        return _start(request, project)
    problems: dict[str, str] = {}
    edit = Edited(empty_document())
    try:
        edit = _edited(request)
    except RecipeError as error:
        problems = error.problems
        edit = _as_it_was(request)
    if not problems and request.POST.get("edit") in ("save", "save-new"):
        require(project, Capability.MANAGE)
        try:
            return _saved(request, project, edit.document)
        except AppError as error:
            problems = {path: " ".join(found) for path, found in error.fields.items()} or {"recipe": error.message}
    preset = PRESETS.get(request.POST.get("preset", ""))
    return _compose_page(request, composer_page(project, edit, _settings(request, project), problems, preset))


def _edited(request: AuthedRequest) -> Edited:
    if request.POST.get("edit") == "json":
        return Edited(read_json(request.POST.get("json", "")), is_reshaped=True)
    document = read_json(request.POST.get("recipe", ""))
    return edited(document, {name: str(value) for name, value in request.POST.items()})


def _as_it_was(request: AuthedRequest) -> Edited:
    """The document before an edit that could not be done; an empty one where that is no document either."""
    try:
        return Edited(read_json(request.POST.get("recipe", "")))
    except RecipeError:
        return Edited(empty_document())


def _settings(request: AuthedRequest, project: Project) -> Settings:
    data = request.POST if request.method == "POST" else request.GET
    return ComposerForm(data, project=project).settings()


def _start(request: AuthedRequest, project: Project) -> HttpResponse:
    """An empty recipe, a stored one (`recipe`, `version`), or a paper's (`preset`)."""
    version, preset = _asked_version(request, project), PRESETS.get(request.GET.get("preset", ""))
    document: Document = version.tree if version else preset.document if preset else empty_document()
    page = composer_page(project, Edited(document), _settings(request, project), preset=preset)
    return _compose_page(request, page, version)


def _asked_version(request: AuthedRequest, project: Project) -> RecipeVersion | None:
    asked, number = request.GET.get("recipe", ""), request.GET.get("version", "")
    if not asked.isdecimal() or len(asked) > 18:
        return None
    wanted = int(number) if number.isdecimal() and len(number) < 10 else None
    return recipe_version_for(request.user, project.slug, int(asked), wanted)


def _compose_page(request: AuthedRequest, page: ComposerPage, version: RecipeVersion | None = None) -> HttpResponse:
    recipe = version.recipe if version is not None else _posted_recipe(request, page.project)
    context = {"project": page.project, "section": "recipes", "page": page, "recipe": recipe}
    return TemplateResponse(request, "rewards/recipes/compose.html" + ("#answer" if request.htmx else ""), context)


def _posted_recipe(request: AuthedRequest, project: Project) -> Recipe | None:
    pk = ComposerForm(request.POST, project=project).recipe_id
    return Recipe.objects.of(project).filter(pk=pk).first() if pk else None


def _saved(request: AuthedRequest, project: Project, document: Document) -> HttpResponse:
    """A new version of the recipe that was opened, or a new recipe."""
    form = ComposerForm(request.POST, project=project)
    if request.POST["edit"] == "save" and form.recipe_id:
        recipe = recipe_for(request.user, project.slug, form.recipe_id, needs=Capability.MANAGE)
        saved = save_version(recipe=recipe, actor=request.user, document=document)
        version = saved.version
        words = (
            gettext("Saved as version %(number)s.") % {"number": version.number}
            if saved.is_new
            else gettext("Nothing changed: no new version.")
        )
    else:
        if not form.new_name:
            raise AppError(gettext("A new recipe needs a name."), code="recipe_name_missing")
        version = create_recipe(project=project, actor=request.user, name=form.new_name, document=document)
        words = gettext("Saved as a new recipe.")
    messages.success(request, words)
    address = reverse("rewards:recipe-detail", kwargs={"slug": project.slug, "pk": version.recipe_id})
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
