"""The task list against an empty page of the same project, the numbers behind heat maps, and re-aggregation."""

import re
import time
from collections.abc import Callable, Iterator
from html import unescape

import numpy as np
from django.db import connection
from django.test import Client, override_settings

from projects.models import Membership, Project, Role, User
from rewards import models, signal_store
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from tests.bench.empty_page import urls_with_empty_page
from tests.bench.figures import Figure, at_most

PAGES = {
    "newest first": "",
    "by id": "?sort=id",
    "a word": "?q=needle",
    "start of an id": "?q=task-0000",
    "a rare tag": "?tag=rare",
    "a split": "?split=test",
    "not judged": "?judged=no",
}
SMALL, LARGE = 20_000, 200_000
ROUNDS = 30


def figures() -> Iterator[Figure]:
    client = Client()
    client.force_login(_owner())
    with override_settings(ROOT_URLCONF=urls_with_empty_page().__name__):
        project = _project("lists")
        for size in (SMALL, LARGE):
            _fill(project, size)
            pages = {name: f"/p/lists/tasks/{query}" for name, query in PAGES.items()}
            pages["page 100"] = _deep_page(client)
            empty, seconds = _side_by_side(client, "/p/lists/empty/", list(pages.values()))
            yield Figure(f"empty page of a project, {size:,} tasks", empty * 1000, "ms")
            for name, took in zip(pages, seconds, strict=True):
                yield at_most(f"task list, {name}, of {size:,} / empty page", took / empty, "x", 3)
    yield from _signal_figures()


def _signal_figures() -> Iterator[Figure]:
    project = _project("signals")
    rater = models.Rater.objects.create(project=project, kind="external", name="r", pseudonym="r")
    task = models.Task.objects.create(project=project, external_id="t", messages=[], content_hash="h")
    text = "x" * 500
    outputs = models.Output.objects.bulk_create(
        models.Output(
            project=project, task=task, external_id=f"o{n}", messages=[{"text": text}], content_hash="h", char_count=500
        )
        for n in range(2000)
    )
    starts = np.arange(500, dtype=np.int32)
    cut = Segmentation("tokenizer:x", np.column_stack([np.zeros_like(starts), starts, starts + 1]))
    values = np.random.default_rng(0).normal(size=500)
    signal = RewardSignal(cut, values)
    took = _once(
        lambda: signal_store.save_many(signal_store.NewSignal(o, rater, "score", signal, "h") for o in outputs)
    )
    yield Figure("store 1,000,000 signal values of 2,000 outputs", took, "s")
    stored = models.RewardSignal.objects.of(project)
    took = min(_once(lambda: signal_store.load_cut_values(stored.all())) for _ in range(5))
    yield at_most("read 1,000,000 signal values and their spans into arrays", took, "s", 0.2)
    took = min(_once(lambda: signal_store.load(stored.all())) for _ in range(5))
    yield Figure("the same as checked signals", took, "s")


def _project(slug: str) -> Project:
    project = Project.objects.create(slug=slug, name=slug)
    Membership.objects.create(project=project, user=_owner(), role=Role.OWNER)
    return project


def _owner() -> User:
    return User.objects.filter(username="bench").first() or User.objects.create_user("bench", password=None)


def _fill(project: Project, size: int) -> None:
    """Add tasks up to `size`, one word, tag and judgment in a thousand being rare; then let the planner know."""
    first = models.Task.objects.of(project).count()
    words = [f"word{n}" for n in range(5000)]
    rng = np.random.default_rng(first)
    picks = rng.integers(len(words), size=(size - first, 20))
    models.Task.objects.bulk_create(
        (
            models.Task(
                project=project,
                external_id=f"task-{number:07}",
                preview=" ".join(words[pick] for pick in row) + (" needle" if number % 1000 == 7 else ""),
                messages=[],
                tags=["rare", "math"] if number % 1000 == 11 else ["math", "dates"],
                split="test" if number % 10 == 0 else "train",
                content_hash="h",
                output_count=4,
            )
            for number, row in enumerate(picks, first)
        ),
        batch_size=5000,
    )
    rater, _ = models.Rater.objects.get_or_create(project=project, kind="external", name="r", pseudonym="r")
    judged = models.Task.objects.of(project).order_by("pk")[first:size:10]
    outputs = models.Output.objects.bulk_create(
        models.Output(project=project, task=task, external_id=f"o-{task.pk}", messages=[], content_hash="h")
        for task in judged
    )
    models.Judgment.objects.bulk_create(
        models.Judgment(
            project=project,
            kind="rating",
            rater=rater,
            task_id=output.task_id,
            output=output,
            act="00000000-0000-0000-0000-000000000000",
            idempotency_key=f"bench:{output.pk}",
        )
        for output in outputs
    )
    project.task_count = size
    project.save(update_fields=["task_count"])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE rewards_task, rewards_output, rewards_judgment")


def _deep_page(client: Client) -> str:
    """The address of the hundredth page."""
    address = "/p/lists/tasks/"
    for _ in range(99):
        link = re.search(r'href="([^"]+)" rel="next"', client.get(address).content.decode())
        assert link is not None
        address = f"/p/lists/tasks/{unescape(link[1])}"
    return address


def _side_by_side(client: Client, base: str, pages: list[str]) -> tuple[float, list[float]]:
    """The best of some rounds for each; in turn, so that whatever else the machine does falls on all alike."""
    addresses = [base, *pages]
    best = [float("inf")] * len(addresses)
    for _ in range(ROUNDS):
        for index, address in enumerate(addresses):
            best[index] = min(best[index], _once(lambda address=address: client.get(address)))  # type: ignore[misc]
    return best[0], best[1:]


def _once(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
