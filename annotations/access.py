"""Who may see and do what in campaigns: the only door, for pages and API alike.

Managers and viewers see campaigns whole. Annotators see the campaigns that ask them, and of the answers only their own.
"""

from collections.abc import Sequence

from django.db import models
from django.http import Http404
from django.utils.translation import gettext

from annotations.checks import Kind, is_told
from annotations.models import Adjudication, Assignment, Campaign, CampaignItem, ItemReport, Study
from annotations.querysets.assignment import AssignmentQuerySet
from annotations.querysets.campaign import CampaignQuerySet
from annotations.querysets.study import StudyQuerySet
from projects.access import Capability, allows, project_for, projects_for, roles_with
from projects.compiled import CompiledQuery
from projects.errors import AppError
from projects.models import Project, User


def campaigns_for(user: User, project: Project) -> CampaignQuerySet:
    """The campaigns of `project` that `user` may know of; `project` as loaded for `user`."""
    campaigns = Campaign.objects.of(project)
    return campaigns if allows(project, Capability.VIEW) else campaigns.answerable_by(user)


def campaign_for(user: User, slug: str, pk: int, *, needs: Capability | None = Capability.VIEW) -> Campaign:
    """One campaign with its project as `user` sees it (two queries); with `needs` None, whatever the role.

    Raises
    ------
    Http404
        `user` is no member, or it is a campaign that does not ask this annotator.
    AppError
        ``role_required`` (403) if the role lacks `needs`.
    """
    project = project_for(user, slug, needs=needs)
    campaign = campaigns_for(user, project).select_related("protocol", "plan").filter(pk=pk).first()
    if campaign is None:
        raise Http404
    campaign.project = project
    return campaign


def answerable_campaign_for(user: User, slug: str, pk: int) -> Campaign:
    """A campaign that `user` may answer in."""
    project = project_for(user, slug, needs=Capability.ANNOTATE)
    campaign = Campaign.objects.of(project).answerable_by(user).select_related("protocol", "plan").filter(pk=pk).first()
    if campaign is None:
        raise Http404
    campaign.project = project
    return campaign


def annotators_of(project: Project) -> models.QuerySet[User]:
    """The people who may answer in `project`, by user name."""
    roles = roles_with(Capability.ANNOTATE)
    return User.objects.filter(memberships__project=project, memberships__role__in=roles).order_by("username")


def annotators_named(project: Project, usernames: Sequence[str]) -> list[User]:
    """The annotators of `project` with these user names; AppError ``annotator_unknown`` names who is none."""
    found = list(annotators_of(project).filter(username__in=usernames))
    unknown = sorted(set(usernames) - {user.username for user in found})
    if unknown:
        message = gettext("Not an annotator of this project: %(unknown)s.") % {"unknown": ", ".join(unknown)}
        raise AppError(message, code="annotator_unknown", fields={"people": [message]})
    return found


def assignment_for(user: User, pk: int) -> Assignment:
    """One of the user's own assignments, in a project where they may still answer (one query).

    Raises
    ------
    Http404
        There is none of theirs.
    AppError
        ``not_a_member`` (403) where it is theirs, from before they left the project.
    """
    assignment = next(iter(_own_assignments(user.pk, user.bound_project_id, pk)), None)
    if assignment is None:
        _tell_who_left(user, pk)
        raise Http404
    # Already loaded: it is the one who asks, and mostly the version in force.
    assignment.user = user
    if assignment.campaign.protocol_id == assignment.protocol_id:
        assignment.campaign.protocol = assignment.protocol
    return assignment


@CompiledQuery
def _own_assignments(user_id: int, bound_project_id: int | None, pk: int) -> models.QuerySet[Assignment]:
    user = User(pk=user_id)
    user.bound_project_id = bound_project_id
    projects = projects_for(user, needs=Capability.ANNOTATE).values("pk")
    return Assignment.objects.of(user).filter(project__in=projects, pk=pk).for_answering()


