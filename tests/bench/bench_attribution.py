"""Leave one out on the shipped model: versions of an output that share beginnings, against reading each from its start.

The loop that it stands beside is the usual one: whole prompts in left-padded batches through the library's own
attention. Both run in turns within one process; seconds are those of one core at work.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from rewards.parameters import validate_parameters
from rewards.statistics.attribution import leave_one_out_masks
from tests.bench.bench_engines import BATCH, DEMO, _engine, _fastest, _plain_attention, _prompt_ids
from tests.bench.figures import Figure, at_least, at_most
from workers.engines.contract import ChatMessage, EngineError, Prompt
from workers.engines.transformers_engine import TransformersEngine
from workers.sources.attribution.leave_one_out import LeaveOneOut
from workers.sources.attribution.parts import Parts
from workers.sources.attribution.scalars import outcome_prompt
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.outcome_model import NO, YES
from workers.sources.results import Scored
from workers.sources.scoring import score_items

SOURCE = LeaveOneOut()
WORDS = (20, 60)
OUTPUTS = 3


class Case(NamedTuple):
    """An output, and the token ids of all its versions: the whole, nothing, then each without one part."""

    item: SourceItem
    rows: list[list[int]]


def figures() -> Iterator[Figure]:
    import torch

    torch.set_num_threads(1)
    try:
        exact, half = _engine("float32"), _engine("bfloat16")
    except EngineError as error:
        sys.stdout.write(f"attribution: not measured, {error.message}\n")
        return
    parameters = validate_parameters(SOURCE.declaration.parameters, {"segments": "word"})
    cases = [_case(half, item, parameters) for item in _items()]
    repeated, shared = _fastest(
        [
            lambda: [_plain_values(half, case) for case in cases],
            lambda: [_values(half, case.item, parameters) for case in cases],
        ]
    )
    versions, tokens = sum(len(case.rows) for case in cases), sum(len(row) for case in cases for row in case.rows)
    name = f"leave one out, {versions} versions of {tokens / versions:.0f} tokens"
    yield Figure(f"{name}: reading each", repeated, "s")
    yield Figure(f"{name}: shared beginnings", shared, "s")
    yield at_least(f"{name}: speed-up", repeated / shared, "x", 2)
    expected = _plain_values(exact, cases[0])
    found = _values(exact, cases[0].item, parameters)
    yield at_most(f"{name}: largest difference, float32", float(np.abs(found - expected).max()), "of p", 1e-4)


def _items() -> list[SourceItem]:
    """Outputs of a middle length, one for each of the demo's tasks that come with a text to read, in its order."""
    found = []
    for line in DEMO.read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        fitting = [
            output
            for output in task.get("outputs", [])
            if len(output["messages"]) == 1 and WORDS[0] <= len(output["messages"][0]["text"].split()) <= WORDS[1]
        ]
        if fitting and task.get("context"):
            asked = tuple(ChatMessage(message["role"], message["text"]) for message in task["messages"])
            answer = (OutputMessage("assistant", fitting[0]["messages"][0]["text"]),)
            found.append(SourceItem(task["id"], asked, answer, context=task["context"]))
    if len(found) < OUTPUTS:
        raise RuntimeError(f"the demo has {len(found)} outputs of {WORDS[0]} to {WORDS[1]} words")
    return found[:OUTPUTS]


def _case(engine: TransformersEngine, item: SourceItem, parameters: dict[str, Any]) -> Case:
    parts, template = Parts.of(item, parameters), SOURCE.declaration.template(parameters)
    n = len(parts)
    masks = np.vstack([np.ones((1, n), dtype=bool), np.zeros((1, n), dtype=bool), leave_one_out_masks(n)])
    prompts: list[Prompt] = [outcome_prompt(template, item, parts.without(mask), parameters) for mask in masks]
    return Case(item, [_prompt_ids(engine._encoder.encode_prompt, prompt) for prompt in prompts])


def _values(engine: Any, item: SourceItem, parameters: dict[str, Any]) -> np.ndarray:
    [result] = score_items(SOURCE, [item], {"model": engine}, parameters)
    if not isinstance(result, Scored):
        raise RuntimeError(f"{item.key}: {result}")
    return result.signals[0].signal.values


def _plain_values(engine: TransformersEngine, case: Case) -> np.ndarray:
    """The usual loop: every version from its start, with the first tokens of YES behind it, in left-padded batches."""
    yes, no = (engine._encoder.encode_continuation(label).ids for label in (YES, NO))
    if len(no) != 1:
        raise RuntimeError(f"{NO} is {len(no)} tokens: expected one, which is read where YES begins")
    logprobs = np.concatenate(
        [
            _last_logprobs(engine, [row + yes[:-1] for row in case.rows[first : first + BATCH]], len(yes))
            for first in range(0, len(case.rows), BATCH)
        ]
    )
    sums = logprobs[:, np.arange(len(yes)), yes].sum(1)
    share = 1 / (1 + np.exp(logprobs[:, 0, no[0]] - sums))
    return share[0] - share[2:]


def _last_logprobs(engine: TransformersEngine, batch: list[list[int]], kept: int) -> np.ndarray:
    """Log-probabilities after each of the last places of rows: float64, shape (rows, kept, V)."""
    import torch

    longest = max(map(len, batch))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in batch])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in batch])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with _plain_attention(engine), torch.inference_mode():
        logits = engine._model(
            input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=kept, use_cache=False
        ).logits
    found: np.ndarray = logits.float().log_softmax(-1).double().numpy()
    return found
