"""Making an account by oneself, where the operator has opened that."""

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from projects import mail
from projects.actions import sign_up as signing_up
from projects.errors import AppError
from projects.forms.newcomer import NewcomerForm
from projects.forms.sign_up import AddressForm
from projects.models import SignUp, SitePolicy
from projects.throttle import require_within_limit


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for an account. The answer is the same whether or not the address has one; the letter tells."""
    if request.user.is_authenticated:
        return redirect("projects:project-list")
    policy = SitePolicy.current()
    is_open = policy.sign_up == SignUp.OPEN
    form = AddressForm(request.POST or None) if is_open else None
    if request.method == "POST" and form is None:
        raise AppError(gettext("Sign-up is not open on this server."), code="sign_up_closed", status=403)
    if form is not None and form.is_valid():
        email = form.cleaned_data["email"]
        require_within_limit(request, action="signup", key=email)
        _write_to(request, email)
        return TemplateResponse(request, "account/sign_up_sent.html", {"email": email})
    return TemplateResponse(request, "account/sign_up.html", {"form": form, "policy": policy})


def _write_to(request: HttpRequest, email: str) -> None:
    if signing_up.has_account(email):
        reset = request.build_absolute_uri(reverse("account_reset_password"))
        sign_in = request.build_absolute_uri(reverse("account_login"))
        mail.send(email, "sign_up_known", {"sign_in": sign_in, "reset": reset})
    else:
        path = reverse("account_signup_complete", args=[signing_up.sign_up_token(email)])
        mail.send(email, "sign_up", {"url": request.build_absolute_uri(path)})


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up_complete(request: HttpRequest, signed: str) -> HttpResponse:
    """Choose a name and a password; the link proves the address."""
    email = signing_up.proven_address(signed)
    if request.user.is_authenticated:
        return redirect("projects:project-list")
    form = NewcomerForm(request.POST or None)
    if request.method == "POST":
        require_within_limit(request, action="join")
    if form.is_valid():
        user = signing_up.sign_up(user=form.save(commit=False), email=email)
        login(request, user)
        messages.success(request, gettext("Welcome to Rubricate."))
        return redirect("projects:project-list")
    return TemplateResponse(request, "account/sign_up_complete.html", {"form": form, "email": email})
