"""Letters: plain text from templates/mail/, the subject on the first line."""

import logging
from collections.abc import Mapping
from smtplib import SMTPException
from typing import Any

from django.core.mail import send_mail
from django.template.loader import render_to_string

from projects.signing_in import sends_mail

logger = logging.getLogger(__name__)


def send(to: str, template: str, context: Mapping[str, Any]) -> bool:
    """Send ``mail/<template>.txt`` and say whether it left; a mail server that refuses is logged, never raised.

    Parameters
    ----------
    to : str
        One address.
    template : str
        Its first line is the subject.
    context : Mapping[str, Any]
        Names written by people go in cut short (see `cut`).
    """
    if not sends_mail():
        return False
    subject, _, body = render_to_string(f"mail/{template}.txt", dict(context)).strip().partition("\n")
    try:
        return bool(send_mail(" ".join(subject.split()), body.strip() + "\n", None, [to]))
    except (SMTPException, OSError):
        # Not the address: logs are read by more people than mailboxes.
        logger.exception("A letter of the kind %s could not be sent", template)
        return False


def cut(text: object) -> str:
    """A name that somebody chose, on one line and too short to carry a message of its own."""
    line = " ".join(str(text).split())
    # Without its dots and slashes an address in a name is not made into a link by a mail program.
    line = line.replace("://", " ").replace("www.", "www ")
    return line if len(line) <= 60 else f"{line[:59]}…"
