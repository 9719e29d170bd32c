"""A campaign's consent text, and agreeing to it."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ConsentTextForm(forms.Form):
    text = forms.CharField(
        label=_("Text"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text=_("Who collects what and why, how long it is kept, how to withdraw. Empty: nothing is asked."),
    )


class AgreeForm(forms.Form):
    """`number` is the version that was read."""

    number = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
