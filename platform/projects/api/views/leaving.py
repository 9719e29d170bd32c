"""Projects that go, and what a project keeps of people, over the API."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, marked_project_for, project_for
from projects.actions.project_deletion import ask_for_deletion, erase_now, restore_project
from projects.actions.retention import change_data_policy, what_is_due
from projects.api.permissions import HasSession
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.models import Fate, Project
from projects.retention import KINDS, LONGEST_DAYS


class DeletionOutput(serializers.Serializer[Any]):
    asked_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(help_text="Until then it can be restored.")
    rows_gone = serializers.IntegerField(allow_null=True, help_text="Null until its erasing begins.")
    rows_total = serializers.IntegerField(allow_null=True)


class DeletionInput(serializers.Serializer[Any]):
    typed = serializers.CharField(max_length=80, help_text="The project's address once more.")


class DaysByKind(serializers.Serializer[Any]):
    """By the kinds of `projects.retention`; null keeps for ever."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            kind.key: serializers.IntegerField(
                required=False, allow_null=True, min_value=1, max_value=LONGEST_DAYS, help_text=str(kind.what)
            )
            for kind in KINDS.values()
        }


class DataPolicyInput(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    fate_of_judgments = serializers.ChoiceField(choices=Fate.choices, required=False)
    retention = DaysByKind(required=False)


class DataPolicyOutput(serializers.Serializer[Any]):
    fate_of_judgments = serializers.ChoiceField(choices=Fate.choices, help_text="Of people who delete their account.")
    retention = DaysByKind()
    due = serializers.DictField(child=serializers.IntegerField(), help_text="What would go now, by kind.")
    erased = serializers.DictField(child=serializers.IntegerField(), help_text="What went so far, by what it was.")


class ProjectDeletion(GenericAPIView[Any]):
    @extend_schema(responses=DeletionOutput, summary="Until when a project of yours can be restored, or how far it is")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        return Response(_deletion(marked_project_for(request.user, slug)))

    @extend_schema(
        request=DeletionInput,
        responses={200: DeletionOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Mark a project for deletion: nobody sees it any more, and its owners may restore it for some days",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        form = DeletionInput(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(_deletion(ask_for_deletion(project=project, actor=request.user, **form.validated_data)))

    @extend_schema(responses={204: None, 409: ErrorOutput}, summary="Restore a project that is marked for deletion")
    def delete(self, request: AuthedApiRequest, slug: str) -> Response:
        restore_project(project=marked_project_for(request.user, slug), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProjectDeletionNow(GenericAPIView[Any]):
    # Nothing can be restored afterwards: a program that holds a token does not decide that.
    permission_classes = [HasSession]

    @extend_schema(
        request=None,
        responses={200: DeletionOutput, 403: ErrorOutput},
        summary="Give up the days in which it could be restored; needs a session, not a token",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = marked_project_for(request.user, slug)
        erase_now(project=project, actor=request.user)
        project.refresh_from_db()
        return Response(_deletion(project))


class DataPolicy(GenericAPIView[Any]):
    @extend_schema(
        parameters=[
            OpenApiParameter(kind.key, int, description="Days: `due` then says what would go if these held.")
            for kind in KINDS.values()
        ],
        responses={200: DataPolicyOutput, 400: ErrorOutput},
        summary="What becomes of leavers' judgments, how long what is kept, what is due and what went",
    )
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        asked = DaysByKind(data={key: request.GET[key] for key in KINDS if key in request.GET})
        asked.is_valid(raise_exception=True)
        return Response(_policy(project, asked.validated_data))

    @extend_schema(
        request=DataPolicyInput,
        responses={200: DataPolicyOutput, 400: ErrorOutput},
        summary="Change the policy; what is due then goes within hours",
    )
    def patch(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        form = DataPolicyInput(data=request.data)
        form.is_valid(raise_exception=True)
        fate = form.validated_data.get("fate_of_judgments", project.fate_of_judgments)
        days = project.retention | form.validated_data.get("retention", {})
        # A kind that a newer version knew is nothing that was asked for.
        known = {key: value for key, value in days.items() if key in KINDS}
        change_data_policy(project=project, actor=request.user, fate=fate, days=known)
        return Response(_policy(project, {}))


def _deletion(project: Project) -> dict[str, Any]:
    found = {
        "asked_at": project.deletion_asked_at,
        "due_at": project.deletion_due_at,
        "rows_gone": project.deletion_progress.get("rows_gone"),
        "rows_total": project.deletion_progress.get("rows_total"),
    }
    return dict(DeletionOutput(found).data)


def _policy(project: Project, asked: Mapping[str, int | None]) -> dict[str, Any]:
    stored = {key: project.retention.get(key) for key in KINDS}
    found = {
        "fate_of_judgments": project.fate_of_judgments,
        "retention": stored,
        "due": {due.kind.key: due.n for due in what_is_due(project, {**stored, **asked})},
        "erased": project.erasures.totals(),
    }
    return dict(DataPolicyOutput(found).data)
