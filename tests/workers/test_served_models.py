"""Models behind HTTP from registration to stored judgments: keys, probes, runs, failures and budgets."""

import json
import logging

import pytest
from django.core.management import call_command

from projects.encryption import decrypt
from projects.errors import AppError
from projects.models import AuditEvent
from rewards.models import Judgment
from rewards.models.judgment import JudgmentTrace
from tests.factories import make_output, make_project, make_rubric, make_task, make_user
from tests.workers.counting_source import start
from tests.workers.replaying import replay_server, status
from workers import model_loading, served_models
from workers.actions.batches import claim_batch
from workers.actions.budgets import set_project_budget, set_run_budget, stop_spent_run
from workers.actions.endpoints import probe_endpoint
from workers.actions.runs import cancel_run, resume_run, retry_failed
from workers.actions.scorers import create_scorer
from workers.actions.servers import Terms, change_server, register_server
from workers.engines.openai_client import OpenAIClient
from workers.models import Attempt, Batch, ModelEndpoint, Run
from workers.progress import reason_label
from workers.scoring import score_batch, work_once

pytestmark = pytest.mark.django_db

KEY = "sk-never-shown-4711"
# The hosted server's replies to a choice take 40 prompt tokens and 1 of a reply; an item asks two (the content-free
# one as well): 82 tokens at a price of 1,000,000 a million each cost 82.
PRICES = {"prompt_per_million": 1_000_000.0, "reply_per_million": 1_000_000.0, "currency": "USD"}
ITEM_COST = 82.0


@pytest.fixture(scope="module")
def server():
    with replay_server("hosted") as running:
        yield running


@pytest.fixture
def opened(server, settings, monkeypatch):
    """The server, opened by the operator; its engines pause by no clock and are let go of after the test."""
    settings.OUTGOING_LOCAL_HOSTS = [server.host]
    server.fail_next()
    server.requests()
    made = OpenAIClient.__init__

    def without_pauses(self, *args, **kwargs):
        made(self, *args, **{**kwargs, "sleep": lambda pause: None})

    monkeypatch.setattr(OpenAIClient, "__init__", without_pauses)
    yield server
    model_loading.let_go_of_models()


@pytest.fixture
def project():
    return make_project()


def register(server, project=None, **fields):
    fields.setdefault("key", KEY)
    terms = Terms(
        {"concurrency": 8, "timeout_seconds": 20, **fields.pop("limits", {})},
        fields.pop("prices", {}),
        fields.pop("budget", None),
    )
    return register_server(
        project=project,
        name=fields.pop("name", "Hosted"),
        url=fields.pop("url", server.url),
        served_model="gpt-4.1-mini",
        actor=None,
        terms=terms,
        probe=False,
        **fields,
    )


@pytest.fixture
def endpoint(opened, project):
    endpoint = register(opened, project, prices=PRICES)
    assert probe_endpoint(endpoint=endpoint), endpoint.failure
    opened.requests()
    return endpoint


@pytest.fixture
def scorer(project, endpoint):
    return create_scorer(
        project=project,
        source="rubric_judge",
        endpoints={"judge": endpoint},
        rubric_version=make_rubric(project),
        actor=None,
    )


@pytest.fixture
def outputs(project):
    # The content-free question of the same task is asked once a micro-batch: a task each keeps the sums plain.
    return [make_output(make_task(project, prompt=f"Question {n}?"), f"Answer {n}.") for n in range(8)]


def work(run):
    while work_once("gpu", run=run):
        pass
    run.refresh_from_db()


def test_a_key_is_stored_encrypted_and_is_nowhere_else(opened, project, endpoint, scorer, outputs, caplog):
    caplog.set_level(logging.DEBUG)
    opened.fail_next({"kind": "echo_key", "status": 400}, {"kind": "echo_key", "status": 500})
    run = start(project, scorer)
    work(run)
    assert KEY not in endpoint.credentials
    assert decrypt(endpoint.credentials) == KEY
    stored = [*ModelEndpoint.objects.values(), *AuditEvent.objects.values(), *Attempt.objects.values()]
    assert KEY not in json.dumps([stored, scorer.content, run.selection], default=str)
    assert KEY not in caplog.text
    assert KEY not in repr(served_models.server_of(endpoint))
    assert opened.requests()[0]["headers"]["authorization"] == f"Bearer {KEY}"


