"""How much memory is free, and how many tokens of a model fit into a part of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

# Of what is free once the model is loaded, one pass may take this part: other models and other processes need room.
BUDGET_SHARE = 0.25
# Tokens beyond which a pass gets no faster. On two CPU cores 1,000 to 2,000 were fastest, the states then still fit
# the caches; a GPU needs more to be kept busy.
_PASS_TOKENS = {"cpu": 2048, "cuda": 32768}
# Logits held at once: float32 values, a few of them per forward pass beside each other. Small enough for a CPU's cache.
MOST_LOGITS = {"cpu": 2**22, "cuda": 2**26}
# Tensors of one layer that live beside each other, counted generously: the allocator keeps some longer than it must.
_HIDDEN_COPIES, _INNER_COPIES, _HEAD_COPIES, _FLOAT_COPIES = 8, 4, 4, 4


@dataclass(frozen=True, slots=True)
class TokenCost:
    """Bytes that reading one token takes, beside the weights.

    Attributes
    ----------
    working : int
        States of one layer, while it is computed.
    cached : int
        Keys and values of all layers, where they are kept (when text is drawn).
    state : int
        Hidden state of one layer, where those of every layer are kept.
    layers, heads, vocabulary : int
    """

    working: int
    cached: int
    state: int
    layers: int
    heads: int
    vocabulary: int


def token_cost(config: Any, itemsize: int) -> TokenCost:
    """From a model's configuration; what an architecture does not state is taken from its hidden size."""
    text = config.get_text_config()
    hidden = int(text.hidden_size)
    heads = int(getattr(text, "num_attention_heads", 0) or 1)
    key_heads = int(getattr(text, "num_key_value_heads", 0) or heads)
    width = int(getattr(text, "head_dim", 0) or hidden // heads)
    inner = int(getattr(text, "intermediate_size", 0) or 4 * hidden)
    inner *= int(getattr(text, "num_experts_per_tok", 0) or 1)
    layers = int(text.num_hidden_layers)
    return TokenCost(
        working=itemsize * (_HIDDEN_COPIES * hidden + _INNER_COPIES * inner + _HEAD_COPIES * 3 * heads * width)
        + 4 * _FLOAT_COPIES * (heads * width + hidden),
        cached=2 * itemsize * layers * key_heads * width,
        state=itemsize * hidden,
        layers=layers,
        heads=heads,
        vocabulary=int(text.vocab_size),
    )


@dataclass(frozen=True, slots=True)
class Budget:
    """What one forward pass may take.

    Attributes
    ----------
    memory : int
        Bytes.
    tokens : int
        That many fit.
    tokens_with_logits : int
        That many where the scores of the whole vocabulary are computed for each.
    pass_tokens : int
        More than these make a pass no faster.
    logits : int
        Values of the vocabulary's scores held at once.
    """

    memory: int
    tokens: int
    tokens_with_logits: int
    pass_tokens: int
    logits: int


def budget_for(cost: TokenCost, device: str, *, memory: int | None = None) -> Budget:
    """Of `memory` bytes, or of a part of what is free now."""
    if memory is None:
        memory = int(min(free_bytes(device), 2**40) * BUDGET_SHARE)
    # Three float32 arrays of logits at once, of at most a fourth of the budget.
    logits = max(cost.vocabulary, min(MOST_LOGITS[device], memory // (4 * 12)))
    tokens = max(1, (memory - 12 * logits) // cost.working)
    with_logits = max(1, (memory - 12 * logits) // (cost.working + 8 * cost.vocabulary))
    return Budget(memory, tokens, with_logits, min(tokens, _PASS_TOKENS[device]), logits)


def free_bytes(device: str) -> int:
    """Bytes that can be had on a device now."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    return _available_memory()


def _available_memory() -> int:
    """Bytes that can be allocated without swapping: what the system says, and the container's limit if lower.

    Where the system does not say (it is not Linux), no model is taken to be too big.
    """
    if not os.path.exists("/proc/meminfo"):
        return sys.maxsize
    with open("/proc/meminfo", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    available = int(lines["MemAvailable"].split()[0]) * 1024
    limit, used = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"
    if os.path.exists(limit):
        with open(limit, encoding="ascii") as limit_file, open(used, encoding="ascii") as used_file:
            most = limit_file.read().strip()
            if most != "max":
                available = min(available, int(most) - int(used_file.read()))
    return available


def run_in_memory(call: Callable[[], T]) -> T | None:
    """Call, and give None where the device ran out of memory; any other error passes."""
    import torch

    try:
        return call()
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
    except (RuntimeError, MemoryError) as error:
        # The CPU allocator has no error class of its own.
        if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):
            raise
    return None
