"""What the pages of settling show: the queue, and one item with its lanes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotations.adjudication.lanes import MOST_LANES, asks_for_marks, laned_texts
from annotations.adjudication.model_spans import ModelSpan, ReviewsAsked, spans_asked
from annotations.adjudication.reading import Lane, Lanes, compare_answers, items_to_compare, lanes_of
from annotations.adjudication.rules import REVIEWED, RULES, Part, disagreement, merged_answer
from annotations.arms import OVERLAY_START
from annotations.models import Adjudication, Campaign, CampaignItem, ItemDisagreement
from annotations.overlay import shown_by
from annotations.page_data import shown_task, texts_of
from annotations.protocols import REVIEWS, Question
from annotations.protocols import asks_for_marks as is_marked
from annotations.protocols.checklist import EVIDENCE
from annotations.protocols.comparison import STRENGTHS, TIES
from annotations.protocols.steps import LABELS as STEP_LABELS
from annotations.protocols.words import VOICES
from annotations.querysets.adjudication import ItemDisagreementQuerySet
from projects.access import Capability, allows
from projects.keyset import keyset_page
from projects.models import User
from rewards.reviews import Decision
from rewards.statistics.annotators import MAX_WORDS_PER_MINUTE

STATES = {"open": _("Not settled"), "settled": _("Settled"), "all": _("All")}
SORTS = {"differs": _("Answers differ"), "agrees": _("All agree"), "": _("Either")}
ORDERING = "-value"
_LONGEST_CELL = 400


class Head(NamedTuple):
    """A lane as the head of its column."""

    number: int
    name: str
    is_mine: bool
    warning: str
    protocol: int


class Cell(NamedTuple):
    text: str
    is_apart: bool
    """It differs from what most said, or there is no such thing."""


class Row(NamedTuple):
    part: int
    """Its place among all parts."""
    name: str
    cells: list[Cell]
    agrees: bool
    is_compared: bool


class Block(NamedTuple):
    """One question with its parts."""

    prompt: str
    rule: str
    rows: list[Row]

    @property
    def is_compared(self) -> bool:
        return any(row.is_compared for row in self.rows)

    @property
    def n_apart(self) -> int:
        return sum(not row.agrees for row in self.rows)


def queue_page(campaign: Campaign, *, state: str, sort: str, question: str, cursor: str | None) -> dict[str, Any]:
    """Items by how far their answers are apart; at most thirteen queries, however many items."""
    compare_answers(campaign)
    page = keyset_page(queue(campaign, state=state, sort=sort, question=question), ordering=ORDERING, cursor=cursor)
    prompts = {entry["key"]: entry["prompt"] for entry in campaign.protocol.questions} if campaign.protocol else {}
    if shown_by(campaign).marks:
        prompts |= {REVIEWS: ReviewsAsked().prompt}
    counted = ItemDisagreement.objects.of(campaign)
    return {
        "campaign": campaign,
        "page": page,
        "prompts": prompts,
        "state": state,
        "sort": sort,
        "question": question,
        "states": STATES,
        "sorts": SORTS,
        "waiting": items_to_compare(campaign).count(),
        "open_count": counted.unsettled().count(),
        "agreed_count": counted.unsettled().filter(agrees=True).count(),
        "settled_count": campaign.adjudications.filter(undone_at__isnull=True).count(),
        "may_settle": allows(campaign.project, Capability.MANAGE),
    }


def queue(campaign: Campaign, *, state: str = "open", sort: str = "", question: str = "") -> ItemDisagreementQuerySet:
    """The queue, to be cut into pages by `ORDERING`."""
    rows = ItemDisagreement.objects.of(campaign).for_list().with_settled()
    if state == "open":
        rows = rows.unsettled()
    elif state == "settled":
        rows = rows.settled()
    if sort:
        rows = rows.filter(agrees=sort == "agrees")
    if question:
        rows = rows.filter(questions__contains=[question])
    return rows


def next_in_queue(campaign: Campaign, after: CampaignItem) -> int | None:
    """The id of the next open item behind this one in the queue; from its start where there is none (two queries)."""
    open_items = ItemDisagreement.objects.of(campaign).unsettled().exclude(item=after).order_by("-value", "-id")
    here = ItemDisagreement.objects.filter(item=after).first()
    behind = open_items.filter(value__lte=here.value) if here else open_items
    for row in behind.values("item", "value", "id")[:2]:
        if here is None or (row["value"], row["id"]) < (here.value, here.pk):
            return int(row["item"])
    first = open_items.values_list("item", flat=True).first()
    return None if first is None else int(first)


def item_page(item: CampaignItem, user: User, *, named: bool) -> dict[str, Any]:
    """One item with its lanes; `named` shows who they are by name (twelve queries)."""
    lanes = lanes_of(item)
    standing = item.adjudications.filter(undone_at__isnull=True).select_related("adjudicator").first()
    order = list(
        ItemDisagreement.objects.of(item.campaign).order_by("-value", "-id").values_list("item_id", flat=True)[:2_000]
    )
    at = order.index(item.pk) if item.pk in order else None
    context: dict[str, Any] = {
        "item": item,
        "campaign": item.campaign,
        "project": item.project,
        "standing": standing,
        "before": order[at - 1] if at else None,
        "after": order[at + 1] if at is not None and at + 1 < len(order) else None,
        "lanes": lanes,
        "may_settle": allows(item.project, Capability.MANAGE),
        "may_name": allows(item.project, Capability.OWN),
        "named": named,
        "history": list(
            item.adjudications.filter(undone_at__isnull=False).select_related("adjudicator").order_by("-id")[:20]
        ),
    }
    return context | (_of_lanes(item, lanes, user, standing, named=named) if lanes else {})


def _of_lanes(
    item: CampaignItem, lanes: Lanes, user: User, standing: Adjudication | None, *, named: bool
) -> dict[str, Any]:
    parts = lanes.parts()
    data = settling_data(item, lanes, parts, standing)
    layouts = data["questions"]
    rows = [
        {"question": question, "layout": layout, "template": f"annotations/questions/{question.kind}.html"}
        for question, layout in zip(lanes.questions, layouts, strict=True)
    ]
    can_mark = any(is_marked(question) for question in lanes.questions)
    return {
        "data": data,
        "outputs": data["outputs"],
        "questions": rows,
        "can_mark": can_mark,
        "shown_in_steps": not can_mark and any(question.kind == "steps" for question in lanes.questions),
        "heads": [_head(number, lane, lanes, user, named=named) for number, lane in enumerate(lanes.lanes)],
        "blocks": blocks_of(lanes, parts),
        "laned": laned_texts(lanes) if asks_for_marks(lanes.questions) else [],
        "span_types": [kind for question in lanes.questions for kind in getattr(question, "types", ())],
        "hidden_lanes": max(0, len(lanes.lanes) - MOST_LANES),
        "disagreement": disagreement(parts),
    }


def settling_data(
    item: CampaignItem, lanes: Lanes, parts: Sequence[Part], standing: Adjudication | None
) -> dict[str, Any]:
    """What the page's scripts and the API are given: like an annotator's item, with what people answered beside."""
    merged = merged_answer(lanes.asked, parts)
    answer = standing.answer if standing else merged
    task = item.task
    return {
        "id": item.pk,
        **shown_task(task, lanes.protocol),
        "outputs": texts_of(lanes.shown, lanes.outputs),
        "questions": [{**question.config(), **question.layout(lanes.shown)} for question in lanes.questions],
        "draft": {"answer": answer, "revision": 0, "saved_at": None},
        "lanes": [{"submission": lane.submission, "answer": lane.answer} for lane in lanes.lanes],
        "parts": [{"question": part.question, "name": part.name, "values": list(part.values)} for part in parts],
        "merged": merged,
        "undecided": [] if standing else _undecided(parts),
        "standing": standing.pk if standing else None,
        **({"overlay": OVERLAY_START, "marks": [mark._asdict() for mark in lanes.model_spans]} if lanes.marks else {}),
    }


def _undecided(parts: Sequence[Part]) -> list[int]:
    """Spans on which no more than half agree: an empty list of them would read as an answer that nobody gave.

    So with models' spans: undecided they would read as if nobody had looked at them.
    """
    return [
        place
        for place, part in enumerate(parts)
        if part.is_compared and _may_be_left_out(part) and part.majority is None
    ]


def _may_be_left_out(part: Part) -> bool:
    return part.kind == REVIEWED or (isinstance(part.values[0], list) and _is_spans(part))


def _is_spans(part: Part) -> bool:
    return part.kind == "spans" or part.name.startswith(f"{EVIDENCE}/")


def lane_name(lane: Lane, *, named: bool) -> str:
    """The pseudonym; the person's name where that is permitted and asked for."""
    return str(lane.rater.user) if named and lane.rater.user else lane.rater.label


