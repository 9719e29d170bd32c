"""What the annotator's pages show."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from annotations.actions.consent import missing_consent
from annotations.actions.lease import is_fresh, regain_item, renew_lease, require_open
from annotations.actions.qualification import attempts_left
from annotations.arms import GUIDELINES, SEQUENCE, SEQUENCES
from annotations.checks import LIKE_WORK, CheckSettings, Kind, is_checked, is_told, kinds_in_use
from annotations.checks_page import last_protocol_number, qualification_of
from annotations.models import Assignment, Campaign, CampaignProgress
from annotations.next_item import plan_of, still_to_come
from annotations.page_data import assignment_data, questions_to_show
from annotations.protocols import CONFIDENCE_LEVELS, asks_for_marks, parse_questions
from annotations.reports_page import own_reports
from annotations.stages import waiting_questions
from projects.compiled import CompiledQuery
from projects.errors import AppError
from projects.models import User

# By the person's own rows alone, however large the campaign; nobody has two assignments of an item.
_KEPT = """
SELECT count(*), count(done.id) FROM annotations_reserveditem AS kept
JOIN annotations_campaignitem AS item ON item.id = kept.item_id AND item.campaign_id = %(campaign)s
    AND item.is_reserved
LEFT JOIN annotations_assignment AS done ON done.item_id = item.id AND done.user_id = kept.user_id
    AND done.status = 'submitted'
