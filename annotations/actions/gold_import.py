"""Right answers from rows: all of them, or none where one is wrong."""

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext

from annotations.actions.copies import add_item
from annotations.actions.gold import make_check
from annotations.actions.gold_versions import add_version
from annotations.blinding import outputs_of_item
from annotations.checks import Kind
from annotations.comparing import Given
from annotations.gold_rows import GoldRow
from annotations.models import Campaign, CampaignItem, GoldAnswer
from annotations.protocols import LABELS, Problems
from annotations.selection import Selection
from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import User
from rewards.models import Output, Task


@transaction.atomic
def import_gold(*, campaign: Campaign, actor: User, rows: Sequence[GoldRow]) -> list[CampaignItem]:
    """Make checks with these right answers. What is there already with the same answer stays as it is.

    A task's work that nobody began becomes the check; where it was begun, or the task is none of the campaign's, an
    item is added.

    Raises
    ------
    AppError
        ``gold_invalid`` with every problem by ``rows.<number>.<column>``; nothing is written.
    """
    problems = Problems()
    named = Task.objects.of(campaign.project).current().filter(external_id__in={row.task for row in rows})
    tasks = {task.external_id: task for task in named.only("id", "external_id")}
    made = []
    for row in rows:
        task = tasks.get(row.task)
        if task is None:
            problems.add(f"rows.{row.number}.task", gettext("There is no task %(task)s.") % {"task": row.task})
            continue
        try:
            with transaction.atomic():
                made.append(_take(campaign, actor, row, task))
        except AppError as error:
            for name, messages in (error.fields or {"answer": [error.message]}).items():
                for message in messages:
                    problems.add(f"rows.{row.number}.{name}", message)
    problems.refuse(code="gold_invalid", message=gettext("Nothing was taken."))
    record_event(
        actor=actor, verb="campaign.gold_imported", project=campaign.project, target=campaign, data={"rows": len(rows)}
    )
    return made


def _take(campaign: Campaign, actor: User, row: GoldRow, task: Task) -> CampaignItem:
    named = _named(row, task)
    item = _item(campaign, actor, row, task, named)
    outputs = outputs_of_item(item.pk)
    order = named or [output.pk for output in outputs]
    protocol = campaign.protocol
    assert protocol is not None
    right = Given.read(protocol=protocol, answer=row.answer, order=order, seed=0, outputs=outputs)
    known = {question.key for question in right.questions}
    if wrong := sorted(set(row.pass_marks) - known):
        message = gettext("There is no question %(wrong)s.") % {"wrong": wrong[0]}
        raise AppError(message, code="gold_invalid", fields={"pass_marks": [message]})
    gold = item.gold
    if gold is None or (gold.answer, gold.order, gold.explanation, gold.pass_marks) != (
        row.answer, order, row.explanation, row.pass_marks,
    ):  # fmt: skip
        add_version(
            item=item, actor=actor, origin=GoldAnswer.Origin.IMPORTED, answer=row.answer, order=order, seed=0,
            protocol=protocol, explanation=row.explanation, pass_marks=row.pass_marks,
        )  # fmt: skip
    return item


def _named(row: GoldRow, task: Task) -> list[int]:
    """The outputs that the row names, in its order; none where it names none."""
    found = dict(Output.objects.filter(task=task, is_current=True).values_list("external_id", "pk"))
    missing = [name for name in row.outputs if name not in found]
    if missing or len(set(row.outputs)) < len(row.outputs) or len(row.outputs) > len(LABELS):
        words = (
            gettext("this task has no output %(missing)s") % {"missing": missing[0]}
            if missing
            else gettext("each once, at most %(labels)s") % {"labels": len(LABELS)}
        )
        message = gettext("Expected external ids of outputs of this task: %(words)s.") % {"words": words}
        raise AppError(message, code="gold_invalid", fields={"outputs": [message]})
    return [found[name] for name in row.outputs]


def _item(campaign: Campaign, actor: User, row: GoldRow, task: Task, named: Sequence[int]) -> CampaignItem:
    """The check that is there, the work that becomes one, or a new item."""
    items = list(campaign.items.filter(task=task).exclude(kind=Kind.REPEAT).prefetch_related("item_outputs"))
    fitting = [item for item in items if not named or {one.output_id for one in item.item_outputs.all()} == set(named)]
    for item in fitting:
        if item.kind == row.kind:
            return item
    for item in fitting:
        if item.kind == Kind.WORK:
            item.campaign = campaign
            return make_check(item=item, kind=row.kind, actor=actor)
    output_ids = list(named) or _drawn(campaign, task)
    if not output_ids:
        message = gettext("This task has no outputs.")
        raise AppError(message, code="gold_invalid", fields={"task": [message]})
    return add_item(campaign_id=campaign.pk, task_id=task.pk, output_ids=output_ids, kind=row.kind)


def _drawn(campaign: Campaign, task: Task) -> list[int]:
    """As many outputs as the campaign's items have, first imported first."""
    most = Selection.from_json(campaign.selection).outputs_per_item
    return list(Output.objects.filter(task=task, is_current=True).order_by("id").values_list("pk", flat=True)[:most])
