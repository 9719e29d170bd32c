"""Forms of settling items."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SettleAgreedForm(forms.Form):
    """From which overlap on two spans are the same."""

    iou = forms.FloatField(
        label=_("Spans are the same from an overlap of"),
        min_value=0.1,
        max_value=1,
        initial=1,
        help_text=_("Intersection over union; 1 asks for equal ends. Below it, what all marked is kept."),
        widget=forms.NumberInput(attrs={"step": "0.05"}),
    )
