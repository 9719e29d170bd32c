"""The operator's decisions."""

from django.db import transaction
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import SignUp, SitePolicy, User
from projects.signing_in import sends_mail


@transaction.atomic
def change_site_policy(*, actor: User, sign_up: str, owners_need_two_factor: bool) -> SitePolicy:
    """Keep who may make an account, and whether owners need a second factor.

    Raises
    ------
    AppError
        ``mail_unavailable`` (409): open sign-up proves addresses by e-mail, and this server sends none.
    """
    if sign_up == SignUp.OPEN and not sends_mail():
        message = gettext(
            "Open sign-up proves each address by e-mail, and this server sends none: set EMAIL_HOST first."
        )
        raise AppError(message, code="mail_unavailable", status=409, fields={"sign_up": [message]})
    before = SitePolicy.current()
    policy, _ = SitePolicy.objects.update_or_create(
        pk=SitePolicy.THE_ROW,
        defaults={"sign_up": sign_up, "owners_need_two_factor": owners_need_two_factor, "changed_by": actor},
    )
    record_event(
        actor=actor,
        verb="site_policy.changed",
        target=policy,
        data={
            "sign_up": sign_up,
            "owners_need_two_factor": owners_need_two_factor,
            "was": [before.sign_up, before.owners_need_two_factor],
        },
    )
    return policy


def require_newcomers_by_link() -> None:
    """Raise ``sign_up_closed`` (403) where links make no accounts."""
    if SitePolicy.current().sign_up == SignUp.CLOSED:
        raise AppError(
            gettext(
                "The operator of this server makes every account: ask for one, sign in, and follow the link again."
            ),
            code="sign_up_closed",
            status=403,
        )
