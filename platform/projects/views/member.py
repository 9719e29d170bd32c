"""The members of a project and the invitations to it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from projects.access import Capability, allows, invitation_for, membership_for, project_for, require
from projects.actions.invitation import IssuedInvitation, add_or_invite, revoke_invitation
from projects.actions.member import change_role, leave_project, remove_member
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.forms.member import NewMemberForm, RoleForm
from projects.models import Project, Role
from projects.requests import AuthedRequest


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def member_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Who belongs to the project; owners add people here."""
    project = project_for(request.user, slug)
    form, issued = NewMemberForm(), None
    if request.method == "POST":
        require(project, Capability.OWN)
        form = NewMemberForm(request.POST)
        if form.is_valid():
            try:
                added = add_or_invite(project=project, actor=request.user, **form.cleaned_data)
            except AppError as error:
                show_in_form(form, error)
            else:
                form = NewMemberForm()
                issued = added if isinstance(added, IssuedInvitation) else None
                if issued is None:
                    messages.success(request, "Member added.")
                    return redirect("projects:member-list", slug=slug)
    return _member_page(request, project, form=form, issued=issued)


def _member_page(
    request: AuthedRequest, project: Project, *, form: NewMemberForm, issued: IssuedInvitation | None
) -> HttpResponse:
    is_owner = allows(project, Capability.OWN)
    context = {
        "project": project,
        "section": "members",
        "memberships": project.memberships.for_list(),
        "invitations": project.invitations.open().for_list() if is_owner else [],
        "roles": Role.choices,
        "form": form,
        "issued": issued,
        "invitation_url": request.build_absolute_uri(reverse("projects:invitation-accept", args=[issued.secret]))
        if issued
        else "",
    }
    return TemplateResponse(request, "projects/member_list.html", context)


@require_POST
@login_required
def member_change(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Give a member another role, or take the member out (`remove`)."""
    membership = membership_for(request.user, slug, pk)
    if "remove" in request.POST:
        remove_member(membership=membership, actor=request.user)
        messages.success(request, f"{membership.user} is no longer a member.")
    else:
        form = RoleForm(request.POST)
        if not form.is_valid():
            raise AppError("Choose one of the roles offered.", code="role_invalid")
        change_role(membership=membership, actor=request.user, role=form.cleaned_data["role"])
        messages.success(request, f"{membership.user} is now {Role(form.cleaned_data['role']).label.lower()}.")
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
    messages.success(request, f"You have left {project.name}.")
    return redirect("projects:project-list")


@require_POST
@login_required
def invitation_revoke(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Make an invitation's link useless."""
    invitation = invitation_for(request.user, slug, pk)
    revoke_invitation(invitation=invitation, actor=request.user)
    messages.success(request, f"The invitation of {invitation.email} is revoked.")
    return redirect("projects:member-list", slug=slug)
