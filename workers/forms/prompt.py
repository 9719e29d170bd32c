"""Writing a judge prompt, and choosing an output to see it filled."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workers.sources.prompts import MAX_TEMPLATE


class PromptForm(forms.Form):
    """Name, template, and an output for the preview; the name only of a new prompt."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput({"autocomplete": "off"}))
    template = forms.CharField(
        label=_("Template"),
        strip=False,
        # The action says what is wrong with a longer one; this bound only keeps a page from carrying megabytes.
        max_length=4 * MAX_TEMPLATE,
        widget=forms.Textarea({"rows": 20, "spellcheck": "false", "class": "mono"}),
    )
    output = forms.CharField(label=_("Output"), required=False, max_length=200)

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["name"]

    def clean_template(self) -> str:
        """With line ends as they are stored: browsers send CRLF."""
        return str(self.cleaned_data["template"]).replace("\r\n", "\n").replace("\r", "\n")
