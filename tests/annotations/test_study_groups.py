"""Groups of outputs: meter, difficulty, pass@k and best of n, worked by hand, by page, API and command."""

import io
import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotations.actions.study import run_study
from annotations.templatetags.study_charts import Curve, CurvePoint, curve_chart
from rewards import signal_store
from rewards.models import Output, Rater
from rewards.segmentation import WHOLE, whole
from rewards.signals import RewardSignal
from tests.factories import make_output, make_project, make_rater, make_rating, make_task, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("groups", owner=owner)


def scorer(project, name="verifier"):
    return Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name=name, pseudonym=name, scorer_hash=name.ljust(64, "0")
    )


def give(rater, output, value, channel="correct"):
    texts = [message["text"] for message in output.messages]
    signal = RewardSignal(whole(texts), np.array([value], "f4"))
    signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, "h")])


OUTCOMES = [[1, 0, 0, 0], [0, 0], [1, 1, 1], [1, None], [None]]
"""By task; None is unscored."""


@pytest.fixture
def verifier(project):
    rater = scorer(project)
    for number, values in enumerate(OUTCOMES):
        task = make_task(project, f"t{number}", f"Question {number}?")
        for place, value in enumerate(values):
            output = make_output(task, "x" * (place + 1), policy=f"policy-{place % 2}")
            if value is not None:
                give(rater, output, value)
    return rater


def outcome_of(rater):
    return f"{rater.pk}:correct:{WHOLE}"


def result_of(project, **parameters):
    study = run_study(project, kind="groups", parameters=parameters)
    assert study.failure == ""
    return study.result


def test_groups_without_a_gradient_are_told_apart_by_why(project, verifier):
    result = result_of(project, outcome=outcome_of(verifier))
    meter = result["meter"]
    assert (result["tasks"], result["outputs"], meter["n_outputs"]) == (5, 12, 10)
    assert (meter["n_telling"], meter["n_equal"], meter["n_alone"], meter["n_unscored"]) == (1, 2, 1, 1)
    assert (meter["n_all_lowest"], meter["n_all_highest"]) == (1, 1)
    # Of four groups with a score, one tells anything.
    assert meter["share_without_gradient"] == 0.75
    assert [(row["right"], row["scored"], row["state"]) for row in result["to_read"]] == [
        (0, 2, "equal"),
        (1, 4, ""),
        (3, 3, "equal"),
        (1, 1, "alone"),
        (0, 0, "unscored"),
    ]


def test_success_rates_and_weights_by_difficulty(project, verifier):
    result = result_of(project, outcome=outcome_of(verifier))
    # Five of ten scored outputs are right.
    assert result["success"]["value"] == 0.5
    assert [row["rate"] for row in result["to_read"]] == [0, 0.25, 1, 1, None]
    assert [row["weight"] for row in result["to_read"]] == [1.5, 1.5, 1, 1, None]
    hard = result_of(project, outcome=outcome_of(verifier), rule="hard", strength=2.0)
    # 1 + 2 (1 - p).
    assert [row["weight"] for row in hard["to_read"]] == [3, 2.5, 1, 1, None]


def test_pass_at_k_is_over_the_tasks_with_k_scored_outputs(project, verifier):
    rows = {row["k"]: row for row in result_of(project, outcome=outcome_of(verifier))["pass_at_k"]}
    assert sorted(rows) == [1, 2, 4]
    # k = 1: rates 1/4, 0, 1, 1. k = 2: 1 - C(3,2)/C(4,2) = 1/2, 0, 1; k = 4: the first task alone, and no interval.
    assert (rows[1]["value"], rows[1]["n"]) == (pytest.approx(2.25 / 4), 4)
    assert (rows[2]["value"], rows[2]["n"]) == (pytest.approx(0.5), 3)
    assert (rows[4]["value"], rows[4]["low"], rows[4]["n"]) == (1, None, 1)


def test_the_best_of_n_by_a_proxy_and_at_best(project, verifier):
    result = result_of(project, outcome=outcome_of(verifier), proxy="length")
    rows = {row["n"]: row for row in result["best_of_n"]}
    # The longer the worse: of two from the first task the longer one is never right; the second task 0, the third 1.
    assert rows[1]["proxy"]["value"] == pytest.approx(2.25 / 4)
    assert rows[2]["proxy"]["value"] == pytest.approx(1 / 3)
    # At best it is pass@2.
    assert rows[2]["best"]["value"] == pytest.approx(0.5)
    assert (rows[4]["proxy"]["value"], rows[4]["best"]["value"]) == (0, 1)
    # log 2 - 1/2.
    assert rows[2]["kl"] == pytest.approx(np.log(2) - 0.5)


def test_one_policys_outputs_make_the_groups(project, verifier):
    policy = project.policies.get(name="policy-1")
    result = result_of(project, outcome=outcome_of(verifier), policy=policy.pk)
    # Its outputs are the second and the fourth of each task.
    assert (result["tasks"], result["outputs"], result["policy"]) == (4, 5, "policy-1")


