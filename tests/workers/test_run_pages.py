"""Pages of sources, models and runs: who sees them, what they show, what they change."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import make_output, make_project, make_rubric, make_task, make_user
from tests.workers.counting_source import BREAKS, REFUSED, counting_scorer, start
from workers.models import Attempt, ModelEndpoint, Run, RunItem, Scorer
from workers.scoring import work_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return {role: make_user(role) for role in ("owner", "manager", "viewer", "annotator", "stranger")}


@pytest.fixture
def project(people):
    members = {role: people[role] for role in ("owner", "manager", "viewer", "annotator")}
    return make_project("mine", **members)


@pytest.fixture
def scorer(project, counting):
    return counting_scorer(project)


@pytest.fixture
def run(project, scorer):
    task = make_task(project)
    for text in ("a", f"{REFUSED} <script>alert(1)</script>", BREAKS):
        make_output(task, text)
    run = start(project, scorer)
    while work_once("cpu"):
        pass
    run.refresh_from_db()
    return run


@pytest.fixture
def endpoint(project):
    return ModelEndpoint.objects.create(project=project, name="m", engine="transformers", reference="owner/m")


@pytest.fixture
def addresses(project, scorer, run, endpoint):
    failed = Attempt.objects.get(status=Attempt.Status.FAILED)
    args = {
        "scorer-list": [],
        "scorer-create": ["counting"],
        "scorer-detail": [scorer.pk],
        "endpoint-list": [],
        "run-list": [],
        "run-create": [],
        "run-detail": [run.pk],
        "run-items": [run.pk],
        "attempt-detail": [failed.pk],
    }
    posts = {
        "scorer-archive": [scorer.pk],
        "endpoint-probe": [endpoint.pk],
        "run-estimate": [],
        "run-change": [run.pk],
    }
    return (
        {name: reverse(f"workers:{name}", args=[project.slug, *rest]) for name, rest in args.items()},
        {name: reverse(f"workers:{name}", args=[project.slug, *rest]) for name, rest in posts.items()},
    )


MANAGERS_ONLY = {"scorer-create", "run-create", "attempt-detail"}


def test_a_stranger_gets_404_everywhere_and_somebody_unknown_the_sign_in_page(client, people, addresses):
    gets, posts = addresses
    for url in gets.values():
        assert client.get(url).status_code == 302, url
    for url in posts.values():
        assert client.post(url).status_code == 302, url
    client.force_login(people["stranger"])
    for url in gets.values():
        assert client.get(url).status_code == 404, url
    for url in posts.values():
        assert client.post(url).status_code == 404, url


def test_an_annotator_is_shown_none_of_it(client, people, addresses):
    gets, posts = addresses
    client.force_login(people["annotator"])
    for url in gets.values():
        assert client.get(url).status_code == 403, url
    for url in posts.values():
        assert client.post(url).status_code == 403, url


def test_a_viewer_reads_and_changes_nothing(client, people, addresses):
    gets, posts = addresses
    client.force_login(people["viewer"])
    for name, url in gets.items():
        assert client.get(url).status_code == (403 if name in MANAGERS_ONLY else 200), url
    for url in posts.values():
        assert client.post(url).status_code == 403, url


def test_a_manager_opens_every_page(client, people, addresses):
    client.force_login(people["manager"])
    for url in addresses[0].values():
        assert client.get(url).status_code == 200, url


def test_what_belongs_to_another_project_is_not_found_in_this_one(client, people, project, run, scorer):
    other = make_project("other", manager=people["manager"])
    client.force_login(people["manager"])
    for name, pk in (("run-detail", run.pk), ("run-items", run.pk), ("scorer-detail", scorer.pk)):
        assert client.get(reverse(f"workers:{name}", args=[other.slug, pk])).status_code == 404
    assert client.post(reverse("workers:run-change", args=[other.slug, run.pk]), {"cancel": 1}).status_code == 404


def test_the_run_page_says_how_many_and_why_not_and_escapes_what_it_quotes(client, people, project, run):
    client.force_login(people["viewer"])
    page = client.get(reverse("workers:run-detail", args=[project.slug, run.pk])).content.decode()
    assert "1 of 3 scored" in page
    assert "1 unscored" in page
    assert "Longer than the model&#x27;s context" in page
    items = client.get(reverse("workers:run-items", args=[project.slug, run.pk]), {"status": "unscored"})
    assert "&lt;script&gt;" in items.content.decode()
    assert "<script>alert" not in items.content.decode()
    assert [item.status for item in items.context["page"].rows] == ["unscored"]


def test_only_managers_see_the_traceback(client, people, project, run):
    failed = Attempt.objects.get(status=Attempt.Status.FAILED)
    url = reverse("workers:attempt-detail", args=[project.slug, failed.pk])
    items = reverse("workers:run-items", args=[project.slug, run.pk])
    client.force_login(people["viewer"])
    assert url not in client.get(items).content.decode()
    client.force_login(people["manager"])
    assert url in client.get(items).content.decode()
    assert "RuntimeError: this source breaks" in client.get(url).content.decode()


def test_the_buttons_cancel_resume_and_retry(client, people, project, scorer, run):
    client.force_login(people["manager"])
    url = reverse("workers:run-change", args=[project.slug, run.pk])
    assert client.post(url, {"retry": 1}).status_code == 302
    run.refresh_from_db()
    assert (run.status, run.failed_count) == (Run.Status.RUNNING, 0)
    partial = client.post(url, {"cancel": 1}, HTTP_HX_REQUEST="true")
    assert partial.status_code == 200
    assert b'name="resume"' in partial.content
    assert b"<html" not in partial.content
    client.post(url, {"resume": 1})
    run.refresh_from_db()
    assert run.status == Run.Status.RUNNING


def test_a_refused_change_is_shown_as_a_message(client, people, project, run):
    client.force_login(people["manager"])
    url = reverse("workers:run-change", args=[project.slug, run.pk])
    refused = client.post(url, {"cancel": 1}, HTTP_HX_REQUEST="true")
    assert refused["X-Error-Code"] == "run_not_active"
    assert client.post(url, {"cancel": 1}).status_code == 409


def test_a_run_is_estimated_and_started_from_the_page(client, people, project, scorer):
    task = make_task(project, tags=["maths"])
    make_output(task, "x" * 40)
    make_output(make_task(project), "y")
    client.force_login(people["manager"])
    chosen = {"scorer": scorer.pk, "tags": "maths, other", "repeats": 2, "only_unscored": "on"}
    estimate = client.post(reverse("workers:run-estimate", args=[project.slug]), chosen, HTTP_HX_REQUEST="true")
    assert estimate.context_data["estimate"].items == 2
    assert not Run.objects.exists()
    started = client.post(reverse("workers:run-create", args=[project.slug]), chosen)
    run = Run.objects.get()
    assert started.url == reverse("workers:run-detail", args=[project.slug, run.pk])
    assert (run.item_count, run.created_by) == (2, people["manager"])
    assert run.selection == {"tags": ["maths", "other"], "only_unscored": True}


def test_a_scorer_of_another_project_cannot_be_run_here(client, people, project, counting):
    foreign = counting_scorer(make_project("other"))
    make_output(make_task(project))
    client.force_login(people["manager"])
    page = client.post(reverse("workers:run-create", args=[project.slug]), {"scorer": foreign.pk, "repeats": 1})
    assert page.status_code == 200
    assert not Run.objects.exists()


def test_the_form_of_a_scorer_follows_its_source(client, people, project):
    ModelEndpoint.objects.create(
        name="judge", engine="transformers", reference="r", probed_at="2026-01-01T00:00Z", capabilities=["choose"]
    )
    make_rubric(project, "Quality")
    client.force_login(people["manager"])
    page = client.get(reverse("workers:scorer-create", args=[project.slug, "rubric_judge"]))
    assert list(page.context["form"].fields) == [
        "name",
        "rubric",
        "prompt",
        "judge",
        "use_reference",
        "use_context",
        "include_thinking",
        "calibrate",
        "length_handling",
    ]
    assert client.get(reverse("workers:scorer-create", args=[project.slug, "no_such"])).status_code == 404


def test_a_scorer_is_made_from_the_page_and_can_be_run_from_there(client, people, project, counting):
    client.force_login(people["manager"])
    made = client.post(reverse("workers:scorer-create", args=[project.slug, "counting"]), {"factor": "2.5"})
    scorer = Scorer.objects.get()
    assert scorer.parameters == {"factor": 2.5}
    assert made.url == reverse("workers:scorer-detail", args=[project.slug, scorer.pk])
    page = client.get(made.url).content.decode()
    assert f"{reverse('workers:run-create', args=[project.slug])}?scorer={scorer.pk}" in page
    refused = client.post(reverse("workers:scorer-create", args=[project.slug, "counting"]), {"factor": "99"})
    assert "factor" in refused.context["form"].errors


def test_a_source_without_a_model_is_greyed_with_the_reason(client, people, project, endpoint):
    ModelEndpoint.objects.filter(pk=endpoint.pk).update(failure="there is no folder m", probed_at="2026-01-01T00:00Z")
    client.force_login(people["manager"])
    page = client.get(reverse("workers:source-list", args=[project.slug])).content.decode()
    assert "m cannot be used: there is no folder m" in page
    assert reverse("workers:scorer-create", args=[project.slug, "log_ratio"]) not in page


def test_an_archived_scorer_leaves_the_list_and_comes_back_when_it_is_made_again(client, people, project, scorer):
    client.force_login(people["manager"])
    client.post(reverse("workers:scorer-archive", args=[project.slug, scorer.pk]))
    page = client.get(reverse("workers:scorer-list", args=[project.slug]))
    assert page.context["page"].rows == []
    assert counting_scorer(project) == scorer
    assert client.get(reverse("workers:scorer-list", args=[project.slug])).context["page"].rows == [scorer]


def test_registering_a_model_waits_for_a_worker(client, people, project):
    client.force_login(people["manager"])
    url = reverse("workers:endpoint-list", args=[project.slug])
    client.post(url, {"name": "big", "reference": "owner/big", "revision": "main", "dtype": "bfloat16"})
    endpoint = ModelEndpoint.objects.get()
    assert endpoint.state == ModelEndpoint.State.WAITING
    again = client.post(url, {"name": "big", "reference": "owner/other", "dtype": "bfloat16"})
    assert "name" in again.context["form"].errors


@pytest.mark.parametrize("name", ["run-list", "scorer-list", "endpoint-list"])
def test_a_list_costs_the_same_for_one_and_for_three_rows(
    client, people, project, scorer, name, django_assert_num_queries
):
    def add_row(number):
        make_output(make_task(project), "x" * (number + 1))
        start(project, counting_scorer(project, factor=float(number)))
        ModelEndpoint.objects.create(project=project, name=f"m{number}", engine="transformers", reference="r")

    client.force_login(people["viewer"])
    url = reverse(f"workers:{name}", args=[project.slug])
    add_row(1)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    add_row(2)
    add_row(3)
    with django_assert_num_queries(len(one)):
        client.get(url)


def test_the_items_of_a_run_cost_the_same_for_one_and_for_three_rows(
    client, people, project, scorer, django_assert_num_queries
):
    client.force_login(people["viewer"])
    counts = []
    for outputs in (1, 3):
        for number in range(outputs):
            make_output(make_task(project), "x" * (number + 1))
        run = start(project, counting_scorer(project, factor=float(outputs)))
        while work_once("cpu"):
            pass
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("workers:run-items", args=[project.slug, run.pk]))
        counts.append(len(queries))
    assert RunItem.objects.filter(status="scored").count() == 5
    assert counts[0] == counts[1]
