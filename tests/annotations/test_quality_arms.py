"""Agreement arm by arm from answers that people submitted, and alarms of conduct in words."""

import json

import krippendorff
import numpy as np
import pytest
from django.utils import translation

from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.submission import submit_answer
from annotations.models import Assignment, Campaign
from annotations.protocols import parse_questions
from annotations.quality import conduct, reading
from annotations.quality.alarms import alarms_of
from annotations.quality.by_arm import by_arm
from annotations.quality.measures import Answers
from annotations.quality.people import empty_row
from annotations.quality.pictures import arm_tables
from annotations.quality.reading import Submitted
from annotations.quality.said import said, worded
from rewards.models import Rater
from rewards.statistics.annotators import MIN_ANSWERS
from tests.annotations.campaigns import make_campaign, shown_outputs
from tests.factories import make_project, make_user

RATING = {"kind": "rating", "key": "overall", "prompt": "How good?", "scale_low": 1, "scale_high": 5}
TEXTS = ["Paris is the capital.", "It is Lyon."]


@pytest.mark.django_db
def test_each_arm_agrees_by_its_own_people_and_differs_from_the_first_with_bounds():
    olga = make_user("olga")
    project = make_project("lab", owner=olga)
    campaign = make_campaign(project, olga, items=4, texts=TEXTS, questions=[RATING], overlap=4)
    guidelines = [{"name": "short", "text": "Be brief."}, {"name": "long", "text": "Take your time."}]
    change_plan(campaign=campaign, actor=olga, arms={"guidelines": guidelines})
    campaign = Campaign.objects.select_related("plan").get(pk=campaign.pk)
    generator = np.random.default_rng(4)
    given: dict[str, list[list[float]]] = {"short": [], "long": []}
    for number in range(4):
        person = make_user(f"person-{number}")
        project.memberships.create(user=person, role="annotator")
        ratings = {}
        while (held := lease_next_item(campaign=campaign, user=person)) is not None:
            shown = shown_outputs(held)
            # By short guidelines everybody says the same of an output, by long ones anything.
            plain = {label: 1 + output.pk % 5 for label, output in shown.items()}
            stars = (
                plain
                if held.arm["guidelines"] == "short"
                else {label: int(generator.integers(1, 6)) for label in plain}
            )
            submit_answer(assignment=held, key=f"k{held.pk}", answer={"overall": stars}, active_ms=1000)
            ratings |= {shown[label].pk: float(value) for label, value in stars.items()}
        given[held_arm(person)].append([value for _, value in sorted(ratings.items())])
    texts, asked = reading.Texts(campaign), parse_questions([RATING])

    def read(arm):
        judgments = reading.judgments_of(campaign).filter(presentation__arm=arm)
        return Answers(reading.rating_columns(judgments), {}, {}, {}, {}, texts)

    [row] = by_arm(campaign, asked, read, 0)
    short, long = row["arms"]
    expected = krippendorff.alpha(reliability_data=given["long"], level_of_measurement="ordinal")
    assert (short["value"], long["value"]) == (1, pytest.approx(expected))
    assert (short["n_units"], short["n_raters"], short["difference"]) == (8, 2, None)
    apart = long["difference"]
    assert apart["value"] == pytest.approx(expected - 1)
    assert apart["low"] < apart["value"] < apart["high"]
    stored = json.loads(json.dumps({"questions": [], "people": [], "notes": [], "arms": [row]}))
    [table] = arm_tables(worded(stored)["arms"])
    assert [line.differs for line in table.lines] == [False, apart["high"] < 0]
    assert table.lines[1].difference.startswith(f"{expected - 1:+.3f} [")


def held_arm(person):
    return Assignment.objects.filter(user=person).first().arm["guidelines"]


def rows_of(*names):
    return {rater: empty_row(Rater(pk=rater, name=name)) for rater, name in enumerate(names, 1)}


