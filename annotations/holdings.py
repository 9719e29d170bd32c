"""What this app keeps of people and projects (see projects.holdings)."""

from collections.abc import Iterable

from annotations.actions import erasing
from annotations.actions.consent import consents_of
from annotations.models import Assignment, Consent, Draft, ItemReport, Submission
from projects.holdings import Holdings, LeavingRule, RetentionRule
from projects.models import Fate, Project, User


def _projects_of(user: User) -> Iterable[int]:
    worked_in = Assignment.objects.filter(user=user).order_by().values_list("project", flat=True).distinct()
    agreed_in = Consent.objects.filter(user=user).order_by().values_list("text__project", flat=True).distinct()
    return {*worked_in, *agreed_in}


def _of_person(user: User, project: Project) -> dict[str, int]:
    mine = Assignment.objects.filter(project=project, user=user)
    return {
        "submissions": Submission.objects.filter(assignment__in=mine).count(),
        "drafts": Draft.objects.filter(assignment__in=mine).count(),
        "reports": ItemReport.objects.filter(assignment__in=mine).count(),
        "consents": Consent.objects.filter(user=user, text__project=project).count(),
    }


_PURGED = frozenset({Fate.PURGE})

HOLDINGS = Holdings(
    app="annotations",
    projects_of=_projects_of,
    of_person=_of_person,
    part_with=erasing.part_with,
    leaving=[
        LeavingRule(erasing.drafts_of_person, erasing.erase_drafts, "drafts"),
        LeavingRule(erasing.consents_of_person, erasing.erase_consents, "consents_purged", _PURGED),
        LeavingRule(erasing.assignments_of_person, erasing.erase_assignments, "submissions_purged", _PURGED),
        LeavingRule(erasing.progress_of_person, erasing.erase_progress, fates=_PURGED),
    ],
    consents_of=consents_of,
    retention={
        "drafts": [RetentionRule(erasing.stale_drafts, erasing.erase_drafts)],
        "withdrawn": [RetentionRule(erasing.undone_before, erasing.erase_undone, counts=False)],
        "campaigns": [
            RetentionRule(erasing.drafts_in_closed, erasing.erase_drafts, counts=False),
            RetentionRule(erasing.times_in_closed, erasing.erase_times, counts=False),
            RetentionRule(erasing.progress_in_closed, erasing.erase_pace, counts=False),
            RetentionRule(erasing.work_in_closed, erasing.erase_work),
        ],
    },
)
