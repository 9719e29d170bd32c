"""What the pages about checks show: the items with their results, a right answer in words, a person's feedback."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Count, Max, Q

from annotations.blinding import outputs_of_item, shown_in, shown_item
from annotations.checks import KNOWN, CheckSettings, Kind, kinds_in_use
from annotations.comparing import Given, pass_mark_of
from annotations.models import Assignment, Campaign, CampaignItem, CheckResult, GoldAnswer
from annotations.protocols import Question, ShownItem
from projects.keyset import KeysetPage, keyset_page
from rewards.models import Output, Task
from rewards.statistics.proportions import Proportion, wilson


class KindRow(NamedTuple):
    """How many items of a kind there are."""

    kind: str
    label: str
    ready: int
    waiting: int


class Told(NamedTuple):
    """One question with what was said to it; `right` and `score` stay empty where there is nothing to compare."""

    question: Question
    lines: Sequence[tuple[str, str]]
    right: Sequence[tuple[str, str]] = ()
    score: float | None = None
    passed: bool | None = None
    mark: float | None = None


def checks_page(campaign: Campaign, *, cursor: str | None, kind: str = "") -> dict[str, Any]:
    """The items that check, by position, and how many of each kind there are (four queries)."""
    items = campaign.items.checks().filter(kind=kind) if kind in KNOWN else campaign.items.checks()
    return {
        "campaign": campaign,
        "kind": kind if kind in KNOWN else "",
        "kind_rows": kind_rows(campaign),
        "page": _items(items, cursor),
        "settings": CheckSettings.of(campaign),
        "in_use": kinds_in_use(campaign),
    }


def kind_rows(campaign: Campaign) -> list[KindRow]:
    """Each kind with a right answer (one query)."""
    counted = campaign.items.checks().values("kind").annotate(
        ready=Count("pk", filter=Q(gold__isnull=False)), waiting=Count("pk", filter=Q(gold__isnull=True))
    )  # fmt: skip
    found = {row["kind"]: row for row in counted}
    none = {"ready": 0, "waiting": 0}
    return [
        KindRow(kind, str(Kind(kind).label), found.get(kind, none)["ready"], found.get(kind, none)["waiting"])
        for kind in KNOWN
    ]


def _items(items: Any, cursor: str | None) -> KeysetPage[CampaignItem]:
    """With how many people were asked and how many were right."""
    standing = Q(check_results__submission__undone_at__isnull=True)
    rows = (
        items.select_related("task", "gold__created_by")
        .defer("task__messages", "task__context", "task__reference", "task__metadata", "gold__answer")
        .annotate(
            asked=Count("check_results", filter=standing & Q(check_results__passed__isnull=False)),
            right=Count("check_results", filter=standing & Q(check_results__passed=True)),
        )
    )
    return keyset_page(rows, ordering="position", cursor=cursor)


def check_page(item: CampaignItem) -> dict[str, Any]:
    """One item that checks: texts, the right answer in words, its versions, and how it was answered (eight queries)."""
    outputs = outputs_of_item(item.pk)
    gold = item.gold
    results = item.check_results.standing().filter(passed__isnull=False)
    counts = results.aggregate(n=Count("pk"), right=Count("pk", filter=Q(passed=True)))
    return {
        "item": item,
        "gold": gold,
        "prompt": Task.objects.only("messages").get(pk=item.task_id).messages,
        "outputs": _texts(shown_in(gold.order if gold else [output.pk for output in outputs], 0, outputs), outputs),
        "told": told_gold(gold) if gold else [],
        "versions": item.gold_versions.select_related("created_by", "protocol").order_by("-number"),
        "share": wilson(counts["right"], counts["n"]) if counts["n"] else None,
        "is_outdated": gold is not None and gold.protocol_id != item.campaign.protocol_id,
        "is_asked": item.assignments.filter(makes_gold=False).exists(),
    }


def told_gold(gold: GoldAnswer) -> list[Told]:
    """The right answer in words, by question (one query)."""
    right = Given.of_gold(gold)
    return [
        Told(question, question.tell(right.to(question), right.item), mark=pass_mark_of(question, gold.pass_marks))
        for question in right.questions
        if right.to(question)
    ]


def feedback_page(assignment: Assignment) -> dict[str, Any]:
    """A training item that was answered: what was said, what is right, and why (seven queries)."""
    result = CheckResult.objects.select_related("gold__protocol", "submission__protocol").filter(
        submission__assignment=assignment, submission__undone_at__isnull=True
    ).first()  # fmt: skip
    outputs = outputs_of_item(assignment.item_id)
    item = shown_item(assignment, outputs)
    context = {
        "assignment": assignment,
        "campaign": assignment.campaign,
        "project": assignment.project,
        "prompt": Task.objects.only("messages").get(pk=assignment.item.task_id).messages,
        "outputs": _texts(item, outputs),
        "result": result,
    }
    if result is None or result.gold is None:
        return context
    given = Given.of_submission(result.submission, assignment)
    right = Given.of_gold(result.gold)
    rows = [_beside(question, given, right, result.scores, item) for question in given.questions]
    return {**context, "told": rows, "explanation": result.gold.explanation}


def _beside(
    question: Question, given: Given, right: Given, scores: Mapping[str, Mapping[str, Any]], item: ShownItem
) -> Told:
    """In the labels that the person saw."""
    found = scores.get(question.key, {})
    return Told(
        question,
        question.tell(given.to(question), item),
        question.tell(right.to(question), item) if found.get("score") is not None else (),
        found.get("score"),
        found.get("passed"),
    )


def qualification_of(campaign: Campaign, user_id: int, attempt: int) -> tuple[Proportion, int]:
    """The items of one attempt: right of how many that could be compared, and how many it has (two queries)."""
    results = campaign.check_results.standing().filter(user=user_id, kind=Kind.QUALIFICATION, attempt=attempt)
    counts = results.aggregate(n=Count("pk", filter=Q(passed__isnull=False)), right=Count("pk", filter=Q(passed=True)))
    size = CheckSettings.of(campaign).qualification_items
    if not size:
        size = campaign.items.filter(kind=Kind.QUALIFICATION, gold__isnull=False).count()
    return wilson(counts["right"], counts["n"]), size


def last_protocol_number(campaign: Campaign, user_id: int) -> int | None:
    """The newest version of the questions that a person answered under; None before the first answer (one query)."""
    mine = campaign.assignments.filter(user=user_id, status=Assignment.Status.SUBMITTED, makes_gold=False)
    found: int | None = mine.aggregate(number=Max("protocol__number"))["number"]
    return found


def _texts(item: ShownItem, outputs: Sequence[Output]) -> list[dict[str, Any]]:
    channels = {output.pk: [message.get("channel") or "answer" for message in output.messages] for output in outputs}
    return [
        {"label": shown.label, "messages": list(zip(channels[shown.pk], shown.texts, strict=True))}
        for shown in item.outputs
    ]
