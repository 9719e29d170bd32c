"""Inviting people by a link that works once."""

from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth.base_user import BaseUserManager
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from projects import mail
from projects.actions.audit import record_event
from projects.actions.member import add_member, tell_owners_of
from projects.credentials import fingerprint, new_invitation_secret
from projects.errors import AppError
from projects.models import Invitation, Membership, Project, Role, User

LIFETIME = timedelta(days=14)
_PROOF = "projects.invitation-proof"


class IssuedInvitation(NamedTuple):
    invitation: Invitation
    secret: str


@transaction.atomic
def invite(*, project: Project, actor: User, email: str, role: str) -> IssuedInvitation:
    """Make an invitation; the secret of its link is returned here and never again."""
    secret = new_invitation_secret()
    invitation = Invitation.objects.create(
        project=project,
        email=BaseUserManager.normalize_email(email),
        role=role,
        token_hash=fingerprint(secret),
        invited_by=actor,
        expires_at=timezone.now() + LIFETIME,
    )
    record_event(
        actor=actor,
        verb="invitation.sent",
        project=project,
        target=invitation,
        data={"email": invitation.email, "role": role},
    )
    return IssuedInvitation(invitation, secret)


def add_or_invite(*, project: Project, actor: User, identifier: str, role: str) -> Membership | IssuedInvitation:
    """Add whoever has an account under `identifier`; an e-mail address that nobody has here is invited instead.

    Raises
    ------
    AppError
        As `add_member`; ``user_unknown`` only where `identifier` is no e-mail address.
    """
    try:
        return add_member(project=project, actor=actor, identifier=identifier, role=role)
    except AppError as error:
        if error.code != "user_unknown" or not _is_email(identifier):
            raise
    return invite(project=project, actor=actor, email=identifier, role=role)


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def mail_invitation(*, issued: IssuedInvitation, url: str) -> bool:
    """Send the link to whom it is for; whether the letter left. Call it outside any transaction."""
    invitation = issued.invitation
    context = {
        "project": mail.cut(invitation.project),
        "inviter": mail.cut(invitation.invited_by or ""),
        "role": Role(invitation.role).words,
        "until": invitation.expires_at,
        "url": f"{url}?proof={signing.dumps(invitation.pk, salt=_PROOF)}",
    }
    return mail.send(invitation.email, "invitation", context)


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, actor: User) -> None:
    """Make the link useless; an invitation that was accepted or revoked before stays as it is."""
    changed = Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=timezone.now())
    if changed:
        record_event(
            actor=actor,
            verb="invitation.revoked",
            project=invitation.project,
            target=invitation,
            data={"email": invitation.email},
        )


def invitation_with(secret: str) -> Invitation:
    """The open invitation whose link holds `secret`; else AppError ``invitation_invalid`` (404)."""
    invitation = (
        Invitation.objects.open().filter(token_hash=fingerprint(secret)).select_related("project", "invited_by").first()
    )
    if invitation is None:
        raise AppError(
            gettext("This invitation was used, revoked or has run out. Ask for a new one."),
            code="invitation_invalid",
            status=404,
        )
    return invitation


@transaction.atomic
def accept_invitation(*, user: User, secret: str) -> Project:
    """Join the project. Who is a member already keeps the role, and the invitation stays open for another person.

    Raises
    ------
    AppError
        ``invitation_invalid`` (404) or ``already_member`` (409).
    """
    invitation = invitation_with(secret)
    if Membership.objects.filter(project=invitation.project, user=user).exists():
        raise AppError(gettext("You are a member of this project already."), code="already_member", status=409)
    claimed = Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=timezone.now(), accepted_by=user)
    if not claimed:
        raise AppError(gettext("This invitation has just been used."), code="invitation_invalid", status=404)
    membership = Membership.objects.create(project=invitation.project, user=user, role=invitation.role)
    record_event(
        actor=user,
        verb="invitation.accepted",
        project=invitation.project,
        target=membership,
        data={"user": user.username, "role": invitation.role},
    )
    tell_owners_of(membership, owner=invitation.invited_by)
    return invitation.project


@transaction.atomic
def accept_as_newcomer(*, user: User, secret: str, proof: str = "") -> Project:
    """Store the new account `user` (its password is set, the row unsaved) and join; both or neither.

    The account gets the invited address where `proof` shows that the link came out of that mailbox; a link that was
    handed over otherwise proves no address.
    """
    user.email = _proven_by(invitation_with(secret), proof)
    user.save()
    record_event(actor=user, verb="user.joined", target=user)
    return accept_invitation(user=user, secret=secret)


def _proven_by(invitation: Invitation, proof: str) -> str:
    try:
        is_proof = signing.loads(proof, salt=_PROOF, max_age=LIFETIME) == invitation.pk if proof else False
    except signing.BadSignature:
        is_proof = False
    # Somebody else may have proven the address since.
    is_free = is_proof and not User.objects.filter(email__iexact=invitation.email).exists()
    return invitation.email if is_free else ""
