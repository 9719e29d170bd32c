"""Letters: plain text from templates/mail/, the subject on the first line."""

import enum
import logging
from collections.abc import Mapping
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPHeloError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from typing import Any

from django.core.mail import send_mail
from django.template.loader import render_to_string

from projects.signing_in import sends_mail

logger = logging.getLogger(__name__)

_FOR_GOOD = 500
_WITH_THE_SERVER = (SMTPConnectError, SMTPHeloError, SMTPAuthenticationError)
"""Replies that are about the connection and not about a letter."""


class Delivery(enum.Enum):
    """What became of a letter."""

    SENT = enum.auto()
    REFUSED = enum.auto()
    """For good: there is no mail server, or it takes no such letter, ever."""
    DEFERRED = enum.auto()
    """The server says of this letter that another time will do."""
    UNREACHABLE = enum.auto()
    """No server was spoken to: so it would be with the next letter."""


def send(to: str, template: str, context: Mapping[str, Any]) -> bool:
    """Send ``mail/<template>.txt`` and say whether it left; see `deliver`."""
    return deliver(to, template, context) is Delivery.SENT


def deliver(to: str, template: str, context: Mapping[str, Any]) -> Delivery:
    """Send ``mail/<template>.txt`` and say what became of it; a failure is logged, never raised.

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
        return Delivery.REFUSED
    subject, _, body = render_to_string(f"mail/{template}.txt", dict(context)).strip().partition("\n")
    try:
        is_sent = send_mail(" ".join(subject.split()), body.strip() + "\n", None, [to])
    except OSError as error:
        # Not the address: logs are read by more people than mailboxes. SMTPException is an OSError as well.
        logger.exception("A letter of the kind %s could not be sent", template)
        return _became(error)
    return Delivery.SENT if is_sent else Delivery.REFUSED


def _became(error: OSError) -> Delivery:
    """By the server's reply: RFC 5321, section 4.2.1, 4yz asks for another try and 5yz for none."""
    if isinstance(error, SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    elif isinstance(error, SMTPResponseException):
        codes = [error.smtp_code]
    else:
        codes = []
    if isinstance(error, _WITH_THE_SERVER) or not codes:
        return Delivery.UNREACHABLE
    return Delivery.REFUSED if all(code >= _FOR_GOOD for code in codes) else Delivery.DEFERRED


def cut(text: object) -> str:
    """A name that somebody chose, on one line and too short to carry a message of its own."""
    line = " ".join(str(text).split())
    # Without its dots and slashes an address in a name is not made into a link by a mail program.
    line = line.replace("://", " ").replace("www.", "www ")
    return line if len(line) <= 60 else f"{line[:59]}…"
