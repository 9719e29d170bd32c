"""Changing a campaign that was made."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from annotations.access import annotators_of
from annotations.actions.campaign_settings import FIELDS
from annotations.forms.campaign import CampaignForm
from annotations.models import Campaign
from projects.models import User


class CampaignSettingsForm(forms.Form):
    """The fields of a new campaign that may be changed later, filled with what holds now."""

    name = CampaignForm.base_fields["name"]
    overlap = CampaignForm.base_fields["overlap"]
    people = CampaignForm.base_fields["people"]
    lease_minutes = CampaignForm.base_fields["lease_minutes"]
    undo_minutes = CampaignForm.base_fields["undo_minutes"]
    reveals_policies = CampaignForm.base_fields["reveals_policies"]

    def __init__(self, campaign: Campaign, data: Any = None) -> None:
        initial = {name: getattr(campaign, name) for name in FIELDS}
        initial["people"] = list(campaign.campaign_members.values_list("user", flat=True))
        super().__init__(data, initial=initial)
        people = cast(forms.ModelMultipleChoiceField, self.fields["people"])  # type: ignore[type-arg]
        people.queryset = annotators_of(campaign.project)
        people.help_text = _(
            "Nobody chosen: everyone in the project who may annotate. Who is taken out gets no new item; "
            "what they have in work can be finished, and their answers stand."
        )
        self.fields["overlap"].help_text = _(
            "More at any time. Fewer only while no items are given out, and not fewer than an item has already."
        )

    def changes(self) -> dict[str, Any]:
        """By the names of `change_campaign`. Call when the form is valid."""
        people: list[User] = list(self.cleaned_data["people"])
        return {**self.cleaned_data, "people": people}


class TasksAddForm(forms.Form):
    limit = forms.IntegerField(
        label=_("Tasks at most"), required=False, min_value=1, help_text=_("Empty for all of them.")
    )
