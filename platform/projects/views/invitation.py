"""Following an invitation's link, with an account or without one."""

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from projects.actions.invitation import accept_as_newcomer, accept_invitation, invitation_with
from projects.forms.newcomer import NewcomerForm
from projects.models import User


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_accept(request: HttpRequest, secret: str) -> HttpResponse:
    """Join a project: at once for whoever is signed in, else by signing in or with a new account."""
    invitation = invitation_with(secret)
    if isinstance(request.user, User):
        if request.method == "POST":
            project = accept_invitation(user=request.user, secret=secret)
            messages.success(request, f"Welcome to {project.name}.")
            return redirect("projects:project-list")
        return TemplateResponse(request, "projects/invitation.html", {"invitation": invitation})
    form = NewcomerForm(request.POST or None, initial={"email": invitation.email})
    if form.is_valid():
        user = form.save(commit=False)
        project = accept_as_newcomer(user=user, secret=secret)
        login(request, user)
        messages.success(request, f"Welcome to {project.name}.")
        return redirect("projects:project-list")
    return TemplateResponse(request, "projects/invitation.html", {"invitation": invitation, "form": form})
