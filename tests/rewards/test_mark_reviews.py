"""People accept, change and reject what models marked: append-only, by those who may, and seen on the page."""

import pytest
from django.urls import reverse

from rewards.actions.rater import ensure_person_rater
from rewards.models import Judgment, Rater, SpanMark
from rewards.reviews import Decision, reviews_by_mark
from rewards.text import sha256_text
from tests.factories import make_judgment, make_output, make_rater, make_task, make_user

# Session, user, project, task; its outputs twice, judgments, seven kinds of answer (no criterion without a verdict),
# signals, versions of task and rubric, the rubric, who made what: the same as without a review.
QUERIES = 18
TEXT = "The Sun is half as strong.\r\nThe Sun again."


def model_mark(project, output=None, start=4, end=7, rater=None, **fields):
    output = output or make_output(make_task(project), TEXT)
    rater = rater or scorer_of(project)
    text = output.messages[0]["text"]
    values = {"type": "Wrong", "severity": "minor", "value": -0.5, "explanation": "It is the Moon."} | fields
    return SpanMark.objects.create(
        judgment=make_judgment(rater, Judgment.Kind.SPANS, output.task, output),
        output=output,
        message=0,
        start=start,
        end=end,
        quote=text[start:end],
        text_sha256=sha256_text(text),
        **values,
    )


def scorer_of(project):
    scorer, _ = Rater.objects.get_or_create(
        project=project, kind=Rater.Kind.SCORER, name="Critic", pseudonym="critic", scorer_hash="c" * 64
    )
    return scorer


@pytest.fixture
def mark(cast):
    return model_mark(cast.project)


@pytest.fixture
def rater(cast):
    return ensure_person_rater(project=cast.project, user=cast.manager)


def api(mark, slug="quill"):
    return f"/api/v1/projects/{slug}/marks/{mark.pk}/review"


def page(mark, slug="quill"):
    return reverse("rewards:mark-review", args=[slug, mark.pk])


def say(client, mark, **told):
    return client.put(api(mark), told, content_type="application/json")


def standing(mark):
    return list(Judgment.objects.reviews_of(mark).standing().order_by("id"))


def judgment_count(cast):
    cast.project.refresh_from_db()
    return cast.project.judgment_count


def columns(mark):
    return SpanMark.objects.filter(pk=mark.pk).values().get()


def test_who_may_not_judge_or_may_not_see_models_cannot_review(cast, browse, mark):
    for user, status in ((cast.stranger, 404), (cast.viewer, 403), (cast.annotator, 403)):
        client = browse(user)
        answers = [client.get(page(mark)), client.post(page(mark), {"decision": "accepted"}), client.get(api(mark))]
        answers += [say(client, mark, decision="rejected"), client.delete(api(mark))]
        assert [answer.status_code for answer in answers] == [status] * 5
    assert standing(mark) == []


def test_marks_of_people_of_other_projects_and_withdrawn_ones_are_404(cast, browse, mark, rater):
    persons = model_mark(cast.project, mark.output, rater=rater)
    elsewhere = model_mark(cast.other)
    withdrawn = model_mark(cast.project, mark.output)
    Judgment.objects.filter(pk=withdrawn.judgment_id).update(withdrawn_at=withdrawn.judgment.created_at)
    client = browse(cast.manager)

    assert [client.get(api(one)).status_code for one in (persons, elsewhere, withdrawn, mark)] == [404, 404, 404, 200]


def test_an_accepted_mark_is_the_persons_own_with_the_models_as_its_origin(cast, browse, mark, rater):
    before = columns(mark)

    answer = say(browse(cast.manager), mark, decision="accepted").json()

    [judgment] = standing(mark)
    own = judgment.spans.get()
    assert (judgment.rater, judgment.kind, judgment.task_id) == (rater, "spans", mark.output.task_id)
    kept = {"source": mark.judgment.rater.scorer_hash, "value": mark.value, "verified": True}
    assert judgment.presentation == {"review": {"mark": mark.pk, "decision": "accepted", **kept}}
    copied = (
        "output_id",
        "message",
        "start",
        "end",
        "quote",
        "text_sha256",
        "type",
        "severity",
        "value",
        "explanation",
    )
    assert [getattr(own, name) for name in copied] == [getattr(mark, name) for name in copied]
    assert own.origin == mark
    assert answer["spans"][0]["origin"] == mark.pk
    assert columns(mark) == before


