"""Tasks, outputs, judgments, signals and rubrics over the API."""

import numpy as np
import pytest

from rewards import signal_store
from rewards.models import Judgment, JudgmentTrace, Rubric, SpanMark, Verdict
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.factories import (
    make_comparison,
    make_judgment,
    make_output,
    make_rater,
    make_rating,
    make_rubric,
    make_task,
)

ROOT = "/api/v1/projects/quill"


@pytest.fixture
def rows(cast):
    """Addresses of every list and row, with something behind each."""
    task = make_task(cast.project, "t", tags=["x"])
    output, rater = make_output(task, "a🙂"), make_rater(cast.project)
    cut = Segmentation("tokenizer:x", np.array([[0, 0, 1], [0, 1, 2], [0, 1, 2]]))
    new = signal_store.NewSignal(output, rater, "score", RewardSignal(cut, np.array([0.5, np.nan, -1])), "h")
    [signal] = signal_store.save_many([new])
    rating = make_rating(rater, output, 5)
    rubric = make_rubric(cast.project).rubric_id
    return {
        "tasks": f"{ROOT}/tasks",
        "task": f"{ROOT}/tasks/{task.pk}",
        "outputs": f"{ROOT}/outputs",
        "output": f"{ROOT}/outputs/{output.pk}",
        "judgments": f"{ROOT}/judgments",
        "judgment": f"{ROOT}/judgments/{rating.judgment_id}",
        "signals": f"{ROOT}/signals",
        "signal": f"{ROOT}/signals/{signal}",
        "rubrics": f"{ROOT}/rubrics",
        "rubric": f"{ROOT}/rubrics/{rubric}",
        "versions": f"{ROOT}/rubrics/{rubric}/versions",
        "version": f"{ROOT}/rubrics/{rubric}/versions/1",
        "diff": f"{ROOT}/rubrics/{rubric}/diff?old=1&new=1",
    }


def statuses(client, rows):
    return {name: client.get(address).status_code for name, address in rows.items()}


def test_a_stranger_gets_404(cast, browse, rows):
    assert statuses(browse(cast.stranger), rows) == dict.fromkeys(rows, 404)


def test_rows_of_another_project_are_404_under_ones_own(cast, browse, rows):
    lists = {"tasks", "outputs", "judgments", "signals", "rubrics"}
    of_rows = {name: address.replace("quill", "vellum") for name, address in rows.items() if name not in lists}

    assert statuses(browse(cast.stranger), of_rows) == dict.fromkeys(of_rows, 404)


def test_annotators_get_nothing_since_all_of_it_shows_policies_or_answers(cast, browse, rows):
    assert statuses(browse(cast.annotator), rows) == dict.fromkeys(rows, 403)


@pytest.mark.parametrize("role", ["viewer", "manager"])
def test_who_may_view_reads_all(cast, browse, rows, role):
    assert statuses(browse(getattr(cast, role)), rows) == dict.fromkeys(rows, 200)


def test_who_is_not_signed_in_gets_401(client, rows):
    assert set(statuses(client, rows).values()) <= {401, 403}


@pytest.mark.parametrize("name", ["tasks", "outputs", "judgments", "signals", "rubrics"])
@pytest.mark.parametrize("n", [1, 3])
def test_lists_cost_the_same_whatever_their_length(cast, browse, django_assert_max_num_queries, rows, name, n):
    for _ in range(n - 1):
        task = make_task(cast.project)
        output, rater = make_output(task), make_rater(cast.project)
        make_rating(rater, output, 3)
        make_comparison(rater, output, output, "a")
        _mark(make_judgment(rater, Judgment.Kind.SPANS, task, output))
        cut = Segmentation("tokenizer:x", np.array([[0, 0, 1]]))
        signal_store.save_many([signal_store.NewSignal(output, rater, "s", RewardSignal(cut, np.ones(1)), "h")])
        make_rubric(cast.project, f"r{output.pk}")
    client = browse(cast.viewer)

    # session, user, project, rows; judgments fetch each kind of answer once more
    with django_assert_max_num_queries(14 if name == "judgments" else 4):
        assert len(client.get(rows[name]).json()["results"]) >= n


