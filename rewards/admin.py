"""The rewards app in Django's administration: for operators who look into a problem, not for daily work.

What is append-only can be read here and nothing more: the database would refuse a change anyway.
"""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from rewards import models


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists and shows; adds, changes and deletes nothing."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AnswerInline(admin.TabularInline):  # type: ignore[type-arg]
    """Answers of a judgment, to read."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class VerdictInline(AnswerInline):
    model = models.Verdict


class RatingInline(AnswerInline):
    model = models.Rating


class ComparisonInline(AnswerInline):
    model = models.Comparison


class SpanMarkInline(AnswerInline):
    model = models.SpanMark


class StepLabelInline(AnswerInline):
    model = models.StepLabel


class CritiqueInline(AnswerInline):
    model = models.Critique


class TraceInline(AnswerInline):
    model = models.JudgmentTrace


class CriterionInline(AnswerInline):
    model = models.Criterion


class RankedOutputInline(AnswerInline):
    model = models.RankedOutput


class ExportFileInline(AnswerInline):
    model = models.ExportFile


class ImportRowErrorInline(AnswerInline):
    model = models.ImportRowError
    # An import keeps up to a thousand of them; the project's own page lists them all.
    max_num = 100


@admin.register(models.Task)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "version", "is_current", "project", "split", "output_count", "created_at"]
    list_select_related = ["project"]
    search_fields = ["external_id__istartswith"]


@admin.register(models.Policy)
class PolicyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "project", "created_at"]
    list_select_related = ["project"]
    readonly_fields = ["project", "created_at"]
    search_fields = ["name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(models.Output)
class OutputAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "version", "is_current", "project", "policy", "char_count", "created_at"]
    list_select_related = ["project", "policy"]
    search_fields = ["external_id__istartswith"]


@admin.register(models.Rubric)
class RubricAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "task_external_id", "archived_at", "created_at"]
    list_select_related = ["project"]
    search_fields = ["name"]


@admin.register(models.RubricVersion)
class RubricVersionAdmin(ReadOnlyAdmin):
    list_display = ["rubric", "number", "note", "created_by", "created_at"]
    list_select_related = ["rubric", "created_by"]
    inlines = [CriterionInline]


@admin.register(models.Rater)
class RaterAdmin(ReadOnlyAdmin):
    list_display = ["pseudonym", "kind", "name", "project", "created_at"]
    list_select_related = ["project"]
    list_filter = ["kind"]
    search_fields = ["name", "pseudonym"]


@admin.register(models.Judgment)
class JudgmentAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "rater", "project", "created_at", "withdrawn_at"]
    list_select_related = ["rater", "project"]
    list_filter = ["kind"]
    inlines = [
        TraceInline,
        VerdictInline,
        RatingInline,
        ComparisonInline,
        SpanMarkInline,
        StepLabelInline,
        CritiqueInline,
    ]


@admin.register(models.Ranking)
class RankingAdmin(ReadOnlyAdmin):
    list_display = ["judgment"]
    list_select_related = ["judgment"]
    inlines = [RankedOutputInline]


@admin.register(models.Segmentation)
class SegmentationAdmin(ReadOnlyAdmin):
    list_display = ["segmenter", "count", "output", "project", "created_at"]
    list_select_related = ["output", "project"]
    exclude = ["spans"]


@admin.register(models.RewardSignal)
class RewardSignalAdmin(ReadOnlyAdmin):
    list_display = ["channel", "rater", "output", "total", "scored_count", "created_at"]
    list_select_related = ["rater", "output"]
    exclude = ["values"]


@admin.register(models.DerivedScore)
class DerivedScoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Disposable: may be deleted, is made again on demand."""

    list_display = ["output", "value", "scored_count", "total_count", "definition_hash", "created_at"]
    list_select_related = ["output"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(models.Recipe)
class RecipeAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "archived_at", "created_at"]
    list_select_related = ["project"]


@admin.register(models.RecipeVersion)
class RecipeVersionAdmin(ReadOnlyAdmin):
    list_display = ["recipe", "number", "created_by", "created_at"]
    list_select_related = ["recipe", "created_by"]


@admin.register(models.StoredReward)
class StoredRewardAdmin(ReadOnlyAdmin):
    list_display = ["version", "project", "status", "n_done", "n_outputs", "created_at"]
    list_select_related = ["version__recipe", "project"]
    list_filter = ["status"]


@admin.register(models.RewardName)
class RewardNameAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "version", "changed_at"]
    list_select_related = ["project", "version__recipe"]


@admin.register(models.Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = ["id", "project", "status", "created_at"]
    list_select_related = ["project"]
    inlines = [ExportFileInline]


@admin.register(models.ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    list_display = ["id", "project", "format", "status", "error_count", "created_at"]
    list_select_related = ["project"]
    list_filter = ["status"]
    inlines = [ImportRowErrorInline]
