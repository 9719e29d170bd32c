"""Pages for signing up, signing in and second factors; their names are those that allauth looks up."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import path, re_path

from projects.views import sign_up

urlpatterns = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-in/code/", mfa.authenticate, name="mfa_authenticate"),
    path("sign-in/inactive/", account.account_inactive, name="account_inactive"),
    path("sign-up/", sign_up.sign_up, name="account_signup"),
    path("sign-up/<str:signed>/", sign_up.sign_up_complete, name="account_signup_complete"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/sent/", account.password_reset_done, name="account_reset_password_done"),
    path("password/reset/done/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("confirm/password/", account.reauthenticate, name="account_reauthenticate"),
    path("confirm/code/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("profile/two-factor/", mfa.index, name="mfa_index"),
    path("profile/two-factor/app/", totp.activate_totp, name="mfa_activate_totp"),
    path("profile/two-factor/app/off/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("profile/two-factor/codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "profile/two-factor/codes/new/",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "profile/two-factor/codes/download/",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
]
