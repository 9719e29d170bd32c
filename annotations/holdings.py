"""What this app keeps of people and projects (see projects.holdings)."""

from collections.abc import Iterable

from annotations.actions import erasing
from annotations.actions.consent import consents_of
from annotations.models import Assignment, Consent, Draft, ItemReport, Submission
from projects.holdings import Holdings, RetentionRule
from projects.models import Project, User


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


HOLDINGS = Holdings(
    app="annotations",
    projects_of=_projects_of,
    of_person=_of_person,
    erase_person=erasing.erase_person,
    consents_of=consents_of,
    retention={
        "drafts": RetentionRule(
            lambda project, before: erasing.stale_drafts(project, before).count(), erasing.erase_drafts
        ),
        "withdrawn": RetentionRule(lambda project, before: 0, erasing.erase_undone),
        "campaigns": RetentionRule(
            lambda project, before: erasing.work_in_closed(project, before).count(), erasing.erase_work
        ),
    },
)
