"""The projects app in Django's administration, for operators."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest

from projects.models import ApiToken, AuditEvent, Invitation, Membership, Project, User


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    list_display = ["username", "display_name", "email", "is_active", "is_staff", "last_login"]
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        ("Rubricate", {"fields": ["display_name", "language", "time_zone", "theme", "shortcuts_enabled"]}),
    )


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "slug", "task_count", "output_count", "judgment_count", "created_at"]
    search_fields = ["name", "slug"]
    readonly_fields = ["created_at", "task_count", "output_count", "judgment_count"]
    autocomplete_fields = ["created_by"]
    inlines = [MembershipInline]


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["user", "project", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["user", "project"]
    search_fields = ["user__username", "project__slug"]
    autocomplete_fields = ["user", "project"]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only the application writes: secrets are made and hashed by it, and the log is append-only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ["name", "prefix", "user", "project", "scopes", "expires_at", "last_used_at", "revoked_at"]
    list_select_related = ["user", "project"]
    search_fields = ["name", "prefix", "user__username"]
    exclude = ["token_hash"]


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["email", "project", "role", "invited_by", "expires_at", "accepted_at", "revoked_at"]
    list_select_related = ["project", "invited_by"]
    search_fields = ["email", "project__slug"]
    exclude = ["token_hash"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "actor", "verb", "project", "object_type", "object_id"]
    list_select_related = ["actor", "project"]
    list_filter = ["verb"]
    search_fields = ["actor__username", "object_id"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
