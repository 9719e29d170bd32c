"""Secrets that are shown once and stored as a hash only."""

import hashlib
import secrets

TOKEN_PREFIX = "rbr_"
"""Lets secret scanners and people recognise one of our tokens."""


def new_token_secret() -> str:
    """A fresh API token: 256 random bits behind the prefix."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_invitation_secret() -> str:
    """A fresh secret for an invitation link: 256 random bits."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """SHA-256 in hexadecimal.

    A plain hash is enough: the secrets are random and long, so there is nothing to guess, and a lookup by hash has
    to be one index probe.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