def submitted(n, answers):
    return [Submitted(rater, item, {"overall": answer}, 60) for rater, answer in answers.items() for item in range(n)]


def test_one_answer_for_everything_is_told_with_what_the_others_make_of_it():
    rows = rows_of("ann", "ben")
    answers = {1: {"A": 3, "B": 3, "C": 3}, 2: {"A": 3, "B": 2, "C": 3}}
    conduct.add_straight_lines(rows, parse_questions([RATING]), submitted(MIN_ANSWERS, answers))
    for row in rows.values():
        row["answered"] = MIN_ANSWERS
    # Ben never gave one on 20 items: q = 1 / 22, half of it on each.
    assert [said(alarm) for alarm in alarms_of(rows[1])] == [
        "overall: one answer for everything on 20 of 20 items, where the others' answers to these make it 0.5 "
        "(chance below 1 in 100,000)"
    ]
    assert alarms_of(rows[2]) == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"kind": "comparison"}, {"A-B": "A+2", "A-C": "C", "B-C": "B"}),
        ({"kind": "best_worst"}, {"best": "A", "worst": "C"}),
        ({"kind": "ranking"}, {"order": [["A"], ["B", "C"]]}),
    ],
)
def test_a_place_that_is_always_preferred_is_told_with_what_the_lot_makes_of_it(question, answer):
    rows = rows_of("ann")

    class Shown:
        item_of = {3 * item + place: item for item in range(MIN_ANSWERS) for place in range(3)}

    asked = parse_questions([{"key": "overall", "prompt": "?", **question}])
    conduct.add_places(rows, asked, submitted(MIN_ANSWERS, {1: answer}), Shown)
    rows[1]["answered"] = MIN_ANSWERS
    by_lot = "10.0" if question["kind"] == "comparison" else "6.7"
    [alarm] = alarms_of(rows[1])
    assert said(alarm).startswith(
        f"overall: what is shown first was preferred on 20 of 20 items, where the lot makes it {by_lot} (chance"
    )


def test_a_drop_in_known_answers_is_told_and_nobody_else_with_few_answers():
    row = empty_row(Rater(pk=1, name="ann"))
    row["drop"] = {"before": 9, "n_before": 10, "after": 2, "n_after": 10, "p_value": 0.0027}
    row["pace"] = {"is_alarming": True, "fast": 3, "timed": 3, "p_value": 0.0001}
    row["answered"] = MIN_ANSWERS - 1
    assert [said(alarm) for alarm in alarms_of(row)] == [
        "known answers: 2 of 10 right lately, 9 of 10 before (chance 1 in 370)"
    ]


def test_a_stored_report_is_said_in_the_readers_language_and_older_sentences_stand():
    drop = {"code": "drop", "after": 2, "n_after": 10, "before": 9, "n_before": 10, "p_value": 0.0027}
    people = [{"name": "ann", "alarms": [drop, "an older sentence"]}]
    figures = {"measure": "Krippendorff's alpha, ordinal", "note": {"code": "none_answered_twice"}}
    own = {"name": "The same best", "n": 3}
    stored = {
        "people": people,
        "questions": [{"kind": "rating", "label": "", "parts": [own, {"name": "Its own", "n": 1}], **figures}],
        "notes": [{"question": "overall", "note": {"code": "few_people"}}],
    }
    with translation.override("de"):
        told = worded(stored)
    [question] = told["questions"]
    assert told["people"][0]["alarms"] == [
        "bekannte Antworten: zuletzt 2 von 10 richtig, davor 9 von 10 (Zufall 1 zu 370)",
        "an older sentence",
    ]
    assert question["measure"] == "Krippendorffs Alpha, ordinal"
    assert question["is_alpha"]
    assert [part["name"] for part in question["parts"]] == ["Die gleiche beste", "Its own"]
    assert question["note"].startswith("Bisher haben keine zwei Personen")
    assert told["notes"][0]["note"].startswith("Wer wie oft irrt")
    assert people[0]["alarms"][0] == drop