def test_a_change_keeps_the_models_mark_beside_it(cast, browse, mark):
    before = columns(mark)

    say(browse(cast.manager), mark, decision="changed", type="Unclear", severity="", start=8, end=15)

    own = standing(mark)[0].spans.get()
    # A value went with the model's type and severity.
    assert (own.type, own.severity, own.quote, own.value, own.origin) == ("Unclear", "", "is half", None, mark)
    assert own.explanation == mark.explanation
    assert columns(mark) == before


def test_a_rejection_carries_no_span_and_leaves_the_models(cast, browse, mark):
    before = columns(mark)

    say(browse(cast.manager), mark, decision="rejected")

    [judgment] = standing(mark)
    assert not judgment.spans.exists()
    assert [str(review) for review in reviews_by_mark([judgment])[mark.pk]] == [
        f"rejected by {judgment.rater.pseudonym}"
    ]
    assert columns(mark) == before


def test_saying_the_same_again_changes_nothing(cast, browse, mark):
    client = browse(cast.manager)
    first = [say(client, mark, decision="accepted").json()["id"] for _ in range(2)]

    assert first[0] == first[1]
    assert Judgment.objects.reviews_of(mark).count() == 1


def test_deciding_anew_withdraws_and_replaces_and_taking_back_leaves_a_trace(cast, browse, mark):
    client = browse(cast.manager)
    accepted = say(client, mark, decision="accepted").json()["id"]
    rejected = say(client, mark, decision="rejected").json()

    assert rejected["replaces"] == accepted
    assert judgment_count(cast) == 1
    assert [judgment.pk for judgment in standing(mark)] == [rejected["id"]]
    assert client.delete(api(mark)).status_code == 204
    assert standing(mark) == []
    assert set(Judgment.objects.reviews_of(mark).values_list("withdrawn_by", flat=True)) == {cast.manager.pk}
    assert client.delete(api(mark)).json()["code"] == "nothing_to_undo"
    assert judgment_count(cast) == 0
    again = say(client, mark, decision="accepted").json()
    assert again["replaces"] == rejected["id"]


def test_each_person_speaks_for_themselves(cast, browse, mark):
    say(browse(cast.manager), mark, decision="accepted")
    say(browse(cast.owner), mark, decision="rejected")
    browse(cast.manager).delete(api(mark))

    assert [judgment.rater.user for judgment in standing(mark)] == [cast.owner]
    assert len(browse(cast.owner).get(api(mark)).json()) == 1


@pytest.mark.parametrize(
    ("told", "code", "field"),
    [
        ({"decision": "changed"}, "change_missing", None),
        ({"decision": "changed", "end": 4000}, "mark_invalid", "span"),
        ({"decision": "changed", "start": 7, "end": 7}, "mark_invalid", "span"),
        ({"decision": "changed", "message": 3}, "mark_invalid", "span"),
        ({"decision": "changed", "type": "x" * 81}, "mark_invalid", "type"),
        ({"decision": "changed", "severity": "x" * 41}, "mark_invalid", "severity"),
        ({"decision": "changed", "explanation": "x" * 2001}, "mark_invalid", "explanation"),
    ],
)
def test_what_cannot_be_stored_is_named_and_nothing_is(cast, browse, mark, told, code, field):
    answer = say(browse(cast.manager), mark, **told)

    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert field is None or field in answer.json()["fields"]
    assert not Judgment.objects.reviews_of(mark).exists()


def test_an_unknown_decision_is_refused(cast, browse, mark):
    assert say(browse(cast.manager), mark, decision="maybe").status_code == 400
    browse(cast.manager).post(page(mark), {"decision": "maybe"})

    assert standing(mark) == []


def change(client, mark, **fields):
    told = {"type": mark.type, "severity": mark.severity, "words": mark.quote, "explanation": mark.explanation}
    return client.post(page(mark), {"decision": "changed"} | told | fields)


@pytest.mark.parametrize(
    ("start", "words", "place"),
    [
        (4, "half as strong", (11, 25)),
        # "Sun" stands at 4-7 and at 32-35: the nearest one to the model's mark is meant.
        (4, "Sun", (4, 7)),
        (28, "Sun", (32, 35)),
        # A form sends CRLF, as the text has it here; and the text's own spaces count.
        (4, "strong.\r\nThe", (19, 31)),
        (4, " is", (7, 10)),
    ],
)
def test_the_place_is_given_by_its_words(cast, browse, start, words, place):
    mark = model_mark(cast.project, start=start, end=start + 3)

    response = change(browse(cast.manager), mark, words=words, type="Other")

    assert response.status_code == 302
    own = standing(mark)[0].spans.get()
    assert (own.start, own.end) == place
    assert own.quote == TEXT[slice(*place)]


