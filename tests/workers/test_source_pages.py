"""Pages of sources, and a scorer tried on one output: what each kind of answer looks like."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from rewards.models import Judgment
from tests.factories import make_output, make_project, make_rubric, make_task, make_user
from tests.workers.counting_source import BREAKS, CountingSource, counting_scorer, registered, start
from tests.workers.scripted_engine import ScriptedEngine
from tests.workers.test_scorers import RESOLVED, make_endpoint
from workers import model_loading
from workers.actions.batches import claim_batch
from workers.actions.scorers import create_scorer
from workers.catalogue import FIDELITY_LABELS, FIDELITY_WORDS, GIVES_LABELS, INPUT_LABELS
from workers.models import Attempt, ModelEndpoint, Run
from workers.scoring import work_once
from workers.selection import OutputSelection
from workers.sources.contract import Estimate, Fidelity, Input
from workers.sources.registry import SOURCES
from workers.sources.replies import ParseState
from workers.sources.results import (
    ComparisonResult,
    CritiqueResult,
    Gives,
    RankingResult,
    RatingResult,
    Reply,
    Scored,
    Unscored,
    VerdictResult,
)

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


@dataclass
class GivingSource:
    """Gives what the test says, whatever it reads."""

    result: Scored | Unscored
    needs: frozenset[Input] = frozenset({Input.OUTPUT})
    reads_group: bool = False
    declaration: Any = field(init=False)

    def __post_init__(self):
        gives = self.result.gives if isinstance(self.result, Scored) else frozenset({Gives.RATINGS})
        self.declaration = replace(
            CountingSource.declaration,
            name="giving",
            gives=gives,
            needs=self.needs,
            parameters=(),
            reads_group=self.reads_group,
        )

    def check(self, parameters, roles):
        pass

    def estimate(self, items, parameters):
        return Estimate(len(items), len(items))

    def score(self, items, engines, parameters):
        return [self.result for _ in items]


@pytest.fixture
def manager():
    return make_user("manager")


@pytest.fixture
def project(manager):
    return make_project("mine", manager=manager)


@pytest.fixture
def page(client, project, manager):
    """Opens a page of the project as its manager."""
    client.force_login(manager)
    return lambda name, *rest, **query: client.get(address(project, name, *rest), query)


def address(project, name, *rest):
    return reverse(f"workers:{name}", args=[project.slug, *rest])


@contextmanager
def giving(project, result, **fields):
    """A scorer that gives this result, while its source is in the registry."""
    with registered(GivingSource(result, **fields)):
        rubric = make_rubric(project) if isinstance(result, Scored) and result.verdicts else None
        yield create_scorer(project=project, source="giving", actor=None, rubric_version=rubric)


def tried(client, project, scorer, chosen):
    """The page of a trial, once a worker has been at it."""
    started = client.post(address(project, "trial-create", scorer.pk), {"chosen": chosen})
    while work_once("cpu"):
        pass
    return client.get(started.url)


def test_every_source_has_a_page_with_all_that_it_declares(page):
    listed = page("source-list").content.decode()
    for name, source in SOURCES.items():
        declaration = source.declaration
        found = page("source-detail", name)
        shown = " ".join(found.content.decode().split())
        assert address_of(name) in listed
        assert found.context["entry"].declaration is declaration
        for parameter in declaration.parameters:
            assert f">{parameter.name}<" in shown
        for role in declaration.models:
            assert escaped(role.help) in shown
        assert escaped(declaration.checked_by) in shown
        assert escaped(declaration.formula) in found.content.decode()
        if declaration.prompt:
            assert escaped(declaration.prompt.default) in found.content.decode()
    assert page("source-detail", "no_such").status_code == 404


def address_of(name):
    return reverse("workers:source-detail", args=["mine", name])


def escaped(text):
    return Template("{{ text }}").render(Context({"text": text}))


def test_sources_stand_under_their_family_in_the_registrys_order(page):
    families = page("source-list").context["families"]
    assert [family.name for family in families] == list(
        dict.fromkeys(source.declaration.family for source in SOURCES.values())
    )
    assert sum(len(family.entries) for family in families) == len(SOURCES)


def test_pages_have_words_for_all_that_a_source_can_read_give_and_be_checked_against():
    assert set(INPUT_LABELS) == set(Input)
    assert set(GIVES_LABELS) == set(Gives)
    assert set(FIDELITY_LABELS) == set(FIDELITY_WORDS) == set(Fidelity)


def test_a_source_says_why_it_cannot_be_used_and_offers_no_scorer(page, project):
    make = address(project, "scorer-create", "rubric_judge")
    found = page("source-detail", "rubric_judge").content.decode()
    assert "No model is registered" in found
    assert make not in found
    make_endpoint()
    found = page("source-detail", "rubric_judge").content.decode()
    assert "Not available here" not in found
    assert make in found


def test_the_list_of_sources_asks_no_more_for_three_models_than_for_one(page, django_assert_num_queries):
    make_endpoint("one")
    with CaptureQueriesContext(connection) as one:
        page("source-list")
    make_endpoint("two")
    make_endpoint("three")
    with django_assert_num_queries(len(one)):
        page("source-list")


def test_arxiv_numbers_lead_to_the_paper_and_all_else_is_escaped():
    paper = "A & B 2025, arXiv 2507.17746 (after arXiv:2102.09690v2)<b>"
    shown = Template("{% load papers %}{{ paper|with_links }}").render(Context({"paper": paper}))
    assert shown == (
        'A &amp; B 2025, <a href="https://arxiv.org/abs/2507.17746" rel="noreferrer">arXiv 2507.17746</a> '
        '(after <a href="https://arxiv.org/abs/2102.09690v2" rel="noreferrer">arXiv:2102.09690v2</a>)&lt;b&gt;'
    )


def test_programs_read_one_source_with_its_prompt_and_its_family(project, manager):
    api = APIClient()
    api.force_authenticate(manager)
    found = api.get("/api/v1/projects/mine/sources/rubric_judge").json()
    declaration = SOURCES["rubric_judge"].declaration
    assert found["family"] == declaration.family
    assert found["prompt"]["default"] == declaration.prompt.default
    assert [place["name"] for place in found["prompt"]["places"]][:2] == ["task", "context"]
    assert found["prompt_sha256"] == declaration.prompt_sha256
    assert (found["reads_group"], found["gives"]) == (False, ["verdicts"])
    assert api.get("/api/v1/projects/mine/sources/no_such").status_code == 404


def test_a_trial_waits_asks_again_and_then_shows_the_signal(client, page, project, counting):
    make_output(make_task(project), "four", external_id="o-1")
    scorer = counting_scorer(project)
    assert "Try it on one output" in page("scorer-detail", scorer.pk).content.decode()
    started = client.post(address(project, "trial-create", scorer.pk), {"chosen": " o-1 "})
    waiting = client.get(started.url).content.decode()
    assert "Waiting for a worker" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    work_once("cpu")
    over = client.get(started.url, HTTP_HX_REQUEST="true").content.decode()
    assert "<html" not in over
    assert "hx-trigger" not in over.partition(">")[0]
    assert "<strong>Sum +4</strong>" in over
    assert Run.objects.get().item_count == 1


def test_a_second_trial_takes_over_what_is_known(client, page, project, counting):
    make_output(make_task(project), "four", external_id="o-1")
    scorer = counting_scorer(project)
    client.force_login(project.memberships.get().user)
    tried(client, project, scorer, "o-1")
    again = tried(client, project, scorer, "o-1").content.decode()
    assert "taken over" in again
    assert "<strong>Sum +4</strong>" in again
    assert counting.texts == ["four"]


def test_an_output_that_is_not_there_is_said_and_nothing_starts(client, page, project, counting):
    scorer = counting_scorer(project)
    make_output(make_task(make_project()), external_id="theirs")
    client.force_login(project.memberships.get().user)
    for chosen, said in (("theirs", "There is no output &#x27;theirs&#x27;"), ("", "Name the output")):
        answer = client.post(address(project, "trial-create", scorer.pk), {"chosen": chosen}, follow=True)
        assert said in answer.content.decode()
    assert not Run.objects.exists()


def test_a_trial_of_another_scorer_or_project_is_not_found(client, page, project, counting, manager):
    make_output(make_task(project), external_id="o-1")
    run = start(project, counting_scorer(project))
    other = counting_scorer(project, factor=2.0)
    assert page("trial-detail", run.scorer_id, run.pk).status_code == 200
    assert page("trial-detail", other.pk, run.pk).status_code == 404
    elsewhere = make_project("elsewhere", manager=manager)
    assert client.get(address(elsewhere, "trial-detail", run.scorer_id, run.pk)).status_code == 404


def test_a_trial_is_not_kept_waiting_by_a_long_run(project, counting):
    for number in range(3):
        make_output(make_task(project), "x" * number, external_id=f"o-{number}")
    scorer = counting_scorer(project)
    start(project, scorer)
    trial = start(project, scorer, selection=OutputSelection(output_ids=("o-1",)))
    assert claim_batch(queue="cpu", worker="w", loaded_endpoints=()).run == trial


def test_verdicts_stand_as_bars_beside_their_prior(client, page, project):
    make_output(make_task(project), "Paris.", external_id="o-1")
    verdict = VerdictResult(
        "correct", "scored", 0.75, "Yes", probabilities={"Yes": 0.75, "No": 0.25}, prior={"Yes": 0.5, "No": 0.5}
    )
    with giving(project, Scored((verdict,)), needs=frozenset({Input.OUTPUT, Input.CRITERIA})) as scorer:
        client.force_login(project.memberships.get().user)
        shown = tried(client, project, scorer, "o-1").content.decode()
    # Of 120 units: 0.75 is 90 and the prior's mark stands at 60.
    assert '<rect class="bar series-1" x="0" y="2" width="90.0" height="6"/>' in shown
    assert '<line class="prior" x1="60.0"' in shown
    assert "prior 0.50" in shown


def test_a_rating_stands_on_its_scale_with_its_probabilities(client, page, project):
    make_output(make_task(project), "Paris.", external_id="o-1")
    rating = RatingResult("clarity", 4.0, 1, 5, probabilities={"4": 1.0})
    with giving(project, Scored(ratings=(rating, RatingResult("depth", None, 1, 5)))) as scorer:
        client.force_login(project.memberships.get().user)
        shown = tried(client, project, scorer, "o-1").content.decode()
    # (4 - 1) / (5 - 1) of 120 units.
    assert 'cx="90.0"' in shown
    assert "Clarity" in shown
    assert "4 of 5" in shown
    assert "not applicable" in shown
    assert 'width="120.0"' in shown


def test_a_comparison_shows_the_order_and_that_it_flipped(client, page, project):
    task = make_task(project, "t-1")
    for policy in ("ant", "bee"):
        make_output(task, policy, policy=policy)
    flip = ComparisonResult(0, 1, "tie", "flip", order_choices=("a", "b"), replies=(spoken("A"),))
    with giving(project, Scored(comparisons=(flip,)), reads_group=True) as scorer:
        client.force_login(project.memberships.get().user)
        assert "Try it on one task" in client.get(address(project, "scorer-detail", scorer.pk)).content.decode()
        shown = " ".join(tried(client, project, scorer, "t-1").content.decode().split())
    assert "changed with the order" in shown
    assert "ant shown before bee:</span> chose <strong>ant</strong>" in shown
    assert "bee shown before ant:</span> chose <strong>bee</strong>" in shown


def test_a_ranking_shows_all_in_order_with_ties(client, page, project):
    task = make_task(project, "t-1")
    for policy in ("ant", "bee", "cat"):
        make_output(task, policy, policy=policy)
    with giving(project, Scored(ranking=RankingResult((2, 1, 2))), reads_group=True) as scorer:
        client.force_login(project.memberships.get().user)
        found = tried(client, project, scorer, "t-1")
    [first, *_] = found.context["page"].panels
    [answer] = first.summary.rankings.answers
    tiers = [[(member.name, member.is_this) for member in tier] for tier in answer.tiers]
    assert tiers == [[("bee", False)], [("ant", True), ("cat", False)]]
    assert "order-strip" in found.content.decode()


def test_critiques_are_shown_as_the_model_wrote_them_and_never_as_markup(client, page, project):
    make_output(make_task(project), "Paris.", external_id="o-1")
    result = Scored(critiques=(CritiqueResult("missing", f"The year. {HOSTILE}"),), replies=(spoken(HOSTILE),))
    with giving(project, result) as scorer:
        client.force_login(project.memberships.get().user)
        shown = tried(client, project, scorer, "o-1").content.decode()
        assert "Missing information" in shown
        assert "The year. &lt;script&gt;" in shown
        judgment = Judgment.objects.get()
        replies = client.get(reverse("rewards:judgment-replies", args=[project.slug, judgment.pk]))
    said = replies.content.decode()
    assert "&lt;script&gt;alert(1)" in said
    assert "<script>alert" not in shown + said
    assert "1 of 1 replies parsed" not in said
    assert "1 of 1 reply parsed" in said


def spoken(text, state=ParseState.PARSED):
    return Reply(
        "overall", "1" * 64, state, text=text, prompt_tokens=30, reply_tokens=4, cost=0.25, seconds=0.5, seed=7
    )


def test_what_could_not_be_read_is_shown_raw_with_its_state_and_counted(client, page, project):
    make_output(make_task(project), "Paris.", external_id="o-1")
    said = (spoken("{}", ParseState.MISSING_FIELD), spoken(f"{HOSTILE} 7"))
    with giving(project, Unscored("missing_field", "the reply has no field score", said)) as scorer:
        client.force_login(project.memberships.get().user)
        shown = tried(client, project, scorer, "o-1").content.decode()
    attempt = Attempt.objects.get()
    run = Run.objects.get()
    pages = [
        shown,
        client.get(address(project, "attempt-detail", attempt.pk)).content.decode(),
    ]
    for found in pages:
        assert "the reply has no field score" in found
        assert "missing field" in found
        assert "&lt;script&gt;alert(1)&lt;/script&gt; 7</pre>" in found
        assert "<script>alert" not in found
    assert "1 of 2 parsed" in shown
    assert (run.reply_count, run.understood_count) == (2, 1)
    assert "1 of 2 parsed" in client.get(address(project, "run-detail", run.pk)).content.decode()
    items = client.get(address(project, "run-items", run.pk)).content.decode()
    assert address(project, "attempt-detail", attempt.pk) in items


def test_a_scorers_page_and_the_api_sum_up_what_models_were_asked(client, page, project, manager):
    make_output(make_task(project), "Paris.", external_id="o-1")
    with giving(project, Scored(ratings=(RatingResult("overall", 1, 0, 1),), replies=(spoken("1"),))) as scorer:
        client.force_login(manager)
        tried(client, project, scorer, "o-1")
        Run.objects.update(prompt_tokens=1500, reply_tokens=20, cost=0.125)
        shown = client.get(address(project, "scorer-detail", scorer.pk)).content.decode()
    assert "1 of 1 parsed" in shown
    assert "1,500 read, 20 written" in shown
    assert "0.125" in shown
    api = APIClient()
    api.force_authenticate(manager)
    [run] = api.get("/api/v1/projects/mine/runs").json()["results"]
    assert (run["reply_count"], run["understood_count"], run["prompt_tokens"], run["cost"]) == (1, 1, 1500, 0.125)


def test_a_failed_trial_says_so(client, page, project, counting):
    make_output(make_task(project), BREAKS, external_id="o-1")
    client.force_login(project.memberships.get().user)
    shown = tried(client, project, counting_scorer(project), "o-1").content.decode()
    assert "RuntimeError: this source breaks" in shown
    assert "No value: an unexpected error" in shown


def test_suggestions_are_of_this_project_and_hold_what_was_typed(page, project):
    task = make_task(project, "maths-1")
    for number in range(3):
        make_output(task, "x", external_id=f"maths-1/{number}")
    make_output(make_task(project, "poem-1"), HOSTILE, external_id="poem-1/0")
    make_output(make_task(make_project(), "maths-9"), external_id="maths-9/0")
    found = page("output-options", chosen="MATHS").content.decode()
    assert found.count("<option") == 3
    assert "maths-9" not in found
    assert "&lt;script&gt;" in page("output-options", output="poem").content.decode()
    assert page("task-options", chosen="").content.decode().count("<option") == 2


def test_a_trial_with_a_model_shows_its_verdicts_under_the_rubric(client, page, project, monkeypatch):
    endpoint = ModelEndpoint.objects.create(
        name="m",
        engine="transformers",
        reference="m",
        resolved=RESOLVED,
        capabilities=["choose"],
        probed_at="2026-01-01T00:00Z",
    )
    engine = ScriptedEngine()
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: engine)
    make_output(make_task(project), "Yes.", external_id="o-1")
    scorer = create_scorer(
        project=project,
        source="rubric_judge",
        actor=None,
        endpoints={"judge": endpoint},
        rubric_version=make_rubric(project),
    )
    client.force_login(project.memberships.get().user)
    started = client.post(address(project, "trial-create", scorer.pk), {"chosen": "o-1"})
    work_once("gpu")
    shown = client.get(started.url).content.decode()
    assert "Verdicts under" in shown
