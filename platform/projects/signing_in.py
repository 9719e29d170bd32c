"""What Rubricate adds to allauth's flows: audit events, encrypted second factors, our own addresses."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from projects import encryption
from projects.actions.audit import record_event
from projects.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Signing in leaves a trace; the limits and the letters are allauth's."""

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        record_event(actor=user, verb="user.signed_in", target=user)
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Note it for the account it was tried on; what was typed is not kept, since it may be a password."""
        super().authentication_failed(request, **credentials)
        names = Q(username=credentials.get("username") or credentials.get("email"))
        if credentials.get("email"):
            names |= Q(email__iexact=credentials["email"])
        for user in User.objects.filter(names)[:2]:
            record_event(actor=None, verb="user.sign_in_failed", target=user)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("projects:profile")

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by our own pages only (see projects.views.sign_up)."""
        return False


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of second factors are encrypted as the keys of model servers are."""

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.decrypt(encrypted_text)


def sends_mail() -> bool:
    """Whether a letter leaves this server; where none does, links are handed over by hand."""
    return not settings.EMAIL_BACKEND.endswith("dummy.EmailBackend")
