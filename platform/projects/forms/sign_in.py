"""Signing in with a user name or an e-mail address."""

from typing import Any

from allauth.account.forms import LoginForm
from django.utils.translation import gettext_lazy as _


class SignInForm(LoginForm):  # type: ignore[misc]
    """allauth's form in our words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.label = _("Username or e-mail")
        login.widget.attrs |= {"autofocus": True, "autocapitalize": "none", "spellcheck": "false"}
        password.label = _("Password")
        password.help_text = ""
        for field in (login, password):
            field.widget.attrs.pop("placeholder", None)