def test_a_probe_stores_what_was_found_and_that_the_model_is_not_pinned(endpoint):
    assert endpoint.state == ModelEndpoint.State.READY
    assert set(endpoint.capabilities) == {"generate", "choose"}
    assert endpoint.resolved["pinned"] is False
    assert endpoint.resolved["served_model"] == "gpt-4.1-mini-2025-04-14 fp_6f2eabb9a5"
    assert endpoint.resolved["server"]["limit_field"] == "max_completion_tokens"
    assert "logprobs" in endpoint.resolved["not_offered"]


def test_a_server_that_is_gone_says_so_on_the_endpoint(opened, project, settings):
    settings.OUTGOING_LOCAL_HOSTS = ["127.0.0.1"]
    endpoint = register(opened, project, url="http://127.0.0.1:9/v1")
    assert not probe_endpoint(endpoint=endpoint)
    assert endpoint.state == ModelEndpoint.State.FAILED
    assert "does not answer" in endpoint.failure


def test_an_address_that_the_operator_closes_later_is_not_asked(opened, project, endpoint, settings):
    settings.OUTGOING_LOCAL_HOSTS = []
    model_loading.let_go_of_models()
    assert not probe_endpoint(endpoint=endpoint)
    assert "RUBRICATE_LOCAL_HOSTS" in endpoint.failure
    assert opened.requests() == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://10.0.0.8/v1"}, "url"),
        ({"url": "https://user:pass@example.org/v1"}, "url"),
        ({"url": "https://example.org/v1?key=1"}, "url"),
        ({"url": "nonsense"}, "url"),
        ({"key": "two words"}, "key"),
        ({"key": "line\nbreak"}, "key"),
        ({"limits": {"concurrency": 0}}, "concurrency"),
        ({"limits": {"concurrency": 1.5}}, "concurrency"),
        ({"limits": {"speed": 1}}, "speed"),
        ({"limits": {"timeout_seconds": 100_000}}, "timeout_seconds"),
        ({"prices": {"prompt_per_million": -1, "currency": "USD"}}, "prompt_per_million"),
        ({"prices": {"prompt_per_million": 1}}, "currency"),
        ({"budget": 5.0}, "budget"),
        ({"prices": PRICES, "budget": float("nan")}, "budget"),
    ],
)
def test_bad_terms_are_refused_by_field_and_the_key_is_not_quoted(opened, project, fields, field):
    with pytest.raises(AppError) as error:
        register(opened, project, **fields)
    assert error.value.code == "server_invalid"
    assert list(error.value.fields) == [field]
    assert "two words" not in str(error.value)
    assert not ModelEndpoint.objects.exists()


def test_without_the_operators_secret_a_key_is_refused(opened, project, settings):
    settings.ENCRYPTION_KEYS = []
    with pytest.raises(AppError) as error:
        register(opened, project)
    assert error.value.code == "encryption_unavailable"
    assert register(opened, project, key="").credentials == ""


def test_two_servers_of_one_model_name_are_two_scorers(opened, project, endpoint, scorer, settings):
    settings.OUTGOING_LOCAL_HOSTS = [opened.host, "localhost"]
    other = register(opened, project, name="Other", url=opened.url.replace("127.0.0.1", "localhost"))
    assert probe_endpoint(endpoint=other), other.failure
    again = create_scorer(
        project=project,
        source="rubric_judge",
        endpoints={"judge": other},
        rubric_version=scorer.rubric_version,
        actor=None,
    )
    assert again.hash != scorer.hash


def test_the_key_and_the_terms_are_no_part_of_a_scorer(project, endpoint, scorer):
    change_server(endpoint=endpoint, terms=Terms({"concurrency": 2}, {}), key="another-key", actor=None)
    again = (
        create_scorer(
            project=project,
            source="rubric_judge",
            endpoints={"judge": endpoint},
            rubric_version=scorer.rubric_version,
            actor=None,
        )
        if probe_endpoint(endpoint=endpoint)
        else None
    )
    assert again == scorer


def test_a_run_stores_judgments_with_tokens_cost_and_what_was_served(project, scorer, outputs, opened):
    run = start(project, scorer)
    work(run)
    assert (run.status, run.scored_count) == (Run.Status.FINISHED, 8)
    assert Judgment.objects.filter(project=project).count() == 8
    assert (run.prompt_tokens, run.reply_tokens) == (8 * 80, 8 * 2)
    assert run.cost == pytest.approx(8 * ITEM_COST)
    [reply] = JudgmentTrace.objects.filter(judgment__project=project).first().replies
    assert reply["served_model"] == "gpt-4.1-mini-2025-04-14 fp_6f2eabb9a5"
    assert (reply["prompt_tokens"], reply["cost"]) == (40, 41.0)


