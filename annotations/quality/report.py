"""The report on a campaign's answers: agreement question by question, then person by person."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from annotations.adjudication.rules import REVIEWED
from annotations.models import Campaign
from annotations.protocols import REVIEWS, Question, parse_questions
from annotations.quality import reading
from annotations.quality.by_arm import by_arm
from annotations.quality.measures import Answers, measure_of
from annotations.quality.measures.reviews import reviews_row
from annotations.quality.people import people_of
from annotations.quality.said import REVIEWS_LABEL, REVIEWS_PROMPT
from rewards.models import Judgment, Rater


def quality_report(campaign: Campaign, *, known: Rater | None = None, seed: int = 0) -> dict[str, Any]:
    """What the answers of a campaign say about themselves, as JSON; NaN becomes None.

    Parameters
    ----------
    campaign : Campaign
    known : Rater, optional
        Whose answers count as right: an expert, or gold answers from an import.
    seed : int
        Of the bootstraps.
    """
    texts = reading.Texts(campaign)
    asked = _questions(campaign)
    judgments = reading.judgments_of(campaign)
    answers = _read(judgments, asked, texts)
    submitted = reading.submitted_in(campaign)
    rows = [_question_row(question, answers, seed) for question in asked]
    reviews = reading.review_columns(campaign)
    if reviews.values:
        named = {"key": REVIEWS, "kind": REVIEWED, "label": REVIEWS_LABEL, "prompt": REVIEWS_PROMPT}
        rows.append(named | reviews_row(reviews, texts.item_of, seed))
    people = people_of(campaign, asked, answers.values, submitted, texts, known)
    report = {
        "campaign": campaign.pk,
        "name": campaign.name,
        "answers": len(submitted),
        "known": known.label if known else "",
        "questions": rows,
        "arms": by_arm(campaign, asked, lambda arm: _read(judgments.filter(presentation__arm=arm), asked, texts), seed),
        **people,
    }
    return {name: plain_json(entry) for name, entry in report.items()}


def plain_json(value: Any) -> Any:
    """None for NaN, which JSON does not have, at any depth."""
    if isinstance(value, dict):
        return {name: plain_json(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [plain_json(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value


def _read(judgments: QuerySet[Judgment], asked: Sequence[Question], texts: reading.Texts) -> Answers:
    values = {kind: read(judgments) for kind, read in reading.VALUE_READERS.items()}
    values["stop"] = reading.stop_columns(judgments, texts)
    spans = {"spans": reading.span_units(judgments, texts), "edit": reading.edit_units(judgments, texts)}
    # By kind first: a key may have stood for another kind of question in an earlier version.
    return Answers(
        {one.key: values[one.kind][one.key] for one in asked if one.key in values.get(one.kind, {})},
        reading.places(judgments),
        {one.key: spans[one.kind][one.key] for one in asked if one.key in spans.get(one.kind, {})},
        reading.edited_texts(judgments, texts),
        reading.critique_texts(judgments),
        texts,
    )


def _questions(campaign: Campaign) -> list[Question]:
    """Those in force first, then those that only earlier versions asked: their answers stand."""
    found: dict[str, Question] = {}
    for protocol in campaign.protocols.order_by("-number"):
        for question in parse_questions(protocol.questions):
            found.setdefault(question.key, question)
    return list(found.values())


def _question_row(question: Question, answers: Answers, seed: int) -> dict[str, Any]:
    row = {"key": question.key, "kind": question.kind, "label": str(question.label), "prompt": question.prompt}
    return row | measure_of(question, answers).row(seed)