def _mark(judgment):
    place = {"message": 0, "start": 0, "end": 5, "quote": "Paris", "text_sha256": sha256_text("Paris.")}
    return SpanMark.objects.create(judgment=judgment, output=judgment.output, type="Bad", **place)


def test_a_tasks_texts_come_exactly(cast, browse):
    task = make_task(cast.project, prompt="a\r\n<b> 🙂", reference="")

    answer = browse(cast.viewer).get(f"{ROOT}/tasks/{task.pk}").json()

    assert answer["messages"] == [{"role": "user", "text": "a\r\n<b> 🙂"}]
    assert answer["reference"] == ""


def test_task_filters_are_those_of_the_page(cast, browse):
    wanted = make_task(cast.project, "a1", tags=["x"], split="dev")
    make_task(cast.project, "a2", tags=["y"])
    make_task(cast.project, "b1", tags=["x"])

    answer = browse(cast.viewer).get(f"{ROOT}/tasks", {"q": "a", "tag": "x", "split": "dev", "judged": "false"}).json()

    assert [row["id"] for row in answer["results"]] == [wanted.pk]


@pytest.mark.parametrize(
    ("address", "field"),
    [("tasks?policy=x", "policy"), ("outputs?task=99999999999999999999", "task"), ("judgments?kind=guess", "kind")],
)
def test_wrong_filters_are_named(cast, browse, address, field):
    answer = browse(cast.viewer).get(f"{ROOT}/{address}")

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_a_signal_comes_as_numbers_with_null_for_unscored(cast, browse, rows):
    answer = browse(cast.viewer).get(rows["signal"]).json()

    assert answer["values"] == [0.5, None, -1]
    assert answer["spans"] == [[0, 0, 1], [0, 1, 2], [0, 1, 2]]
    assert (answer["signal"]["total"], answer["signal"]["scored_count"], answer["signal"]["count"]) == (-0.5, 2, 3)


def test_judgments_come_with_the_answers_of_their_kind(cast, browse):
    task, rater = make_task(cast.project), make_rater(cast.project)
    output, other = make_output(task, "abc"), make_output(task)
    version = make_rubric(cast.project)
    verdicts = make_judgment(rater, Judgment.Kind.VERDICTS, task, output)
    Verdict.objects.create(judgment=verdicts, criterion=version.criteria.get(), state="unscored", reason="too long")
    JudgmentTrace.objects.create(judgment=verdicts, served_model="tiny")
    spans = make_judgment(rater, Judgment.Kind.SPANS, task, output)
    SpanMark.objects.create(
        judgment=spans, output=output, message=0, start=1, end=2, quote="b", text_sha256=sha256_text("abc"), type="Bad"
    )
    comparison = make_comparison(rater, other, output, "tie", "equal")
    client = browse(cast.viewer)

    found = {row["kind"]: row for row in client.get(f"{ROOT}/judgments", {"output": output.pk}).json()["results"]}

    assert set(found) == {"verdicts", "spans", "comparison"}
    assert found["verdicts"]["verdicts"][0]["value"] is None
    assert found["verdicts"]["verdicts"][0]["reason"] == "too long"
    assert found["verdicts"]["comparison"] is None
    mark = found["spans"]["spans"][0]
    assert (mark["prefix"], mark["quote"], mark["suffix"]) == ("a", "b", "c")
    assert found["comparison"]["comparison"]["tie_kind"] == "equal"
    detail = client.get(f"{ROOT}/judgments/{verdicts.pk}").json()
    assert detail["trace"]["served_model"] == "tiny"
    assert client.get(f"{ROOT}/judgments/{comparison.judgment_id}").json()["trace"] is None


CRITERIA = [{"key": "right", "text": "It is right.", "weight": 2}, {"key": "short", "text": "Contains false claims."}]