def looked_back_at_by(user: User, campaign: Campaign) -> AssignmentQuerySet:
    """What `user` submitted or skipped in a campaign as it was loaded for them, the last first."""
    return Assignment.objects.of(user).filter(campaign=campaign).over(gold_stands=is_told(campaign, Kind.GOLD))


def adjudicated_item_for(
    user: User, slug: str, campaign: int, pk: int, *, needs: Capability = Capability.VIEW
) -> CampaignItem:
    """An item of a campaign's work with campaign and project as `user` sees them (three queries)."""
    led = campaign_for(user, slug, campaign, needs=needs)
    item = led.items.filter(kind=CampaignItem.Kind.WORK, pk=pk).select_related("task").first()
    if item is None:
        raise Http404
    item.campaign, item.project = led, led.project
    return item


def adjudication_for(user: User, slug: str, campaign: int, pk: int) -> Adjudication:
    """A settled answer that `user` may take back, with its campaign and project (three queries)."""
    led = campaign_for(user, slug, campaign, needs=Capability.MANAGE)
    adjudication = led.adjudications.filter(pk=pk).first()
    if adjudication is None:
        raise Http404
    adjudication.campaign, adjudication.project = led, led.project
    return adjudication


def _tell_who_left(user: User, pk: int) -> None:
    """Whoever had the item before they left knows that it is there: they are told what became of their work."""
    own = Assignment.objects.of(user).filter(pk=pk)
    if own.exclude(project__memberships__user=user).exists():
        message = gettext(
            "You are no longer a member of this project, so this item cannot be worked on. What you sent is kept."
        )
        raise AppError(message, code="not_a_member", status=403)


def studies_of_campaign(campaign: Campaign) -> StudyQuerySet:
    """The reports on the quality of a campaign from `campaign_for`, newest first."""
    studies = Study.objects.of(campaign.project).filter(kind="quality", parameters__campaign=campaign.pk)
    return studies.order_by("-id")


def check_for(user: User, slug: str, pk: int, check_pk: int, *, needs: Capability = Capability.VIEW) -> CampaignItem:
    """One item that checks people, of a campaign as `user` sees it (three queries)."""
    campaign = campaign_for(user, slug, pk, needs=needs)
    item = (
        campaign.items.checks().select_related("task", "gold__protocol", "gold__created_by").filter(pk=check_pk).first()
    )
    if item is None:
        raise Http404
    item.campaign = campaign
    return item


def campaign_item_for(user: User, slug: str, pk: int, item_pk: int) -> CampaignItem:
    """Any item of a campaign that `user` leads (three queries)."""
    campaign = campaign_for(user, slug, pk, needs=Capability.MANAGE)
    item = campaign.items.filter(pk=item_pk).first()
    if item is None:
        raise Http404
    item.campaign = campaign
    return item


def annotator_in(user: User, slug: str, pk: int, person_pk: int) -> tuple[Campaign, User]:
    """A campaign that `user` leads, and one of the project's annotators (three queries)."""
    campaign = campaign_for(user, slug, pk, needs=Capability.MANAGE)
    person = annotators_of(campaign.project).filter(pk=person_pk).first()
    if person is None:
        raise Http404
    return campaign, person


def report_for(user: User, slug: str, pk: int, report_pk: int) -> ItemReport:
    """What an annotator said about an item of a campaign that `user` leads (three queries)."""
    campaign = campaign_for(user, slug, pk, needs=Capability.MANAGE)
    report = campaign.reports.select_related("assignment__user").filter(pk=report_pk).first()
    if report is None:
        raise Http404
    report.campaign = campaign
    return report


def study_for(user: User, slug: str, pk: int, *, needs: Capability = Capability.VIEW) -> Study:
    """One study with its project as `user` sees it (two queries)."""
    project = project_for(user, slug, needs=needs)
    study = Study.objects.of(project).filter(pk=pk).first()
    if study is None:
        raise Http404
    study.project = project
    return study
