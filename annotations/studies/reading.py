"""The contradictory pairs of a consistency study with their texts, to read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from annotations.models import Study
from rewards.models import Output

PAGE = 10
KINDS = (
    ("reversal", "Reversed"),
    ("rating_decides", "Ratings differ, comparison ties"),
    ("comparison_decides", "Ratings tie, comparison differs"),
)


class Side(NamedTuple):
    text: str
    rating: float
    policy: str
    is_chosen: bool


class ReadablePair(NamedTuple):
    task_id: int
    prompt: str
    kind: str
    choice: str
    sides: tuple[Side, Side]


def contradictory_pairs(study: Study, *, kind: str, start: int) -> list[ReadablePair]:
    """One page of the pairs of `kind` ("" for all) from place `start` on (one query)."""
    chosen = [row for row in study.result.get("contradictions", []) if not kind or row["kind"] == kind]
    return _readable(chosen[start : start + PAGE])


def contradiction_counts(study: Study) -> dict[str, int]:
    counts = dict.fromkeys((name for name, _ in KINDS), 0)
    for row in study.result.get("contradictions", []):
        counts[row["kind"]] += 1
    return counts


def _readable(rows: Sequence[dict[str, Any]]) -> list[ReadablePair]:
    ids = {row[side] for row in rows for side in ("output_a", "output_b")}
    outputs = Output.objects.select_related("policy", "task").defer("task__messages").in_bulk(ids)
    labels = dict(KINDS)
    return [
        ReadablePair(
            task_id=row["task"],
            prompt=outputs[row["output_a"]].task.preview,
            kind=labels[row["kind"]],
            choice=row["choice"],
            sides=(
                _side(outputs[row["output_a"]], row["rating_a"], row["choice"] == "a"),
                _side(outputs[row["output_b"]], row["rating_b"], row["choice"] == "b"),
            ),
        )
        for row in rows
        if row["output_a"] in outputs and row["output_b"] in outputs
    ]


def _side(output: Output, rating: float, is_chosen: bool) -> Side:
    text = "\n\n".join(message["text"] for message in output.messages)
    return Side(text, rating, output.policy.name if output.policy else "", is_chosen)
