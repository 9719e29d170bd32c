"""Answers to every kind of question on their way into the database, out to the readers, and back by undo."""

import json

import pytest
from django.forms import ChoiceField
from django.urls import reverse

from annotations.actions.campaign import ProtocolContent, create_campaign
from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer, undo_submission
from annotations.forms.question import RUBRIC_KINDS, QuestionForm, question_initial
from annotations.models import Draft
from annotations.page_data import assignment_data
from annotations.protocols import KINDS, parse_questions
from annotations.protocols.presets import (
    BEST_WORST,
    COMPARISON,
    CRITIQUE,
    EDIT,
    PRESETS,
    RANKING,
    RATING,
    SPANS,
    STEPS,
    STOP,
    TICK,
)
from annotations.rubric_questions import checklist_of
from annotations.selection import Selection
from projects.errors import AppError
from rewards.models import Comparison, Critique, Judgment, Ranking, SpanMark, StepLabel, Verdict
from tests.annotations.campaigns import make_campaign, shown_outputs, span
from tests.factories import make_project, make_rubric

pytestmark = pytest.mark.django_db

TEXTS = ["One is right.\nTwo is wrong.", "Alpha.\nBeta is here.", "Only one line stands here."]


@pytest.fixture
def rubric(project):
    return make_rubric(project, criteria=[{"key": "true", "text": "It is true.", "may_be_na": True}])


@pytest.fixture
def questions(rubric):
    """One of every kind on one screen."""
    return [
        RATING,
        {**COMPARISON, "steps": 5, "confidence": True},
        {**checklist_of(rubric), "key": "rubric"},
        RANKING,
        BEST_WORST,
        TICK,
        SPANS,
        STEPS,
        STOP,
        EDIT,
        CRITIQUE,
    ]


@pytest.fixture
def assignment(project, owner, ann, questions):
    campaign = make_campaign(project, owner, texts=TEXTS, questions=questions, selection=Selection(outputs_per_item=3))
    return lease_next_item(campaign=campaign, user=ann)


def answer_to(assignment):
    outputs = {label: output.messages[0]["text"] for label, output in shown_outputs(assignment).items()}
    steps = {f"{label}/{step}": 1 for label, text in outputs.items() for step in range(text.count("\n") + 1)}
    words = {f"{label}/{voice}": f"{voice} on {label}" for label in outputs for voice in ("user", "reviewer")}
    evidence = span("C", outputs["C"], 0, 5, type="true")
    stop = {name: value for name, value in span("A", outputs["A"], 0, 3).items() if name in STOP_FIELDS}
    return {
        "overall": {"A": 7, "B": 4, "C": 1},
        "preference": {"A-B": "A+2", "A-C": "A+1", "B-C": "cannot_tell"},
        "rubric": {"A/true": 1, "B/true": "na", "C/true": 2, "evidence": [evidence]},
        "ranking": {"order": [["A"], ["B", "C"]]},
        "best-worst": {"best": "A", "worst": "C"},
        "good": {"good": ["A", "B"]},
        "errors": [span("B", outputs["B"], 0, 5)],
        "steps": steps,
        "stop": {"A": stop, "B": "none", "C": "none"},
        "edit": {"A": outputs["A"], "B": "Better.", "C": outputs["C"]},
        "critique": words,
        "confidence": {"preference": 2},
    }


STOP_FIELDS = ("message", "start", "end", "quote", "text_sha256")


def test_every_kind_is_asked_here(questions):
    assert {question["kind"] for question in questions} == set(KINDS)


