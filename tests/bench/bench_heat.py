"""How large the page of four outputs of 1,500 tokens is with three signals over them, and how soon it is written."""

import time
from collections.abc import Iterator

import numpy as np
from django.test import Client

from rewards import signal_store
from rewards.models import Judgment, Output, Rater, SpanMark, Task
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.bench.figures import Figure, at_most
from tests.factories import make_judgment, make_output, make_project, make_rater, make_task, make_user

N_TOKENS = 1500
WORD = "word "
N_MARKS = 20


def figures() -> Iterator[Figure]:
    user = make_user("mia")
    task = make_task(make_project("heat", manager=user))
    address = f"/p/heat/tasks/{task.pk}/?{'&'.join(_filled(task))}"
    client = Client()
    client.force_login(user)
    client.get(address)
    start = time.perf_counter()
    response = client.get(address)
    seconds = time.perf_counter() - start
    assert response.content.count(b"data-layer-name") == 12, response.status_code
    yield at_most("four outputs of 1,500 tokens with three overlays", len(response.content) / 1000, "KB", 150)
    yield Figure("writing that page", seconds, "s")


def _filled(task: Task) -> list[str]:
    """Three signals, each by a tokenizer of its own so that none can lend another its cut, and spans of a model."""
    rater = make_rater(task.project)
    scorer = Rater.objects.create(
        project=task.project, kind=Rater.Kind.SCORER, name="Critic", pseudonym="critic", scorer_hash="c" * 64
    )
    rng = np.random.default_rng(0)
    for number in range(4):
        output = make_output(task, WORD * N_TOKENS, policy=f"policy-{number}")
        for shift in range(3):
            starts = np.arange(N_TOKENS - 1) * len(WORD) + shift
            spans = np.column_stack([np.zeros_like(starts), starts, starts + len(WORD)])
            signal = RewardSignal(Segmentation(f"tokenizer:{shift}", spans), rng.normal(size=len(spans)))
            signal_store.save_many([signal_store.NewSignal(output, rater, "score", signal, "h")])
        _mark(scorer, output)
    return [f"signal={rater.pk}:score:tokenizer:{shift}" for shift in range(3)]


def _mark(scorer: Rater, output: Output) -> None:
    text = WORD * N_TOKENS
    judgment = make_judgment(scorer, Judgment.Kind.SPANS, output.task, output)
    SpanMark.objects.bulk_create(
        SpanMark(
            judgment=judgment,
            output=output,
            message=0,
            start=40 * n,
            end=40 * n + 60,
            quote=text[40 * n : 40 * n + 60],
            text_sha256=sha256_text(text),
            type="Irrelevant",
            explanation="does not follow from the text before",
        )
        for n in range(N_MARKS)
    )
