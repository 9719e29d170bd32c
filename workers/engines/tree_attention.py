"""Attention over a forest of rows that share their beginnings, plugged into the model library's own attention layer.

Each segment of a forest attends causally to itself and, without a mask, to the segments above it. The parts are joined
by their log-sum-exp, as in cascade inference (Juravsky et al. 2024, Hydragen, arXiv 2402.05099, equation 5): for two
sets of keys with outputs o_1, o_2 and log-sum-exps l_1, l_2 of their scores,

    o = o_1 + (o_2 - o_1) sigmoid(l_2 - l_1),    l = log(e^l_1 + e^l_2)

which is softmax attention over their union, exactly. The library's registry of attention functions is public, so the
models' layers (rotary positions, norms, experts) run as they stand.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workers.engines.contract import EngineError, ErrorCode
from workers.engines.forest import Forest

if TYPE_CHECKING:
    import torch

NAME = "rubricate_tree"

# Segments up to this length are attended to together, padded to the longest of a group: a call for each costs more.
_SHORT = 64
# Queries of a matrix product: 64 to 256 are about as fast.
_BLOCK = 128
# Scores held at once where the attention is computed step by step: 2**24 float32 values are 64 MiB.
_MOST_SCORES = 2**24
# Options of an attention layer that change its scores: none of them is known here.
_CHANGED_SCORES = ("softcap", "s_aux", "position_bias", "cache")


class Group(NamedTuple):
    """Short segments attended to in one call, padded on the right, where causal attention does not look.

    Attributes
    ----------
    gather : int64 tensor, shape (segments, longest)
    places, kept : int64 tensor, shape (tokens,)
        Where the tokens stand in the pass, and in the flattened result.
    """

    gather: torch.Tensor
    places: torch.Tensor
    kept: torch.Tensor


class TreePlan(NamedTuple):
    """What the attention of each layer has to do, worked out once a pass.

    Attributes
    ----------
    roots : list of (start, end)
        Segments with nothing above them, attended to one by one; nothing is joined to what comes out.
    single : list of (start, end)
        Others, attended to one by one.
    groups : list of Group
    shared : list of (start, end, subtree_end)
        Beginnings that the tokens from `end` to `subtree_end` attend to as well.
    """

    roots: list[tuple[int, int]]
    single: list[tuple[int, int]]
    groups: list[Group]
    shared: list[tuple[int, int, int]]


def plan_attention(forest: Forest, device: Any) -> TreePlan:
    """Group a forest's segments for `tree_attention`."""
    short = [segment for segment in forest.segments if segment.end - segment.start <= _SHORT]
    short.sort(key=lambda segment: segment.end - segment.start)
    long = [segment for segment in forest.segments if segment.end - segment.start > _SHORT]
    return TreePlan(
        roots=[(segment.start, segment.end) for segment in long if segment.level == 0],
        single=[(segment.start, segment.end) for segment in long if segment.level > 0],
        groups=[
            _group([(segment.start, segment.end) for segment in found], device)
            for _, found in itertools.groupby(short, key=lambda segment: (segment.end - segment.start + 15) // 16)
        ],
        shared=[
            (segment.start, segment.end, segment.subtree_end)
            for segment in forest.segments
            if segment.subtree_end > segment.end
        ],
    )


def _group(spans: list[tuple[int, int]], device: Any) -> Group:
    import torch

    starts = np.array([start for start, _ in spans])
    lengths = np.array([end - start for start, end in spans])
    offsets = np.arange(lengths.max())
    inside = offsets[None, :] < lengths[:, None]
    gather = np.where(inside, starts[:, None] + offsets[None, :], starts[:, None])
    return Group(
        torch.tensor(gather, device=device),
        torch.tensor(gather[inside], device=device),
        torch.tensor(np.flatnonzero(inside.ravel()), device=device),
    )


@cache
def register() -> None:
    """Make `NAME` known to the library, beside its own attention functions."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, tree_attention)
    # Calls without a forest, such as drawing text, are the library's own: they need its masks.
    AttentionMaskInterface.register(NAME, sdpa_mask)


def tree_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    forest: TreePlan | None = None,
    weights: list[torch.Tensor] | None = None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The attention of one layer, in the shape that the library asks of such a function.

    Parameters
    ----------
    query : tensor, shape (1, heads, N, d)
    key, value : tensor, shape (1, key heads, N, d)
    forest : TreePlan, optional
        Without it the call goes to the library's attention.
    weights : list of tensor, optional
        The last layer appends its attention averaged over heads: float32, shape (rows, N, N).
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    known = all(options.get(name) is None for name in _CHANGED_SCORES)
    if weights is not None and known and module.layer_idx == module.config.num_hidden_layers - 1:
        is_causal = getattr(module, "is_causal", True)
        weights.append(_mean_weights(query, key, attention_mask, scaling, is_causal=is_causal))
    if forest is None:
        plain: torch.Tensor
        plain, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
        return plain, None
    if not known or options.get("sliding_window") is not None:
        raise NotImplementedError("attention with options that shared beginnings are not worked out for")
    return _attend_forest(query, key, value, forest, scaling or query.shape[-1] ** -0.5), None


def _attend_forest(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, plan: TreePlan, scale: float
) -> torch.Tensor:
    """Shape (1, N, heads, d)."""
    import torch

    heads, tokens = query.shape[1:3]
    output = query.new_empty((tokens, heads, value.shape[-1]))
    log_sums = torch.empty((tokens, heads), dtype=torch.float32, device=query.device)
    for start, end in plan.roots:
        found = _attend_root(*(part[:, :, start:end] for part in (query, key, value)), scale=scale)
        output[start:end] = found[0].transpose(0, 1)
    if not (plan.groups or plan.single or plan.shared):
        return output[None]
    repeats = heads // key.shape[1]
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    by_token = [part[0].transpose(0, 1) for part in (query, key, value)]
    for group in plan.groups:
        rows = [part[group.gather].transpose(1, 2) for part in by_token]
        found, sums = _attend(rows[0], rows[1], rows[2], causal=True, scale=scale)
        output[group.places] = found.transpose(1, 2).flatten(0, 1)[group.kept]
        log_sums[group.places] = sums.transpose(1, 2).flatten(0, 1)[group.kept]
    for start, end in plan.single:
        found, sums = _attend(*(part[:, :, start:end] for part in (query, key, value)), causal=True, scale=scale)
        output[start:end], log_sums[start:end] = found[0].transpose(0, 1), sums[0].transpose(0, 1)
    for start, end, subtree_end in plan.shared:
        above = [part[:, :, start:end] for part in (key, value)]
        found, sums = _attend(query[:, :, end:subtree_end], above[0], above[1], causal=False, scale=scale)
        seen, seen_sums = output[end:subtree_end], log_sums[end:subtree_end]
        sums = sums[0].transpose(0, 1)
        share = torch.sigmoid(sums - seen_sums)[..., None]
        output[end:subtree_end] = torch.lerp(seen.float(), found[0].transpose(0, 1).float(), share).to(seen.dtype)
        log_sums[end:subtree_end] = torch.logaddexp(seen_sums, sums)
    return output[None]


def _attend_root(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scale: float) -> torch.Tensor:
    """Causal attention of one row to itself: shape (1, heads, N, d)."""
    import torch

    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and _has_wide_matmul():
        return _attend_in_blocks(query, key, value, scale=scale)
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=scale, enable_gqa=query.shape[1] != key.shape[1]
    )


def _attend_in_blocks(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scale: float) -> torch.Tensor:
    """The same in matrix products of some queries by what is before them, scores in the states' own precision.

    For bfloat16 on CPUs: the library's kernel took 2.3 to 2.8 times as long for rows of 200 to 800 tokens. Scores are
    rounded as in the eager implementation of the models.
    """
    import torch

    heads, key_heads, tokens = query.shape[1], key.shape[1], query.shape[2]
    grouped = (query[0] * scale).reshape(key_heads, heads // key_heads, tokens, -1)
    keys, values = key[0].transpose(1, 2), value[0]
    later = torch.full((_BLOCK, _BLOCK), -math.inf, dtype=query.dtype).triu(1)
    output = torch.empty((*grouped.shape[:3], value.shape[-1]), dtype=query.dtype)
    for start in range(0, tokens, _BLOCK):
        end = min(tokens, start + _BLOCK)
        rows = grouped[:, :, start:end].flatten(1, 2)
        scores = torch.bmm(rows, keys[:, :, :end]).unflatten(1, (-1, end - start))
        scores[..., start:] += later[: end - start, : end - start]
        weights = scores.softmax(-1).flatten(1, 2)
        output[:, :, start:end] = torch.bmm(weights, values[:, :end]).unflatten(1, (-1, end - start))
    return output.flatten(0, 1)[None]


@cache
def _has_wide_matmul() -> bool:
    """Whether bfloat16 products are worth it: elsewhere they are emulated."""
    import torch

    return str(torch.backends.cpu.get_cpu_capability()).startswith("AVX512")


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, causal: bool, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention, shape (rows, heads, Q, d), and the log-sum-exp of its scores, float32, shape (rows, heads, Q)."""
    if query.device.type == "cpu" and _cpu_kernel_takes(query.dtype):
        import torch

        found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, 0.0, causal, scale=scale)
        return found[0], found[1].float()
    return _attend_plainly(query, key, value, causal=causal, scale=scale)


