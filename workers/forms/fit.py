"""What a person chooses before something is fitted."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rewards.models import Export
from workers.catalogue import serving
from workers.forms.proposal import LARGEST_SEED
from workers.forms.scorer import parameter_field
from workers.models import ModelEndpoint
from workers.training.contract import TrainerDeclaration


class FitForm(forms.Form):
    """Name, the export to learn from, the model to fit on, and the trainer's parameters, in this order."""

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        required=False,
        help_text=_("Left empty, it is made from kind, export and model."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(
        self,
        *args: Any,
        declaration: TrainerDeclaration,
        exports: Sequence[Export],
        endpoints: Sequence[ModelEndpoint],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._declaration = declaration
        self._exports = {str(export.pk): export for export in exports}
        fitting = [endpoint for endpoint in serving(declaration.base, endpoints) if not endpoint.is_served]
        self._endpoints = {str(endpoint.pk): endpoint for endpoint in fitting}
        self.fields["export"] = forms.ChoiceField(
            choices=[(str(export.pk), f"{export.name} ({export.rows_written:,} rows)") for export in exports],
            help_text=_("Of unpaired preference: outputs with a label each."),
        )
        self.fields["endpoint"] = forms.ChoiceField(
            label=gettext(declaration.base.label),
            choices=[(str(endpoint.pk), endpoint.name) for endpoint in fitting],
            help_text=gettext(declaration.base.help),
        )
        for parameter in declaration.all_parameters:
            self.fields[parameter.name] = parameter_field(parameter)
        self.fields["seed"] = forms.IntegerField(min_value=0, max_value=LARGEST_SEED, initial=0)

    @property
    def has_exports(self) -> bool:
        return bool(self._exports)

    @property
    def has_models(self) -> bool:
        return bool(self._endpoints)

    def values(self) -> dict[str, Any]:
        """What `request_fit` takes, but for project and kind, once the form is valid."""
        chosen = self.cleaned_data
        return {
            "name": chosen["name"],
            "export": self._exports[chosen["export"]],
            "endpoint": self._endpoints[chosen["endpoint"]],
            "parameters": {one.name: chosen[one.name] for one in self._declaration.all_parameters},
            "seed": chosen["seed"],
        }
