"""The task list and who may open the pages of tasks, outputs and rubrics."""

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from rewards import signal_store
from rewards.models import Judgment, Task
from rewards.segmentation import sentences
from rewards.signals import RewardSignal
from tests.factories import make_judgment, make_output, make_rater, make_rating, make_rubric, make_task

READERS = {"owner", "manager", "viewer"}
MANAGERS = {"owner", "manager"}
PAGES = {
    "task-list": READERS,
    "task-detail": READERS,
    "task-diff": READERS,
    "output-detail": READERS,
    "signal-detail": READERS,
    "rubric-list": READERS,
    "rubric-detail": READERS,
    "rubric-version": READERS,
    "rubric-export": READERS,
    "rubric-diff": READERS,
    "rubric-reaggregate": READERS,
    "task-rubric-create": MANAGERS,
    "rubric-create": MANAGERS,
    "rubric-paste": MANAGERS,
    "rubric-edit": MANAGERS,
    "rubric-lint": MANAGERS,
    "rubric-archive": MANAGERS,
}
POSTED = {"rubric-lint", "rubric-archive"}
WITHOUT_ROW = {"task-list", "rubric-list", "rubric-create", "rubric-paste", "rubric-lint"}
REDIRECTS = {"output-detail", "rubric-archive"}


@pytest.fixture
def pages(cast):
    """Addresses of every page in the project `quill`, with something behind each."""
    old = make_task(cast.project, "a", is_current=False)
    task = make_task(cast.project, "a", version=2)
    output = make_output(task)
    rater = make_rater(cast.project)
    cut = sentences(["Paris."])
    new = signal_store.NewSignal(output, rater, "score", RewardSignal(cut, np.array([0.5])), "h")
    [signal] = signal_store.save_many([new])
    rubric = make_rubric(cast.project).rubric_id
    arguments = {
        "task-list": [],
        "task-detail": [task.pk],
        "task-diff": [task.pk, old.pk],
        "output-detail": [output.pk],
        "signal-detail": [signal],
        "task-rubric-create": [task.pk],
        "rubric-version": [rubric, 1],
        "rubric-export": [rubric, 1],
        "rubric-list": [],
        "rubric-create": [],
        "rubric-paste": [],
        "rubric-lint": [],
    }
    return {name: reverse(f"rewards:{name}", args=["quill", *arguments.get(name, [rubric])]) for name in PAGES}


def send(client, name, address):
    return client.post(address) if name in POSTED else client.get(address)


def statuses(client, pages):
    return {name: send(client, name, address).status_code for name, address in pages.items()}


def test_a_stranger_gets_404(cast, browse, pages):
    assert statuses(browse(cast.stranger), pages) == dict.fromkeys(PAGES, 404)


def test_rows_of_another_project_are_404_under_ones_own(cast, browse, pages):
    of_rows = {name: address.replace("quill", "vellum") for name, address in pages.items() if name not in WITHOUT_ROW}

    assert statuses(browse(cast.stranger), of_rows) == dict.fromkeys(of_rows, 404)


@pytest.mark.parametrize("role", ["owner", "manager", "annotator", "viewer"])
def test_each_role_opens_what_it_may(cast, browse, pages, role):
    allowed = {name: 302 if name in REDIRECTS else 200 for name, roles in PAGES.items() if role in roles}

    assert statuses(browse(getattr(cast, role)), pages) == dict.fromkeys(PAGES, 403) | allowed


def test_who_is_not_signed_in_is_sent_to_sign_in(client, pages):
    assert statuses(client, pages) == dict.fromkeys(PAGES, 302)


@pytest.mark.parametrize("n_tasks", [1, 3])
def test_the_list_costs_the_same_whatever_its_length(cast, browse, django_assert_num_queries, n_tasks):
    rater = make_rater(cast.project)
    for _ in range(n_tasks):
        make_rating(rater, make_output(make_task(cast.project, tags=["x"], split="dev")), 5)
    client = browse(cast.viewer)

    # session, user, project, splits, policies, tasks, judgment counts, saved filters
    with django_assert_num_queries(8):
        client.get("/p/quill/tasks/")


def listed(client, **query):
    response = client.get("/p/quill/tasks/", query)
    return [task.external_id for task in response.context["page"].rows]


