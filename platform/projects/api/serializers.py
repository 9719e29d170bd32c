"""Shapes of the projects app's API. They hold no logic: views call the actions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from rest_framework import serializers

from projects.access import CAPABILITIES, Capability, allows
from projects.actions.annotator_link import LONGEST_DAYS, MOST_PEOPLE
from projects.actions.token import LONGEST_LIFETIME
from projects.models import (
    AnnotatorLink,
    ApiToken,
    AuditEvent,
    Invitation,
    Membership,
    Notification,
    Project,
    Role,
    TokenScope,
    User,
)
from projects.notices import line_of


class PersonOutput(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "username", "display_name"]


class TokenOutput(serializers.ModelSerializer[ApiToken]):
    project: serializers.SlugRelatedField[Project] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=TokenScope.choices))

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "project",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]


class IssuedTokenOutput(serializers.Serializer[Any]):
    token = TokenOutput()
    secret = serializers.CharField(help_text="Shown in this answer only.")


class NewToken(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=TokenScope.choices), allow_empty=False)
    project = serializers.SlugField(required=False, allow_null=True, help_text="Bind the token to this project.")
    expires_at = serializers.DateTimeField(help_text="Within a year.")

    def validate_expires_at(self, value: datetime) -> datetime:
        if not timezone.now() < value <= timezone.now() + LONGEST_LIFETIME:
            raise serializers.ValidationError(gettext("A token lives for a year at most."))
        return value


class MeOutput(serializers.ModelSerializer[User]):
    token = TokenOutput(allow_null=True, help_text="The token of this request; null for a session.")

    class Meta:
        model = User
        fields = ["id", "username", "display_name", "email", "language", "time_zone", "theme", "token"]


class ProjectOutput(serializers.ModelSerializer[Project]):
    role = serializers.ChoiceField(source="viewer_role", choices=Role.choices, help_text="Yours.")
    capabilities = serializers.SerializerMethodField(help_text="What your role allows.")
    description = serializers.SerializerMethodField(help_text="Empty for annotators: it may name policies.")

    class Meta:
        model = Project
        fields = ["slug", "name", "description", "role", "capabilities", "created_at"]

    def get_capabilities(self, project: Project) -> list[str]:
        return sorted(CAPABILITIES[project.viewer_role])

    def get_description(self, project: Project) -> str:
        return project.description if allows(project, Capability.VIEW) else ""


class ProjectDetailOutput(serializers.ModelSerializer[Project]):
    role = serializers.ChoiceField(source="viewer_role", choices=Role.choices, help_text="Yours.")
    capabilities = serializers.SerializerMethodField(help_text="What your role allows.")

    class Meta:
        model = Project
        fields = [
            "slug",
            "name",
            "description",
            "role",
            "capabilities",
            "created_at",
            "task_count",
            "output_count",
            "judgment_count",
        ]

    def get_capabilities(self, project: Project) -> list[str]:
        return sorted(CAPABILITIES[project.viewer_role])


class NewProject(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    slug = serializers.SlugField(max_length=80, required=False, default="")
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")


class ProjectChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True)


class MemberOutput(serializers.ModelSerializer[Membership]):
    user = PersonOutput()

    class Meta:
        model = Membership
        fields = ["id", "user", "role", "created_at"]


class NewMember(serializers.Serializer[Any]):
    identifier = serializers.CharField(max_length=254, help_text="User name or e-mail address of an account.")
    role = serializers.ChoiceField(choices=Role.choices)


class MemberChange(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)


class InvitationOutput(serializers.ModelSerializer[Invitation]):
    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "created_at", "expires_at"]


class NewInvitation(serializers.Serializer[Any]):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)


class IssuedInvitationOutput(serializers.Serializer[Any]):
    invitation = InvitationOutput()
    url = serializers.CharField(help_text="The link to send; shown in this answer only.")


class AnnotatorLinkOutput(serializers.ModelSerializer[AnnotatorLink]):
    class Meta:
        model = AnnotatorLink
        fields = ["id", "label", "most_people", "joined_count", "created_at", "expires_at"]


class NewAnnotatorLink(serializers.Serializer[Any]):
    # The base class has a `label` of its own.
    label = serializers.CharField(max_length=100, help_text="Whom it is for.")  # type: ignore[assignment]
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, default=14)
    most_people = serializers.IntegerField(min_value=1, max_value=MOST_PEOPLE, default=20)


class IssuedAnnotatorLinkOutput(serializers.Serializer[Any]):
    link = AnnotatorLinkOutput()
    url = serializers.CharField(help_text="The link to hand out; shown in this answer only.")


class NotificationOutput(serializers.ModelSerializer[Notification]):
    project: serializers.SlugRelatedField[Project] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    line = serializers.SerializerMethodField(help_text="The sentence that a person reads.")

    class Meta:
        model = Notification
        fields = ["id", "kind", "line", "project", "url", "created_at", "read_at"]

    def get_line(self, notification: Notification) -> str:
        return line_of(notification)


class ReadNotifications(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        max_length=1000,
        help_text="All of them where left out.",
    )


class UnreadOutput(serializers.Serializer[Any]):
    read = serializers.IntegerField(help_text="How many were unread until now.")
    unread = serializers.IntegerField(help_text="How many still are.")


class AuditEventOutput(serializers.ModelSerializer[AuditEvent]):
    actor = PersonOutput(allow_null=True)

    class Meta:
        model = AuditEvent
        fields = ["id", "actor", "verb", "object_type", "object_id", "data", "created_at"]