def test_a_batch_of_a_served_model_holds_many_items(project, scorer, outputs, settings):
    settings.WORKERS_BATCH_ITEMS, settings.WORKERS_REMOTE_BATCH_ITEMS = 2, 6
    start(project, scorer)
    assert [batch.items.count() for batch in Batch.objects.order_by("number")] == [6, 2]


def test_an_item_that_met_a_failing_server_has_failed_and_is_tried_again(project, scorer, outputs, opened):
    run = start(project, scorer)
    opened.fail_next(*[status(500, "worker died")] * 400)
    work(run)
    assert (run.scored_count, run.failed_count) == (0, 8)
    reasons = set(Attempt.objects.values_list("reason", flat=True))
    assert reasons == {"endpoint_down"}
    assert reason_label("endpoint_down") == "The model's server could not be reached"
    opened.fail_next()
    # A worker that starts anew has an engine whose breaker is closed.
    model_loading.let_go_of_models()
    assert retry_failed(run=run, actor=None) == 8
    work(run)
    assert (run.scored_count, run.failed_count) == (8, 0)
    ModelEndpoint.objects.get(failure="")


def test_a_result_with_a_hole_that_the_server_tore_is_no_score(project, scorer, outputs, opened):
    """One question of the first item gets a wrong shape, which is not tried again; the other items go on."""
    run = start(project, scorer)
    opened.fail_next({"kind": "status", "status": 200, "reply": {"choices": [], "usage": {"prompt_tokens": 3}}})
    work(run)
    assert (run.scored_count, run.failed_count) == (7, 1)
    attempt = Attempt.objects.get(status="failed")
    assert attempt.reason == "endpoint_malformed"
    # What was paid for it is counted: 15 good answers of 41 tokens, and 3 of the bad one.
    assert run.cost == pytest.approx(15 * 41 + 3)


def test_a_refused_key_fails_the_items_with_the_servers_reason(project, scorer, outputs, opened):
    run = start(project, scorer)
    opened.fail_next(*[status(401)] * 100)
    work(run)
    assert run.failed_count == 8
    assert set(Attempt.objects.values_list("reason", flat=True)) == {"endpoint_refused"}


# Budgets.


def test_a_run_stops_at_its_budget_and_goes_on_when_it_is_raised(project, scorer, outputs):
    run = start(project, scorer, budget=3 * ITEM_COST)
    work(run)
    assert run.is_stopped_by_budget
    assert (run.scored_count, run.failed_count, run.unscored_count) == (3, 0, 0)
    assert run.cost == pytest.approx(3 * ITEM_COST)
    assert not Batch.objects.filter(status__in=["ready", "leased"]).exists()
    event = AuditEvent.objects.get(verb="run.budget_spent")
    assert event.data == {"budget": "this run", "amount": 3 * ITEM_COST}
    with pytest.raises(AppError) as error:
        resume_run(run=run, actor=None)
    assert error.value.code == "budget_spent"
    set_run_budget(run=run, amount=6.9 * ITEM_COST, actor=None)
    assert run.is_active
    work(run)
    # The rest does not cover a seventh item: it is not begun.
    assert (run.scored_count, run.is_stopped_by_budget) == (6, True)
    assert run.cost == pytest.approx(6 * ITEM_COST)
    set_run_budget(run=run, amount=None, actor=None)
    work(run)
    assert (run.scored_count, run.status) == (8, Run.Status.FINISHED)


def test_a_budget_that_is_spent_before_the_first_item_lets_nothing_out(project, scorer, outputs, opened):
    run = start(project, scorer, budget=0)
    work(run)
    assert run.is_stopped_by_budget
    assert opened.requests() == []


def test_a_projects_budget_bounds_its_runs_together(project, scorer, outputs):
    set_project_budget(project=project, amount=4 * ITEM_COST, actor=None)
    first = start(project, scorer)
    work(first)
    assert (first.scored_count, first.is_stopped_by_budget) == (4, True)
    second = start(project, scorer)
    work(second)
    assert (second.scored_count, second.is_stopped_by_budget) == (0, True)
    assert set_project_budget(project=project, amount=None, actor=None) == 2
    work(first)
    assert first.status == Run.Status.FINISHED


