"""A person leaves for good: the account becomes a pseudonym, and judgments stay or go as each project says.

The account goes at once. What the person left in projects goes afterwards, in pieces, by a worker (see
`projects.actions.departures`): nobody waits for a hundred thousand judgments, nobody is known or comes in meanwhile.
"""

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F, JSONField, Q, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import JSONObject
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.actions.departures import known_in, plan_departure
from projects.errors import AppError
from projects.holdings import all_holdings, counted
from projects.models import AuditEvent, Erasure, Fate, Invitation, Membership, Notification, Project, Role, Theme, User

# Where events and notifications name a person; other values may happen to be equal to somebody's name.
_NAMING_KEYS = ("user", "email")


class Parting(NamedTuple):
    """What leaving means in one project."""

    project: Project
    role: str
    """Empty for somebody who was a member once."""
    counts: Mapping[str, int]
    fate: Fate


class Farewell(NamedTuple):
    """What a person is shown before the account goes."""

    partings: list[Parting]
    sole_owner_of: list[Project]
    """Somebody else has to own these first, or they have to be deleted."""
    is_last_operator: bool

    @property
    def is_possible(self) -> bool:
        return not self.sole_owner_of and not self.is_last_operator


def farewell_of(user: User) -> Farewell:
    """What would become of everything; a few queries for each project that the person ever worked in."""
    roles = dict(user.memberships.values_list("project", "role"))
    keys = {pk for holdings in all_holdings() for pk in holdings.projects_of(user)} | roles.keys()
    projects = Project.objects.filter(pk__in=keys).order_by("name", "pk")
    partings = [
        Parting(
            project,
            roles.get(project.pk, ""),
            counted(holdings.of_person(user, project) for holdings in all_holdings()),
            Fate(project.fate_of_judgments),
        )
        for project in projects
    ]
    return Farewell(partings, _sole_owner_of(user), _is_last_operator(user))


@transaction.atomic
def erase_person(*, user: User, actor: User, agreed: Mapping[int, str] | None = None) -> str:
    """Erase the account of `user` and return the pseudonym that stands in its place.

    All in one transaction: either the account went or it did not. The row stays as a pseudonym without name, address
    or password, so that the audit log and what is kept still say that it was one and the same person. What else goes,
    goes from the commit on, under the fates that hold now; letters tell the person, and whoever else did it.

    Parameters
    ----------
    user : User
        Who goes.
    actor : User
        The person or the operator.
    agreed : Mapping[int, str], optional
        The fates by project that the person was shown: one that has changed since is asked about again.

    Raises
    ------
    AppError
        409: ``already_left``, ``last_owner``, ``last_operator``, ``fate_changed``.
    """
    # Owners are counted by one departure at a time, as changes of roles do it.
    list(Project.objects.select_for_update().filter(memberships__user=user).order_by("pk").values_list("pk"))
    user = User.objects.select_for_update().get(pk=user.pk)
    farewell = farewell_of(user)
    _require_possible(user, farewell, agreed)
    pseudonym = f"left-{secrets.token_hex(6)}"
    for parting in farewell.partings:
        _part(user, parting.project, actor=actor, is_member=bool(parting.role), pseudonym=pseudonym)
    plan_departure(user=user, actor=actor, fates={parting.project.pk: parting.fate for parting in farewell.partings})
    _rename_in_logs(user, pseudonym)
    _erase_access(user)
    _become_pseudonym(user, pseudonym)
    by_self = actor.pk == user.pk
    record_event(actor=user if by_self else actor, verb="user.erased", target=user, data={"user": pseudonym})
    return pseudonym


def _require_possible(user: User, farewell: Farewell, agreed: Mapping[int, str] | None) -> None:
    if user.left_at is not None:
        raise AppError(gettext("This account is erased already."), code="already_left", status=409)
    if farewell.sole_owner_of:
        names = ", ".join(project.name for project in farewell.sole_owner_of)
        message = gettext("Make somebody else owner first, or delete the project: %(names)s.") % {"names": names}
        raise AppError(message, code="last_owner", status=409)
    if farewell.is_last_operator:
        message = gettext("This is the last operator of this server. Make somebody else operator first.")
        raise AppError(message, code="last_operator", status=409)
    fates = {parting.project.pk: str(parting.fate) for parting in farewell.partings}
    if agreed is not None and any(agreed.get(pk) != fate for pk, fate in fates.items()):
        message = gettext("What happens to the judgments has changed since you were asked. Read it again.")
        raise AppError(message, code="fate_changed", status=409)


def _part(user: User, project: Project, *, actor: User, is_member: bool, pseudonym: str) -> None:
    counts = {name: n for name, n in counted(part.part_with(user, project) for part in all_holdings()).items() if n}
    if counts:
        known_as = known_in(project, user)
        Erasure.objects.create(project=project, cause=Erasure.Cause.PERSON_LEFT, pseudonym=known_as, counts=counts)
    Membership.objects.filter(project=project, user=user).delete()
    if is_member or counts:
        verb = "member.left" if actor.pk == user.pk else "member.removed"
        record_event(actor=actor, verb=verb, project=project, target=user, data={"user": pseudonym, **counts})


def _sole_owner_of(user: User) -> list[Project]:
    """Projects that nobody else owns; those marked for deletion need nobody."""
    others = Membership.objects.filter(role=Role.OWNER, user__is_active=True).exclude(user=user)
    owned = Project.objects.filter(memberships__user=user, memberships__role=Role.OWNER, deletion_asked_at__isnull=True)
    return list(owned.exclude(pk__in=others.values("project")).order_by("name", "pk"))


def _is_last_operator(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


def _rename_in_logs(user: User, pseudonym: str) -> None:
    """Put the pseudonym in the place of name and address, wherever events and notifications name the person."""
    addresses = set(EmailAddress.objects.filter(user=user).values_list("email", flat=True)) | {user.email}
    names = sorted({user.username, str(user), *addresses} - {""})
    for rows in (AuditEvent.objects, Notification.objects):
        for key in _NAMING_KEYS:
            # One statement, however often the person is named.
            named = rows.filter(**{f"data__{key}__in": names})
            replaced = CombinedExpression(
                F("data"), "||", JSONObject(**{key: Value(pseudonym)}), output_field=JSONField()
            )
            named.update(data=replaced)
    letters = Invitation.objects.filter(Q(email__in=addresses - {""}) | Q(accepted_by=user))
    letters.filter(accepted_at=None, revoked_at=None).update(revoked_at=timezone.now())
    letters.update(email="")
    noted = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    noted.update(object_repr=pseudonym, change_message="")


def _erase_access(user: User) -> None:
    """Everything by which somebody could come in as this person, and everything that was kept for them alone."""
    user.api_tokens.all().delete()
    user.notifications.all().delete()
    user.saved_filters.all().delete()
    user.groups.clear()
    user.user_permissions.clear()
    Authenticator.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    # A session's row does not say whose it is.
    for session in Session.objects.iterator(chunk_size=1000):
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


def _become_pseudonym(user: User, pseudonym: str) -> None:
    user.username, user.left_at = pseudonym, timezone.now()
    user.email = user.first_name = user.last_name = user.display_name = ""
    user.set_unusable_password()
    user.is_active = user.is_staff = user.is_superuser = False
    user.last_login, user.unread_count = None, 0
    user.time_zone, user.theme, user.language, user.key_map = "UTC", Theme.SYSTEM, "", {}
    user.mailed_notices = []
    user.save()