def blocks_of(lanes: Lanes, parts: Sequence[Part]) -> list[Block]:
    """The table: questions with their parts, and what each lane said."""
    blocks = []
    for question in lanes.questions:
        rows = []
        for index, part in enumerate(parts):
            if part.question == question.key:
                sure = [lane.sure.get(question.key) if isinstance(lane.sure, Mapping) else None for lane in lanes.lanes]
                rows.append(_row(index, part, question, sure))
        if rows:
            blocks.append(Block(question.prompt, RULES[question.kind], rows))
    reviews = _reviews_block(lanes, parts)
    return [*blocks, reviews] if reviews.rows else blocks


def _reviews_block(lanes: Lanes, parts: Sequence[Part]) -> Block:
    """Models' spans in reading order, and what each lane decided on them."""
    question = spans_asked(lanes.questions)
    of_marks = {part.name: (place, part) for place, part in enumerate(parts) if part.kind == REVIEWED}
    rows = []
    for mark in lanes.model_spans:
        place, part = of_marks.get(str(mark.id), (0, None))
        if part is not None and question is not None:
            words = [decided(question, value) for value in part.values]
            rows.append(Row(place, mark_name(question, mark), _cells(part, words), part.agrees, part.is_compared))
    return Block(ReviewsAsked().prompt, RULES[REVIEWED], rows)


