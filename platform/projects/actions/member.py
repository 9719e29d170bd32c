"""People in projects and their roles. A project always keeps an owner."""

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.actions.notification import notify
from projects.errors import AppError
from projects.models import Membership, Project, Role, User


@transaction.atomic
def add_member(*, project: Project, actor: User, identifier: str, role: str) -> Membership:
    """Add the person with the user name or e-mail address `identifier`.

    Raises
    ------
    AppError
        ``user_unknown`` (404), ``user_ambiguous`` where an address belongs to several, ``already_member`` (409).
    """
    user = _user_named(identifier)
    membership, is_new = Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})
    if not is_new:
        message = gettext("%(user)s is already %(role)s here.") % {
            "user": user,
            "role": Role(membership.role).words,
        }
        raise AppError(message, code="already_member", status=409, fields={"identifier": [message]})
    record_event(
        actor=actor, verb="member.added", project=project, target=membership, data={"user": user.username, "role": role}
    )
    _tell_of_role(membership, by=actor)
    return membership


@transaction.atomic
def change_role(*, membership: Membership, actor: User, role: str) -> Membership:
    """Give a member another role and return the row; refuses to demote the last owner (``last_owner``, 409)."""
    current = _locked(membership)
    if current.role == role:
        return current
    if current.role == Role.OWNER:
        _require_another_owner(current)
    record_event(
        actor=actor,
        verb="member.role_changed",
        project=current.project,
        target=current,
        data={"user": current.user.username, "role": role, "was": current.role},
    )
    current.role = role
    current.save(update_fields=["role"])
    _tell_of_role(current, by=actor)
    return current


@transaction.atomic
def remove_member(*, membership: Membership, actor: User) -> None:
    """Take a member out, or leave; refuses for the last owner. What the person judged stays."""
    current = _locked(membership)
    if current.role == Role.OWNER:
        _require_another_owner(current)
    # Tokens bound to the project would open nothing any more, but should not wait for a second invitation.
    current.project.api_tokens.filter(user=current.user).delete()
    record_event(
        actor=actor,
        verb="member.left" if current.user == actor else "member.removed",
        project=current.project,
        target=current,
        data={"user": current.user.username, "role": current.role},
    )
    current.delete()


def hide_guide(*, project: Project, user: User) -> None:
    """Put the list of first steps away, for this person."""
    Membership.objects.filter(project=project, user=user).update(hides_guide=True)


def leave_project(*, project: Project, user: User) -> None:
    """Take oneself out; the last owner cannot (``last_owner``, 409)."""
    remove_member(membership=Membership.objects.get(project=project, user=user), actor=user)


def tell_owners_of(membership: Membership, *, owner: User | None) -> None:
    """Tell whoever made the link that somebody has followed it, while that person still owns the project."""
    if owner is None:
        return
    owners = User.objects.filter(pk=owner.pk, memberships__project=membership.project, memberships__role=Role.OWNER)
    notify(
        users=owners,
        kind="member.joined",
        project=membership.project,
        data={"user": str(membership.user), "role": membership.role},
        url=f"{membership.project.get_absolute_url()}members/",
    )


def _tell_of_role(membership: Membership, *, by: User) -> None:
    if membership.user == by:
        return
    notify(
        users=[membership.user],
        kind="project.joined",
        project=membership.project,
        data={"role": membership.role},
        url="/",
    )


def _user_named(identifier: str) -> User:
    users = User.objects.filter(Q(username=identifier) | Q(email__iexact=identifier), is_active=True)[:2]
    match list(users):
        case [user]:
            return user
        case []:
            message = gettext("Nobody here has this user name or e-mail address. Invite the person by e-mail instead.")
            raise AppError(message, code="user_unknown", status=404, fields={"identifier": [message]})
        case _:
            message = gettext("Several people have this e-mail address; give the user name.")
            raise AppError(message, code="user_ambiguous", fields={"identifier": [message]})


def _locked(membership: Membership) -> Membership:
    """The membership as it is now, with the project locked: owners are counted by one change at a time."""
    Project.objects.select_for_update().get(pk=membership.project_id)
    return Membership.objects.select_related("project", "user").get(pk=membership.pk)


def _require_another_owner(membership: Membership) -> None:
    """Call with the project locked."""
    others = Membership.objects.filter(project=membership.project, role=Role.OWNER).exclude(pk=membership.pk)
    if not others.exists():
        raise AppError(
            gettext("%(user)s is the last owner. Make somebody else owner first.") % {"user": membership.user},
            code="last_owner",
            status=409,
        )
