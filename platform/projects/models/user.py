"""A person who signs in."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Theme(models.TextChoices):
    SYSTEM = "system", "As the device"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class User(AbstractUser):
    """Names shown to others come from `display_name`; the user name is for signing in."""

    display_name = models.CharField(max_length=150, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    theme = models.CharField(max_length=10, choices=Theme, default=Theme.SYSTEM)
    shortcuts_enabled = models.BooleanField(default=True)
    """Bare-letter shortcuts need an off switch (WCAG 2.1.4)."""

    bound_project_id: int | None = None
    """Not a column: set for a request whose API token opens one project only."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(theme__in=Theme.values), name="user_theme_known"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username
