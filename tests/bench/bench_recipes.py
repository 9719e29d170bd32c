"""How fast a recipe of five operators is over a million token rewards and what it holds meanwhile; projection."""

import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np

from rewards.recipes.evaluate import Frame, evaluate
from rewards.recipes.tree import Recipe, read_recipe
from rewards.segmentation import Segmentation
from rewards.shaping.rows import Floats, Level, Rows
from tests.bench.figures import Figure, at_least, at_most

N_OUTPUTS = 2_000
N_TOKENS = 500
GROUP = 8
N_PROJECTED = 200
TRIES = 5

RECIPE = {
    "recipe": 1,
    "inputs": {
        "critic": {"kind": "given", "level": "token"},
        "outcome": {"kind": "given", "level": "output"},
    },
    "reward": {
        "op": "weighted_sum",
        "terms": [
            {
                "of": {
                    "op": "clip",
                    "rewards": {
                        "op": "gate",
                        "outcome": {"input": "outcome"},
                        "threshold": 0.0,
                        "rewards": {"op": "affine", "rewards": {"input": "critic"}, "scale": 0.5, "shift": 0.1},
                    },
                    "low": -1.0,
                    "high": 1.0,
                }
            },
            {"of": {"op": "end_of_sequence", "scores": {"input": "outcome"}, "onto": "token"}, "weight": 5.0},
        ],
    },
}
"""Affine, gate, clip, the outcome at the end, and the sum of both."""


def figures() -> Iterator[Figure]:
    recipe, frame = read_recipe(RECIPE), _frame()
    seconds = _best_of(lambda: evaluate(recipe, frame))
    yield at_most("1,000,000 token rewards through five operators", seconds, "s", 0.5)
    yield at_most("bytes held meanwhile, of those of the input", _held(recipe, frame), "x", 10)
    yield from _projection()


def _frame() -> Frame:
    rng = np.random.default_rng(7)
    tokens = Level.of_lengths("token", [N_TOKENS] * N_OUTPUTS)
    critic = rng.normal(size=tokens.size)
    critic[rng.random(tokens.size) < 0.01] = np.nan
    inputs = {"critic": Rows(tokens, critic), "outcome": Rows.scalars(rng.normal(size=N_OUTPUTS))}
    return Frame(np.arange(N_OUTPUTS) // GROUP, inputs, {"token": tokens})


def _held(recipe: Recipe, frame: Frame) -> float:
    """Peak of what is allocated while the recipe is computed, the reward included, over the bytes of the critic."""
    fresh = Frame(
        frame.groups, {name: Rows(rows.level, rows.values) for name, rows in frame.inputs.items()}, frame.levels
    )
    tracemalloc.start()
    try:
        evaluate(recipe, fresh)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak / frame.inputs["critic"].values.nbytes


def _projection() -> Iterator[Figure]:
    """Of 200 outputs of about 500 tokens, from one tokenizer's tokens to another's."""
    rng = np.random.default_rng(7)
    source, target = (_level(rng) for _ in range(2))
    rows = Rows(source, rng.normal(size=source.size))
    fast = _best_of(lambda: rows.on(target))
    for name, loop in (("a search for each token", _by_token), ("two pointers in plain Python", _by_pointers)):
        start = time.perf_counter()
        values = loop(rows, target)
        slow = time.perf_counter() - start
        np.testing.assert_allclose(rows.on(target).values, values, rtol=1e-9, atol=1e-12)
        if loop is _by_token:
            yield at_least(f"projection over {name}", slow / fast, "x", 20)
        else:
            yield Figure(f"projection over {name}", slow / fast, "x")
    yield Figure(f"projection of {source.size:,} tokens", fast, "s")


def _level(rng: np.random.Generator) -> Level:
    """Tokens of four characters on average."""
    cuts = []
    for _ in range(N_PROJECTED):
        inner = np.sort(rng.choice(np.arange(1, 4 * N_TOKENS), size=N_TOKENS - 1, replace=False))
        edges = np.concatenate([[0], inner, [4 * N_TOKENS]])
        cuts.append(Segmentation("tokens", np.stack([0 * edges[:-1], edges[:-1], edges[1:]], axis=1)))
    return Level.of_segmentations("token", cuts, [1] * N_PROJECTED)


def _by_token(rows: Rows, target: Level) -> Floats:
    """What a trainer writes first: for each token, look which of the output's other tokens share characters with it."""
    values = np.zeros(target.size)
    for output in range(len(target)):
        theirs = rows.level.spans[rows.level.starts[output] : rows.level.starts[output + 1], 1:]
        width = theirs[:, 1] - theirs[:, 0]
        for at in range(target.starts[output], target.starts[output + 1]):
            _, start, end = target.spans[at]
            shared = np.clip(np.minimum(theirs[:, 1], end) - np.maximum(theirs[:, 0], start), 0, None)
            values[at] = (rows.of(output) * shared / width).sum()
    return values


def _by_pointers(rows: Rows, target: Level) -> Floats:
    """The best that a loop can do: both are in order, so no token is looked at twice."""
    values = [0.0] * target.size
    onto = target.spans.tolist()
    first = 0
    for (message, start, end), value in zip(rows.level.spans.tolist(), rows.values.tolist(), strict=True):
        while (onto[first][0], onto[first][2]) <= (message, start):
            first += 1
        at = first
        while at < len(onto) and onto[at][0] == message and onto[at][1] < end:
            shared = min(end, onto[at][2]) - max(start, onto[at][1])
            values[at] += value * shared / (end - start)
            at += 1
    return np.array(values)


def _best_of(action: Callable[[], object]) -> float:
    seconds = []
    for _ in range(TRIES):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
