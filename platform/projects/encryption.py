"""Secrets that must be given back in clear (keys of model servers), encrypted where they are stored.

Fernet (AES-128-CBC with HMAC-SHA256) under keys derived from the operator's secrets. The first secret encrypts, all of
them decrypt, so that one is exchanged by putting a new one before it.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext

from projects.errors import AppError

_PURPOSE = b"rubricate stored credentials"
_SHORTEST_SECRET = 32


def encrypt(text: str) -> str:
    """The text, so that only a holder of the operator's secret reads it.

    Raises
    ------
    AppError
        ``encryption_unavailable`` (409): no secret is set, or it is too short to be one.
    """
    return _cipher(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """What `encrypt` was given.

    Raises
    ------
    AppError
        ``encryption_unavailable`` (409): no secret is set, or none that was in use when it was stored.
    """
    try:
        return _cipher(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise AppError(
            gettext("A stored credential cannot be read with the present RUBRICATE_ENCRYPTION_KEYS: enter it anew."),
            code="encryption_unavailable",
            status=409,
        ) from None


@lru_cache(maxsize=8)
def _cipher(secrets: tuple[str, ...]) -> MultiFernet:
    if not secrets or any(len(secret) < _SHORTEST_SECRET for secret in secrets):
        raise AppError(
            gettext(
                "This server cannot store credentials: the operator must set RUBRICATE_ENCRYPTION_KEYS to a secret of "
                "at least %(shortest)s characters."
            )
            % {"shortest": _SHORTEST_SECRET},
            code="encryption_unavailable",
            status=409,
        )
    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
    return base64.urlsafe_b64encode(derived)
