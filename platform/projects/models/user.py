"""A person who signs in."""

import json

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.key_map import keys_by_default


class Theme(models.TextChoices):
    SYSTEM = "system", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


def default_mailed_notices() -> list[str]:
    """What asks a person to do something is mailed; what only happened is not."""
    return ["project.joined", "campaign.opened"]


class User(AbstractUser):
    """Names shown to others come from `display_name`; the user name is for signing in."""

    display_name = models.CharField(max_length=150, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    theme = models.CharField(max_length=10, choices=Theme, default=Theme.SYSTEM)
    language = models.CharField(max_length=10, blank=True, default="")
    """Of the pages; empty leaves it to the browser."""
    shortcuts_enabled = models.BooleanField(default=True)
    """Bare-letter shortcuts need an off switch (WCAG 2.1.4)."""

    key_map = models.JSONField(default=dict)
    """Keys of the annotation page by action, where they differ from the defaults (see projects.key_map)."""
    mailed_notices = ArrayField(models.CharField(max_length=40), default=default_mailed_notices)
    """Kinds of notifications that are sent by e-mail as well."""
    unread_count = models.PositiveIntegerField(default=0)
    """Of notifications; kept by the actions, so that no page counts them."""

    left_at = models.DateTimeField(null=True, blank=True)
    """The person is gone: this row is a pseudonym that judgments and the audit log still point at."""

    bound_project_id: int | None = None
    """Not a column: set for a request whose API token opens one project only."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(theme__in=Theme.values), name="user_theme_known"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def chosen_keys_json(self) -> str:
        """Chosen keys by the default key that each replaces, for the annotation page's script."""
        return json.dumps(keys_by_default(self.key_map))
