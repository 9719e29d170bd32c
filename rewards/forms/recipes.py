"""What a reader of the composer looks at, and how recipes are named, filtered and brought in."""

from __future__ import annotations

import math
from typing import Any, Final

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.composer.other import BESIDE, PRESET, Other
from rewards.composer.picture import Settings
from rewards.models import RecipeVersion
from rewards.querysets.recipe import RecipeQuerySet
from rewards.recipes.presets import PRESETS

_LARGEST_KEY: Final = 2**63 - 1
MAX_FILE_BYTES: Final = 1_000_000


class ComposerForm(forms.Form):
    """Which outputs, which node, which outcome, which other recipe; what is not valid is left out."""

    task = forms.CharField(required=False, max_length=200)
    output = forms.IntegerField(required=False, min_value=1, max_value=_LARGEST_KEY)
    show = forms.IntegerField(required=False, min_value=1, max_value=_LARGEST_KEY)
    at = forms.CharField(required=False, max_length=2_000)
    outcome = forms.CharField(required=False, max_length=300)
    passes_from = forms.FloatField(required=False)
    against = forms.CharField(required=False, max_length=80)
    recipe_pk = forms.IntegerField(required=False, min_value=1, max_value=_LARGEST_KEY)
    name = forms.CharField(required=False, max_length=200)

    def __init__(self, data: QueryDict, *, project: Project) -> None:
        super().__init__(data)
        self._project = project
        self.is_valid()

    @property
    def recipe_id(self) -> int | None:
        """The recipe that a new version would be of."""
        return self.cleaned_data.get("recipe_pk")

    @property
    def new_name(self) -> str:
        return str(self.cleaned_data.get("name", "")).strip()

    def settings(self) -> Settings:
        """As the preview takes them; one query where another recipe is chosen."""
        given = self.cleaned_data
        passes_from = given.get("passes_from")
        return Settings(
            task=str(given.get("task", "")).strip(),
            output_id=given.get("show") or given.get("output"),
            at=str(given.get("at", "")),
            outcome=str(given.get("outcome", "")),
            passes_from=0.5 if passes_from is None or not math.isfinite(passes_from) else passes_from,
            against=self._against(str(given.get("against", ""))),
            has_numbers=self.data.get("edit") == "numbers",
            is_fresh=self.data.get("edit") == "refresh",
        )

    def _against(self, chosen: str) -> Other | None:
        if chosen.startswith(PRESET):
            preset = PRESETS.get(chosen.removeprefix(PRESET))
            wanted = {name.removeprefix(BESIDE): str(self.data[name]) for name in self.data if name.startswith(BESIDE)}
            return Other(chosen, preset.label, preset.document, preset, wanted) if preset else None
        if not chosen.isdecimal() or int(chosen) > _LARGEST_KEY:
            return None
        versions = RecipeVersion.objects.select_related("recipe")
        version = versions.filter(project=self._project, pk=int(chosen)).first()
        return Other(str(version.pk), str(version), version.tree) if version else None


class RecipeListForm(forms.Form):
    """Filters of the list; what is not valid is left out."""

    q = forms.CharField(required=False, max_length=200)
    archived = forms.BooleanField(required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.is_valid()

    @property
    def search(self) -> str:
        return str(self.cleaned_data.get("q", ""))

    @property
    def with_archived(self) -> bool:
        return bool(self.cleaned_data.get("archived"))

    def narrow(self, recipes: RecipeQuerySet) -> RecipeQuerySet:
        return (recipes if self.with_archived else recipes.active()).named_like(self.search)


class RecipeNameForm(forms.Form):
    """Name and description of a recipe: no part of what is computed."""

    name = forms.CharField(label=_("Name"), max_length=200)
    description = forms.CharField(
        label=_("Description"), required=False, max_length=5_000, widget=forms.Textarea(attrs={"rows": 3})
    )


class RecipeFileForm(forms.Form):
    """A recipe as a JSON file or as text."""

    file = forms.FileField(
        required=False, label=_("JSON file"), help_text=_("As the JSON button of a recipe gives it.")
    )
    text = forms.CharField(
        required=False,
        label=_("Or paste it"),
        max_length=MAX_FILE_BYTES,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        file, text = given.get("file"), given.get("text", "")
        if not file and not text.strip():
            raise forms.ValidationError(gettext("Choose a file or paste the recipe."))
        if file:
            if file.size > MAX_FILE_BYTES:
                raise forms.ValidationError(
                    gettext("The file has %(size)s bytes: expected at most %(max_file_bytes)s.")
                    % {"size": f"{file.size:,}", "max_file_bytes": f"{MAX_FILE_BYTES:,}"}
                )
            try:
                given["text"] = file.read().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise forms.ValidationError(
                    gettext("The file is not UTF-8 text (byte %(start)s).") % {"start": error.start}
                ) from error
        return given


class StoreForm(forms.Form):
    """Over which tasks a reward is stored; empty for all."""

    tag = forms.CharField(required=False, max_length=100)
    split = forms.CharField(required=False, max_length=40)