def _attend_plainly(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, causal: bool, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same from its definition, some queries at a time, on any device."""
    import torch

    rows, heads, queries = query.shape[:3]
    keys = key.shape[2]
    step = max(1, _MOST_SCORES // (rows * heads * keys))
    outputs, sums = [], []
    for first in range(0, queries, step):
        scores = (query[:, :, first : first + step] @ key.transpose(2, 3)).float() * scale
        if causal:
            places = torch.arange(first, first + scores.shape[2], device=query.device)
            later = torch.arange(keys, device=query.device)[None, :] > places[:, None]
            scores = scores.masked_fill(later, -math.inf)
        log_sum = scores.logsumexp(-1)
        outputs.append((scores - log_sum[..., None]).exp().to(value.dtype) @ value)
        sums.append(log_sum)
    return torch.cat(outputs, 2), torch.cat(sums, 2)


@cache
def _cpu_kernel_takes(dtype: torch.dtype) -> bool:
    """Whether the kernel behind torch's attention on CPUs is there for this dtype; it alone gives the log-sum-exp."""
    import torch

    one = torch.ones((1, 1, 2, 8), dtype=dtype)
    try:
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(one, one, one, 0.0, True, scale=1.0)
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True


def last_layer_weights(model: Any, ids: list[int]) -> torch.Tensor:
    """Attention of the last layer averaged over heads, float32, shape (N, N): row t is what token t attends to.

    Raises
    ------
    EngineError
        unsupported, where the architecture does not compute attention through the library's interface.
    """
    import torch

    before = model.config.get_text_config()._attn_implementation
    weights: list[torch.Tensor] = []
    if getattr(model, "_supports_attention_backend", False):
        register()
        model.set_attn_implementation(NAME)
        try:
            with torch.inference_mode():
                model.base_model(input_ids=torch.tensor([ids], device=model.device), use_cache=False, weights=weights)
        finally:
            model.set_attn_implementation(before)
    if not weights:
        raise EngineError(ErrorCode.UNSUPPORTED, "this architecture has an attention of its own, without its weights")
    return weights[0][0]


def _mean_weights(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, scaling: float | None, *, is_causal: bool
) -> torch.Tensor:
    """Attention probabilities averaged over heads, a head at a time: float32, shape (rows, N, N)."""
    import torch

    heads, repeats = query.shape[1], query.shape[1] // key.shape[1]
    scale = scaling or query.shape[-1] ** -0.5
    total = torch.zeros((query.shape[0], query.shape[2], key.shape[2]), device=query.device)
    allowed = torch.ones_like(total, dtype=torch.bool) if mask is None else mask[:, 0]
    if mask is None and is_causal:
        allowed = allowed.tril()
    for head in range(heads):
        scores = (query[:, head] @ key[:, head // repeats].transpose(1, 2)).float() * scale
        total += scores.masked_fill(~allowed, -math.inf).softmax(-1)
    return total / heads


def forest_states(model: Any, forest: Forest, *, layer: int = -1) -> torch.Tensor:
    """What a model, or its part below the head, gives for a forest's tokens.

    Parameters
    ----------
    model
        With a head: logits come back. Without: hidden states at `layer`, as the library counts them.

    Returns
    -------
    tensor, shape (N, V) or (N, H)
    """
    import torch

    device = model.device
    # Of four dimensions, so that the library takes it for a mask made by the caller and makes none of its own.
    no_mask = torch.ones((1, 1, 1, 1), dtype=torch.bool, device=device)
    found = model(
        input_ids=torch.tensor(forest.ids, device=device)[None],
        position_ids=torch.tensor(forest.positions, device=device)[None],
        attention_mask=no_mask,
        use_cache=False,
        forest=plan_attention(forest, device),
        output_hidden_states=layer != -1,
    )
    states: torch.Tensor
    if layer != -1:
        states = found.hidden_states[layer]
    else:
        states = found.logits if "logits" in found else found.last_hidden_state
    return states[0]
