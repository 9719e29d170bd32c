"""Erasing people's work: what they did, of which the judgments are the result."""

from datetime import datetime

from django.db import connection, models
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce

from annotations.actions.lease import release_item
from annotations.models import (
    Assignment,
    Campaign,
    CampaignItem,
    CampaignProgress,
    Consent,
    Draft,
    Study,
    Submission,
)
from projects.erasing import erasing
from projects.models import AuditEvent, Project, User
from rewards.models import Rater

# What these assignments count for, as `annotations.checks.counts_of` says it of each.
_UNCOUNT = """
WITH gone AS (
    SELECT a.campaign_id, a.item_id, a.status, a.makes_gold, i.kind,
        EXISTS (SELECT FROM annotations_submission AS s WHERE s.assignment_id = a.id AND s.undone_at IS NULL) AS stands
    FROM annotations_assignment AS a JOIN annotations_campaignitem AS i ON i.id = a.item_id
    WHERE a.id = ANY(%(assignments)s)
), by_item AS (
    SELECT item_id,
        count(*) FILTER (WHERE status IN ('leased', 'submitted')) AS granted,
        count(*) FILTER (WHERE status = 'submitted') AS submitted
    FROM gone GROUP BY item_id
), uncounted_items AS (
    UPDATE annotations_campaignitem AS item SET
        granted_count = item.granted_count - by_item.granted, submitted_count = item.submitted_count - by_item.submitted
    FROM by_item WHERE item.id = by_item.item_id
), by_campaign AS (
    SELECT campaign_id,
        count(*) FILTER (WHERE kind = 'work') AS work,
        count(*) FILTER (WHERE kind IN ('gold', 'attention', 'repeat')) AS checks
    FROM gone WHERE stands AND NOT makes_gold GROUP BY campaign_id
)
UPDATE annotations_campaign AS campaign SET
    submitted_count = campaign.submitted_count - by_campaign.work,
    checked_count = campaign.checked_count - by_campaign.checks
FROM by_campaign WHERE campaign.id = by_campaign.campaign_id
"""


def part_with(user: User, project: Project) -> dict[str, int]:
    """End a leaver's leases, so that others are asked, and let reports on quality name a pseudonym."""
    mine = Assignment.objects.filter(project=project, user=user)
    for assignment in mine.live().select_related("item", "campaign").order_by("item_id"):
        release_item(assignment=assignment)
    user.skills.filter(project=project).delete()
    _rename_in_reports(user, project)
    return {}


def _rename_in_reports(user: User, project: Project) -> None:
    """Reports on quality name people as they were called; their numbers stay."""
    rater = Rater.objects.filter(user=user, project=project).first()
    if rater is None:
        return
    for study in Study.objects.filter(project=project, kind="quality", result__people__contains=[{"rater": rater.pk}]):
        for row in study.result["people"]:
            if row["rater"] == rater.pk:
                row["name"] = rater.pseudonym
        study.save(update_fields=["result"])


def drafts_of_person(user: User, project: Project) -> QuerySet[Draft]:
    return Draft.objects.filter(assignment__project=project, assignment__user=user)


def consents_of_person(user: User, project: Project) -> QuerySet[Consent]:
    return Consent.objects.filter(user=user, text__project=project)


def assignments_of_person(user: User, project: Project) -> QuerySet[Assignment]:
    return Assignment.objects.filter(project=project, user=user)


def progress_of_person(user: User, project: Project) -> QuerySet[CampaignProgress]:
    return CampaignProgress.objects.filter(campaign__project=project, user=user)


def erase_drafts(keys: list[int]) -> int:
    return Draft.objects.filter(pk__in=keys)._raw_delete("default")


def erase_consents(keys: list[int]) -> int:
    return Consent.objects.filter(pk__in=keys)._raw_delete("default")


def erase_progress(keys: list[int]) -> int:
    return CampaignProgress.objects.filter(pk__in=keys)._raw_delete("default")


