"""Adding people to a project and changing their role."""

from django import forms

from projects.models import Role


class NewMemberForm(forms.Form):
    identifier = forms.CharField(
        label="User name or e-mail",
        max_length=254,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(choices=Role, initial=Role.ANNOTATOR)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role)
