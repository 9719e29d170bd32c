"""Members of a project and invitations to it, over the API."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, invitation_for, membership_for, project_for
from projects.actions.invitation import invite, revoke_invitation
from projects.actions.member import add_member, change_role, remove_member
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.api.serializers import (
    InvitationOutput,
    IssuedInvitationOutput,
    MemberChange,
    MemberOutput,
    NewInvitation,
    NewMember,
)


class MemberList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "id"

    @extend_schema(responses=MemberOutput(many=True), summary="The members of a project")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        rows = self.paginate_queryset(project_for(request.user, slug).memberships.for_list())
        return self.get_paginated_response(MemberOutput(rows, many=True).data)

    @extend_schema(
        request=NewMember,
        responses={201: MemberOutput, 404: ErrorOutput, 409: ErrorOutput},
        summary="Add a person who has an account",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        form = NewMember(data=request.data)
        form.is_valid(raise_exception=True)
        membership = add_member(project=project, actor=request.user, **form.validated_data)
        return Response(MemberOutput(membership).data, status=status.HTTP_201_CREATED)


class MemberDetail(GenericAPIView[Any]):
    @extend_schema(
        request=MemberChange,
        responses={200: MemberOutput, 409: ErrorOutput},
        summary="Give a member another role; the last owner stays owner",
    )
    def patch(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        membership = membership_for(request.user, slug, pk)
        form = MemberChange(data=request.data)
        form.is_valid(raise_exception=True)
        changed = change_role(membership=membership, actor=request.user, role=form.validated_data["role"])
        return Response(MemberOutput(changed).data)

    @extend_schema(responses={204: None, 409: ErrorOutput}, summary="Take a member out; never the last owner")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        remove_member(membership=membership_for(request.user, slug, pk), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=InvitationOutput(many=True), summary="Open invitations, newest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        rows = self.paginate_queryset(project.invitations.open())
        return self.get_paginated_response(InvitationOutput(rows, many=True).data)

    @extend_schema(request=NewInvitation, responses={201: IssuedInvitationOutput}, summary="Invite somebody by a link")
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        form = NewInvitation(data=request.data)
        form.is_valid(raise_exception=True)
        issued = invite(project=project, actor=request.user, **form.validated_data)
        url = request.build_absolute_uri(reverse("projects:invitation-accept", args=[issued.secret]))
        answer = {"invitation": InvitationOutput(issued.invitation).data, "url": url}
        return Response(answer, status=status.HTTP_201_CREATED)


class InvitationDetail(GenericAPIView[Any]):
    @extend_schema(responses={204: None}, summary="Revoke an invitation")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        revoke_invitation(invitation=invitation_for(request.user, slug, pk), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