def test_an_endpoints_budget_bounds_the_runs_of_all_projects(opened, outputs, project):
    shared = register(opened, None, prices=PRICES, budget=4 * ITEM_COST)
    assert probe_endpoint(endpoint=shared), shared.failure
    other = make_project()
    make_output(make_task(other), "Elsewhere.")
    runs = []
    for place in (project, other):
        scorer = create_scorer(
            project=place,
            source="rubric_judge",
            endpoints={"judge": shared},
            rubric_version=make_rubric(place),
            actor=None,
        )
        runs.append(start(place, scorer))
        work(runs[-1])
    assert [run.scored_count for run in runs] == [4, 0]
    assert all(run.is_stopped_by_budget for run in runs)
    assert change_server(endpoint=shared, terms=Terms({}, PRICES, 100 * ITEM_COST), actor=None) == 2


def test_a_run_that_a_person_cancelled_does_not_go_on_by_itself_when_a_budget_is_raised(project, scorer, outputs):
    run = start(project, scorer)
    cancel_run(run=run, actor=None)
    assert set_project_budget(project=project, amount=1e9, actor=None) == 0
    run.refresh_from_db()
    assert run.status == Run.Status.CANCELLED
    assert not run.is_stopped_by_budget


def test_a_budget_where_nothing_has_a_price_is_refused_before_the_run(opened, project, outputs):
    free = register(opened, project, name="Free")
    assert probe_endpoint(endpoint=free)
    scorer = create_scorer(
        project=project,
        source="rubric_judge",
        endpoints={"judge": free},
        rubric_version=make_rubric(project),
        actor=None,
    )
    with pytest.raises(AppError) as error:
        start(project, scorer, budget=1.0)
    assert error.value.code == "budget_without_prices"
    run = start(project, scorer)
    work(run)
    assert (run.scored_count, run.cost, run.prompt_tokens) == (8, 0, 640)


@pytest.mark.parametrize("budget", [-1.0, float("nan"), float("inf")])
def test_a_budget_that_is_no_amount_is_refused(project, scorer, outputs, budget):
    with pytest.raises(AppError) as error:
        start(project, scorer, budget=budget)
    assert error.value.code == "budget_invalid"


def test_what_was_paid_is_counted_also_where_another_worker_has_the_batch(project, scorer, outputs, opened):
    run = start(project, scorer)
    batch = claim_batch(queue="gpu", worker="slow")
    from workers.actions.results import LeaseLostError

    def lose(*args, **kwargs):
        raise LeaseLostError("lost")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("workers.scoring.store_outcomes", lose)
        with pytest.raises(LeaseLostError):
            score_batch(batch)
    run.refresh_from_db()
    assert run.scored_count == 0
    assert run.cost == pytest.approx(len(opened.requests()) * 41)
    assert run.cost > 0


def test_a_run_that_is_cancelled_already_is_not_said_to_have_spent_its_budget(project, scorer, outputs):
    run = start(project, scorer, budget=0)
    batch = claim_batch(queue="gpu", worker="w")
    cancel_run(run=run, actor=None)
    stop_spent_run(batch)
    run.refresh_from_db()
    assert not run.is_stopped_by_budget
    assert not AuditEvent.objects.filter(verb="run.budget_spent").exists()


def test_the_command_says_that_the_budget_is_spent(project, endpoint, outputs, capsys):
    from django.core.management import CommandError

    rubric = make_rubric(project)
    options = {
        "project": project.slug,
        "source": "rubric_judge",
        "rubric": rubric.rubric.name,
        "model": ["judge=Hosted"],
    }
    with pytest.raises(CommandError, match="The budget is spent"):
        call_command("score", **options, inline=True, budget=ITEM_COST)
    assert Run.objects.get().budget == ITEM_COST


# Pages and API.


@pytest.fixture
def people(project):
    from projects.models import Membership

    found = {role: make_user(role) for role in ("owner", "manager", "annotator", "viewer")}
    for role, user in found.items():
        Membership.objects.create(project=project, user=user, role=role)
    return found


NEW = {"name": "Mine", "served_model": "gpt-4.1-mini", "key": KEY}


def test_managers_register_a_server_and_nobody_sees_its_key(client, project, people, opened):
    for role, expected in (("owner", 302), ("manager", 302), ("viewer", 403), ("annotator", 403)):
        client.force_login(people[role])
        answer = client.post(f"/p/{project.slug}/models/servers/new/", {**NEW, "name": role, "url": opened.url})
        assert answer.status_code == expected, role
    client.force_login(people["owner"])
    endpoint = ModelEndpoint.objects.get(name="owner")
    pages = [f"/p/{project.slug}/models/", f"/p/{project.slug}/models/{endpoint.pk}/terms/"]
    pages += [f"/api/v1/projects/{project.slug}/endpoints", f"/api/v1/projects/{project.slug}/endpoints/{endpoint.pk}"]
    for page in pages:
        text = client.get(page).content.decode()
        assert KEY not in text
        assert endpoint.credentials not in text