def test_one_submit_writes_the_rows_of_every_kind(assignment):
    submit_answer(assignment=assignment, key="k", answer=answer_to(assignment))
    outputs = {label: output.pk for label, output in shown_outputs(assignment).items()}
    kinds = sorted(Judgment.objects.values_list("kind", flat=True))
    # Three outputs: 3 ratings, 3 checklists, 3 + 3 span judgments, 3 steps, 3 edits + 3 critiques; 3 pairs; 3 orders.
    counted = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    assert counted == {
        "comparison": 3, "critique": 6, "ranking": 3, "rating": 3, "spans": 6, "steps": 3, "verdicts": 3,
    }  # fmt: skip
    assert sorted(Comparison.objects.values_list("strength", flat=True), key=str) == [1, 2, None]
    ranking = Ranking.objects.get(judgment__presentation__asked="ranking")
    assert dict(ranking.places.values_list("output_id", "tier")) == {
        outputs["A"]: 1, outputs["B"]: 2, outputs["C"]: 2,
    }  # fmt: skip
    assert Ranking.objects.get(judgment__presentation__asked="tick").places.filter(tier=1).count() == 2
    verdicts = dict(Verdict.objects.values_list("judgment__output_id", "value"))
    assert verdicts == {outputs["A"]: 1.0, outputs["B"]: None, outputs["C"]: 0.0}
    assert SpanMark.objects.get(type="evidence").criterion.key == "true"
    assert SpanMark.objects.get(type="stop").value == -1
    assert set(StepLabel.objects.values_list("segmentation__segmenter", flat=True)) == {"step/1"}
    assert Critique.objects.get(kind="edit").text == "Better."
    assert Critique.objects.filter(kind="user_voice").count() == 3
    compared = Judgment.objects.filter(kind="comparison").values_list("presentation__confidence", flat=True)
    assert list(compared) == [2, 2, 2]


def test_the_same_submit_sent_again_changes_nothing(assignment):
    answer = answer_to(assignment)
    first = submit_answer(assignment=assignment, key="k", answer=answer)
    count = Judgment.objects.count()
    assert submit_answer(assignment=assignment, key="k", answer=answer).submission == first.submission
    assert Judgment.objects.count() == count


def test_undo_withdraws_every_kind_and_brings_the_answer_back(assignment):
    answer = answer_to(assignment)
    submit_answer(assignment=assignment, key="k", answer=answer)
    undo_submission(assignment=assignment)
    assert not Judgment.objects.standing().exists()
    assert Draft.objects.get(assignment=assignment).answer == answer
    submit_answer(assignment=assignment, key="again", answer={**answer, "good": {"good": []}})
    corrected = Judgment.objects.standing().get(presentation__asked="tick")
    assert corrected.replaces.presentation["asked"] == "tick"
    assert corrected.ranking.places.filter(tier=2).count() == 3


def test_a_refused_answer_writes_nothing_and_leaves_the_draft(assignment):
    answer = {**answer_to(assignment), "ranking": {"order": [["A"]]}}
    save_draft(assignment=assignment, answer=answer, revision=0)
    with pytest.raises(AppError) as error:
        submit_answer(assignment=assignment, key="k", answer=answer)
    assert set(error.value.fields) == {"ranking.order"}
    assert not Judgment.objects.exists()
    assert not StepLabel.objects.exists()
    assert Draft.objects.get(assignment=assignment).answer == answer


def test_no_policy_is_named_in_what_any_kind_sends(client, assignment, ann):
    client.force_login(ann)
    sent = client.get(f"/annotate/{assignment.pk}/").content + json.dumps(assignment_data(assignment)).encode()
    assert b"secret-policy" not in sent
    for output in shown_outputs(assignment).values():
        assert output.external_id.encode() not in sent


def test_the_page_of_the_task_shows_what_was_said(client, assignment, owner):
    submit_answer(assignment=assignment, key="k", answer=answer_to(assignment))
    client.force_login(owner)
    task = assignment.item.task
    page = client.get(reverse("rewards:task-detail", args=[task.project.slug, task.pk])).content.decode()
    for words in ("the best among 3", "neither best nor worst", "not among the good ones", "by 2 steps", "2 of 3"):
        assert words in page
    for words in ("As a user would say it", "user on A", "Ranked", "Better.", "evidence", "not applicable"):
        assert words.lower() in page.lower()


