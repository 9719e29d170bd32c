"""Studies: what they compute from stored judgments, and who may ask them."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command

from annotations.actions.study import run_study, work_out
from annotations.models import Study
from annotations.studies.inputs import people_of, rating_triples
from rewards.actions.imports import import_files
from rewards.formats.sources import SourceFile
from rewards.models import Rater
from tests.factories import make_comparison, make_output, make_project, make_rater, make_rating, make_task, make_user

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sparse_feedback"
pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("study-project", owner=owner)


@pytest.fixture
def judged(project):
    """One pair where rating and comparison agree, one where they reverse."""
    rater = make_rater(project, "ann")
    for number, choice in enumerate(["a", "b"]):
        task = make_task(project, f"t{number}")
        a, b = make_output(task, "One two three."), make_output(task, "One.")
        make_rating(rater, a, 6)
        make_rating(rater, b, 3)
        make_comparison(rater, a, b, choice)
    return project


def test_ratings_that_imply_a_are_tabulated_by_what_the_comparison_says(judged):
    result = run_study(judged, kind="consistency", parameters={"question": "overall"}).result
    assert (result["pairs"], result["consistent"], result["hard_reversals"]) == (2, 1, 1)
    assert result["table"] == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert [row["kind"] for row in result["contradictions"]] == ["reversal"]


def test_a_withdrawn_judgment_counts_no_longer(judged):
    from django.utils import timezone

    judged.judgments.filter(kind="comparison").update(withdrawn_at=timezone.now())
    assert run_study(judged, kind="consistency", parameters={"question": "overall"}).result["pairs"] == 0


@pytest.mark.skipif(not DATA.exists(), reason="the public data folder is not here")
def test_the_command_prints_the_table_of_the_public_sample(capsys):
    project = make_project("sparse")
    names = ["feedback_ratings_sample_generation.csv", "feedback_rankings_sample_generation.csv"]
    files = [SourceFile(name, io.BytesIO((DATA / name).read_bytes())) for name in names]
    import_files(project, by=None, format_name="sparse_feedback", files=files)
    call_command("study", "consistency", "--project", "sparse", "--json")
    result = json.loads(capsys.readouterr().out)
    # data/README.md: 66 of 117, table [19,10,8] [6,26,9] [11,7,21]; both decisive 61, 45 agree, 16 reversals.
    assert (result["pairs"], result["consistent"]) == (117, 66)
    assert result["table"] == [[19, 10, 8], [6, 26, 9], [11, 7, 21]]
    assert (result["both_decisive"], result["agreeing"], result["hard_reversals"]) == (61, 45, 16)
    assert [(row["gap"], row["agreeing"], row["reversed"], row["equal"]) for row in result["by_gap"]][1:] == [
        (1, 25, 13, 9),
        (2, 12, 3, 7),
        (3, 8, 0, 1),
    ]
    assert (result["rating_count"], result["comparison_count"]) == (99, 118)


def test_agreement_of_two_raters_is_krippendorffs_alpha(project):
    # Units (4, 5), (6, 6): D_o = (1 + 1 + 0 + 0) / 4 = 1/2. Values 4, 5, 6, 6: the squared differences of the six
    # unordered pairs are 1, 4, 4, 1, 1, 0 and sum to 11; D_e = 2 * 11 / (4 * 3) = 11/6; alpha = 1 - 3/11 = 8/11.
    task = make_task(project)
    for value, other in [(4, 5), (6, 6)]:
        output = make_output(task)
        for name, given in (("ann", value), ("bob", other)):
            rater = project.raters.filter(name=name).first() or make_rater(project, name)
            make_rating(rater, output, given)
    result = run_study(
        project, kind="agreement", parameters={"protocol": "rating", "metric": "interval", "question": "overall"}
    ).result
    assert result["alpha"] == pytest.approx(8 / 11)
    assert result["pairs"][0]["alpha"] == pytest.approx(8 / 11)
    assert (result["n_units"], result["n_raters"]) == (2, 2)


def test_a_settled_answer_is_a_rater_of_a_study_only_where_it_is_named(project):
    output = make_output(make_task(project))
    person = make_rater(project)
    settled = Rater.objects.create(project=project, kind="person", name="Adjudicated: it", pseudonym="adjudicated-1")
    for rater in (person, settled):
        make_rating(rater, output, 3)
    assert rating_triples(project, question="overall", raters=()).raters == [person.pk]
    assert rating_triples(project, question="overall", raters=[settled.pk]).raters == [settled.pk]
    assert people_of(project) == [person.pk]


def test_comparisons_agree_whichever_output_came_first(project):
    task = make_task(project)
    a, b, c = (make_output(task, text) for text in "abc")
    ann, bob = make_rater(project, "ann"), make_rater(project, "bob")
    make_comparison(ann, a, b, "a")
    make_comparison(bob, b, a, "b")
    make_comparison(ann, a, c, "tie", "both_good")
    make_comparison(bob, c, a, "tie", "both_bad")
    result = run_study(project, kind="agreement", parameters={"protocol": "comparison", "metric": "nominal"}).result
    assert result["alpha"] == 1.0


def test_a_study_that_is_taken_is_not_computed_twice(project):
    study = Study.objects.create(project=project, kind="consistency", parameters={"question": "overall"})
    Study.objects.filter(pk=study.pk).update(status="running", started_at="2999-01-01T00:00Z")
    assert work_out(study.pk).status == "running"


def test_the_page_asks_a_study_and_shows_what_it_found(client, owner, judged, django_capture_on_commit_callbacks):
    client.force_login(owner)
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post("/p/study-project/compare/new/consistency/", {"question": "overall", "seed": "0"})
    page = client.get(response.url).content.decode()
    assert "Contradictory pairs to read" in page
    assert "One two three." in page
    assert "Hard reversals" in page
    assert client.get("/p/study-project/compare/").status_code == 200


def test_an_output_with_markup_is_shown_as_text(client, owner, project):
    task = make_task(project)
    a, b = make_output(task, "<script>alert(1)</script>"), make_output(task, "B")
    rater = make_rater(project)
    make_rating(rater, a, 6)
    make_rating(rater, b, 3)
    make_comparison(rater, a, b, "b")
    study = run_study(project, kind="consistency", parameters={"question": "overall"})
    client.force_login(owner)
    page = client.get(f"/p/study-project/compare/{study.pk}/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_empty_project_gets_an_empty_state_and_not_a_rate(client, owner, project):
    study = run_study(project, kind="consistency", parameters={"question": "overall"})
    client.force_login(owner)
    page = client.get(f"/p/study-project/compare/{study.pk}/").content.decode()
    assert "Nothing to compare yet" in page


@pytest.mark.parametrize("kind", ["agreement", "consistency"])
def test_both_kinds_have_a_form(client, owner, judged, kind):
    client.force_login(owner)
    page = client.get(f"/p/study-project/compare/new/{kind}/").content.decode()
    assert "ann (from an import)" in page


def test_a_nominal_question_takes_no_distances(client, owner, judged):
    client.force_login(owner)
    answers = {"protocol": "comparison", "metric": "interval", "question": "overall", "seed": "0"}
    page = client.post("/p/study-project/compare/new/agreement/", answers).content.decode()
    assert "choose nominal" in page
    assert not Study.objects.exists()


@pytest.mark.parametrize("address", ["", "new/consistency/", "{pk}/"])
def test_strangers_find_nothing_and_annotators_are_refused(client, project, address):
    study = run_study(project, kind="consistency", parameters={"question": "overall"})
    url = f"/p/study-project/compare/{address.format(pk=study.pk)}"
    assert client.get(url).status_code == 302
    client.force_login(make_user("stranger"))
    assert client.get(url).status_code == 404
    annotator = make_user("anna")
    project.memberships.create(user=annotator, role="annotator")
    client.force_login(annotator)
    assert client.get(url).status_code == 403


def test_only_who_manages_deletes_a_study(client, project, owner):
    study = run_study(project, kind="consistency", parameters={"question": "overall"})
    viewer = make_user("vera")
    project.memberships.create(user=viewer, role="viewer")
    client.force_login(viewer)
    assert client.post(f"/p/study-project/compare/{study.pk}/delete/").status_code == 403
    client.force_login(owner)
    assert client.post(f"/p/study-project/compare/{study.pk}/delete/").status_code == 302
    assert not Study.objects.exists()


def test_the_list_costs_the_same_with_one_study_and_with_three(client, owner, project, django_assert_num_queries):
    client.force_login(owner)
    parameters = {"question": "overall"}
    run_study(project, kind="consistency", parameters=parameters)
    client.get("/p/study-project/compare/")
    # session, user, project with role, studies
    with django_assert_num_queries(4):
        client.get("/p/study-project/compare/")
    run_study(project, kind="consistency", parameters=parameters)
    run_study(project, kind="consistency", parameters=parameters)
    with django_assert_num_queries(4):
        client.get("/p/study-project/compare/")


def test_the_api_asks_and_answers(client, owner, judged, django_capture_on_commit_callbacks):
    client.force_login(owner)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(
            "/api/v1/projects/study-project/studies",
            {"kind": "consistency", "parameters": {"question": "overall"}},
            content_type="application/json",
        )
    assert answer.status_code == 201
    found = client.get(f"/api/v1/projects/study-project/studies/{answer.json()['id']}").json()
    assert (found["status"], found["result"]["pairs"]) == ("ready", 2)
    assert client.get("/api/v1/projects/study-project/studies").json()["results"][0]["id"] == found["id"]


def test_the_api_names_the_parameter_that_is_wrong(client, owner, judged):
    client.force_login(owner)
    answer = client.post(
        "/api/v1/projects/study-project/studies",
        {"kind": "agreement", "parameters": {"protocol": "rating", "metric": "vibes"}},
        content_type="application/json",
    )
    assert answer.status_code == 400
    assert "parameters.metric" in answer.json()["fields"]


def test_the_api_hides_studies_from_strangers(client, project):
    study = run_study(project, kind="consistency", parameters={"question": "overall"})
    client.force_login(make_user("stranger"))
    assert client.get("/api/v1/projects/study-project/studies").status_code == 404
    assert client.get(f"/api/v1/projects/study-project/studies/{study.pk}").status_code == 404
