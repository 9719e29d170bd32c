"""Erasing people's work: what they did, of which the judgments are the result."""

from datetime import datetime

from django.db import connection, models
from django.db.models import OuterRef, QuerySet, Subquery

from annotations.actions.lease import release_item
from annotations.models import Assignment, Campaign, CampaignProgress, Consent, Draft, Study, Submission
from projects.erasing import erasing
from projects.models import AuditEvent, Fate, Project, User
from rewards.models import Rater

# Counted anew: whoever leaves may have answered thousands of items.
_RECOUNT_ITEMS = """
UPDATE annotations_campaignitem AS item SET
    granted_count = counted.granted, submitted_count = counted.submitted
FROM (
    SELECT i.id,
        count(a.id) FILTER (WHERE a.status IN ('leased', 'submitted')) AS granted,
        count(a.id) FILTER (WHERE a.status = 'submitted') AS submitted
    FROM annotations_campaignitem AS i LEFT JOIN annotations_assignment AS a ON a.item_id = i.id
    WHERE i.id = ANY(%(items)s) GROUP BY i.id
) AS counted WHERE item.id = counted.id
"""

_RECOUNT_CAMPAIGNS = """
UPDATE annotations_campaign AS campaign SET submitted_count = (
    SELECT count(*) FROM annotations_submission AS s JOIN annotations_assignment AS a ON a.id = s.assignment_id
    WHERE a.campaign_id = campaign.id AND s.undone_at IS NULL
) WHERE campaign.id = ANY(%(campaigns)s)
"""


def erase_person(user: User, project: Project) -> dict[str, int]:
    """Erase a leaver's drafts and end their leases; with the fate `purge` all their work and consents go as well.

    Items that are answered by fewer people then, are asked again in campaigns that are open.
    """
    mine = Assignment.objects.filter(project=project, user=user)
    for assignment in mine.live().select_related("item", "campaign").order_by("item_id"):
        release_item(assignment=assignment)
    counts = {"drafts": _delete(Draft.objects.filter(assignment__in=mine))}
    user.skills.filter(project=project).delete()
    _rename_in_reports(user, project)
    if project.fate_of_judgments != Fate.PURGE:
        return counts
    counts["consents_purged"] = _delete(Consent.objects.filter(user=user, text__project=project))
    counts["submissions_purged"] = Submission.objects.filter(assignment__in=mine).count()
    items = list(mine.values_list("item", flat=True))
    campaigns = list(mine.order_by().values_list("campaign", flat=True).distinct())
    list(Campaign.objects.filter(pk__in=campaigns).select_for_update(no_key=True).order_by("pk").values_list("pk"))
    mine.delete()
    CampaignProgress.objects.filter(campaign__project=project, user=user).delete()
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT_ITEMS, {"items": items})
        cursor.execute(_RECOUNT_CAMPAIGNS, {"campaigns": campaigns})
    return counts


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


def stale_drafts(project: Project, before: datetime) -> QuerySet[Draft]:
    """Drafts that nobody has changed since that time and nobody is working on."""
    drafts = Draft.objects.filter(assignment__project=project, saved_at__lt=before)
    return drafts.exclude(assignment__status=Assignment.Status.LEASED, assignment__lease_until__gt=before)


def erase_drafts(project: Project, before: datetime) -> int:
    """Delete these drafts; how many."""
    return _delete(stale_drafts(project, before))


def erase_undone(project: Project, before: datetime) -> int:
    """Delete answers as they were sent that were taken back before that time.

    Their judgments go by a rule of their own, which counts them: the same answer is not counted twice.
    """
    Submission.objects.filter(project=project, undone_at__lt=before).delete()
    return 0


def work_in_closed(project: Project, before: datetime) -> QuerySet[Submission]:
    """Submits that still hold the answer as it was sent, in campaigns that were closed before that time."""
    submissions = Submission.objects.filter(project=project, assignment__campaign__in=_closed(project, before))
    return submissions.exclude(answer={}, active_ms=0)


def erase_work(project: Project, before: datetime) -> int:
    """Empty these submits, and the times and reasons beside them; the judgments stay. How many submits."""
    closed = list(_closed(project, before).values_list("pk", flat=True))
    _delete(Draft.objects.filter(assignment__campaign__in=closed))
    Assignment.objects.filter(campaign__in=closed).update(active_ms=0, reason="")
    CampaignProgress.objects.filter(campaign__in=closed).update(active_ms=0)
    with erasing():
        return work_in_closed(project, before).update(answer={}, active_ms=0)


def _closed(project: Project, before: datetime) -> QuerySet[Campaign]:
    """Closed campaigns whose last close was before that time: the audit log knows when."""
    closes = AuditEvent.objects.filter(
        project=project,
        verb="campaign.closed",
        object_id=models.functions.Cast(OuterRef("pk"), models.CharField()),
    )
    last = Subquery(closes.order_by("-pk").values("created_at")[:1])
    campaigns = Campaign.objects.filter(project=project, status=Campaign.Status.CLOSED)
    return campaigns.annotate(closed_at=last).filter(closed_at__lt=before)


def _delete(rows: "QuerySet[Draft] | QuerySet[Consent]") -> int:
    count = rows.count()
    rows.delete()
    return count
