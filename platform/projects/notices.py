"""The kinds of notifications, how their lines read, and how people choose among them."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from projects.mail import cut
from projects.models import Notification, Role


class Notice(NamedTuple):
    """`line` is filled with the notification's data and `project`."""

    kind: str
    label: str | Promise
    line: str | Promise


NOTICES = {
    notice.kind: notice
    for notice in (
        Notice(
            "project.joined",
            _("Somebody adds you to a project, or changes your role"),
            _("You are now %(role)s of %(project)s."),
        ),
        Notice(
            "campaign.opened",
            _("A campaign opens in which you are asked to answer"),
            _("The campaign “%(name)s” in %(project)s is open for your answers."),
        ),
        Notice(
            "campaign.revised",
            _("The questions or guidelines of a campaign change that asks you"),
            _("“%(name)s” in %(project)s has new questions or guidelines: version %(number)s."),
        ),
        Notice(
            "campaign.answered",
            _("Every item of a campaign that you lead is answered"),
            _("Every item of “%(name)s” in %(project)s is answered: %(answers)s answers."),
        ),
        Notice(
            "item.flagged",
            _("An annotator flags an item of a campaign that you lead as broken"),
            _("%(user)s flagged an item of “%(name)s” in %(project)s: %(text)s"),
        ),
        Notice(
            "item.help",
            _("An annotator asks for help with an item of a campaign that you lead"),
            _("%(user)s asks about an item of “%(name)s” in %(project)s: %(text)s"),
        ),
        Notice(
            "person.paused",
            _("An annotator of a campaign that you lead is paused for failed attention checks"),
            _("%(user)s gets no more items of “%(name)s” in %(project)s: failed attention checks: %(n)s."),
        ),
        Notice(
            "person.failed",
            _("An annotator of a campaign that you lead fails its qualification"),
            _("%(user)s has failed the qualification of “%(name)s” in %(project)s: %(right)s of %(n)s were right."),
        ),
        Notice(
            "report.answered",
            _("Somebody replies to what you reported about an item"),
            _("What you reported about an item of “%(name)s” in %(project)s was answered: %(reply)s"),
        ),
        Notice(
            "report.resolved",
            _("Somebody settles what you reported about an item"),
            _("What you reported about an item of “%(name)s” in %(project)s is settled."),
        ),
        Notice(
            "run.finished",
            _("A run that you started has ended"),
            _("The run “%(name)s” in %(project)s has finished: %(scored)s scored, %(failed)s failed."),
        ),
        Notice(
            "member.joined",
            _("Somebody follows your invitation or your link"),
            _("%(user)s has joined %(project)s as %(role)s."),
        ),
    )
}


def line_of(notification: Notification) -> str:
    """The sentence that a person reads; names in it are cut short, numbers are as they are."""
    notice = NOTICES.get(notification.kind)
    if notice is None:
        # Written by a version that knew more kinds.
        return notification.kind
    words = {name: cut(value) for name, value in notification.data.items()}
    words["project"] = cut(notification.project or "")
    if words.get("role") in Role.values:
        # Stored as it is, so that everybody is told in their own language.
        words["role"] = Role(words["role"]).words
    try:
        return str(notice.line) % words
    except KeyError:
        return str(notice.label)
