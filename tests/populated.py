"""A project with a row of everything, written by somebody hostile; and who may know which of its words."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from annotations.access import assignment_for
from annotations.actions.adjudication import Settlement, settle_item
from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.actions.gold import make_check
from annotations.actions.gold_versions import add_version
from annotations.actions.lease import lease_next_item
from annotations.actions.reports import report_item
from annotations.actions.study import run_study
from annotations.actions.submission import submit_answer
from annotations.adjudication.reading import lanes_of
from annotations.models import Assignment, Campaign, CampaignItem
from annotations.protocols.presets import PRESETS
from projects.actions.annotator_link import issue_annotator_link
from projects.actions.audit import record_event
from projects.actions.invitation import invite
from projects.actions.notification import notify
from projects.actions.saved_filter import save_filter
from projects.actions.token import issue_token
from projects.encryption import encrypt
from projects.models import Project, TokenScope, User
from rewards import signal_store
from rewards.actions.recipes import create_recipe
from rewards.actions.reviews import review_mark
from rewards.actions.reward_names import give_name
from rewards.models import (
    Comparison,
    Critique,
    Export,
    ImportBatch,
    ImportRowError,
    Judgment,
    Output,
    Rater,
    Rating,
    Recipe,
    SpanMark,
    Task,
    Verdict,
)
from rewards.models.export import ExportFile
from rewards.models.judgment import JudgmentTrace
from rewards.reviews import Decision
from rewards.segmentation import sentences
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.factories import make_judgment, make_output, make_project, make_rater, make_rubric, make_task, make_user
from tests.workers.fitting import head
from workers.actions.artefacts import keep_artefact
from workers.actions.prompts import create_prompt
from workers.actions.scorers import create_scorer
from workers.artefact_files import store_weights
from workers.models import Attempt, Batch, Fit, ModelEndpoint, PromptVersion, RubricProposal, Run, RunItem, Scorer
from workers.sources.registry import source_named

# Ends an attribute, a tag, a script and a comment; runs if a template engine or an event handler reads it; and holds
# what a database keeps and a page must not obey: a control character and a right-to-left override.
HOSTILE = "\u202e\u0007</script>--><script>hostile()</script>\"'><img src=x onerror=hostile()><x-hostile>{{7*7}}{% x %}"
# In policy names and wherever else an import may put them: never sent to an annotator.
SECRET = "zebra-7b-step900"
# In the answers of one annotator: never sent to another one.
OVERHEARD = "said-by-ben-alone"
TEXTS = [f"Paris is the capital. {HOSTILE} It is large.", f"It is Lyon. {HOSTILE} It is small."]


@dataclass
class Populated:
    """The project, its people by role, and a row of each kind by the word that names it in addresses."""

    project: Project
    people: dict[str, User]
    rows: dict[str, Any] = field(default_factory=dict)
    cookies: dict[str, SimpleCookie] = field(default_factory=dict)
    """Of a session for each person, where a test opened one."""

    def pk(self, noun: str) -> int:
        return int(self.rows[noun].pk)


def populate() -> Populated:
    """Fill a project of five people; `stranger` owns another one."""
    roles = {role: make_user(role, display_name=f"{role} {HOSTILE}") for role in ("owner", "manager", "viewer")}
    roles |= {"annotator": make_user("annotator"), "ben": make_user("ben", display_name="Ben")}
    project = make_project("lab", **{role: user for role, user in roles.items() if role != "ben"})
    project.memberships.create(user=roles["ben"], role="annotator")
    Project.objects.filter(pk=project.pk).update(name=f"Lab {HOSTILE}", description=f"Of {SECRET} {HOSTILE}")
    project.refresh_from_db()
    stranger = make_user("stranger")
    make_project("elsewhere", owner=stranger)
    house = Populated(project, {**roles, "stranger": stranger})
    _write_tasks(house)
    _judge(house)
    _score(house)
    _ask(house)
    _move_data(house)
    _administer(house)
    return house


def _write_tasks(house: Populated) -> None:
    project = house.project
    for number in (1, 2):
        task = make_task(
            project,
            f"{SECRET}-task-{number}",
            prompt=f"What is the capital? {HOSTILE}",
            reference=f"Paris {HOSTILE}",
            context=f"France {HOSTILE}",
            tags=[SECRET, HOSTILE[:80]],
            split="train",
            licence=f"{SECRET} {HOSTILE}"[:100],
            metadata={"source": SECRET},
        )
        for index, text in enumerate(TEXTS):
            make_output(
                task,
                text,
                policy=f"{SECRET}-{index} {HOSTILE}"[:200],
                external_id=f"{SECRET}-output-{number}-{index}",
                # A template's `generation.items` would find the key.
                generation={"policy": SECRET, HOSTILE[:20]: HOSTILE, "items": 3},
            )
    Task.objects.filter(project=project).update(output_count=len(TEXTS))
    task = Task.objects.get(project=project, external_id=f"{SECRET}-task-1")
    older = make_task(project, f"{task.external_id}", prompt=HOSTILE, version=2, is_current=False)
    output = task.outputs.order_by("pk").first()
    assert output is not None
    house.rows |= {"task": task, "other": older, "output": output}


def _judge(house: Populated) -> None:
    """One judgment of each kind that a page shows, by a person and by a rater from an import."""
    project, task, output = house.project, house.rows["task"], house.rows["output"]
    other = task.outputs.order_by("pk").last()
    version = make_rubric(
        project,
        f"Quality {HOSTILE}"[:200],
        [
            {"key": "correct", "title": HOSTILE[:200], "text": f"It is correct. {HOSTILE}", "weight": 1.0},
            {
                "key": "level",
                "text": f"How clear? {HOSTILE}",
                "kind": "ordinal",
                "weight": 0.5,
                "levels": [
                    {"label": "low", "value": 0, "anchor": HOSTILE},
                    {"label": HOSTILE[:90], "value": 1, "anchor": ""},
                ],
            },
        ],
    )
    for rater in _raters(house):
        rated = make_judgment(rater, Judgment.Kind.RATING, task, output)
        Rating.objects.create(judgment=rated, value=3)
        compared = make_judgment(rater, Judgment.Kind.COMPARISON, task)
        Comparison.objects.create(judgment=compared, output_a=output, output_b=other, choice="a")
        marked = make_judgment(rater, Judgment.Kind.SPANS, task, output)
        SpanMark.objects.create(judgment=marked, output=output, explanation=OVERHEARD + HOSTILE, **_span(output))
        said = make_judgment(rater, Judgment.Kind.CRITIQUE, task, output)
        Critique.objects.create(judgment=said, kind="comment", text=OVERHEARD + HOSTILE)
        given = make_judgment(rater, Judgment.Kind.VERDICTS, task, output, input_hash="0" * 64)
        for criterion in version.criteria.all():
            Verdict.objects.create(judgment=given, criterion=criterion, value=1, label="yes", explanation=HOSTILE)
    JudgmentTrace.objects.create(
        judgment=given,
        replies=[{"purpose": HOSTILE, "parse_state": "parsed", "text": HOSTILE}],
        served_model=HOSTILE,
        parse_state="parsed",
    )
    house.rows |= {"rubric": version.rubric, "judgment": given, "rater": rater, "recipe": _recipe(house)}
    newest = house.rows["recipe"].versions.get()
    house.rows["reward_name"] = give_name(version=newest, actor=None, name=f"stars-{house.project.slug}")


def _recipe(house: Populated) -> Recipe:
    document = {"recipe": 1, "inputs": {"stars": {"kind": "rating"}}, "reward": {"input": "stars"}}
    name, description = f"Stars {HOSTILE}"[:200], f"{SECRET} {HOSTILE}"
    made = create_recipe(
        project=house.project, actor=house.people["owner"], name=name, description=description, document=document
    )
    return made.recipe


def _raters(house: Populated) -> list[Rater]:
    raters = [make_rater(house.project, "rater-1", user=house.people["ben"]), make_rater(house.project, "rater-2")]
    for rater in raters:
        Rater.objects.filter(pk=rater.pk).update(name=f"{SECRET} {rater.pk} {HOSTILE}"[:200])
        rater.refresh_from_db()
    return raters


def _span(output: Output) -> dict[str, Any]:
    text = output.messages[0]["text"]
    return {
        "message": 0,
        "start": 0,
        "end": 5,
        "quote": text[:5],
        "text_sha256": sha256_text(text),
        "type": HOSTILE[:80],
        "severity": HOSTILE[:40],
    }


def _score(house: Populated) -> None:
    """A model in process and one behind HTTP, and what a scorer made of an output with them."""
    project = house.project
    endpoint, house.rows["served"] = _local_model(project), _served_model(project)
    scorer = create_scorer(project=project, source="log_ratio", actor=None, endpoints={"view_a": endpoint})
    Scorer.objects.filter(pk=scorer.pk).update(name=f"Scorer {HOSTILE}"[:200])
    house.rows |= {"endpoint": endpoint, "scorer": scorer, "prompt": add_prompt(project).prompt}
    house.rows |= _run(house, scorer)
    house.rows |= _signal_and_mark(house, scorer)
    house.rows["proposal"] = _proposal(house, endpoint)
    house.rows |= _fit(house, endpoint)


def _local_model(project: Project) -> ModelEndpoint:
    return ModelEndpoint.objects.create(
        project=project,
        name=f"Model {HOSTILE}"[:100],
        engine="transformers",
        reference=HOSTILE,
        resolved=dict.fromkeys(("weights", "tokenizer", "chat_template", "dtype"), HOSTILE) | {"pinned": True},
        capabilities=["logprobs", "choose"],
        context_length=512,
        caveat=HOSTILE,
        probed_at=timezone.now(),
    )


def _served_model(project: Project) -> ModelEndpoint:
    return ModelEndpoint.objects.create(
        project=project,
        name=f"Served {HOSTILE}"[:100],
        engine="openai",
        reference=HOSTILE,
        served_model=HOSTILE,
        credentials=encrypt("a key that no page shows"),
        limits={"concurrency": 2},
        prices={"prompt_per_million": 1.5, "reply_per_million": 2, "currency": HOSTILE},
        budget=10,
        resolved={"served_model": HOSTILE, "not_offered": {HOSTILE: HOSTILE}, "pinned": False},
        capabilities=["generate"],
        failure=HOSTILE,
        probed_at=timezone.now(),
    )


def _run(house: Populated, scorer: Scorer) -> dict[str, Any]:
    """A run under way with an item in each state; the attempts of those that gave no value."""
    project, output = house.project, house.rows["output"]
    run = Run.objects.create(
        project=project,
        scorer=scorer,
        name=HOSTILE,
        selection={"policies": [SECRET, HOSTILE]},
        status="running",
        item_count=4,
        scored_count=1,
        failed_count=1,
        unscored_count=1,
        reply_count=2,
        understood_count=1,
        prompt_tokens=30,
        reply_tokens=4,
        cost=0.25,
        estimate={"items": 4, "outputs": 1, "tokens": 9, "seconds": 1.5},
        started_at=timezone.now(),
    )
    batch = Batch.objects.create(project=project, run=run, number=1, status="leased", lease_until=timezone.now())
    states = {
        "scored": ("", ""),
        "failed": ("unexpected_error", HOSTILE),
        "unscored": (HOSTILE[:80], ""),
        "pending": ("", ""),
    }
    for repeat, (status, (reason, traceback)) in enumerate(states.items()):
        item = RunItem.objects.create(
            project=project, run=run, batch=batch, output=output, repeat=repeat, status=status, reason=reason
        )
        if status not in {"pending", "scored"}:
            attempt = _attempt(item, scorer, traceback)
    return {"run": run, "batch": batch, "attempt": attempt}


def _attempt(item: RunItem, scorer: Scorer, traceback: str) -> Attempt:
    return Attempt.objects.create(
        project=item.project,
        item=item,
        rater=scorer.rater,
        output=item.output,
        input_hash="1" * 64,
        number=1,
        status=item.status,
        reason=item.reason,
        detail=HOSTILE,
        traceback=traceback,
        replies=[{"purpose": HOSTILE, "parse_state": "no_json", "text": HOSTILE, "detail": HOSTILE}],
        worker=HOSTILE,
    )


def _signal_and_mark(house: Populated, scorer: Scorer) -> dict[str, Any]:
    """Numbers of a scorer over the sentences of an output, and a mark of its, which a person accepted."""
    output = house.rows["output"]
    cut = sentences([message["text"] for message in output.messages])
    values = np.linspace(-1, 1, len(cut.spans), dtype=np.float32)
    signal = signal_store.NewSignal(output, scorer.rater, "log_ratio", RewardSignal(cut, values), "1" * 64)
    [signal_pk] = signal_store.save_many([signal])
    signal_row = output.signals.get(pk=signal_pk)
    marked = make_judgment(scorer.rater, Judgment.Kind.SPANS, output.task, output)
    mark = SpanMark.objects.create(judgment=marked, output=output, explanation=OVERHEARD + HOSTILE, **_span(output))
    review_mark(mark=mark, user=house.people["owner"], decision=Decision.ACCEPTED)
    return {"signal": signal_row, "mark": mark}


def _ask(house: Populated) -> None:
    """A campaign in which both annotators are at work, and one with nothing given out yet."""
    owner = house.people["owner"]
    content = ProtocolContent(
        questions=[{**question, "prompt": f"{question['prompt']} {HOSTILE}"} for question in PRESETS["full"].questions],
        guidelines=f"Read. {HOSTILE}",
        show_reference=True,
    )
    campaigns = [
        create_campaign(project=house.project, actor=owner, name=f"{name} {HOSTILE}"[:200], protocol=content, overlap=2)
        for name in ("Errors", "More")
    ]
    for campaign in campaigns:
        open_campaign(campaign=campaign, actor=owner)
    house.rows |= {"campaign": campaigns[0], "submitted": _answer(campaigns[0], house.people["annotator"], "mine")}
    _answer(campaigns[0], house.people["ben"], OVERHEARD)
    house.rows |= _settle(campaigns[0], owner)
    house.rows |= {"check": _check(house.rows["submitted"], owner), "person": house.people["ben"]}
    house.rows["assignment"] = _lease(campaigns[0], house.people["annotator"])
    said = {"output": "A", "message": 0, "start": 0, "end": 1}
    house.rows["report"] = report_item(assignment=house.rows["assignment"], kind="help", text=HOSTILE, anchor=said)
    asked = {"question": "overall", "protocol": "rating", "metric": "ordinal"}
    house.rows["study"] = run_study(house.project, kind="consistency", parameters=asked, name=HOSTILE)
    house.rows["agreement"] = run_study(house.project, kind="agreement", parameters=asked)


def _settle(campaign: Campaign, owner: User) -> dict[str, Any]:
    """An item whose answer is settled, with a hostile reason."""
    item = campaign.items.filter(submitted_count__gte=1).order_by("-position")[0]
    lanes = lanes_of(item)
    assert lanes is not None
    decision = Settlement(answer=lanes.lanes[0].answer, seen=lanes.submissions, reason=HOSTILE)
    return {"item": item, "adjudication": settle_item(item=item, actor=owner, key="settled", decision=decision)}


def _check(answered: Assignment, owner: User) -> CampaignItem:
    """Gold, with a hostile explanation, made of work that was answered; it says what was answered."""
    item = make_check(item=answered.item, kind="gold", actor=owner)
    submission = answered.submissions.get()
    add_version(
        item=item,
        actor=owner,
        origin="agreed",
        answer=submission.answer,
        order=answered.order,
        seed=answered.seed,
        protocol=answered.protocol,
        explanation=HOSTILE,
    )
    return item


def add_prompt(project: Project) -> PromptVersion:
    """A prompt of the project's own for the rubric judge, whose template is hostile itself."""
    spec = source_named("rubric_judge").declaration.prompt
    assert spec is not None
    template = f"{HOSTILE.replace('{', '(')} {spec.default}"
    return create_prompt(
        project=project, source="rubric_judge", name=f"Prompt {HOSTILE}"[:100], template=template, actor=None
    )


