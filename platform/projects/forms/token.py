"""Asking for an API token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.access import projects_for
from projects.models import Project, TokenScope, User


class NewTokenForm(forms.Form):
    LIFETIMES = ((7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("One year")))

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("Where it will be used, such as “trainer on node 3”."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    project: forms.ModelChoiceField[Project] = forms.ModelChoiceField(
        label=_("Project"),
        queryset=None,
        required=False,
        empty_label=_("All my projects"),
        help_text=_("A bound token opens this project only."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=TokenScope, initial=[TokenScope.READ], widget=forms.CheckboxSelectMultiple
    )
    days = forms.TypedChoiceField(label=_("Expires after"), choices=LIFETIMES, coerce=int, initial=90)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].queryset = projects_for(user).for_list()  # type: ignore[attr-defined]

    @property
    def expires_at(self) -> datetime:
        """The moment chosen; only after validation."""
        return timezone.now() + timedelta(days=self.cleaned_data["days"])
