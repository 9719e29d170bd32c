"""How soon the composer answers a step of a slider: 200 outputs of 500 tokens, five signals, people's ratings beside.

The whole response is timed, as a browser asks for it, side by side with an empty page of the same project.
"""

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from django.test import Client, override_settings

from projects.models import Project
from rewards import signal_store
from rewards.models import Comparison, Output, Rater
from rewards.segmentation import Segmentation, whole
from rewards.signals import RewardSignal
from tests.bench.empty_page import urls_with_empty_page
from tests.bench.figures import Figure, at_most
from tests.factories import make_comparison, make_output, make_project, make_rater, make_rating, make_task, make_user

TASKS = 25
OUTPUTS_OF_TASK = 8
N_TOKENS = 500
N_DENSE = 4
WORD = "word "
STEPS = 60


def figures() -> Iterator[Figure]:
    user = make_user("mia")
    project = make_project("composer", manager=user)
    _fill(project)
    client = Client(headers={"hx-request": "true"})
    client.force_login(user)
    address = "/p/composer/recipes/compose/"
    with override_settings(ROOT_URLCONF=urls_with_empty_page().__name__):
        start = time.perf_counter()
        first = client.post(address, {"recipe": json.dumps(_recipe(1.0))})
        yield Figure("the composer's first answer, data read", 1000 * (time.perf_counter() - start), "ms")
        assert b"composer-result" in first.content, first.content[:2000]
        steps, empty = _side_by_side(client, address)
    yield Figure("an empty page, median", float(np.median(empty)), "ms")
    yield Figure("a step of a slider, median", float(np.median(steps)), "ms")
    yield at_most("a step of a slider, p95 of the whole response", float(np.quantile(steps, 0.95)), "ms", 150)
    yield Figure("what a step sends", len(first.content) / 1000, "KB")


def _side_by_side(client: Client, address: str) -> tuple[list[float], list[float]]:
    steps, empty = [], []
    for step in range(STEPS):
        posted = {"recipe": json.dumps(_recipe(1.0)), "v:/reward/terms/0/weight": str(1 + step / STEPS)}
        start = time.perf_counter()
        response = client.post(address, posted)
        steps.append(1000 * (time.perf_counter() - start))
        assert b"composer-result" in response.content
        start = time.perf_counter()
        client.get("/p/composer/empty/")
        empty.append(1000 * (time.perf_counter() - start))
    return steps, empty


def _recipe(weight: float) -> dict[str, Any]:
    dense = [f"signal {number}" for number in range(N_DENSE)]
    inputs: dict[str, Any] = {
        name: {"kind": "signal", "level": "token", "rater": "Critic", "channel": name} for name in dense
    }
    inputs["outcome"] = {"kind": "signal", "level": "output", "rater": "Critic", "channel": "outcome"}
    at_end = {"op": "end_of_sequence", "scores": {"input": "outcome"}, "onto": "token"}
    terms = [{"of": {"input": name}, "weight": weight} for name in dense] + [{"of": at_end, "weight": 1.0}]
    return {
        "recipe": 1,
        "inputs": inputs,
        "reward": {"op": "weighted_sum", "terms": terms, "unscored": "skip"},
        "advantage": {"estimator": "group_mean_std"},
    }


def _fill(project: Project) -> None:
    person = make_rater(project)
    critic = Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name="Critic", pseudonym="critic", scorer_hash="c" * 64
    )
    rng = np.random.default_rng(0)
    starts = np.arange(N_TOKENS) * len(WORD)
    spans = np.column_stack([np.zeros_like(starts), starts, starts + len(WORD)])
    for number in range(TASKS):
        task = make_task(project)
        outputs = [make_output(task, WORD * N_TOKENS, policy=f"policy-{n}") for n in range(OUTPUTS_OF_TASK)]
        new = []
        for output in outputs:
            make_rating(person, output, float(rng.integers(1, 8)))
            cut = Segmentation("tokenizer:bench", spans)
            for signal in range(N_DENSE):
                values = rng.normal(size=N_TOKENS).astype("float32")
                new.append(signal_store.NewSignal(output, critic, f"signal {signal}", RewardSignal(cut, values), "h"))
            passed = np.array([float(rng.integers(0, 2))], dtype=np.float32)
            outcome = RewardSignal(whole([WORD * N_TOKENS]), passed)
            new.append(signal_store.NewSignal(output, critic, "outcome", outcome, "h"))
        signal_store.save_many(new)
        _compare(person, outputs, number)


def _compare(person: Rater, outputs: list[Output], number: int) -> None:
    for first, second in itertools.pairwise(outputs):
        choice = Comparison.Choice.A if number % 2 else Comparison.Choice.B
        make_comparison(person, first, second, choice)
