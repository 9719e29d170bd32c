"""Recipes as rows: versions that never change, and what is refused before anything is stored."""

from typing import Any

import pytest

from projects.errors import AppError
from projects.models import AuditEvent
from rewards.actions.recipes import archive_recipe, create_recipe, rename_recipe, restore_recipe, save_version
from rewards.models import Recipe, RecipeVersion
from rewards.recipes.tree import read_recipe
from tests.factories import make_output, make_project, make_rater, make_rating, make_task, make_user

pytestmark = pytest.mark.django_db


def _document(weight: float = 1.0) -> dict[str, Any]:
    terms = [{"of": {"input": "stars"}, "weight": weight}]
    return {
        "recipe": 1,
        "inputs": {"stars": {"kind": "rating"}},
        "reward": {"op": "weighted_sum", "terms": terms},
    }


@pytest.fixture
def actor() -> Any:
    return make_user()


@pytest.fixture
def project(actor: Any) -> Any:
    project = make_project(owner=actor)
    make_rating(make_rater(project), make_output(make_task(project)), 3)
    return project


def test_a_recipe_starts_with_its_first_version_and_grows_by_numbered_ones(project, actor) -> None:
    first = create_recipe(project=project, actor=actor, name="Stars", document=_document())
    saved = save_version(recipe=first.recipe, actor=actor, document=_document(0.5))
    assert (first.number, saved.version.number, saved.is_new) == (1, 2, True)
    assert saved.version.content_hash != first.content_hash
    assert list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True)) == [
        "recipe.created",
        "recipe.version_saved",
    ]


def test_what_is_stored_is_the_normal_form_and_reads_again(project, actor) -> None:
    version = create_recipe(project=project, actor=actor, name="Stars", document=_document())
    stored = RecipeVersion.objects.get(pk=version.pk).tree
    assert stored["reward"]["unscored"] == "unscored"
    assert read_recipe(stored).inputs["stars"].text("question") == "overall"


def test_the_same_content_makes_no_new_version(project, actor) -> None:
    first = create_recipe(project=project, actor=actor, name="Stars", document=_document())
    again = save_version(recipe=first.recipe, actor=actor, document=_document() | {"seed": 0})
    assert again == (first, False)
    assert RecipeVersion.objects.count() == 1


def test_what_the_project_lacks_is_refused_by_path_and_nothing_is_stored(project, actor) -> None:
    document = _document() | {"inputs": {"stars": {"kind": "signal", "rater": "critic"}}}
    with pytest.raises(AppError) as caught:
        create_recipe(project=project, actor=actor, name="Stars", document=document)
    assert caught.value.code == "recipe_invalid"
    assert "there is no rater 'critic'" in caught.value.fields["inputs.stars.rater"][0]
    assert not Recipe.objects.exists()


def test_an_unused_input_is_checked_too(project, actor) -> None:
    document = _document()
    document["inputs"]["unused"] = {"kind": "comparison"}
    with pytest.raises(AppError) as caught:
        create_recipe(project=project, actor=actor, name="Stars", document=document)
    assert caught.value.fields == {"inputs.unused": ["this project has no comparison yet"]}


def test_two_recipes_of_a_project_have_two_names(project, actor) -> None:
    first = create_recipe(project=project, actor=actor, name="Stars", document=_document())
    second = create_recipe(project=project, actor=actor, name="Moons", document=_document())
    for attempt in (
        lambda: create_recipe(project=project, actor=actor, name="Stars", document=_document()),
        lambda: rename_recipe(recipe=second.recipe, actor=actor, name="Stars", description=""),
    ):
        with pytest.raises(AppError) as caught:
            attempt()
        assert (caught.value.code, caught.value.status) == ("recipe_name_taken", 409)
    rename_recipe(recipe=first.recipe, actor=actor, name="Suns", description="Bright.")
    assert Recipe.objects.get(pk=first.recipe_id).name == "Suns"


def test_an_archived_recipe_leaves_the_list_and_comes_back(project, actor) -> None:
    recipe = create_recipe(project=project, actor=actor, name="Stars", document=_document()).recipe
    archive_recipe(recipe=recipe, actor=actor)
    archive_recipe(recipe=recipe, actor=actor)
    assert not Recipe.objects.of(project).active().exists()
    assert AuditEvent.objects.filter(verb="recipe.archived").count() == 1
    restore_recipe(recipe=recipe, actor=actor)
    assert [(row.name, row.version_number) for row in Recipe.objects.of(project).active().for_list()] == [("Stars", 1)]
