"""The operator's decisions."""

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.models import SignUp


class SitePolicyForm(forms.Form):
    sign_up = forms.ChoiceField(label=_("Who may make an account"), choices=SignUp, widget=forms.RadioSelect)
    owners_need_two_factor = forms.BooleanField(
        label=_("Owners need a second factor"),
        required=False,
        help_text=_("Until an owner has switched one on, pages and tokens give the rights of a manager."),
    )
