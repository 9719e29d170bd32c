"""Labelled outputs, exports and small fitted weights that the tests of fits share."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from projects.models import Project
from rewards.models import Export, ExportFile
from workers.sources.fitted.weights import FittedWeights

TINY_WIDTH = 32
"""Of the hidden states of `tiny_model` and of the scripted engine."""
LETTERS_WIDTH = 27
"""Of the scripted engine's vectors."""
GOOD, BAD = "the cat sat on the mat", "zq zq zq zq zq"


def row(label: bool, number: int, text: str = "", task: str = "") -> dict[str, Any]:
    """One unpaired row with ids."""
    return {
        "prompt": [{"role": "user", "content": f"what is right, {number}?"}],
        "completion": [{"role": "assistant", "content": text or f"{GOOD if label else BAD} {number}"}],
        "label": label,
        "task_id": task or f"task-{number}",
        "output_id": f"output-{number}",
    }


def rows(n: int = 40) -> list[dict[str, Any]]:
    """Good and bad outputs in turn, each of its own task."""
    return [row(number % 2 == 0, number) for number in range(n)]


def make_export(
    project: Project, content: Sequence[dict[str, Any]] | None = None, *, split: str = "train", **fields: Any
) -> Export:
    """A ready export with one file of these rows."""
    data = "".join(json.dumps(one) + "\n" for one in (rows() if content is None else content)).encode()
    given = {"name": "thumbs", "format": "trl_unpaired_conversational", "status": "ready", **fields}
    export = Export.objects.create(project=project, rows_written=len(content or rows()), **given)
    stored_as = default_storage.save(f"exports/{export.pk}/{split}.jsonl", ContentFile(data))
    ExportFile.objects.create(
        export=export,
        path=f"data/{split}.jsonl",
        stored_as=stored_as,
        split=split,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return export


def head(width: int = TINY_WIDTH, **settings: Any) -> FittedWeights:
    """A head that looks at the first number of a state."""
    weight = np.zeros(width, dtype=np.float32)
    weight[0] = 1.0
    arrays = {"weight": weight, "bias": np.zeros(1, dtype=np.float32)}
    return FittedWeights("token_credit", arrays, {"pooling": "mean", "layer": -1, "layout": "chat", **settings})


def detector(width: int = LETTERS_WIDTH, *, calibration: Sequence[float] = tuple(range(20))) -> FittedWeights:
    """A detector of one unit a layer: the prior gives nothing, the predictor the sum of the output's numbers.

    All modulation is 1 and all biases 0, so the distance is the squared sum where that is positive.
    """
    arrays: dict[str, Any] = {}
    for name in ("prior", "predictor"):
        one = 1.0 if name == "predictor" else 0.0
        arrays[f"{name}.1.weight"] = np.full((1, width), one)
        arrays[f"{name}.2.weight"] = arrays[f"{name}.3.weight"] = arrays[f"{name}.out.weight"] = np.full((1, 1), one)
        arrays[f"{name}.film.weight"] = np.zeros((2, width))
        arrays[f"{name}.film.bias"] = np.array([1.0, 0.0])
        arrays |= {f"{name}.{layer}.bias": np.zeros(1) for layer in ("1", "2", "3", "out")}
    for name in ("context", "output"):
        arrays |= {f"{name}_mean": np.zeros(width), f"{name}_std": np.ones(width)}
    arrays |= {"sigma": np.ones(1), "calibration": np.array(calibration)}
    return FittedWeights("novelty", {name: array.astype(np.float32) for name, array in arrays.items()})