def _fit(house: Populated, endpoint: ModelEndpoint) -> dict[str, Any]:
    """An artefact and a fit that failed, which say hostile things wherever they can."""
    export = Export.objects.create(project=house.project, name=HOSTILE[:200], format="trl_unpaired", status="ready")
    artefact = keep_artefact(
        project=house.project,
        name=HOSTILE[:200],
        kind="token_credit",
        stored=store_weights(house.project.pk, head().to_bytes()),
        parameters={
            "fit": {"pooling": HOSTILE},
            "base": {"name": HOSTILE, "reference": HOSTILE, "weights": HOSTILE},
            "data": {HOSTILE: HOSTILE},
            "command": HOSTILE,
        },
        metrics={"labels": HOSTILE, "curve_is": HOSTILE, "left_out": {HOSTILE: 1}, "train": {"n": 1}},
        export=export,
        actor=None,
    )
    fit = Fit.objects.create(
        project=house.project,
        kind="token_credit",
        name=HOSTILE[:200],
        export=export,
        endpoint=endpoint,
        parameters={"pooling": HOSTILE},
        status="failed",
        failure=HOSTILE,
    )
    return {"artefact": artefact, "fit": fit}


def _proposal(house: Populated, endpoint: ModelEndpoint) -> RubricProposal:
    task, output = house.rows["task"], house.rows["output"]
    pair = {"first": str(output.pk), "second": str(output.pk), "before": [1, 1], "after": [1, None]}
    dropped = [{"item": HOSTILE, "reason": HOSTILE}]
    measured = {"value": 0.5, "right": 1, "wrong": 1, "equal": 0, "unscored": 0, "n": 2, "outputs": 2}
    both = {"all": measured, "tail": measured}
    return RubricProposal.objects.create(
        project=house.project,
        kind="refine",
        status="ready",
        task=task,
        endpoint=endpoint,
        request={"way": "reply", "iterations": 1, "seed": 0, "max_new_tokens": 64},
        content=[{"key": "new", "text": HOSTILE, "title": HOSTILE[:200]}],
        facts={
            "iterations": [pair | {"applied": [HOSTILE], "dropped": dropped, "is_separated": True}],
            "scores": [{"output": output.pk, "before": 1.0, "after": None}],
            "accuracy": {"n_pairs": 1, "n_outputs": 2, "tail_share": 0.5, "tail_outputs": [output.pk]}
            | {"before": both, "after": both},
            "dropped": dropped,
            "stopped": HOSTILE,
            "detail": HOSTILE,
            "note": HOSTILE,
        },
        replies=[{"purpose": HOSTILE, "parse_state": "no_json", "text": HOSTILE, "detail": HOSTILE}],
        failure=HOSTILE,
        created_by=house.people["owner"],
    )


