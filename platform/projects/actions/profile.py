"""What people change about themselves."""

from collections.abc import Mapping, Sequence

from projects.key_map import check_key_map
from projects.models import User
from projects.notices import NOTICES


def set_theme(*, user: User, theme: str) -> None:
    """Keep the theme; pages are rendered in it from now on."""
    user.theme = theme
    user.save(update_fields=["theme"])


def change_profile(
    *, user: User, display_name: str, language: str, time_zone: str, theme: str, shortcuts_enabled: bool
) -> None:
    """Keep how a person is shown and how pages look to them; addresses are proven first (see `sign_up`)."""
    user.display_name = display_name
    user.language = language
    user.time_zone = time_zone
    user.theme = theme
    user.shortcuts_enabled = shortcuts_enabled
    user.save(update_fields=["display_name", "language", "time_zone", "theme", "shortcuts_enabled"])


def change_key_map(*, user: User, chosen: Mapping[str, str]) -> None:
    """Keep the keys of the annotation page; refuses two actions on one key (``key_map_invalid``)."""
    user.key_map = check_key_map(chosen)
    user.save(update_fields=["key_map"])


def change_mailed_notices(*, user: User, kinds: Sequence[str]) -> None:
    """Keep which notifications are sent by e-mail as well."""
    user.mailed_notices = [kind for kind in NOTICES if kind in kinds]
    user.save(update_fields=["mailed_notices"])
