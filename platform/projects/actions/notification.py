"""Telling people: in the page at once, and by e-mail where they asked for it."""

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone, translation

from projects import mail
from projects.languages import letter_language
from projects.mail import Delivery
from projects.models import Notification, Project, User
from projects.notices import NOTICES, line_of

logger = logging.getLogger(__name__)

MAIL_FOR = timedelta(days=1)
"""How long a letter is tried: a mail server that is away for a night costs nobody one; older news is in the page."""


@transaction.atomic
def notify(*, users: Iterable[User], kind: str, project: Project | None, data: Mapping[str, Any], url: str = "") -> int:
    """Tell each of `users` once; how many were told. Letters leave after the commit (three queries).

    Parameters
    ----------
    kind : str
        One of `projects.notices.NOTICES`.
    data : Mapping[str, Any]
        The words that the line of this kind is made of.
    url : str
        A path on this server that the line leads to.
    """
    notice = NOTICES[kind]
    people = {user.pk: user for user in users if user.is_active}
    rows = [
        Notification(
            user=user,
            project=project,
            kind=notice.kind,
            data=dict(data),
            url=url,
            mail_due=bool(user.email) and kind in user.mailed_notices,
        )
        for user in people.values()
    ]
    Notification.objects.bulk_create(rows)
    User.objects.filter(pk__in=people).update(unread_count=F("unread_count") + 1)
    if any(row.mail_due for row in rows):
        from projects.tasks import mail_notices

        # Beat sends what a lost message leaves: a broker that is away fails no write.
        transaction.on_commit(mail_notices.delay, robust=True)
    return len(rows)


@transaction.atomic
def mark_read(*, user: User, pks: Iterable[int] | None = None) -> int:
    """Take the person's notifications, or those of `pks` only, as read; how many were unread."""
    unread = user.notifications.unread()
    if pks is not None:
        unread = unread.filter(pk__in=list(pks))
    count = unread.update(read_at=timezone.now())
    User.objects.filter(pk=user.pk).update(unread_count=user.notifications.unread().count())
    user.refresh_from_db(fields=["unread_count"])
    return count


def mail_due_notices(*, address: str, limit: int = 200) -> int:
    """Send what waits, each once, however many workers do it at a time; how many letters left.

    A letter that could not be handed over waits for the next round, which beat begins every minute, until it is
    `MAIL_FOR` old: then it is not sent any more. One that the mail server refuses for good is not sent again. The page
    keeps the notification either way.
    """
    due = Notification.objects.filter(mail_due=True)
    if late := due.filter(created_at__lt=timezone.now() - MAIL_FOR).update(mail_due=False):
        logger.warning("%s letters could not be sent within %s and are not tried again", late, MAIL_FOR)
    count = 0
    for pk in due.order_by("pk").values_list("pk", flat=True)[:limit]:
        # The flag is cleared first: whoever clears it sends, so that nobody gets a letter twice.
        if not due.filter(pk=pk).update(mail_due=False):
            continue
        became = _mailed(pk, address)
        count += became is Delivery.SENT
        if became in (Delivery.DEFERRED, Delivery.UNREACHABLE):
            Notification.objects.filter(pk=pk).update(mail_due=True)
        if became is Delivery.UNREACHABLE:
            # The others would wait for the same server one by one.
            break
    return count


def _mailed(pk: int, address: str) -> Delivery:
    notice = Notification.objects.select_related("user", "project").get(pk=pk)
    with translation.override(letter_language(notice.user)):
        context = {"line": line_of(notice), "notification": notice, "url": f"{address}{notice.url}"}
        return mail.deliver(notice.user.email, "notice", context)