def _lease(campaign: Campaign, user: User) -> Assignment:
    leased = lease_next_item(campaign=campaign, user=user)
    assert leased is not None
    return assignment_for(user, leased.pk)


def _answer(campaign: Campaign, user: User, comment: str) -> Assignment:
    assignment = _lease(campaign, user)
    text = Output.objects.get(pk=assignment.order[0]).messages[0]["text"]
    mark = {"output": "A", "start": 0, "end": 5, **_span(Output.objects.get(pk=assignment.order[0]))}
    mark |= {"quote": text[:5], "type": "factual", "severity": "major", "comment": f"{comment} {HOSTILE}"}
    answer = {"overall": {"A": 6, "B": 2}, "preference": {"A-B": "A"}, "errors": [mark]}
    submit_answer(assignment=assignment, key=str(uuid.uuid4()), answer=answer)
    return assignment


def _move_data(house: Populated) -> None:
    project, owner = house.project, house.people["owner"]
    batch = ImportBatch.objects.create(
        project=project,
        format="rubricate_jsonl",
        file_names=[f"{SECRET}{HOSTILE}.jsonl"],
        status="done",
        counts={"tasks_created": 2},
        error_count=1,
        failure=HOSTILE,
        created_by=owner,
        finished_at=timezone.now(),
    )
    ImportRowError.objects.create(batch=batch, file_name=HOSTILE, row=3, field=HOSTILE, message=HOSTILE, expected="x")
    export = Export.objects.create(
        project=project,
        name=HOSTILE,
        format="trl_preference",
        options={},
        status="ready",
        manifest={"counts": {"rows": 1}, "left_out": {HOSTILE: 1}, "labels": {}, "filters": {HOSTILE: [HOSTILE]}},
        created_by=owner,
        finished_at=timezone.now(),
    )
    stored_as = default_storage.save(f"exports/{export.pk}/README.md", ContentFile(f"# {HOSTILE}".encode()))
    file = ExportFile.objects.create(export=export, path="README.md", stored_as=stored_as, sha256="2" * 64)
    house.rows |= {"import": batch, "export": export, "file": file}


def _administer(house: Populated) -> None:
    owner, annotator = house.people["owner"], house.people["annotator"]
    issued = invite(project=house.project, actor=owner, email="new@example.org", role="viewer")
    later = timezone.now() + timedelta(days=1)
    token = issue_token(user=annotator, name=HOSTILE[:100], scopes=[TokenScope.READ], expires_at=later)
    record_event(actor=owner, verb="campaign.created", project=house.project, data={"name": HOSTILE, "items": 2})
    link = issue_annotator_link(project=house.project, actor=owner, label=HOSTILE[:100], days=1, most_people=9)
    notify(users=[annotator], kind="member.joined", project=house.project, data={"user": HOSTILE, "role": HOSTILE})
    saved = save_filter(user=owner, project=house.project, of_list="tasks", name=HOSTILE[:60], query=f"q={SECRET}")
    house.rows |= {
        "annotator_link": link.link,
        "link_secret": link.secret,
        "notification": annotator.notifications.get(kind="member.joined"),
        "saved_filter": saved,
        "invitation": issued.invitation,
        "secret": issued.secret,
        "token": token.token,
        "membership": house.project.memberships.get(user=house.people["viewer"]),
        "leaver": house.people["ben"],
    }