def test_a_form_with_an_error_does_not_give_the_key_back(client, project, people):
    client.force_login(people["owner"])
    answer = client.post(f"/p/{project.slug}/models/servers/new/", {**NEW, "url": "http://10.0.0.1/v1"})
    assert answer.status_code == 200
    assert "RUBRICATE_LOCAL_HOSTS" in answer.content.decode()
    assert KEY not in answer.content.decode()


def test_terms_are_changed_and_an_empty_key_field_leaves_the_key(client, project, people, endpoint):
    client.force_login(people["manager"])
    address = f"/p/{project.slug}/models/{endpoint.pk}/terms/"
    assert client.post(address, {"concurrency": 3, "prompt_per_million": 1, "currency": "EUR"}).status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.limits == {"concurrency": 3}
    assert endpoint.prices == {"prompt_per_million": 1.0, "currency": "EUR"}
    assert decrypt(endpoint.credentials) == KEY
    client.post(address, {"remove_key": "on"})
    endpoint.refresh_from_db()
    assert endpoint.credentials == ""


def test_the_api_registers_a_server_and_changes_its_terms(client, project, people, opened):
    client.force_login(people["manager"])
    base = f"/api/v1/projects/{project.slug}"
    body = {**NEW, "url": opened.url, "limits": {"concurrency": 4}, "prices": PRICES, "budget": 10}
    made = client.post(f"{base}/servers", body, content_type="application/json")
    assert made.status_code == 201, made.content
    said = made.json()
    assert (said["has_key"], said["limits"], said["budget"]) == (True, {"concurrency": 4}, 10.0)
    assert KEY not in made.content.decode()
    changed = client.put(
        f"{base}/endpoints/{said['id']}/terms", {"prices": PRICES, "budget": 20}, content_type="application/json"
    )
    assert (changed.json()["limits"], changed.json()["budget"], changed.json()["has_key"]) == ({}, 20.0, True)
    refused = client.post(f"{base}/servers", {**body, "url": "http://10.1.1.1"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (400, "server_invalid")
    assert "url" in refused.json()["fields"]


def test_budgets_are_set_and_read_over_the_api_and_the_page(client, project, people, scorer, outputs):
    client.force_login(people["manager"])
    base = f"/api/v1/projects/{project.slug}"
    put = client.put(f"{base}/budget", {"budget": 5}, content_type="application/json")
    assert put.json() == {"budget": {"amount": 5.0, "spent": 0.0, "left": 5.0}}
    run = start(project, scorer, budget=1.0)
    answer = client.put(f"{base}/runs/{run.pk}/budget", {"budget": 2.5}, content_type="application/json")
    assert answer.json()["budget"] == 2.5
    assert client.post(f"/p/{project.slug}/runs/{run.pk}/budget/", {"budget": "7"}).status_code == 302
    run.refresh_from_db()
    assert run.budget == 7.0
    assert client.post(f"/p/{project.slug}/models/budget/", {"amount": ""}).status_code == 302
    assert client.get(f"{base}/budget").json() == {"budget": None}
    client.force_login(people["viewer"])
    assert client.put(f"{base}/budget", {"budget": 5}, content_type="application/json").status_code == 403
    assert client.post(f"/p/{project.slug}/models/budget/", {"amount": "1"}).status_code == 403
    assert client.post(f"/p/{project.slug}/runs/{run.pk}/budget/", {"budget": "1"}).status_code == 403


def test_a_run_can_be_started_with_a_budget_from_form_and_api(client, project, people, scorer, outputs):
    client.force_login(people["manager"])
    form = {"scorer": scorer.pk, "repeats": 1, "budget": "12.5"}
    assert client.post(f"/p/{project.slug}/runs/new/", form).status_code == 302
    assert Run.objects.latest("id").budget == 12.5
    body = {"scorer": scorer.pk, "budget": 3}
    made = client.post(f"/api/v1/projects/{project.slug}/runs", body, content_type="application/json")
    assert made.json()["budget"] == 3.0
    page = client.get(f"/p/{project.slug}/runs/{Run.objects.latest('id').pk}/").content.decode()
    assert "Budget of this run" in page
