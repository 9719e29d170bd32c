"""An account for a person who follows an invitation."""

from django.contrib.auth.forms import BaseUserCreationForm

from projects.models import User


class NewcomerForm(BaseUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["username", "display_name", "email"]
