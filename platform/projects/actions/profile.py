"""What people change about themselves."""

from projects.models import User


def set_theme(*, user: User, theme: str) -> None:
    """Keep the theme; pages are rendered in it from now on."""
    user.theme = theme
    user.save(update_fields=["theme"])


def change_profile(
    *, user: User, display_name: str, email: str, time_zone: str, theme: str, shortcuts_enabled: bool
) -> None:
    """Keep how a person is shown and how pages look to them."""
    user.display_name = display_name
    user.email = email
    user.time_zone = time_zone
    user.theme = theme
    user.shortcuts_enabled = shortcuts_enabled
    user.save(update_fields=["display_name", "email", "time_zone", "theme", "shortcuts_enabled"])
