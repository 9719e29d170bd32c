"""Links that let many people in as annotators."""

from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.actions.member import tell_owners_of
from projects.credentials import fingerprint, new_invitation_secret
from projects.errors import AppError
from projects.models import AnnotatorLink, Membership, Project, Role, User

LONGEST_DAYS = 90
MOST_PEOPLE = 1000


class IssuedLink(NamedTuple):
    link: AnnotatorLink
    secret: str


@transaction.atomic
def issue_annotator_link(*, project: Project, actor: User, label: str, days: int, most_people: int) -> IssuedLink:
    """Make a link; its secret is returned here and never again.

    Raises
    ------
    AppError
        ``link_limits_invalid``: for 1 to 90 days and 1 to 1000 people.
    """
    fields = {}
    if not 1 <= days <= LONGEST_DAYS:
        fields["days"] = [gettext("From 1 to %(longest_days)s days.") % {"longest_days": LONGEST_DAYS}]
    if not 1 <= most_people <= MOST_PEOPLE:
        fields["most_people"] = [gettext("From 1 to %(most_people)s people.") % {"most_people": MOST_PEOPLE}]
    if fields:
        raise AppError(
            gettext("A link is for a bounded time and number of people."), code="link_limits_invalid", fields=fields
        )
    secret = new_invitation_secret()
    link = AnnotatorLink.objects.create(
        project=project,
        label=label.strip(),
        token_hash=fingerprint(secret),
        most_people=most_people,
        created_by=actor,
        expires_at=timezone.now() + timedelta(days=days),
    )
    record_event(
        actor=actor,
        verb="annotator_link.made",
        project=project,
        target=link,
        data={"label": link.label, "people": most_people, "expires": link.expires_at.date().isoformat()},
    )
    return IssuedLink(link, secret)


@transaction.atomic
def revoke_annotator_link(*, link: AnnotatorLink, actor: User) -> None:
    """Let nobody in by it any more; who is in stays. Revoking twice changes nothing."""
    if AnnotatorLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record_event(
            actor=actor, verb="annotator_link.revoked", project=link.project, target=link, data={"label": link.label}
        )


def annotator_link_with(secret: str) -> AnnotatorLink:
    """The open link that holds `secret`; else AppError ``link_invalid`` (404)."""
    link = (
        AnnotatorLink.objects.open()
        .filter(token_hash=fingerprint(secret))
        .select_related("project", "created_by")
        .first()
    )
    if link is None:
        raise AppError(
            gettext(
                "This link was revoked, has run out, or has let in as many people as it is for. Ask for a new one."
            ),
            code="link_invalid",
            status=404,
        )
    return link


@transaction.atomic
def join_by_link(*, user: User, secret: str) -> Project:
    """Become an annotator of the link's project.

    Raises
    ------
    AppError
        ``link_invalid`` (404), also where the last place was taken a moment ago; ``already_member`` (409), which uses
        up no place.
    """
    link = annotator_link_with(secret)
    if Membership.objects.filter(project=link.project, user=user).exists():
        raise AppError(gettext("You are a member of this project already."), code="already_member", status=409)
    taken = AnnotatorLink.objects.open().filter(pk=link.pk).update(joined_count=F("joined_count") + 1)
    if not taken:
        raise AppError(gettext("The last place of this link has just been taken."), code="link_invalid", status=404)
    membership = Membership.objects.create(project=link.project, user=user, role=Role.ANNOTATOR)
    record_event(
        actor=user,
        verb="annotator_link.followed",
        project=link.project,
        target=membership,
        data={"user": user.username, "label": link.label},
    )
    tell_owners_of(membership, owner=link.created_by)
    return link.project


@transaction.atomic
def join_by_link_as_newcomer(*, user: User, secret: str) -> Project:
    """Store the new account `user` (its password is set, the row unsaved) and join; both or neither."""
    user.email = ""
    user.save()
    record_event(actor=user, verb="user.joined", target=user)
    return join_by_link(user=user, secret=secret)
