"""The form of a scorer, made from what its source declares."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rewards.models import RubricVersion
from rewards.parameters import Parameter
from workers.catalogue import SourceEntry, serving
from workers.models import Artefact, ModelEndpoint, PromptVersion
from workers.sources.contract import Input, ModelRole

TASK_RUBRIC = "tasks"


class ScorerForm(forms.Form):
    """Name, artefact, rubric, prompt, a model for each role, and the source's parameters, in this order."""

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        required=False,
        help_text=_("Left empty, it is made from source, rubric, prompt and model."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(
        self,
        *args: Any,
        entry: SourceEntry,
        endpoints: Sequence[ModelEndpoint],
        rubric_versions: Collection[RubricVersion],
        prompt_versions: Collection[PromptVersion] = (),
        artefacts: Collection[Artefact] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        self._endpoints = {str(endpoint.pk): endpoint for endpoint in endpoints}
        self._rubric_versions = {str(version.pk): version for version in rubric_versions}
        self._prompt_versions = {str(version.pk): version for version in prompt_versions}
        self._artefacts = {str(artefact.pk): artefact for artefact in artefacts}
        declaration = entry.declaration
        if declaration.artefact:
            self.fields["artefact"] = _artefact_field(artefacts)
        if Input.CRITERIA in declaration.inputs:
            self.fields["rubric"] = _rubric_field(rubric_versions, required=Input.CRITERIA in declaration.needs)
        if declaration.prompt is not None:
            self.fields["prompt"] = _prompt_field(prompt_versions)
        for role in declaration.models:
            self.fields[role.name] = _model_field(role, serving(role, endpoints))
        for parameter in declaration.parameters:
            self.fields[parameter.name] = parameter_field(parameter)

    def values(self) -> dict[str, Any]:
        """What `create_scorer` takes, once the form is valid."""
        chosen = self.cleaned_data
        rubric = chosen.get("rubric", "")
        declaration = self.entry.declaration
        return {
            "name": chosen["name"],
            "source": declaration.name,
            "parameters": {parameter.name: chosen[parameter.name] for parameter in declaration.parameters},
            "endpoints": {
                role.name: self._endpoints[chosen[role.name]] for role in declaration.models if chosen[role.name]
            },
            "rubric_version": self._rubric_versions.get(rubric),
            "uses_task_rubric": rubric == TASK_RUBRIC,
            "prompt_version": self._prompt_versions.get(chosen.get("prompt", "")),
            "artefact": self._artefacts.get(chosen.get("artefact", "")),
        }


def parameter_field(parameter: Parameter) -> forms.Field:
    """The form field of a declared parameter, with its default filled in."""
    shown: dict[str, Any] = {
        "label": gettext(parameter.label),
        "help_text": gettext(parameter.help),
        "initial": parameter.default,
        "required": parameter.kind not in {"boolean", "text"},
    }
    bounds: dict[str, Any] = {"min_value": parameter.minimum, "max_value": parameter.maximum}
    if parameter.kind == "boolean":
        return forms.BooleanField(**shown)
    if parameter.kind == "choice":
        return forms.ChoiceField(choices=[(value, gettext(label)) for value, label in parameter.choices], **shown)
    if parameter.kind == "integer":
        whole: dict[str, Any] = {name: None if bound is None else int(bound) for name, bound in bounds.items()}
        return forms.IntegerField(**whole, **shown)
    if parameter.kind == "number":
        return forms.FloatField(**bounds, **shown, widget=forms.NumberInput({"step": "any"}))
    widget = forms.Textarea({"rows": 6, "spellcheck": "false"}) if parameter.has_lines else None
    return forms.CharField(max_length=parameter.max_length, strip=False, widget=widget, **shown)


def _rubric_field(versions: Collection[RubricVersion], *, required: bool) -> forms.ChoiceField:
    choices: list[tuple[str, Any]] = [] if required else [("", _("None"))]
    choices += [(TASK_RUBRIC, _("Each task's own rubric"))]
    choices += [(str(version.pk), str(version)) for version in versions]
    return forms.ChoiceField(
        choices=choices,
        required=required,
        help_text=_("Verdicts stay bound to the version that they were given under."),
    )


def _prompt_field(versions: Collection[PromptVersion]) -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=[("", _("The source's own")), *((str(version.pk), str(version)) for version in versions)],
        required=False,
        help_text=_("The template that is filled for each question; every version makes another scorer."),
    )


def _artefact_field(artefacts: Collection[Artefact]) -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=[(str(artefact.pk), artefact.name) for artefact in artefacts],
        help_text=_("Fitted weights; the model below must be the one that they were fitted on."),
    )


def _model_field(role: ModelRole, endpoints: Sequence[ModelEndpoint]) -> forms.ChoiceField:
    choices = [(str(endpoint.pk), endpoint.name) for endpoint in endpoints]
    if not role.required:
        choices = [("", gettext("None")), *choices]
    return forms.ChoiceField(
        label=gettext(role.label), choices=choices, required=role.required, help_text=gettext(role.help)
    )
