"""Naming a served model: where it is, its key, and on what terms it is asked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from workers.actions.servers import MOST_CONCURRENCY, MOST_TIMEOUT_SECONDS, Terms
from workers.engines.limits import DEFAULT_CONCURRENCY
from workers.models import ModelEndpoint

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_LIMITS = ("concurrency", "requests_per_minute", "tokens_per_minute", "timeout_seconds")
_PRICES = ("prompt_per_million", "reply_per_million")


class TermsForm(forms.Form):
    """Limits, prices and budget of a server, and its key, which is written only."""

    key = forms.CharField(
        label=_("Key"),
        max_length=4000,
        required=False,
        strip=True,
        help_text=_("Sent as a bearer token. Stored encrypted and never shown again."),
        widget=forms.PasswordInput({"autocomplete": "new-password"}, render_value=False),
    )
    concurrency = forms.IntegerField(
        label=_("Requests at a time"),
        required=False,
        min_value=1,
        max_value=MOST_CONCURRENCY,
        help_text=format_lazy(
            _("At most, from each worker; {limit} where empty. Fewer while the server objects."),
            limit=DEFAULT_CONCURRENCY,
        ),
    )
    requests_per_minute = forms.IntegerField(
        label=_("Requests a minute"), required=False, min_value=1, help_text=_("Empty: as the server's headers say.")
    )
    tokens_per_minute = forms.IntegerField(
        label=_("Tokens a minute"), required=False, min_value=1, help_text=_("Of prompts and replies together.")
    )
    timeout_seconds = forms.IntegerField(
        label=_("Seconds to wait for an answer"),
        required=False,
        min_value=1,
        max_value=MOST_TIMEOUT_SECONDS,
        help_text=_("120 where empty."),
    )
    prompt_per_million = forms.FloatField(label=_("Price of a million prompt tokens"), required=False, min_value=0)
    reply_per_million = forms.FloatField(label=_("Price of a million reply tokens"), required=False, min_value=0)
    currency = forms.CharField(
        label=_("Currency"), max_length=10, required=False, widget=forms.TextInput(_PLAIN), help_text=_("Such as USD.")
    )
    budget = forms.FloatField(
        label=_("Budget"),
        required=False,
        min_value=0,
        help_text=_("Most that all runs together may spend on this model. Empty: no bound."),
    )

    @classmethod
    def initial_of(cls, endpoint: ModelEndpoint) -> dict[str, Any]:
        """What the form shows of an endpoint: never the key."""
        return {**endpoint.limits, **endpoint.prices, "budget": endpoint.budget}

    def terms(self) -> Terms:
        """Once the form is valid."""
        chosen = self.cleaned_data
        limits = {name: chosen[name] for name in _LIMITS if chosen[name] is not None}
        prices: dict[str, Any] = {name: chosen[name] for name in _PRICES if chosen[name] is not None}
        if prices or chosen["currency"]:
            prices["currency"] = chosen["currency"]
        return Terms(limits, prices, chosen["budget"])


class ServerForm(TermsForm):
    """All of it, for a server that is not registered yet."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput({"autocomplete": "off"}))
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_(
            "Up to and including /v1, such as https://api.example.com/v1. A server in a private network must be "
            "opened by the operator."
        ),
        widget=forms.TextInput({**_PLAIN, "inputmode": "url"}),
    )
    served_model = forms.CharField(
        label=_("Model"),
        max_length=300,
        help_text=_("The name by which the server knows it."),
        widget=forms.TextInput(_PLAIN),
    )
    field_order = ["name", "url", "served_model", "key"]


class ChangedTermsForm(TermsForm):
    """The terms of a registered server; the key stays where the field is left empty."""

    remove_key = forms.BooleanField(label=_("Take the stored key away"), required=False)
    field_order = ["key", "remove_key"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].help_text = "Left empty, the stored key stays. It is never shown."

    def new_key(self) -> str | None:
        """The key to store, empty to take it away, None to leave it."""
        if self.cleaned_data["remove_key"]:
            return ""
        return self.cleaned_data["key"] or None


class ProjectBudgetForm(forms.Form):
    """What all runs of a project may spend together."""

    amount = forms.FloatField(
        label=_("Budget of the project"),
        required=False,
        min_value=0,
        help_text=_("In the currency of the models' prices. Empty: no bound of the project's own."),
    )


class RunBudgetForm(forms.Form):
    """What one run may spend."""

    budget = forms.FloatField(
        label=_("Budget of this run"), required=False, min_value=0, help_text=_("Empty: no bound.")
    )
