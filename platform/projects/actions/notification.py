"""Telling people: in the page at once, and by e-mail where they asked for it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone, translation

from projects import mail
from projects.languages import letter_language
from projects.models import Notification, Project, User
from projects.notices import NOTICES, line_of


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

    A letter that the mail server refuses is not sent again: the page keeps the notification.
    """
    count = 0
    for pk in Notification.objects.filter(mail_due=True).order_by("pk").values_list("pk", flat=True)[:limit]:
        # The flag is cleared first: whoever clears it sends, so that nobody gets a letter twice.
        if not Notification.objects.filter(pk=pk, mail_due=True).update(mail_due=False):
            continue
        notice = Notification.objects.select_related("user", "project").get(pk=pk)
        with translation.override(letter_language(notice.user)):
            context = {"line": line_of(notice), "notification": notice, "url": f"{address}{notice.url}"}
            count += mail.send(notice.user.email, "notice", context)
    return count
