"""Secrets of this machine's stack: made once, kept under var/secrets, readable by their owner alone."""

import os
import secrets
from pathlib import Path


def secret(folder: Path, name: str) -> str:
    """Return the secret `name` kept in `folder`, making it the first time."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    file = folder / name
    if not file.exists():
        # Written aside and moved, so that a full disk never leaves an empty secret.
        making = folder / f"{name}.making"
        write_private(making, secrets.token_urlsafe(48))
        making.rename(file)
    return file.read_text(encoding="ascii").strip()


def write_private(file: Path, text: str) -> None:
    """Write `text` to a file that only its owner reads, from the first byte on."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as output:
        output.write(text)
