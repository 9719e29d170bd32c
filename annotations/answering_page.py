"""What the annotator's pages show."""

from typing import Any

from annotations.actions.consent import missing_consent
from annotations.actions.lease import regain_item, renew_lease
from annotations.arms import SEQUENCE, SEQUENCES
from annotations.models import Assignment, Campaign
from annotations.next_item import still_to_come
from annotations.page_data import assignment_data, questions_to_show
from annotations.protocols import CONFIDENCE_LEVELS, asks_for_marks, parse_questions
from projects.errors import AppError
from projects.models import User


def start_page(campaign: Campaign, user: User) -> dict[str, Any]:
    """The campaign as one annotator knows it (three queries)."""
    progress = campaign.progress.filter(user=user).first()
    live = campaign.assignments.of(user).live().first()
    mine = progress.submitted_count if progress else 0
    return {
        "campaign": campaign,
        "protocol": campaign.protocol,
        "questions": parse_questions(campaign.protocol.questions) if campaign.protocol else [],
        "mine": mine,
        "skipped": progress.skipped_count if progress else 0,
        "live": live,
        "consent": missing_consent(campaign, user),
        "is_open": campaign.status == Campaign.Status.OPEN,
        "is_done": live is None and not still_to_come(user, campaign).exists(),
        "wanted": campaign.answer_count_wanted,
        "undoable": campaign.assignments.undoable_by(user, campaign),
    }


def annotate_page(assignment: Assignment) -> dict[str, Any]:
    """An item in work: data for the scripts, questions for the template (five queries)."""
    campaign, user = assignment.campaign, assignment.user
    data = assignment_data(assignment)
    questions = _with_layout(assignment, data)
    can_mark = any(asks_for_marks(row["question"]) for row in questions)
    progress = campaign.progress.filter(user=user).first()
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
        "wanted": campaign.answer_count_wanted,
        "undoable": campaign.assignments.undoable_by(user, campaign),
    }


def resume_if_possible(assignment: Assignment) -> AppError | None:
    """Renew the lease of an item that is opened again, or say why it cannot be worked on.

    A skipped item is not taken up by looking at it.
    """
    try:
        if assignment.status == Assignment.Status.LEASED:
            renew_lease(assignment=assignment)
        elif assignment.status in (Assignment.Status.EXPIRED, Assignment.Status.RELEASED):
            regain_item(assignment=assignment)
    except AppError as refusal:
        return refusal
    return None


def _with_layout(assignment: Assignment, data: dict[str, Any]) -> list[dict[str, Any]]:
    """Each question beside what is particular to this item, such as its pairs."""
    return [
        {"question": question, "layout": layout, "template": f"annotations/questions/{question.kind}.html"}
        for question, layout in zip(questions_to_show(assignment), data["questions"], strict=True)
    ]
