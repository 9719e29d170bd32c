"""A link for many annotators."""

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.actions.annotator_link import LONGEST_DAYS, MOST_PEOPLE


class AnnotatorLinkForm(forms.Form):
    label = forms.CharField(
        label=_("Whom it is for"),
        max_length=100,
        widget=forms.TextInput({"autocomplete": "off", "placeholder": _("Seminar group A")}),
    )
    most_people = forms.IntegerField(label=_("People"), min_value=1, max_value=MOST_PEOPLE, initial=20)
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=LONGEST_DAYS, initial=14)
