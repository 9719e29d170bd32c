"""Who wrote what a person judged: told to them where the campaign says so, and only when it changes no answer any more.

It is told of an answer to work, or to what looks like work and is not told to be a check, once all of this holds:

- the submit stands and can no longer be taken back. That the campaign is closed does not do instead: it may be opened
  again while the submit can still be undone;
- where the campaign mixes in checks or asks again, it is closed. A check told earlier or later than the work around it
  would show itself, and what is asked again is to be judged unknowing again;
- no other item with one of these outputs, in any campaign of the project that is not closed, may still be put to this
  person or answered anew by them;
- who leads the project and may settle the item's answers has it settled: lanes are read unknowing as well.

Why it is not told yet is never said: the reason could tell a check from work.
"""

from django.utils import timezone

from annotations.actions.submission import undo_until
from annotations.checks import MIXED, CheckSettings, Kind, kinds_in_use, stands_at_once
from annotations.models import Assignment, Campaign, CampaignItem, Submission
from annotations.protocols import LABELS
from projects.access import Capability, roles_with
from rewards.models import Output


def policies_of(assignment: Assignment, submission: Submission | None) -> dict[str, str] | None:
    """The names of the policies by label, or None where they are not told (at most four queries).

    Parameters
    ----------
    assignment : Assignment
        From `access.assignment_for`.
    submission : Submission or None
        Its standing submit. An output of no policy has an empty name.
    """
    if submission is None or not _may_tell(assignment, submission):
        return None
    names = dict(Output.objects.filter(item_outputs__item=assignment.item_id).values_list("pk", "policy__name"))
    return {label: names[pk] or "" for label, pk in zip(LABELS, assignment.order, strict=False)}


def _may_tell(assignment: Assignment, submission: Submission) -> bool:
    campaign, item = assignment.campaign, assignment.item
    if not campaign.reveals_policies or stands_at_once(assignment):
        return False
    if assignment.status != Assignment.Status.SUBMITTED or timezone.now() <= undo_until(assignment, submission):
        return False
    if campaign.status != Campaign.Status.CLOSED and _mixes_in_checks(campaign):
        return False
    return not _may_settle(assignment) and not CampaignItem.objects.open_beside(item, assignment.user).exists()


def _mixes_in_checks(campaign: Campaign) -> bool:
    asks_again = CheckSettings.of(campaign).percent(Kind.REPEAT) > 0
    return asks_again or any(kind in kinds_in_use(campaign) for kind in MIXED)


def _may_settle(assignment: Assignment) -> bool:
    """Whether the person may come to settle what several people answered to the item."""
    if assignment.campaign.overlap < 2:
        return False
    leads = assignment.project.memberships.filter(user=assignment.user, role__in=roles_with(Capability.MANAGE))
    if not leads.exists():
        return False
    return not assignment.item.adjudications.filter(undone_at__isnull=True).exists()
