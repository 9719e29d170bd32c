"""The workers app in Django's administration, for operators: to look, and to register models for every project."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from workers.models import Artefact, Attempt, Batch, ModelEndpoint, Prompt, PromptVersion, Run, Scorer, WorkerHeartbeat


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only the application writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ModelEndpoint)
class ModelEndpointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A new one is probed by beat; what it was resolved to is not edited, since scorers name it."""

    list_display = ["name", "project", "engine", "reference", "dtype", "state", "probed_at"]
    list_select_related = ["project"]
    search_fields = ["name", "reference"]
    fields = ["name", "project", "engine", "reference", "revision", "dtype", "caveat"]
    autocomplete_fields = ["project"]

    def get_readonly_fields(self, request: HttpRequest, obj: ModelEndpoint | None = None) -> list[str]:
        return ["project", "engine", "reference", "revision", "dtype"] if obj is not None else []


@admin.register(Scorer)
class ScorerAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "source", "source_version", "hash", "archived_at", "created_at"]
    list_select_related = ["project"]
    list_filter = ["source"]
    search_fields = ["name", "hash"]


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ["id", "project", "scorer", "status", "item_count", "scored_count", "unscored_count", "failed_count"]
    list_select_related = ["project", "scorer"]
    list_filter = ["status"]
    show_full_result_count = False


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ["id", "run", "number", "queue", "status", "attempt", "stalled_leases", "worker", "lease_until"]
    list_select_related = ["run"]
    list_filter = ["status", "queue"]
    show_full_result_count = False


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ["id", "item", "number", "status", "reason", "worker", "seconds", "created_at"]
    list_select_related = ["item"]
    list_filter = ["status", "reason"]
    raw_id_fields = ["item", "rater", "output", "project"]
    show_full_result_count = False


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "queue", "device", "state", "started_at", "seen_at"]


admin.site.register([Artefact, Prompt, PromptVersion], ReadOnlyAdmin)
