"""Whether a causal model may read what several rows begin with once: by its configuration, and by trying it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from workers.engines.forest import build_forest
from workers.engines.tree_attention import NAME, forest_states, register

# Rotary scalings whose angles depend on the longest row of a pass.
_VARYING_ROTARY = frozenset({"dynamic", "longrope"})
# Mean difference of a state's numbers over their mean size. In bfloat16 the library's own attentions differ by up to
# 0.03 from each other, and by 0.1 to 0.4 from one that misplaces what is shared.
_TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1, "float16": 0.02}


def refusal_of_config(config: Mapping[str, Any]) -> str:
    """Why beginnings cannot be shared by a model of this configuration; empty where nothing speaks against it."""
    layers = {str(kind) for kind in config.get("layer_types") or ()} - {"full_attention"}
    if config.get("sliding_window") and config.get("use_sliding_window", True):
        return "sliding-window attention"
    if layers:
        return f"layers of {', '.join(sorted(layers)).replace('_', ' ')}"
    if config.get("attention_chunk_size"):
        return "attention in chunks"
    rotary = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if isinstance(rotary, Mapping) and rotary.get("rope_type", rotary.get("type")) in _VARYING_ROTARY:
        return "rotary positions that depend on the longest row"
    return ""


def share_beginnings(model: Any) -> str:
    """Put `tree_attention` into a causal model and try it.

    Returns
    -------
    str
        Empty where it gives the values of the library's own attention; else why not, and the model is as it was.
    """
    config = model.config.get_text_config()
    refusal = refusal_of_config(config.to_dict())
    if refusal:
        return refusal
    if not getattr(model, "_supports_attention_backend", False):
        return "an attention of the architecture's own"
    if getattr(model, "_is_stateful", False):
        return "a state instead of a key-value cache"
    before = config._attn_implementation
    register()
    if next(_differences(model), None) is None:
        return ""
    model.set_attn_implementation(before)
    return "other values than a plain pass"


def _differences(model: Any) -> Iterator[float]:
    """Three rows that share beginnings, against each by itself through the library's attention."""
    import torch

    vocabulary = model.config.get_text_config().vocab_size
    first, second = list(range(3, 70)), list(range(70, 100))
    rows = [[*first, *second, 100], [*first, *second, 101, 102], [*first, 103], [104, 105]]
    rows = [[token % vocabulary for token in row] for row in rows]
    with torch.inference_mode():
        plain = [
            model.base_model(input_ids=torch.tensor([row], device=model.device), use_cache=False).last_hidden_state[0]
            for row in rows
        ]
        try:
            model.set_attn_implementation(NAME)
            forest = build_forest(rows)
            states = forest_states(model.base_model, forest)
        except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError, IndexError):
            yield math.inf
            return
    tolerance = _TOLERANCE[str(model.dtype).removeprefix("torch.")]
    for expected, places in zip(plain, forest.places, strict=True):
        # At the last token, which attends to all of a row's parts: some first tokens' states are of another size.
        last, found = expected[-1].float(), states[places[-1]].float()
        difference = float((found - last).abs().mean() / last.abs().mean())
        if not difference <= tolerance:
            yield difference
