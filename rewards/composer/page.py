"""The composer's page: a document, its form, what is wrong with it, and what it makes of the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from projects.models import Project
from rewards.composer.cache import shelf
from rewards.composer.document import Document
from rewards.composer.editing import Edited, write_json
from rewards.composer.fields import CHOICE, RecipeForm, fields_of, id_of, nodes_of
from rewards.composer.form import recipe_form
from rewards.composer.offers import Offer, offers_for
from rewards.composer.other import PRESET, Other
from rewards.composer.picture import Preview, Settings
from rewards.composer.preview import preview, sample_for
from rewards.models import RecipeVersion
from rewards.recipes.errors import RecipeError
from rewards.recipes.presets import PRESETS, Preset

MAX_OTHERS = 100


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, and the element that it is about; empty where none is."""

    path: str
    message: str
    element: str


@dataclass(frozen=True)
class ComposerPage:
    """Everything that the template prints.

    Attributes
    ----------
    preview : Preview or None
        None where the recipe cannot be computed: the page then keeps the last picture.
    preset : Preset or None
        What it began with.
    is_untouched : bool
        There is no recipe yet, so nothing is wrong with it either.
    """

    project: Project
    edit: Edited
    settings: Settings
    preview: Preview | None
    problems: Mapping[str, str]
    is_untouched: bool
    preset: Preset | None = None

    @property
    def hints(self) -> dict[str, str]:
        """What the preset expects of inputs that are not bound yet, by name."""
        expected = self.preset.inputs if self.preset else {}
        return {
            one.name: expected[one.name].label for one in self.form.inputs if one.name in expected and not one.is_bound
        }

    @property
    def document(self) -> Document:
        return self.edit.document

    @cached_property
    def form(self) -> RecipeForm:
        return recipe_form(self.document, self.problems)

    @cached_property
    def json(self) -> str:
        return write_json(self.document)

    @property
    def focus(self) -> str:
        """The id of the element to go on from; empty where nothing moved."""
        return id_of(self.edit.focus if self.edit.focus.startswith("/inputs/") else CHOICE + self.edit.focus)

    @cached_property
    def located(self) -> list[Problem]:
        """Each problem with the element that it is about."""
        elements = {field.path: field.id for field in fields_of(self.form)}
        elements |= {node.path: node.id for node in nodes_of(self.form)}
        elements |= {path: one.source_id for one in self.form.inputs for path in (one.path, f"{one.path}.kind")}
        hints = {f"inputs.{name}.kind": hint for name, hint in self.hints.items()}
        return [
            Problem(path, f"{message} ({hints[path]})" if path in hints else message, elements.get(path, ""))
            for path, message in self.problems.items()
        ]

    @property
    def input_names(self) -> list[str]:
        return [one.name for one in self.form.inputs]

    @property
    def node_names(self) -> list[str]:
        return [name for name, _ in self.form.named]

    @cached_property
    def offers(self) -> list[tuple[str, list[Offer]]]:
        """What the outputs really have, from the shelf where it was read before."""
        sample = sample_for(self.project, self.settings)
        key = ("offers", self.project.pk, sample.output_ids)
        return shelf.get(key, lambda: offers_for(self.project, sample), is_fresh=self.settings.is_fresh)

    @property
    def papers(self) -> list[tuple[str, str]]:
        """Papers' compositions to compare with: what the form sends, and a name."""
        return [(PRESET + name, preset.label) for name, preset in PRESETS.items()]

    @property
    def older(self) -> Other | None:
        """The stored version that it is compared with, where that is not among the newest."""
        chosen = self.settings.against
        is_offered = chosen is None or chosen.preset is not None or chosen.key in {str(one.pk) for one in self.others}
        return None if is_offered else chosen

    @cached_property
    def others(self) -> list[RecipeVersion]:
        """Recipes to compare with: the newest version of each."""
        versions = RecipeVersion.objects.filter(project=self.project, recipe__archived_at__isnull=True)
        newest = versions.select_related("recipe").defer("tree").order_by("recipe_id", "-number").distinct("recipe_id")
        return sorted(newest[:MAX_OTHERS], key=lambda version: version.recipe.name.lower())


def composer_page(
    project: Project,
    edit: Edited,
    settings: Settings,
    problems: Mapping[str, str] | None = None,
    preset: Preset | None = None,
) -> ComposerPage:
    """Compute the document, unless what led to it is already known to be wrong."""
    found, computed = dict(problems or {}), None
    is_untouched = not edit.document.get("inputs") and edit.document.get("reward") == {"input": ""}
    if not found and not is_untouched:
        try:
            computed = preview(project, edit.document, settings)
        except RecipeError as error:
            found = error.problems
    return ComposerPage(project, edit, settings, computed, found, is_untouched, preset)
