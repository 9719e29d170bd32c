"""What people may say about themselves."""

from zoneinfo import available_timezones

from django import forms

from projects.models import Theme


def _time_zones() -> list[tuple[str, str]]:
    """Zones that people live in; the old aliases without a region are left out."""
    named = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


class ProfileForm(forms.Form):
    display_name = forms.CharField(
        max_length=150, required=False, help_text="Shown to others instead of your user name."
    )
    email = forms.EmailField(label="E-mail", required=False)
    time_zone = forms.ChoiceField(choices=_time_zones)
    theme = forms.ChoiceField(choices=Theme)
    shortcuts_enabled = forms.BooleanField(
        label="Single-key shortcuts",
        required=False,
        help_text="Off, only shortcuts with Ctrl, ⌘ or Alt work on the annotation page.",
    )