WHERE kept.user_id = %(user)s
"""


def start_page(campaign: Campaign, user: User) -> dict[str, Any]:
    """The campaign as one annotator knows it (three queries)."""
    progress = _progress(campaign, user)
    live = campaign.assignments.of(user).live().first()
    mine = progress.submitted_count if progress else 0
    deadline = plan_of(campaign).deadline
    return {
        "campaign": campaign,
        "protocol": campaign.protocol,
        "questions": parse_questions(campaign.protocol.questions) if campaign.protocol else [],
        "mine": mine,
        "skipped": progress.skipped_count if progress else 0,
        "live": live,
        "consent": missing_consent(campaign, user),
        "is_open": campaign.status == Campaign.Status.OPEN,
        "deadline": deadline,
        "is_over": deadline is not None and timezone.now() > deadline,
        "is_done": live is None and not still_to_come(user, campaign).exists(),
        "wanted": campaign.answer_count_wanted,
        "undoable": _undoable(campaign, user),
        "kept": kept_for(campaign, user),
        **_qualification(campaign, user, progress),
    }


def annotate_page(assignment: Assignment) -> dict[str, Any]:
    """An item in work: data for the scripts, questions for the template (six queries)."""
    campaign, user = assignment.campaign, assignment.user
    data = assignment_data(assignment)
    questions = _with_layout(assignment, data)
    data["later"] = waiting_questions(assignment, getattr(assignment, "draft", None))
    can_mark = any(asks_for_marks(row["question"]) for row in questions)
    progress = _progress(campaign, user)
    return {
        "assignment": assignment,
        "campaign": campaign,
        "project": assignment.project,
        "data": data,
        "outputs": data["outputs"],
        "questions": questions,
        "can_mark": can_mark,
        "marks_last": assignment.arm.get(SEQUENCE) == "sparse_first",
        "sequence": SEQUENCES.get(assignment.arm.get(SEQUENCE, "")),
        "shown_in_steps": not can_mark and any(row["question"].kind == "steps" for row in questions),
        "confidence_levels": CONFIDENCE_LEVELS,
        "mine": progress.submitted_count if progress else 0,
        "has_before": progress is not None and progress.submitted_count + progress.skipped_count > 0,
        "wanted": campaign.answer_count_wanted,
        "undoable": _undoable(campaign, user),
        "kept": kept_for(campaign, user),
        # Kinds that look like work have no name here.
        "announced": "" if assignment.item.kind in LIKE_WORK else assignment.item.get_kind_display(),
        "is_changed": _is_changed(assignment),
        "own_reports": own_reports(assignment),
        "frame": _frame(assignment, data),
    }


def item_html(request: HttpRequest, assignment: Assignment) -> str:
    """What of the page is particular to an item: it takes the place of the item before, without a page load."""
    return render_to_string("annotations/annotate.html#item", annotate_page(assignment), request)


def kept_for(campaign: Campaign, user: User) -> dict[str, int] | None:
    """How many items are kept for the person, and how many of them are done; None without any (a query with some)."""
    if not plan_of(campaign).has_reserved:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, {"campaign": campaign.pk, "user": user.pk})
        total, done = cursor.fetchone()
    return {"total": total, "done": done} if total else None


def page_after(assignment: Assignment) -> str | None:
    """Where a submit leads before the next item: to the feedback where there is any, and back from making gold."""
    if assignment.makes_gold:
        slug = assignment.project.slug
        return reverse("annotations:check-detail", args=[slug, assignment.campaign_id, assignment.item_id])
    if is_told(assignment.campaign, assignment.item.kind):
        return reverse("annotations:annotate", args=[assignment.pk])
    return None


def resume_if_possible(assignment: Assignment) -> AppError | None:
    """Renew the lease of an item that is opened again, or say why it cannot be worked on.

    A skipped item is not taken up by looking at it.
    """
    try:
        if assignment.status == Assignment.Status.LEASED:
            if not assignment.makes_gold:
                # A lease outlives its campaign so that a draft can still be kept; work on it ends here.
                require_open(assignment.campaign, in_work=True)
            if not is_fresh(assignment):
                renew_lease(assignment=assignment)
        elif assignment.status in (Assignment.Status.EXPIRED, Assignment.Status.RELEASED):
            regain_item(assignment=assignment)
    except AppError as refusal:
        return refusal
    return None


def _progress(campaign: Campaign, user: User) -> CampaignProgress | None:
    return next(iter(_progress_rows(user.pk, campaign.pk)), None)


@CompiledQuery
def _progress_rows(user_id: int, campaign_id: int) -> QuerySet[CampaignProgress]:
    return CampaignProgress.objects.filter(user=user_id, campaign=campaign_id)


class Undoable(NamedTuple):
    """A submit that can still be taken back, by its assignment."""

    submitted_at: datetime
    pk: int


def _undoable(campaign: Campaign, user: User) -> Undoable | None:
    """The last submit of `user` in `campaign` that can still be taken back (one query)."""
    since = timezone.now() - timedelta(minutes=campaign.undo_minutes)
    recent = _recently_submitted(user.pk, campaign.pk, is_told(campaign, Kind.GOLD))
    return max((Undoable(at, pk) for at, pk in recent if at is not None and at >= since), default=None)


@CompiledQuery
def _recently_submitted(
    user_id: int, campaign_id: int, gold_stands: bool
) -> QuerySet[Assignment, tuple[datetime | None, int]]:
    mine = Assignment.objects.filter(user=user_id, campaign=campaign_id).recently_submitted(gold_stands=gold_stands)
    return mine.values_list("submitted_at", "pk")


def _with_layout(assignment: Assignment, data: dict[str, Any]) -> list[dict[str, Any]]:
    """Each question beside what is particular to this item, such as its pairs."""
    return [
        {"question": question, "layout": layout, "template": f"annotations/questions/{question.kind}.html"}
        for question, layout in zip(questions_to_show(assignment), data["questions"], strict=True)
    ]


def _frame(assignment: Assignment, data: Mapping[str, Any]) -> str:
    """Names what stands around the item, such as guidelines and keys; what depends on more is in the partials."""
    variant = assignment.arm.get(GUIDELINES, "")
    return f"{assignment.protocol_id} {len(data['outputs'])} {data['overlay'] or 'none'} {variant}"


def _is_changed(assignment: Assignment) -> bool:
    """Whether this is the person's first item under newer questions or guidelines (a query after the first version)."""
    if assignment.protocol.number == 1:
        return False
    last = last_protocol_number(assignment.campaign, assignment.user_id)
    return last is not None and last < assignment.protocol.number


def _qualification(campaign: Campaign, user: User, progress: CampaignProgress | None) -> dict[str, Any]:
    """How far the person's qualification has come; nothing where there is none (three queries)."""
    if not is_checked(campaign):
        return {}
    row = progress or CampaignProgress(campaign=campaign, user=user)
    found: dict[str, Any] = {"is_person_paused": row.paused_at is not None}
    if Kind.QUALIFICATION not in kinds_in_use(campaign):
        return found
    share, size = qualification_of(campaign, user.pk, row.attempt)
    return {
        **found,
        "qualification": row.qualification,
        "qualified_by": share,
        "qualification_size": size,
        "qualification_percent": CheckSettings.of(campaign).qualification_percent,
        "attempt": row.attempt,
        "attempts_left": attempts_left(campaign, user, row) if row.qualification == "failed" else 0,
    }
