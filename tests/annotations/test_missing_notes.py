"""What a response leaves out, which no stretch of its text can be marked for: notes beside the spans."""

import json

import pytest
from django.urls import reverse

from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer
from annotations.adjudication.page import part_name
from annotations.protocols import parse_questions
from annotations.protocols.presets import PRESETS
from projects.errors import AppError
from rewards.models import Critique
from tests.annotations.campaigns import make_campaign, shown_outputs, span
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db

QUESTIONS = PRESETS["spans_missing"].questions
NOTES = "  It does not say since when.\n\nNo source is given.  \r\n"


@pytest.fixture
def held():
    owner, ann = make_user("olga"), make_user("ann")
    campaign = make_campaign(make_project("lab", owner=owner, annotator=ann), owner, questions=QUESTIONS)
    return lease_next_item(campaign=campaign, user=ann)


def test_each_line_is_a_note_of_its_own_beside_the_spans_of_its_output(held):
    outputs = shown_outputs(held)
    mark = span("B", outputs["B"].messages[0]["text"], 0, 2)
    submit_answer(assignment=held, key="k", answer={"errors": [mark], "missing": {"A/missing": NOTES}})
    stored = Critique.objects.order_by("text").values_list("kind", "text", "judgment__output")
    notes = ["It does not say since when.", "No source is given."]
    assert [*stored] == [("missing", note, outputs["A"].pk) for note in notes]


def test_the_page_of_the_output_shows_the_notes_as_text(held, client):
    hostile = "<script>alert(1)</script> is left out"
    submit_answer(assignment=held, key="k", answer={"errors": [], "missing": {"B/missing": hostile}})
    client.force_login(held.project.memberships.get(role="owner").user)
    shown = client.get(reverse("rewards:task-detail", args=["lab", held.item.task_id])).content.decode()
    assert "Missing information" in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is left out" in shown


def test_notes_have_a_name_where_answers_are_settled_and_are_asked_for_by_name():
    [_, question] = parse_questions(QUESTIONS)
    assert part_name(question, "A/missing") == "Response A, what is missing"
    assert question.config()["voices"] == ["missing"]
    # Who asks for no voice by name asks for the two that there were before.
    [plain] = parse_questions([{"kind": "critique", "key": "c", "prompt": "Why?"}])
    assert plain.config()["voices"] == ["user", "reviewer"]


def test_a_note_that_cannot_be_stored_is_refused_by_its_part(held):
    with pytest.raises(AppError) as refused:
        submit_answer(assignment=held, key="k", answer={"errors": [], "missing": {"A/missing": ["a list"]}})
    assert json.dumps(refused.value.fields) == '{"missing.A/missing": ["Expected a text."]}'
