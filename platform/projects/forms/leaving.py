"""Typing a name before something goes for good, and what a project does with what people leave."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.models import Fate, Project
from projects.retention import KINDS, LONGEST_DAYS


class LeavingForm(forms.Form):
    """The user name, and what the person was shown when typing it."""

    typed = forms.CharField(
        label=_("User name"), max_length=150, widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"})
    )
    fates = forms.JSONField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, username: str, fates: dict[int, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._username = username
        self.fields["fates"].initial = json.dumps(fates)
        self.fields["typed"].help_text = _("Type %(name)s to confirm.") % {"name": username}

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"].strip()
        if typed != self._username:
            raise forms.ValidationError(_("Type %(name)s, the user name."), params={"name": self._username})
        return typed

    def clean_fates(self) -> dict[int, str]:
        fates = self.cleaned_data["fates"]
        if not isinstance(fates, dict) or not all(key.isdecimal() and len(key) < 19 for key in fates):
            raise forms.ValidationError(_("Load the page again."))
        return {int(key): str(fate) for key, fate in fates.items()}


class ProjectDeletionForm(forms.Form):
    typed = forms.CharField(
        max_length=80, label=_("Address"), widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"})
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["typed"].help_text = _("Type %(slug)s to confirm.") % {"slug": project.slug}


class DataPolicyForm(forms.Form):
    """What becomes of leavers' judgments, and days by kind of retention; an empty field keeps for ever."""

    fate_of_judgments = forms.ChoiceField(
        label=_("Judgments of people who delete their account"), choices=Fate, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in KINDS.values():
            self.fields[kind.key] = forms.IntegerField(
                label=kind.label,
                help_text=kind.what,
                required=False,
                min_value=1,
                max_value=LONGEST_DAYS,
                widget=forms.NumberInput({"placeholder": _("kept for ever")}),
            )

    @property
    def days(self) -> dict[str, int | None]:
        """By kind; call when the form was validated: what is not valid is left out."""
        return {key: self.cleaned_data[key] for key in KINDS if key in self.cleaned_data}
