"""The language that a person reads, and what the scripts of a page say in it."""

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils import translation

from projects.models import User


def chosen_language(user: AbstractBaseUser | AnonymousUser) -> str | None:
    """What the person has chosen and this server still offers; None leaves it to the cookie and to the browser."""
    if not isinstance(user, User) or user.language not in dict(settings.LANGUAGES):
        return None
    return user.language


def letter_language(user: User) -> str:
    """In which language letters and sockets speak to the person, where no browser tells."""
    return chosen_language(user) or settings.LANGUAGE_CODE


@cache
def script_texts_digest(language: str) -> str | None:
    """The beginning of the SHA-256 of the catalogue of scripts, or None where their texts stand for themselves."""
    locale = translation.to_locale(language)
    found = [Path(folder) / locale / "LC_MESSAGES" / "djangojs.mo" for folder in settings.LOCALE_PATHS]
    held = [path.read_bytes() for path in found if path.exists()]
    return hashlib.sha256(b"".join(held)).hexdigest()[:16] if held else None