class TestChecklistOfARubric:
    def make(self, project, owner, question):
        return create_campaign(
            project=project, actor=owner, name="c", protocol=ProtocolContent([question]), selection=Selection()
        )

    @pytest.mark.parametrize(
        "change", [{"text": "It is false."}, {"criterion": 10**9}, {"key": "other"}, {"allow_na": False}]
    )
    def test_a_criterion_that_reads_otherwise_than_the_rubric_is_refused(self, project, owner, rubric, change):
        make_campaign(project, owner, name="items")
        question = {**checklist_of(rubric), "key": "rubric"}
        question["criteria"] = [{**question["criteria"][0], **change}]
        with pytest.raises(AppError) as error:
            self.make(project, owner, question)
        assert "questions.0.criteria.0" in error.value.fields

    def test_a_criterion_of_another_project_is_refused(self, project, owner):
        make_campaign(project, owner, name="items")
        other = make_rubric(make_project("other", owner=owner))
        with pytest.raises(AppError) as error:
            self.make(project, owner, {**checklist_of(other), "key": "rubric"})
        assert "questions.0.criteria.0" in error.value.fields


class TestEditor:
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in RUBRIC_KINDS])
    def test_the_editor_adds_a_card_of_every_kind(self, client, project, owner, kind):
        client.force_login(owner)
        address = reverse("annotations:question-add", args=["lab"])
        page = client.get(address, {"kind": kind, "q-TOTAL_FORMS": "1"}).content.decode()
        assert f'value="{kind}"' in page
        assert KINDS[kind].label in page

    def test_the_editor_adds_the_checklist_of_a_rubric_and_not_one_of_none(self, client, project, owner, rubric):
        client.force_login(owner)
        address = reverse("annotations:question-add", args=["lab"])
        page = client.get(address, {"kind": "checklist", "rubric": rubric.rubric_id, "q-TOTAL_FORMS": "1"})
        assert "It is true." in page.content.decode()
        assert client.get(address, {"kind": "checklist", "q-TOTAL_FORMS": "1"}).status_code == 400

    @pytest.mark.parametrize("name", [name for name in PRESETS if name != "best_worst"])
    def test_a_campaign_made_in_the_editor_asks_what_the_preset_says(self, client, project, owner, name):
        make_campaign(project, owner, name="items")
        client.force_login(owner)
        self.make_by_form(client, PRESETS[name].questions)
        asked = [question.config() for question in parse_questions(PRESETS[name].questions)]
        assert project.campaigns.get(name="made").protocol.questions == asked

    def test_a_checklist_goes_through_the_editor_unchanged(self, client, project, owner, rubric):
        make_campaign(project, owner, name="items")
        client.force_login(owner)
        question = {**checklist_of(rubric), "key": "rubric", "confidence": True, "evidence": False}
        self.make_by_form(client, [question])
        (stored,) = project.campaigns.get(name="made").protocol.questions
        assert question.items() <= stored.items()

    def make_by_form(self, client, questions):
        page = client.get(reverse("annotations:campaign-create", args=["lab"]))
        data = {name: value for name, value in page.context["form"].initial.items() if value is not None}
        data |= {"name": "made", "outputs_per_item": 2, "overlap": 1, "lease_minutes": 30, "undo_minutes": 15}
        data |= {"q-TOTAL_FORMS": len(questions), "q-INITIAL_FORMS": 0, "q-MIN_NUM_FORMS": 1, "q-MAX_NUM_FORMS": 20}
        for index, question in enumerate(questions):
            data |= form_fields(f"q-{index}", question)
        answer = client.post(reverse("annotations:campaign-create", args=["lab"]), data)
        assert answer.status_code == 302, answer.context["questions"].errors


def form_fields(prefix, question):
    """A question as a browser sends its card back: what is off is not sent."""
    form = QuestionForm(initial=question_initial(question), prefix=prefix)
    fields = {}
    for name in form.fields:
        value = form[name].value()
        if value is None and isinstance(form.fields[name], ChoiceField):
            # A browser sends the first choice of a list in which nothing was chosen.
            value = form.fields[name].choices[0][0]
        if value is None or value is False:
            continue
        fields[f"{prefix}-{name}"] = "on" if value is True else value
    return fields