def erase_assignments(keys: list[int]) -> int:
    """Delete a leaver's assignments with the answers as they were sent, and count them out; how many submits went.

    Items that are answered by fewer people then, are asked again in campaigns that are open. Call in a transaction:
    items are locked in the order of their ids, as whoever waits for several does.
    """
    mine = Assignment.objects.filter(pk__in=keys)
    items = CampaignItem.objects.filter(assignments__in=keys)
    list(CampaignItem.objects.filter(pk__in=items).select_for_update(no_key=True).order_by("pk").values_list("pk"))
    with connection.cursor() as cursor:
        cursor.execute(_UNCOUNT, {"assignments": keys})
    count = Submission.objects.filter(assignment__in=keys).count()
    mine.delete()
    return count


def stale_drafts(project: Project, before: datetime) -> QuerySet[Draft]:
    """Drafts that nobody has changed since that time and nobody is working on."""
    drafts = Draft.objects.filter(assignment__project=project, saved_at__lt=before)
    return drafts.exclude(assignment__status=Assignment.Status.LEASED, assignment__lease_until__gt=before)


def undone_before(project: Project, before: datetime) -> QuerySet[Submission]:
    """Answers as they were sent that were taken back before that time; their judgments are what is counted."""
    return Submission.objects.filter(project=project, undone_at__lt=before)


def erase_undone(keys: list[int]) -> None:
    """Delete these answers with how they compared to known ones."""
    Submission.objects.filter(pk__in=keys).delete()


def drafts_in_closed(project: Project, before: datetime) -> QuerySet[Draft]:
    return Draft.objects.filter(assignment__campaign__in=_closed(project, before))


def times_in_closed(project: Project, before: datetime) -> QuerySet[Assignment]:
    """Assignments that still say how long somebody worked, or why they skipped."""
    assignments = Assignment.objects.filter(project=project, campaign__in=_closed(project, before))
    return assignments.filter(Q(active_ms__gt=0) | ~Q(reason=""))


def erase_times(keys: list[int]) -> None:
    Assignment.objects.filter(pk__in=keys).update(active_ms=0, reason="")


def progress_in_closed(project: Project, before: datetime) -> QuerySet[CampaignProgress]:
    return CampaignProgress.objects.filter(campaign__in=_closed(project, before), active_ms__gt=0)


def erase_pace(keys: list[int]) -> None:
    CampaignProgress.objects.filter(pk__in=keys).update(active_ms=0)


def work_in_closed(project: Project, before: datetime) -> QuerySet[Submission]:
    """Submits that still hold the answer as it was sent, in campaigns that were closed before that time."""
    submissions = Submission.objects.filter(project=project, assignment__campaign__in=_closed(project, before))
    return submissions.exclude(answer={}, active_ms=0, active_parts={})


def erase_work(keys: list[int]) -> None:
    """Empty these submits; the judgments stay."""
    with erasing():
        Submission.objects.filter(pk__in=keys).update(answer={}, active_ms=0, active_parts={})


def _closed(project: Project, before: datetime) -> QuerySet[Campaign]:
    """Closed campaigns whose last close was before that time: the audit log knows when.

    Where it does not (a campaign that was closed before there was a log, or came with a backup), it is the last submit
    that counts, or else the day on which the campaign was made.
    """
    closes = AuditEvent.objects.filter(
        project=project,
        verb="campaign.closed",
        object_id=Cast(OuterRef("pk"), models.CharField()),
    )
    last_close = Subquery(closes.order_by("-pk").values("created_at")[:1])
    submits = Submission.objects.filter(assignment__campaign=OuterRef("pk"))
    last_submit = Subquery(submits.order_by("-created_at").values("created_at")[:1])
    campaigns = Campaign.objects.filter(project=project, status=Campaign.Status.CLOSED)
    return campaigns.alias(closed_at=Coalesce(last_close, last_submit, F("created_at"))).filter(closed_at__lt=before)
