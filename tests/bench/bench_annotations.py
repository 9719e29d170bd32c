"""Submitting an annotation and getting the next item, with no earlier annotations and with a hundred thousand; and many
clients on one queue, none of whom may be granted an item beyond the overlap."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from django.db import connection
from django.db.models import Count
from django.test import Client, override_settings

from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.submission import submit_answer
from annotations.models import Assignment, Campaign
from annotations.protocols.presets import PRESETS
from annotations.selection import Selection
from projects.models import Membership, Project, Role, User
from rewards import models
from rewards.text import sha256_text
from tests.bench.empty_page import urls_with_empty_page
from tests.bench.figures import Figure, at_most

EARLIER = 100_000
ROUNDS = 60
CLIENTS = 32
CROWDED_ITEMS = 150
CROWDED_OVERLAP = 3
TEXT = "The answer has some words in it, and one of them is wrong. " * 12


def figures() -> Iterator[Figure]:
    """A full answer each time: two ratings, a comparison, three spans; in turn with an empty page of the project."""
    user = User.objects.create_user("bench", password=None)
    client = Client()
    client.force_login(user)
    with override_settings(ROOT_URLCONF=urls_with_empty_page().__name__):
        took = {}
        for earlier in (0, EARLIER):
            project = Project.objects.create(slug=f"annotate-{earlier}", name="Annotate")
            Membership.objects.create(project=project, user=user, role=Role.OWNER)
            campaign = _campaign(project, user, items=earlier + ROUNDS + 5)
            if earlier:
                _answer_all_but(campaign, user, ROUNDS + 5)
            empty, submit, following, page, commit = _side_by_side(client, campaign)
            # Against the empty page of the same moments, so that other work on the machine does not count.
            took[earlier] = [seconds / empty for seconds in (submit, following, page)]
            words = f"with {earlier:,} earlier"
            yield Figure(f"empty page of the project, {words}", empty * 1000, "ms")
            yield Figure(f"one row changed and durably committed, {words}", commit * 1000, "ms")
            yield Figure(f"submit an annotation, {words}", submit * 1000, "ms")
            yield at_most(f"submit an annotation, {words} / empty page", submit / empty, "x", 3)
            yield Figure(f"next item, {words} / empty page", following / empty, "x")
            yield Figure(f"page of an item, {words} / empty page", page / empty, "x")
        for place, name in enumerate(("submit", "next item", "page of an item")):
            ratio = took[EARLIER][place] / took[0][place]
            yield at_most(f"{name}, with {EARLIER:,} earlier / with none", ratio, "x", 1.25)
    yield from _crowded(user)


def _crowded(owner: User) -> Iterator[Figure]:
    """So many people take items of one campaign and submit them at once, until none is left."""
    project = Project.objects.create(slug="crowded", name="Crowded")
    Membership.objects.create(project=project, user=owner, role=Role.OWNER)
    campaign = _campaign(project, owner, items=CROWDED_ITEMS, overlap=CROWDED_OVERLAP, order="random")
    people = [User.objects.create_user(f"client-{number}", password=None) for number in range(CLIENTS)]
    Membership.objects.bulk_create(Membership(project=project, user=person, role=Role.ANNOTATOR) for person in people)
    campaign = Campaign.objects.select_related("protocol", "plan").get(pk=campaign.pk)
    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        done = sum(pool.map(lambda person: _work_through(campaign, person), people))
    took = time.perf_counter() - start
    wanted = CROWDED_ITEMS * CROWDED_OVERLAP
    held = Assignment.objects.filter(campaign=campaign, status__in=["leased", "submitted"]).values("item")
    beyond = sum(row["n"] - CROWDED_OVERLAP for row in held.annotate(n=Count("pk")) if row["n"] > CROWDED_OVERLAP)
    counted = campaign.items.filter(granted_count__gt=CROWDED_OVERLAP).count()
    yield at_most(f"grants beyond the overlap, {CLIENTS} clients on one queue", float(beyond + counted), "", 0)
    yield at_most(f"answers missing of {wanted:,}, {CLIENTS} clients on one queue", float(wanted - done), "", 0)
    yield Figure(f"items taken and submitted a second, {CLIENTS} clients on one queue", done / took, "/s")


def _work_through(campaign: Campaign, person: User) -> int:
    """Items that one person took and submitted before nothing was left."""
    done = 0
    try:
        while (held := lease_next_item(campaign=campaign, user=person)) is not None:
            submit_answer(assignment=held, key=f"k{held.pk}", answer=_answer(), active_ms=1000)
            done += 1
        return done
    finally:
        connection.close()


def _campaign(project: Project, user: User, *, items: int, overlap: int = 1, order: str = "in_order") -> Campaign:
    """A campaign over `items` tasks of two outputs."""
    policy = models.Policy.objects.create(project=project, name="policy")
    messages = json.dumps([{"role": "assistant", "channel": "answer", "text": TEXT}])
    prompt = json.dumps([{"role": "user", "text": "What is wrong?"}])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rewards_task (project_id, external_id, version, is_current, preview, messages, context, tags,"
            " split, licence, metadata, content_hash, output_count, created_at)"
            " SELECT %s, 'task-' || n, 1, true, '', %s, '', '{}', '', '', '{}', 'h', 2, now()"
            " FROM generate_series(1, %s) n",
            [project.pk, prompt, items],
        )
        cursor.execute(
            "INSERT INTO rewards_output (project_id, task_id, policy_id, external_id, version, is_current, preview,"
            " messages, char_count, generation, content_hash, created_at)"
            " SELECT %s, t.id, %s, 'output-' || t.id || '-' || n, 1, true, '', %s, %s, '{}', 'h', now()"
            " FROM rewards_task t, generate_series(1, 2) n WHERE t.project_id = %s",
            [project.pk, policy.pk, messages, len(TEXT), project.pk],
        )
    campaign = create_campaign(
        project=project,
        actor=user,
        name="Bench",
        protocol=ProtocolContent(questions=PRESETS["full"].questions),
        selection=Selection(),
        overlap=overlap,
    )
    change_plan(campaign=campaign, actor=user, order=order)
    open_campaign(campaign=campaign, actor=user)
    return campaign


def _answer_all_but(campaign: Campaign, user: User, left: int) -> None:
    """Rows as so many submits leave them, made in the database; the last `left` items stay open."""
    rater = models.Rater.objects.create(
        project=campaign.project, kind="person", user=user, name="bench", pseudonym="rater-1"
    )
    values = {
        "campaign": campaign.pk,
        "project": campaign.project_id,
        "protocol": campaign.protocol_id,
        "user": user.pk,
        "rater": rater.pk,
        "last": campaign.item_count - left,
    }
    with connection.cursor() as cursor:
        for statement in _EARLIER_ANSWERS:
            cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")


_EARLIER_ANSWERS = [
    "UPDATE annotations_campaignitem SET granted_count = 1, submitted_count = 1"
    " WHERE campaign_id = %(campaign)s AND position <= %(last)s",
    "INSERT INTO annotations_assignment (project_id, campaign_id, item_id, user_id, protocol_id, status, lease_until,"
    ' "order", seed, reason, active_ms, makes_gold, created_at, submitted_at)'
    " SELECT %(project)s, %(campaign)s, i.id, %(user)s, %(protocol)s, 'submitted', now() - interval '1 day',"
    " (SELECT jsonb_agg(output_id) FROM annotations_campaignitemoutput o WHERE o.item_id = i.id), 1, '', 1000, false,"
    " now() - interval '1 day', now() - interval '1 day'"
    " FROM annotations_campaignitem i WHERE i.campaign_id = %(campaign)s AND i.position <= %(last)s",
    "INSERT INTO annotations_submission"
    " (project_id, assignment_id, idempotency_key, act, answer, active_ms, created_at)"
    " SELECT project_id, id, 'k', gen_random_uuid(), '{}', 1000, now() FROM annotations_assignment"
    " WHERE campaign_id = %(campaign)s",
    "INSERT INTO rewards_judgment (project_id, kind, rater_id, task_id, output_id, input_hash, repeat, act,"
    " idempotency_key, presentation, created_at)"
    " SELECT s.project_id, k.kind, %(rater)s, i.task_id, CASE k.kind WHEN 'comparison' THEN NULL ELSE o.output_id END,"
    " '', 0, s.act, s.act || ':' || k.kind || o.output_id, '{}', now()"
    " FROM annotations_submission s JOIN annotations_assignment a ON a.id = s.assignment_id"
    " JOIN annotations_campaignitem i ON i.id = a.item_id JOIN annotations_campaignitemoutput o ON o.item_id = i.id"
    " CROSS JOIN (VALUES ('rating'), ('spans'), ('comparison')) k(kind)"
    " WHERE a.campaign_id = %(campaign)s AND (k.kind <> 'comparison' OR o.position = 1)",
    "INSERT INTO rewards_rating (judgment_id, question, value, scale_low, scale_high)"
    " SELECT id, 'overall', 4, 1, 7 FROM rewards_judgment WHERE project_id = %(project)s AND kind = 'rating'",
    'INSERT INTO rewards_spanmark (judgment_id, output_id, message, start, "end", text_sha256, quote, type, severity,'
    " explanation) SELECT id, output_id, 0, 0, 3, 'h', 'The', 'factual', '', ''"
    " FROM rewards_judgment WHERE project_id = %(project)s AND kind = 'spans'",
    "UPDATE annotations_campaign SET submitted_count = %(last)s WHERE id = %(campaign)s",
    "INSERT INTO annotations_campaignprogress"
    " (campaign_id, user_id, submitted_count, skipped_count, active_ms, last_at)"
    " VALUES (%(campaign)s, %(user)s, %(last)s, 0, 0, now())",
]


def _side_by_side(client: Client, campaign: Campaign) -> list[float]:
    """The median of some rounds of each; in turn, so that whatever else the machine does falls on all alike."""
    root = f"/p/{campaign.project.slug}"
    rounds: list[list[float]] = []
    for number in range(ROUNDS):
        following = _timed(
            lambda: _sent(client.post(f"/api/v1/projects/{campaign.project.slug}/campaigns/{campaign.pk}/next"))
        )
        assignment = Assignment.objects.get(campaign=campaign, status="leased")
        body = json.dumps({"key": f"key-{number}", "answer": _answer(), "active_ms": 30_000})
        own = f"/api/v1/assignments/{assignment.pk}"
        page = _timed(lambda: _sent(client.get(f"/annotate/{assignment.pk}/")))  # noqa: B023 - called at once
        submit = _timed(
            lambda: _sent(client.post(f"{own}/submit", body, content_type="application/json"))  # noqa: B023
        )
        empty = _timed(lambda: _sent(client.get(f"{root}/empty/")))
        commit = _timed(lambda: Project.objects.filter(pk=campaign.project_id).update(name=f"Round {number}"))  # noqa: B023
        rounds.append([empty, submit, following, page, commit])
    return [median(column) for column in zip(*rounds, strict=True)]


def _answer() -> dict[str, Any]:
    spans = [
        {
            "output": label,
            "message": 0,
            "start": start,
            "end": start + 10,
            "quote": TEXT[start : start + 10],
            "text_sha256": sha256_text(TEXT),
            "type": "factual",
            "severity": "minor",
            "comment": "",
        }
        for label, start in (("A", 4), ("A", 40), ("B", 100))
    ]
    return {"overall": {"A": 6, "B": 3}, "preference": {"A-B": "A"}, "errors": spans}


def _sent(response: Any) -> None:
    if response.status_code != 200:
        raise RuntimeError(f"{response.status_code}: {response.content[:300]!r}")


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
