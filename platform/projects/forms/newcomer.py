"""An account for a person who follows a link."""

from django.contrib.auth.forms import BaseUserCreationForm

from projects.models import User


class NewcomerForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """Without an address: that is proven by a letter, never typed in here."""

    class Meta:
        model = User
        fields = ["username", "display_name"]
