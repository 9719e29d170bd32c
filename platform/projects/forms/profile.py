"""What people may say about themselves."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from projects.key_map import ACTIONS, shown_key
from projects.models import Theme
from projects.notices import NOTICES


def _time_zones() -> list[tuple[str, str]]:
    """Zones that people live in; the old aliases without a region are left out."""
    named = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


def _languages() -> list[tuple[str, str]]:
    """Those of this server, each named in itself."""
    return [("", gettext("As the browser asks")), *settings.LANGUAGES]


class ProfileForm(forms.Form):
    display_name = forms.CharField(
        label=_("Display name"),
        max_length=150,
        required=False,
        help_text=_("Shown to others instead of your user name."),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=_languages,
        required=False,
        help_text=_("What has no translation yet stands in English; tasks and responses stay as they are."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=_time_zones)
    theme = forms.ChoiceField(label=_("Theme"), choices=Theme)
    shortcuts_enabled = forms.BooleanField(
        label=_("Single-key shortcuts"),
        required=False,
        help_text=_("Off, only shortcuts with Ctrl, ⌘ or Alt work on the annotation page."),
    )


class KeyMapForm(forms.Form):
    """One field for each action; an empty one means the default key."""

    def __init__(self, *args: Any, key_map: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for action in ACTIONS.values():
            self.fields[action.name] = forms.CharField(
                label=str(action.label),
                required=False,
                max_length=20,
                initial=shown_key(key_map.get(action.name, "")),
                widget=forms.TextInput(
                    {
                        "placeholder": shown_key(action.default),
                        "autocomplete": "off",
                        "autocapitalize": "none",
                        "class": "key-input",
                    }
                ),
            )


class MailedNoticesForm(forms.Form):
    kinds = forms.MultipleChoiceField(
        label=_("Also send by e-mail"),
        required=False,
        choices=[(notice.kind, notice.label) for notice in NOTICES.values()],
        widget=forms.CheckboxSelectMultiple,
    )
