"""Following an invitation's or an annotator link's address, with an account or without one."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from projects.actions.annotator_link import annotator_link_with, join_by_link, join_by_link_as_newcomer
from projects.actions.invitation import accept_as_newcomer, accept_invitation, invitation_with
from projects.actions.site_policy import require_newcomers_by_link
from projects.forms.newcomer import NewcomerForm
from projects.models import Project, Role, SignUp, SitePolicy, User
from projects.throttle import require_within_limit


@dataclass(frozen=True)
class _Offer:
    """What a link lets its bearer join, and how."""

    project: Project
    role: str
    inviter: User | None
    accept: Callable[[User], Project]
    accept_as_newcomer: Callable[[User], Project]


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_accept(request: HttpRequest, secret: str) -> HttpResponse:
    """Join a project by an invitation, which works once."""
    invitation = invitation_with(secret)
    proof = request.GET.get("proof", "")
    offer = _Offer(
        project=invitation.project,
        role=Role(invitation.role).words,
        inviter=invitation.invited_by,
        accept=lambda user: accept_invitation(user=user, secret=secret),
        accept_as_newcomer=lambda user: accept_as_newcomer(user=user, secret=secret, proof=proof),
    )
    return _join(request, offer)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def annotator_link_accept(request: HttpRequest, secret: str) -> HttpResponse:
    """Join a project as annotator by a link for many."""
    link = annotator_link_with(secret)
    offer = _Offer(
        project=link.project,
        role=Role.ANNOTATOR.words,
        inviter=link.created_by,
        accept=lambda user: join_by_link(user=user, secret=secret),
        accept_as_newcomer=lambda user: join_by_link_as_newcomer(user=user, secret=secret),
    )
    return _join(request, offer)


def _join(request: HttpRequest, offer: _Offer) -> HttpResponse:
    """At once for whoever is signed in, else by signing in or with a new account."""
    if request.method == "POST":
        require_within_limit(request, action="join")
    if isinstance(request.user, User):
        if request.method == "POST":
            return _welcome(request, offer.accept(request.user))
        return TemplateResponse(request, "projects/invitation.html", {"offer": offer})
    is_closed = SitePolicy.current().sign_up == SignUp.CLOSED
    if request.method == "POST":
        require_newcomers_by_link()
    form = None if is_closed else NewcomerForm(request.POST or None)
    if form is not None and form.is_valid():
        user = form.save(commit=False)
        project = offer.accept_as_newcomer(user)
        login(request, user)
        return _welcome(request, project)
    return TemplateResponse(request, "projects/invitation.html", {"offer": offer, "form": form})


def _welcome(request: HttpRequest, project: Project) -> HttpResponse:
    messages.success(request, gettext("Welcome to %(name)s.") % {"name": project.name})
    return redirect("projects:project-list")
