"""What came of a run of one item, for the page that shows it with the output page's own pictures."""

from dataclasses import dataclass

from rewards.provenance import ShownReply, shown_replies
from rewards.task_page.page import TaskPage, task_page
from workers.models import Attempt, Run, RunItem
from workers.progress import reason_label


@dataclass(frozen=True)
class Trial:
    """One look at it.

    Attributes
    ----------
    item : RunItem
        With output and task.
    reason : str
        Why there is no score, in words; empty where there is one or the item still waits.
    attempt : Attempt or None
        The last one of this run; None while it waits and where the score was taken over from before.
    replies : list of ShownReply
        What models said where it could not be used.
    page : TaskPage or None
        What the scorer says about the output or the group, as the output page shows it; None until it is scored.
    """

    item: RunItem
    reason: str
    attempt: Attempt | None
    replies: list[ShownReply]
    page: TaskPage | None


def trial_of(run: Run, *, choice_key: str | None = None) -> Trial | None:
    """The first item of the run; None where it has none. The queries of an output page and three more."""
    item = RunItem.objects.of(run).select_related("output__task").order_by("id").first()
    if item is None:
        return None
    attempt = item.attempts.order_by("-number").first()
    page = None
    if item.status == RunItem.Status.SCORED:
        page = task_page(
            item.output.task,
            output_ids=item.members or [item.output_id],
            choice_keys=None if choice_key is None else [choice_key],
            aggregation="",
            rater_id=run.scorer.rater_id,
        )
    return Trial(
        item=item,
        reason=reason_label(item.reason) if item.reason else "",
        attempt=attempt,
        replies=shown_replies(attempt.replies) if attempt else [],
        page=page,
    )
