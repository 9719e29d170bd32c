"""What a reader of a campaign's items may narrow them by, on the page and over the API."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotations.models import Campaign, CampaignItem
from annotations.querysets.item import STATES
from projects.access import Capability, roles_with
from projects.models import User

WORDS = {
    "waiting": _("Waits for answers"),
    "held": _("In work"),
    "answered": _("Answered by all"),
    "skipped": _("Skipped by somebody"),
    "withdrawn": _("Withdrawn"),
}


class ItemFilterForm(forms.Form):
    """One query for the people. A filter that is not valid is left out: an old link should still open the list."""

    q = forms.CharField(required=False, max_length=200, label=_("Search"))
    state = forms.ChoiceField(
        required=False, label=_("State"), choices=[("", _("Any")), *((state, WORDS[state]) for state in STATES)]
    )
    kind = forms.ChoiceField(required=False, label=_("Kind"), choices=[("", _("Any")), *CampaignItem.Kind.choices])
    person = forms.ModelChoiceField(
        required=False,
        label=_("Person"),
        queryset=User.objects.none(),
        to_field_name="username",
        empty_label=_("Anybody"),
    )

    def __init__(self, data: Mapping[str, Any], *, campaign: Campaign) -> None:
        super().__init__(data)
        person = self.fields["person"]
        assert isinstance(person, forms.ModelChoiceField)
        able = Q(memberships__project=campaign.project_id, memberships__role__in=roles_with(Capability.ANNOTATE))
        # Who has left has answers here still.
        people = User.objects.filter(able | Q(campaign_progress__campaign=campaign)).distinct()
        person.queryset = people.order_by("username")
        self.is_valid()

    def conditions(self) -> dict[str, Any]:
        """Arguments of `CampaignItemQuerySet.matching`."""
        return {
            "search": self.cleaned_data.get("q", ""),
            "state": self.cleaned_data.get("state", ""),
            "kind": self.cleaned_data.get("kind", ""),
            "person": self.cleaned_data.get("person"),
        }

    @property
    def is_narrowing(self) -> bool:
        """Whether any filter is set, so that an empty list has another meaning."""
        return any(self.conditions().values())
