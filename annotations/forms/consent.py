"""A campaign's consent text, and agreeing to it."""

from django import forms


class ConsentTextForm(forms.Form):
    text = forms.CharField(
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text="Who collects what and why, how long it is kept, how to withdraw. Empty: nothing is asked.",
    )


class AgreeForm(forms.Form):
    """`number` is the version that was read."""

    number = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
