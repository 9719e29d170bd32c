"""A person's own settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from projects.actions.profile import change_profile, set_theme
from projects.errors import AppError
from projects.forms.profile import ProfileForm
from projects.models import Theme
from projects.requests import AuthedRequest


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: AuthedRequest) -> HttpResponse:
    """Name, e-mail, time zone, theme and shortcuts."""
    user = request.user
    initial = {name: getattr(user, name) for name in ProfileForm.base_fields}
    form = ProfileForm(request.POST or None, initial=initial)
    if form.is_valid():
        change_profile(user=user, **form.cleaned_data)
        messages.success(request, "Profile saved.")
        return redirect("projects:profile")
    return TemplateResponse(request, "projects/profile.html", {"form": form})


@require_POST
@login_required
def theme_set(request: AuthedRequest) -> HttpResponse:
    """Keep the theme chosen in the user menu."""
    theme = request.POST.get("theme", "")
    if theme not in Theme.values:
        raise AppError("There is no such theme.", code="theme_unknown")
    set_theme(user=request.user, theme=theme)
    if request.htmx:
        return HttpResponse(status=204)
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    return redirect(came_from if is_ours else "projects:project-list")