def test_peoples_mean_rating_is_an_outcome(project, verifier):
    task = make_task(project, "rated")
    good, bad = make_output(task), make_output(task)
    for name, values in (("ann", (6, 1)), ("ben", (4, 1))):
        person = make_rater(project, name)
        for output, value in zip((good, bad), values, strict=True):
            make_rating(person, output, value)
    result = result_of(project, outcome="ratings:people:overall", passes_from=5)
    assert result["outcome"] == "people’s mean rating, overall"
    [row] = [row for row in result["to_read"] if row["task"] == task.pk]
    # Means 5 and 1.
    assert (row["right"], row["scored"], row["outcome"]) == (1, 2, 3)


def test_an_older_version_of_an_output_makes_no_group(project, verifier):
    before = result_of(project, outcome=outcome_of(verifier))["outputs"]
    Output.objects.filter(task__external_id="t2").update(is_current=False)
    after = result_of(project, outcome=outcome_of(verifier))
    assert (after["outputs"], after["tasks"]) == (before - 3, 4)


def test_only_the_hardest_tasks_are_kept_where_there_are_many(project, verifier, monkeypatch):
    monkeypatch.setattr("annotations.studies.groups.TO_READ", 2)
    assert [row["rate"] for row in result_of(project, outcome=outcome_of(verifier))["to_read"]] == [0, 0.25]


def test_an_outcome_that_is_none_is_named(project, verifier):
    for key in ("nonsense", "ratings:anybody:overall"):
        study = run_study(project, kind="groups", parameters={"outcome": key})
        assert key in study.failure


def test_a_project_without_an_output_has_no_groups(project):
    result = result_of(project, outcome="length")
    assert (result["tasks"], result["pass_at_k"], result["meter"]["share_without_gradient"]) == (0, [], None)


def test_page_api_and_command_say_the_same(
    client, owner, project, verifier, capsys, django_capture_on_commit_callbacks
):
    client.force_login(owner)
    assert "verifier: correct" in client.get("/p/groups/compare/new/groups/").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        address = client.post("/p/groups/compare/new/groups/", {"proxy": "length"}).url
    response = client.get(address)
    page = response.content.decode()
    for words in ("all lowest 1", "all highest 1", "one scored output 1", "none scored 1", "Question 1?"):
        assert words in page
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(
            "/api/v1/projects/groups/studies",
            {"kind": "groups", "parameters": {"outcome": outcome_of(verifier), "proxy": "length"}},
            content_type="application/json",
        )
    by_api = client.get(f"/api/v1/projects/groups/studies/{answer.json()['id']}").json()["result"]
    assert by_api == response.context["study"].result
    call_command("study", "groups", "--project", "groups", "--param", "proxy=length", "--json")
    assert json.loads(capsys.readouterr().out) == by_api
    call_command("study", "groups", "--project", "groups", "--param", "proxy=length")
    assert "5 tasks, 75.0 % without a gradient" in capsys.readouterr().out


def test_a_form_without_an_outcome_says_what_is_missing(client, owner, project):
    client.force_login(owner)
    assert "No outcome is stored" in client.post("/p/groups/compare/new/groups/", {}).content.decode()
    with pytest.raises(CommandError, match="No outcome is stored"):
        call_command("study", "groups", "--project", "groups", stdout=io.StringIO())


def test_an_outcome_of_nothing_shows_an_empty_state(client, owner, project):
    study = run_study(project, kind="groups", parameters={"outcome": f"1:correct:{WHOLE}"})
    client.force_login(owner)
    assert "No output has this outcome" in client.get(f"/p/groups/compare/{study.pk}/").content.decode()


def test_names_with_markup_are_shown_as_text(client, owner, project):
    rater = scorer(project, "<i>verifier</i>")
    give(rater, make_output(make_task(project, "t", "<b>why</b>")), 1)
    study = run_study(project, kind="groups", parameters={"outcome": outcome_of(rater)})
    client.force_login(owner)
    page = client.get(f"/p/groups/compare/{study.pk}/").content.decode()
    assert "<i>verifier" not in page
    assert "&lt;i&gt;verifier" in page
    assert "<b>why" not in page


def test_the_page_asks_as_many_queries_for_many_tasks_as_for_few(
    client, owner, project, verifier, django_assert_max_num_queries
):
    few = run_study(project, kind="groups", parameters={"outcome": outcome_of(verifier)})
    for number in range(20):
        give(verifier, make_output(make_task(project, f"more-{number}")), number % 2)
    many = run_study(project, kind="groups", parameters={"outcome": outcome_of(verifier)})
    client.force_login(owner)
    for study in (few, many):
        # Session, user, project, study, tasks.
        with django_assert_max_num_queries(6):
            assert client.get(f"/p/groups/compare/{study.pk}/").status_code == 200
    assert client.get(f"/p/groups/compare/{many.pk}/?start=15").context["first"] == 16
    assert client.get(f"/p/groups/compare/{many.pk}/?start=x").context["first"] == 1


def test_a_curve_rises_to_the_top_of_its_scale_and_breaks_nothing_without_intervals():
    points = [CurvePoint(1, 0.0, None, None), CurvePoint(2, 1.0, 0.5, 1.0)]
    drawn = curve_chart([Curve("<one>", "series-1", points)], "words")
    # The lowest value lies at the bottom of the 180 units below 12, the highest at their top.
    assert 'points="68.0,192.0 488.0,12.0"' in drawn
    assert "&lt;one&gt;: 1 at 2" in drawn
    assert curve_chart([Curve("none", "series-1", [])], "words") == ""
