"""Forms of settling items."""

from django import forms


class SettleAgreedForm(forms.Form):
    """From which overlap on two spans are the same."""

    iou = forms.FloatField(
        label="Spans are the same from an overlap of",
        min_value=0.1,
        max_value=1,
        initial=1,
        help_text="Intersection over union; 1 asks for equal ends. Below it, what all marked is kept.",
        widget=forms.NumberInput(attrs={"step": "0.05"}),
    )