def mark_name(question: Question, mark: ModelSpan) -> str:
    """A model's span in words."""
    words = _span_words(question, mark._asdict())
    return gettext("Response %(label)s: %(model)s, %(span)s") % {
        "label": mark.output,
        "model": mark.source,
        "span": words,
    }


def decided(question: Question, value: Mapping[str, Any] | None) -> str:
    """A decision on a model's span in words; a dash where there is none."""
    if value is None:
        return "–"
    words = str(Decision(value["decision"]).label)
    return words if value["decision"] != Decision.CHANGED else f"{words}: {_span_words(question, value)}"


def _row(index: int, part: Part, question: Question, sure: Sequence[Any]) -> Row:
    told = []
    for at, value in enumerate(part.values):
        words = said(question, part.name, value)
        if sure[at] in (1, 2) and value is not None:
            words += " (guessing)" if sure[at] == 1 else " (fairly sure)"
        told.append(words)
    return Row(index, part_name(question, part.name), _cells(part, told), part.agrees, part.is_compared)


def _cells(part: Part, words: Sequence[str]) -> list[Cell]:
    majority, heard = part.majority, part.heard
    is_apart = part.is_compared and not part.agrees
    return [
        Cell(told, is_apart and at in heard and (majority is None or not part.equal[majority][at]))
        for at, told in enumerate(words)
    ]


def part_name(question: Question, name: str) -> str:
    """A part in words."""
    head, _, tail = name.partition("/")
    if question.kind == "checklist":
        if head == EVIDENCE:
            return f"Response {tail}: evidence"
        text = next((one.text for one in getattr(question, "criteria", ()) if one.key == tail), tail)
        return f"Response {head}: {_short(text, 120)}"
    if question.kind == "steps":
        return f"Response {head}, step {int(tail) + 1}"
    if question.kind == "comparison":
        return f"Responses {name.replace('-', ' and ')}"
    if question.kind == "critique":
        return f"Response {head}, {VOICES[tail][0].lower()}" if tail in VOICES else f"Response {head}, {tail}"
    return {"order": "Order", "best": "Best", "worst": "Worst", "good": "Good ones"}.get(name, f"Response {name}")


def said(question: Question, name: str, value: Any) -> str:
    """What one lane said about a part, in words; a dash where nothing was."""
    if value is None:
        return "–"
    if isinstance(value, list) and question.kind in ("spans", "checklist"):
        return "; ".join(_span_words(question, span) for span in value) or "nothing marked"
    if question.kind == "checklist":
        return _verdict(question, name, value)
    if question.kind == "comparison":
        return _choice(question, str(value))
    if question.kind == "steps":
        return STEP_LABELS.get(value, str(value))
    if question.kind == "stop":
        return "goes on" if value == "none" else f"at “{_short(value['quote'], 40)}” ({value['start']:,})"
    if question.kind == "ranking":
        return " > ".join(" = ".join(tied) for tied in value)
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "not applicable" if value == "na" else _short(str(value), _LONGEST_CELL)


def _verdict(question: Question, name: str, value: Any) -> str:
    if value == "na":
        return "not applicable"
    key = name.partition("/")[2]
    criterion = next((one for one in getattr(question, "criteria", ()) if one.key == key), None)
    fits = criterion is not None and isinstance(value, int) and 1 <= value <= len(criterion.levels)
    return str(criterion.levels[value - 1].label) if criterion is not None and fits else str(value)


def _choice(question: Question, value: str) -> str:
    label, plus, far = value.partition("+")
    if not plus:
        return TIES.get(value, f"{value} is better")
    words = STRENGTHS[getattr(question, "steps", 3)]
    return f"{label} is {words[int(far) - 1]}"


def _span_words(question: Question, span: Mapping[str, Any]) -> str:
    types = {kind.key: kind.label for kind in getattr(question, "types", ())}
    severity = f", {span['severity']}" if span.get("severity") else ""
    comment = f": {span['comment']}" if span.get("comment") else ""
    label = types.get(span["type"], span["type"])
    return f"{label}{severity} “{_short(span['quote'], 60)}” ({span['start']:,}–{span['end']:,}){_short(comment, 200)}"


def _head(number: int, lane: Lane, lanes: Lanes, user: User, *, named: bool) -> Head:
    words = sum(len(text.split()) for output in lanes.shown.outputs for text in output.texts)
    is_fast = lane.seconds > 0 and 60 * words / lane.seconds > MAX_WORDS_PER_MINUTE
    warning = f"{lane.seconds:.0f} s for {words:,} words: too fast to have read them" if is_fast else ""
    return Head(number + 1, lane_name(lane, named=named), lane.user == user.pk, warning, lane.protocol)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