@pytest.fixture
def tasks(cast):
    rated = make_task(cast.project, "math-1", prompt="Name a prime number", tags=["math", "easy"], split="train")
    make_rating(make_rater(cast.project), make_output(rated, policy="small"), 4)
    other = make_task(cast.project, "math-2", prompt="What is 7 × 8?", tags=["math"], split="dev")
    make_output(other, policy="large")
    make_task(cast.project, "Geo_1", prompt="The capital of France\r\nand its 'river'")
    make_task(cast.project, "old", is_current=False, prompt="prime")
    make_task(cast.other, "elsewhere", prompt="Name a prime number")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Geo_1", "math-2", "math-1"]),
        ({"sort": "id"}, ["Geo_1", "math-1", "math-2"]),
        ({"q": "MATH"}, ["math-2", "math-1"]),
        ({"q": "prim numb"}, ["math-1"]),
        ({"q": "ime"}, []),
        ({"q": "geo_"}, ["Geo_1"]),
        ({"q": "%"}, []),
        ({"q": "'river'"}, ["Geo_1"]),
        ({"q": "\\ ' & | ! :* <->"}, []),
        ({"tag": "easy"}, ["math-1"]),
        ({"split": "dev"}, ["math-2"]),
        ({"judged": "yes"}, ["math-1"]),
        ({"judged": "no", "tag": "math"}, ["math-2"]),
        ({"judged": "perhaps", "policy": "x", "sort": "y"}, ["Geo_1", "math-2", "math-1"]),
    ],
)
def test_filters_narrow_the_list(cast, browse, tasks, query, found):
    assert listed(browse(cast.viewer), **query) == found


def test_tasks_are_found_by_the_policy_that_answered(cast, browse, tasks):
    large = cast.project.policies.get(name="large")

    assert listed(browse(cast.viewer), policy=large.pk) == ["math-2"]


def test_the_offered_splits_are_those_of_current_tasks(cast, browse, tasks):
    assert browse(cast.viewer).get("/p/quill/tasks/").context["form"].splits == ["dev", "train"]


@pytest.mark.parametrize("sort", ["newest", "id"])
def test_pages_follow_each_other_without_gap_or_repeat(cast, browse, sort):
    Task.objects.bulk_create(
        Task(project=cast.project, external_id=f"t{n:03}", messages=[], content_hash="h") for n in range(120)
    )
    client, seen, cursor = browse(cast.viewer), [], None
    while True:
        page = client.get("/p/quill/tasks/", {"sort": sort, **({"cursor": cursor} if cursor else {})}).context["page"]
        seen += [task.external_id for task in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert len(seen) == 120
    assert seen == sorted(seen, reverse=sort == "newest")


def test_htmx_gets_the_results_alone(cast, browse, tasks):
    response = browse(cast.viewer).get("/p/quill/tasks/", {"q": "math"}, headers={"HX-Request": "true"})

    assert b"math-1" in response.content
    assert b"<html" not in response.content


def test_an_empty_list_says_how_to_fill_it(cast, browse):
    assert b"import_data --project quill" in browse(cast.manager).get("/p/quill/tasks/").content
    assert b"An owner or manager" in browse(cast.viewer).get("/p/quill/tasks/").content


def test_a_list_that_a_filter_emptied_says_so(cast, browse, tasks):
    assert b"No task fits" in browse(cast.viewer).get("/p/quill/tasks/", {"q": "zzz"}).content


def test_hostile_ids_tags_and_prompts_are_text(cast, browse):
    hostile = "<script>x</script>\"'><img src=x>"
    make_task(cast.project, hostile, prompt=hostile, tags=[hostile], split="<b>")

    page = browse(cast.viewer).get("/p/quill/tasks/").content.decode()

    assert "<script>x" not in page
    assert "<img src=x" not in page
    assert "<b>" not in page


def test_withdrawn_judgments_are_not_counted(cast, browse):
    task = make_task(cast.project)
    output, rater = make_output(task), make_rater(cast.project)
    for _ in range(2):
        make_judgment(rater, Judgment.Kind.RATING, task, output)
    Judgment.objects.filter(pk=Judgment.objects.latest("pk").pk).update(withdrawn_at=timezone.now())

    assert [row.n_judgments for row in browse(cast.viewer).get("/p/quill/tasks/").context["rows"]] == ["1"]
