"""Drawing text token by token, each request with a generator of its own.

The library's `generate` shares one random state over a batch; here what a request draws does not depend on its
neighbours, so a stored seed is enough to draw it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workers.engines.contract import Sampling

if TYPE_CHECKING:
    import torch


class DrawRequest(NamedTuple):
    """Token ids of a prompt, and how to go on."""

    ids: list[int]
    sampling: Sampling


class Drawn(NamedTuple):
    """New token ids without the end token, and whether the model ended."""

    ids: list[int]
    stopped: bool


def draw_batch(model: Any, requests: Sequence[DrawRequest], end_ids: frozenset[int]) -> list[Drawn]:
    """Draw for all requests at once, padded on the left, with a key-value cache."""
    import torch

    longest = max(len(request.ids) for request in requests)
    pads = [longest - len(request.ids) for request in requests]
    ids = torch.tensor([[0] * pad + request.ids for pad, request in zip(pads, requests, strict=True)])
    mask = torch.tensor([[0] * pad + [1] * len(request.ids) for pad, request in zip(pads, requests, strict=True)])
    ids, mask = ids.to(model.device), mask.to(model.device)
    generators = [np.random.default_rng(request.sampling.seed) for request in requests]
    drawn: list[list[int]] = [[] for _ in requests]
    stopped = [False] * len(requests)
    cache = None
    with torch.inference_mode():
        for _ in range(max(request.sampling.max_new_tokens for request in requests)):
            logits, cache = _step(model, ids, mask, cache)
            chosen = [0] * len(requests)
            for row, request in enumerate(requests):
                if stopped[row] or len(drawn[row]) == request.sampling.max_new_tokens:
                    continue
                chosen[row] = draw_token(logits[row], request.sampling, generators[row])
                if chosen[row] in end_ids:
                    stopped[row] = True
                else:
                    drawn[row].append(chosen[row])
            if all(
                stopped[row] or len(drawn[row]) == request.sampling.max_new_tokens
                for row, request in enumerate(requests)
            ):
                break
            ids = torch.tensor(chosen, device=model.device)[:, None]
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
    return [Drawn(row_ids, row_stopped) for row_ids, row_stopped in zip(drawn, stopped, strict=True)]


def _step(model: Any, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> tuple[npt.NDArray[np.float32], Any]:
    """One forward pass: logits after the last position, float32, shape (rows, vocabulary), and the cache."""
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    out = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return out.logits[:, -1].float().cpu().numpy(), out.past_key_values


def draw_token(logits: npt.NDArray[np.float32], sampling: Sampling, generator: np.random.Generator) -> int:
    """Draw one token.

    Parameters
    ----------
    logits : float32 array, shape (V,)
    sampling : Sampling
        Temperature 0 takes the highest logit. Otherwise the tokens of the smallest set whose probability (after
        temperature) reaches `top_p` are kept (nucleus sampling, arXiv 1904.09751).
    generator : numpy Generator
        One uniform number is taken from it per token drawn at a temperature above 0.
    """
    if sampling.temperature == 0:
        return int(logits.argmax())
    weights = np.exp((logits.astype(np.float64) - float(logits.max())) / sampling.temperature)
    if sampling.top_p < 1:
        falling = -np.sort(-weights)
        last = int(np.searchsorted(np.cumsum(falling), sampling.top_p * weights.sum()))
        weights[weights < falling[min(last, len(falling) - 1)]] = 0
    cumulative = np.cumsum(weights)
    drawn = generator.random() * cumulative[-1]
    return int(min(np.searchsorted(cumulative, drawn, side="right"), np.flatnonzero(weights)[-1]))
