"""The annotations app in Django's administration: for operators who look into a problem, not for daily work.

Everything here is kept by the actions, counters and leases together, so nothing can be changed by hand.
"""

from django.contrib import admin

from annotations import models
from rewards.admin import ReadOnlyAdmin


@admin.register(models.Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    list_display = ["id", "name", "project", "status", "overlap", "item_count", "submitted_count", "created_at"]
    list_filter = ["status"]
    list_select_related = ["project"]
    search_fields = ["name"]


@admin.register(models.CampaignProtocol)
class CampaignProtocolAdmin(ReadOnlyAdmin):
    list_display = ["id", "campaign", "number", "content_hash", "created_at"]
    list_select_related = ["campaign"]


@admin.register(models.CampaignItem)
class CampaignItemAdmin(ReadOnlyAdmin):
    list_display = ["id", "campaign", "position", "granted_count", "submitted_count"]
    list_select_related = ["campaign"]
    raw_id_fields = ["task"]


@admin.register(models.Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ["id", "campaign", "item", "user", "status", "lease_until", "submitted_at"]
    list_filter = ["status"]
    list_select_related = ["campaign", "item", "user"]


@admin.register(models.Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    list_display = ["id", "assignment", "act", "active_ms", "created_at", "undone_at"]
    list_select_related = ["assignment"]


@admin.register(models.Study)
class StudyAdmin(ReadOnlyAdmin):
    list_display = ["id", "project", "kind", "name", "status", "created_at", "finished_at"]
    list_filter = ["status", "kind"]
    list_select_related = ["project"]
