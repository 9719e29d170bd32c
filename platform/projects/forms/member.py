"""Adding people to a project and changing their role."""

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.models import Role


class NewMemberForm(forms.Form):
    identifier = forms.CharField(
        label=_("User name or e-mail"),
        max_length=254,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(label=_("Role"), choices=Role, initial=Role.ANNOTATOR)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Role)
