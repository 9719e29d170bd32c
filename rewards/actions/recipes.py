"""Making recipes and their immutable versions."""

from __future__ import annotations

from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.models import Recipe, RecipeVersion
from rewards.recipe_reading.resolution import resolve
from rewards.recipes import tree
from rewards.recipes.document import content_hash, normal_form
from rewards.recipes.errors import RecipeError


class SavedRecipe(NamedTuple):
    """What a save led to; `is_new` is False where nothing had changed."""

    version: RecipeVersion
    is_new: bool


def validate_for(project: Project, document: object) -> tree.Recipe:
    """Read a document and find everything that it names in the project; at most seven queries and two a rubric.

    Raises
    ------
    RecipeError
        Names every node, setting and input that is wrong, and what was expected there.
    """
    recipe = tree.read_recipe(document)
    resolve(project, recipe, tuple(recipe.inputs))
    return recipe


def refused(error: RecipeError) -> AppError:
    """What a person and the API are told of a recipe that cannot be taken: messages by path."""
    path, problem = next(iter(error.problems.items()))
    fields = {name: [message] for name, message in error.problems.items()}
    return AppError(
        gettext("This recipe cannot be used. %(path)s: %(problem)s.") % {"path": path, "problem": problem},
        code="recipe_invalid",
        fields=fields,
    )


def create_recipe(
    *, project: Project, actor: User | None, name: str, document: object, description: str = ""
) -> RecipeVersion:
    """Start a recipe with its first version.

    Raises
    ------
    AppError
        ``recipe_invalid``, or ``recipe_name_taken`` (409).
    """
    recipe = _valid(project, document)
    try:
        with transaction.atomic():
            row = Recipe.objects.create(project=project, name=name, description=description)
            version = _write_version(row, actor, recipe, number=1)
            data = {"name": name, "version": 1}
            record_event(actor=actor, verb="recipe.created", project=project, target=row, data=data)
    except IntegrityError as error:
        raise _name_taken() from error
    return version


@transaction.atomic
def save_version(*, recipe: Recipe, actor: User | None, document: object) -> SavedRecipe:
    """Give a recipe a new version; the newest one is returned as it is where the content is the same.

    Locks the recipe, so that two people who save at once get two versions and no error.

    Raises
    ------
    AppError
        ``recipe_invalid``.
    """
    checked = _valid(recipe.project, document)
    Recipe.objects.select_for_update().get(pk=recipe.pk)
    newest = recipe.versions.newest_first().first()
    if newest is not None and newest.content_hash == content_hash(checked):
        return SavedRecipe(newest, is_new=False)
    number = newest.number + 1 if newest is not None else 1
    version = _write_version(recipe, actor, checked, number=number)
    data = {"name": recipe.name, "version": number}
    record_event(actor=actor, verb="recipe.version_saved", project=recipe.project, target=recipe, data=data)
    return SavedRecipe(version, is_new=True)


def rename_recipe(*, recipe: Recipe, actor: User, name: str, description: str) -> None:
    """Rename or describe a recipe: neither is part of what is computed, so no version is made.

    Raises
    ------
    AppError
        ``recipe_name_taken`` (409).
    """
    if (recipe.name, recipe.description) == (name, description):
        return
    before, recipe.name, recipe.description = recipe.name, name, description
    try:
        with transaction.atomic():
            recipe.save(update_fields=["name", "description"])
            data = {"name": name, "before": before}
            record_event(actor=actor, verb="recipe.renamed", project=recipe.project, target=recipe, data=data)
    except IntegrityError as error:
        raise _name_taken() from error


@transaction.atomic
def archive_recipe(*, recipe: Recipe, actor: User) -> None:
    """Take a recipe out of the lists; its versions and what was computed by them stay."""
    _set_archived(recipe, actor, verb="recipe.archived", archived=True)


@transaction.atomic
def restore_recipe(*, recipe: Recipe, actor: User) -> None:
    """Put an archived recipe back into the lists."""
    _set_archived(recipe, actor, verb="recipe.restored", archived=False)


def _valid(project: Project, document: object) -> tree.Recipe:
    try:
        return validate_for(project, document)
    except RecipeError as error:
        raise refused(error) from error


def _write_version(row: Recipe, actor: User | None, recipe: tree.Recipe, *, number: int) -> RecipeVersion:
    return RecipeVersion.objects.create(
        project=row.project,
        recipe=row,
        number=number,
        tree=normal_form(recipe),
        content_hash=content_hash(recipe),
        created_by=actor,
    )


def _set_archived(recipe: Recipe, actor: User, *, verb: str, archived: bool) -> None:
    changed = Recipe.objects.filter(pk=recipe.pk, archived_at__isnull=archived).update(
        archived_at=timezone.now() if archived else None
    )
    if changed:
        record_event(actor=actor, verb=verb, project=recipe.project, target=recipe, data={"name": recipe.name})


def _name_taken() -> AppError:
    return AppError(
        gettext("Another recipe of this project has this name."),
        code="recipe_name_taken",
        status=409,
        fields={"name": [gettext("Another recipe has this name; choose another one.")]},
    )