@pytest.mark.parametrize("break_", ["\n", "\r"])
def test_line_breaks_of_any_kind_are_found_though_forms_send_crlf(cast, browse, break_):
    output = make_output(make_task(cast.project), f"one{break_}two")
    mark = model_mark(cast.project, output, 0, 3)

    change(browse(cast.manager), mark, words="one\r\ntwo")

    assert standing(mark)[0].spans.get().end == 7


def test_words_that_do_not_stand_there_are_refused_in_the_form(cast, browse, mark):
    response = change(browse(cast.manager), mark, words="the Moon")

    assert response.status_code == 200
    assert "do not stand in the message" in response.content.decode()
    assert standing(mark) == []


def test_the_output_page_says_who_accepted_and_shows_one_mark_for_both(cast, browse, mark, rater):
    task = reverse("rewards:task-detail", args=["quill", mark.output.task_id])
    browse(cast.manager).post(page(mark), {"decision": "accepted"})

    response = browse(cast.viewer).get(task)

    [row] = response.context["page"].panels[0].marks
    assert (row.mark, row.is_of_people) == (mark, True)
    assert f"accepted by {rater.pseudonym}" in response.content.decode()
    # Who may only look is not offered what would be refused.
    assert page(mark) not in response.content.decode()
    assert page(mark) in browse(cast.manager).get(task).content.decode()


def test_a_changed_mark_stands_beside_the_models(cast, browse, mark, rater):
    change(browse(cast.manager), mark, words="half")

    response = browse(cast.viewer).get(reverse("rewards:task-detail", args=["quill", mark.output.task_id]))

    models, own = response.context["page"].panels[0].marks
    assert (models.mark, models.decision, models.is_of_people) == (mark, Decision.CHANGED, False)
    assert (own.rater, own.mark.quote, own.is_model) == (rater, "half", False)


def test_in_its_row_the_review_comes_alone_and_answers_with_what_stands(cast, browse, mark, rater):
    client, htmx = browse(cast.manager), {"headers": {"HX-Request": "true"}}

    form = client.get(page(mark), **htmx).content.decode()
    answer = client.post(page(mark), {"decision": "rejected"}, **htmx).content.decode()
    undo = client.get(page(mark), **htmx).content.decode()

    assert "<html" not in form + answer + undo
    assert "Take back" not in form
    assert f"rejected by {rater.pseudonym}" in answer
    assert "Take back" in undo
    client.post(page(mark), {"decision": "take_back"}, **htmx)
    assert standing(mark) == []
    changed = client.post(
        page(mark), {"decision": "changed", "type": "Other", "words": "Sun", "severity": "", "explanation": ""}, **htmx
    )
    assert changed["HX-Refresh"] == "true"


@pytest.mark.parametrize("n", [1, 3])
def test_the_output_page_costs_the_same_however_much_was_reviewed(cast, browse, mark, django_assert_num_queries, n):
    for number in range(n):
        say(browse(cast.manager), model_mark(cast.project, mark.output, number, 9), decision="accepted")
    client = browse(cast.viewer)

    with django_assert_num_queries(QUERIES):
        client.get(reverse("rewards:task-detail", args=["quill", mark.output.task_id]))


def test_hostile_words_in_reviews_are_text(cast, browse):
    hostile = "</p><script>alert(1)</script>"
    output = make_output(make_task(cast.project), hostile)
    mark = model_mark(cast.project, output, 0, len(hostile), type=hostile, explanation=hostile)

    shown = browse(cast.manager).get(page(mark)).content.decode()

    assert "<script>alert" not in shown


def test_reviews_are_no_answers_of_peoples_own(cast, browse, mark):
    say(browse(cast.manager), mark, decision="rejected")
    own = make_judgment(
        make_rater(cast.project, user=make_user("pia")), Judgment.Kind.SPANS, mark.output.task, mark.output
    )

    people = Judgment.objects.of(cast.project).exclude(rater__kind=Rater.Kind.SCORER).without_reviews()

    assert list(people) == [own]
