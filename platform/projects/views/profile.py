"""A person's own settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects import mail
from projects.actions.profile import change_key_map, change_mailed_notices, change_profile, set_theme
from projects.actions.sign_up import address_change_token, confirm_address
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.forms.profile import KeyMapForm, MailedNoticesForm, ProfileForm
from projects.forms.sign_up import AddressForm
from projects.keyset import keyset_page
from projects.models import AuditEvent, Theme
from projects.requests import AuthedRequest
from projects.signing_in import sends_mail
from projects.throttle import require_within_limit


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: AuthedRequest) -> HttpResponse:
    """Name, language, time zone, theme and shortcuts."""
    user = request.user
    initial = {name: getattr(user, name) for name in ProfileForm.base_fields}
    form = ProfileForm(request.POST or None, initial=initial)
    if form.is_valid():
        change_profile(user=user, **form.cleaned_data)
        messages.success(request, gettext("Profile saved."))
        return redirect("projects:profile")
    return TemplateResponse(request, "projects/profile.html", {"form": form, "tab": "profile"})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def key_map(request: AuthedRequest) -> HttpResponse:
    """The keys of the annotation page; two actions on one key are refused."""
    form = KeyMapForm(request.POST or None, key_map=request.user.key_map)
    if form.is_valid():
        try:
            change_key_map(user=request.user, chosen=form.cleaned_data)
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(request, gettext("Keys saved."))
            return redirect("projects:key-map")
    return TemplateResponse(request, "projects/key_map.html", {"form": form, "tab": "keys"})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def mailed_notices(request: AuthedRequest) -> HttpResponse:
    """Which notifications are sent by e-mail as well."""
    # A form without a ticked box posts nothing of its own: the method decides.
    data = request.POST if request.method == "POST" else None
    form = MailedNoticesForm(data, initial={"kinds": request.user.mailed_notices})
    if form.is_valid():
        change_mailed_notices(user=request.user, kinds=form.cleaned_data["kinds"])
        messages.success(request, gettext("Saved."))
        return redirect("projects:mailed-notices")
    context = {"form": form, "tab": "notices", "sends_mail": sends_mail()}
    return TemplateResponse(request, "projects/mailed_notices.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def email_change(request: AuthedRequest) -> HttpResponse:
    """Ask for another address: it is kept once a letter to it was answered."""
    form = AddressForm(request.POST or None, initial={"email": request.user.email})
    if form.is_valid():
        email = form.cleaned_data["email"]
        require_within_limit(request, action="change_email")
        path = reverse("projects:email-confirm", args=[address_change_token(user=request.user, email=email)])
        mail.send(email, "email_change", {"url": request.build_absolute_uri(path), "user": mail.cut(request.user)})
        messages.info(
            request, gettext("A letter is on its way to %(email)s: follow its link within a day.") % {"email": email}
        )
        return redirect("projects:profile")
    context = {"form": form, "tab": "profile", "sends_mail": sends_mail()}
    return TemplateResponse(request, "projects/email_change.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def email_confirm(request: AuthedRequest, signed: str) -> HttpResponse:
    """Keep the address that the letter went to; the old one is told. A button, since mail programs follow links."""
    if request.method != "POST":
        return TemplateResponse(request, "projects/email_confirm.html", {"tab": "profile"})
    before = confirm_address(user=request.user, token=signed)
    if before:
        mail.send(before, "email_changed", {"user": mail.cut(request.user)})
    messages.success(request, gettext("Your address is %(email)s now.") % {"email": request.user.email})
    return redirect("projects:profile")


@require_safe
@login_required
def activity(request: AuthedRequest) -> HttpResponse:
    """What happened to one's own account: signing in, passwords, second factors, addresses."""
    events = AuditEvent.objects.about(request.user).for_list()
    page = keyset_page(events, ordering="-id", cursor=request.GET.get("cursor"))
    return TemplateResponse(request, "projects/activity.html", {"page": page, "tab": "activity"})


@require_POST
@login_required
def theme_set(request: AuthedRequest) -> HttpResponse:
    """Keep the theme chosen in the user menu."""
    theme = request.POST.get("theme", "")
    if theme not in Theme.values:
        raise AppError(gettext("There is no such theme."), code="theme_unknown")
    set_theme(user=request.user, theme=theme)
    if request.htmx:
        return HttpResponse(status=204)
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    return redirect(came_from if is_ours else "projects:project-list")
