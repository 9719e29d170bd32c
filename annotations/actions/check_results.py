"""What follows from an answer to an item that checks: a result, an outcome of the qualification, a pause."""

from django.utils import timezone

from annotations.actions.announcing import tell_leads
from annotations.actions.gold_versions import add_version
from annotations.checks import CheckSettings, Kind
from annotations.comparing import Given, compare, passed
from annotations.models import Assignment, Campaign, CampaignItem, CampaignProgress, CheckResult, GoldAnswer, Submission
from projects.models import User

Qualification = CampaignProgress.Qualification


def record_check(*, assignment: Assignment, submission: Submission) -> None:
    """Compare a submit that is not work, or make it the right answer. Inside the submit's transaction."""
    item = assignment.item
    if assignment.makes_gold:
        add_version(
            item=item, actor=assignment.user, origin=GoldAnswer.Origin.ANSWERED, answer=submission.answer,
            order=assignment.order, seed=assignment.seed, protocol=assignment.protocol,
        )  # fmt: skip
        return
    progress = _progress(assignment)
    result = _compared(assignment, submission, progress.attempt)
    if result is None:
        return
    if item.kind == Kind.QUALIFICATION:
        decide_qualification(campaign=assignment.campaign, user=assignment.user, progress=progress)
    elif item.kind == Kind.ATTENTION and result.passed is False:
        _pause_if_many(assignment, progress)


def decide_qualification(*, campaign: Campaign, user: User, progress: CampaignProgress) -> None:
    """Pass or fail `user` once the attempt's items are answered, or there are no more of them.

    Inside a transaction. Where none of the answers could be compared nothing is decided.
    """
    settings = CheckSettings.of(campaign)
    results = campaign.check_results.standing().filter(user=user, kind=Kind.QUALIFICATION, attempt=progress.attempt)
    outcomes = list(results.values_list("passed", flat=True))
    is_over = 0 < settings.qualification_items <= len(outcomes)
    if not is_over and CampaignItem.objects.checks_for(user, campaign, Kind.QUALIFICATION).exists():
        return
    compared = [outcome for outcome in outcomes if outcome is not None]
    if not compared:
        return
    is_passed = 100 * sum(compared) >= settings.qualification_percent * len(compared)
    progress.qualification = Qualification.PASSED if is_passed else Qualification.FAILED
    progress.save(update_fields=["qualification"])
    if not is_passed:
        tell_leads(campaign, "person.failed", user, "check-list", right=sum(compared), n=len(compared))


def _compared(assignment: Assignment, submission: Submission, attempt: int) -> CheckResult | None:
    """The result, or None where there is nothing any more to compare with."""
    item = assignment.item
    given = Given.of_submission(submission, assignment)
    gold, earlier = item.gold, None
    if item.kind == Kind.REPEAT:
        gold, earlier = None, _first_answer(assignment)
        if earlier is None:
            return None
        scores = compare(given, Given.of_submission(earlier, earlier.assignment))
    elif gold is None:
        return None
    else:
        scores = compare(given, Given.of_gold(gold), gold.pass_marks)
    return CheckResult.objects.create(
        campaign=assignment.campaign, user=assignment.user, item=item, submission=submission, kind=item.kind,
        attempt=attempt, gold=gold, earlier=earlier, scores=scores, passed=passed(scores),
    )  # fmt: skip


def _first_answer(assignment: Assignment) -> Submission | None:
    """What the same person answered to the item that is asked again."""
    answers = Submission.objects.filter(
        assignment__item=assignment.item.source_id, assignment__user=assignment.user, undone_at__isnull=True
    )
    return answers.select_related("assignment__protocol", "protocol").first()


def _progress(assignment: Assignment) -> CampaignProgress:
    values = {"last_at": timezone.now()}
    found, _ = CampaignProgress.objects.select_for_update(of=("self",), no_key=True).get_or_create(
        campaign=assignment.campaign, user=assignment.user, defaults=values
    )
    return found


def _pause_if_many(assignment: Assignment, progress: CampaignProgress) -> None:
    most = CheckSettings.of(assignment.campaign).pause_after
    failed = assignment.campaign.check_results.standing().filter(
        user=assignment.user, kind=Kind.ATTENTION, passed=False
    )
    if progress.resumed_at is not None:
        failed = failed.filter(created_at__gt=progress.resumed_at)
    n_failed = failed.count()
    if most and n_failed >= most:
        progress.paused_at = timezone.now()
        progress.save(update_fields=["paused_at"])
        tell_leads(assignment.campaign, "person.paused", assignment.user, "check-list", n=n_failed)
