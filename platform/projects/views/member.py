"""The members of a project and the invitations to it."""

from datetime import datetime
from typing import NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from projects.access import (
    Capability,
    allows,
    annotator_link_for,
    invitation_for,
    membership_for,
    project_for,
    require,
)
from projects.actions.annotator_link import issue_annotator_link, revoke_annotator_link
from projects.actions.invitation import IssuedInvitation, add_or_invite, mail_invitation, revoke_invitation
from projects.actions.member import change_role, leave_project, remove_member
from projects.errors import AppError
from projects.forms.annotator_link import AnnotatorLinkForm
from projects.forms.errors import show_in_form
from projects.forms.member import NewMemberForm, RoleForm
from projects.models import Project, Role
from projects.requests import AuthedRequest
from projects.throttle import require_within_limit


class _Issued(NamedTuple):
    """A link that is shown in this one answer only."""

    url: str
    to: str
    until: datetime
    is_mailed: bool


@sensitive_variables("issued")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def member_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Who belongs to the project; owners add people here, invite them, and make links for annotators."""
    project = project_for(request.user, slug)
    form, link_form, issued = NewMemberForm(), AnnotatorLinkForm(), None
    if request.method == "POST":
        require(project, Capability.OWN)
        require_within_limit(request, action="invite")
        try:
            if "label" in request.POST:
                link_form = AnnotatorLinkForm(request.POST)
                issued = _make_link(request, project, link_form) if link_form.is_valid() else None
            else:
                form = NewMemberForm(request.POST)
                issued = _add(request, project, form) if form.is_valid() else None
        except AppError as error:
            show_in_form(link_form if link_form.is_bound else form, error)
        else:
            if issued is None and form.is_bound and form.is_valid():
                messages.success(request, gettext("Member added."))
                return redirect("projects:member-list", slug=slug)
            if issued is not None:
                form, link_form = NewMemberForm(), AnnotatorLinkForm()
    return _member_page(request, project, form=form, link_form=link_form, issued=issued)


def _add(request: AuthedRequest, project: Project, form: NewMemberForm) -> _Issued | None:
    """Add a person, or invite an address that nobody has here; None where the person is a member now."""
    added = add_or_invite(project=project, actor=request.user, **form.cleaned_data)
    if not isinstance(added, IssuedInvitation):
        return None
    url = request.build_absolute_uri(reverse("projects:invitation-accept", args=[added.secret]))
    is_mailed = mail_invitation(issued=added, url=url)
    return _Issued(url, added.invitation.email, added.invitation.expires_at, is_mailed)


def _make_link(request: AuthedRequest, project: Project, form: AnnotatorLinkForm) -> _Issued:
    made = issue_annotator_link(project=project, actor=request.user, **form.cleaned_data)
    url = request.build_absolute_uri(reverse("projects:annotator-link-accept", args=[made.secret]))
    return _Issued(url, made.link.label, made.link.expires_at, is_mailed=False)


def _member_page(
    request: AuthedRequest,
    project: Project,
    *,
    form: NewMemberForm,
    link_form: AnnotatorLinkForm,
    issued: _Issued | None,
) -> HttpResponse:
    is_owner = allows(project, Capability.OWN)
    context = {
        "project": project,
        "section": "members",
        "memberships": project.memberships.for_list(),
        "invitations": project.invitations.open().for_list() if is_owner else [],
        "links": project.annotator_links.open().for_list() if is_owner else [],
        "roles": Role.choices,
        "form": form,
        "link_form": link_form,
        "issued": issued,
    }
    return TemplateResponse(request, "projects/member_list.html", context)


@require_POST
@login_required
def member_change(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Give a member another role, or take the member out (`remove`)."""
    membership = membership_for(request.user, slug, pk)
    if "remove" in request.POST:
        remove_member(membership=membership, actor=request.user)
        messages.success(request, gettext("%(user)s is no longer a member.") % {"user": membership.user})
    else:
        form = RoleForm(request.POST)
        if not form.is_valid():
            raise AppError(gettext("Choose one of the roles offered."), code="role_invalid")
        change_role(membership=membership, actor=request.user, role=form.cleaned_data["role"])
        messages.success(
            request,
            gettext("%(user)s is now %(role)s.")
            % {"user": membership.user, "role": Role(form.cleaned_data["role"]).words},
        )
    if membership.user == request.user:
        # Whoever gave up the ownership may not be shown the members any more.
        return redirect("projects:project-list")
    return redirect("projects:member-list", slug=slug)


@require_POST
@login_required
def project_leave(request: AuthedRequest, slug: str) -> HttpResponse:
    """Leave a project, whatever the role."""
    project = project_for(request.user, slug, needs=None)
    leave_project(project=project, user=request.user)
    messages.success(request, gettext("You have left %(name)s.") % {"name": project.name})
    return redirect("projects:project-list")


@require_POST
@login_required
def invitation_revoke(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Make an invitation's link useless."""
    invitation = invitation_for(request.user, slug, pk)
    revoke_invitation(invitation=invitation, actor=request.user)
    messages.success(request, gettext("The invitation of %(email)s is revoked.") % {"email": invitation.email})
    return redirect("projects:member-list", slug=slug)


@require_POST
@login_required
def annotator_link_revoke(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Let nobody in by a link any more."""
    link = annotator_link_for(request.user, slug, pk)
    revoke_annotator_link(link=link, actor=request.user)
    messages.success(request, gettext("The link for %(label)s is revoked.") % {"label": link.label})
    return redirect("projects:member-list", slug=slug)