def test_a_rubric_is_made_versioned_and_compared(cast, browse):
    client = browse(cast.manager)
    post = {"content_type": "application/json"}

    made = client.post(f"{ROOT}/rubrics", {"name": "Quality", "criteria": CRITERIA}, **post)
    address = f"{ROOT}/rubrics/{made.json()['rubric']}"
    same = client.post(f"{address}/versions", {"criteria": CRITERIA}, **post)
    changed = client.post(f"{address}/versions", {"criteria": CRITERIA[:1], "note": "shorter"}, **post)
    diff = client.get(f"{address}/diff", {"old": 1, "new": 2}).json()

    assert (made.status_code, same.status_code, changed.status_code) == (201, 200, 201)
    assert [finding["code"] for finding in made.json()["findings"]] == ["wrong_sign"]
    assert same.json()["number"] == 1
    assert changed.json()["number"] == 2
    assert (diff["added"], diff["removed"], diff["changed"]) == ([], ["short"], [])
    assert client.get(f"{address}/versions/1").json()["criteria"][0]["weight"] == 2


def test_every_problem_of_a_rubric_is_named_by_its_field(cast, browse):
    criteria = [{"text": "x", "weight": "y"}, {"text": ""}]

    answer = browse(cast.manager).post(
        f"{ROOT}/rubrics", {"name": "x", "criteria": criteria}, content_type="application/json"
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == "rubric_invalid"
    assert set(answer.json()["fields"]) == {"criteria.0.weight", "criteria.1.text"}


def test_a_taken_name_is_a_conflict(cast, browse):
    make_rubric(cast.project, "Quality")

    answer = browse(cast.manager).post(
        f"{ROOT}/rubrics", {"name": "Quality", "criteria": CRITERIA}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "rubric_name_taken")


def test_viewers_write_no_rubrics(cast, browse):
    rubric, client = make_rubric(cast.project).rubric_id, browse(cast.viewer)

    for address in (f"{ROOT}/rubrics", f"{ROOT}/rubrics/{rubric}/versions"):
        answer = client.post(address, {"name": "x", "criteria": CRITERIA}, content_type="application/json")
        assert answer.status_code == 403
    assert Rubric.objects.count() == 1


def test_reaggregation_ranks_by_stored_verdicts_and_stores_nothing(cast, browse):
    version = make_rubric(cast.project, criteria=CRITERIA)
    task, rater = make_task(cast.project, "t"), make_rater(cast.project)
    for values in [(1.0, 0.0), (0.0, 1.0)]:
        judgment = make_judgment(rater, Judgment.Kind.VERDICTS, task, make_output(task))
        for criterion, value in zip(version.criteria.all(), values, strict=True):
            Verdict.objects.create(judgment=judgment, criterion=criterion, value=value)
    address = f"{ROOT}/rubrics/{version.rubric_id}/reaggregation"

    answer = (
        browse(cast.viewer)
        .post(address, {"weights": {"short": 6}, "task": "t"}, content_type="application/json")
        .json()
    )

    # Own weights 2 and 1: 2/3 against 1/3. With 2 and 6: 2/8 against 6/8.
    assert [(row["old_rank"], row["new_rank"], row["new"]["value"]) for row in answer["rows"]] == [
        (2, 1, 0.75),
        (1, 2, 0.25),
    ]
    assert (answer["n_pairs"], answer["n_flipped"]) == (1, 1)
    assert version.rubric.versions.count() == 1


@pytest.mark.parametrize(
    "body",
    [{"aggregation": "median"}, {"weights": {"right": "x"}}, {"task": "none"}, {"raters": [10**30]}, {"weights": []}],
)
def test_wrong_reaggregations_are_refused(cast, browse, body):
    rubric = make_rubric(cast.project, criteria=CRITERIA).rubric_id

    answer = browse(cast.viewer).post(f"{ROOT}/rubrics/{rubric}/reaggregation", body, content_type="application/json")

    assert answer.status_code == 400
