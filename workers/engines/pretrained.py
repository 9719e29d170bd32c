"""Loading a resolved model with the library: checked against the memory first, safetensors only, no code of its own."""

from __future__ import annotations

from typing import Any, Literal

from workers.engines import memory
from workers.engines.adapters import merge_adapter
from workers.engines.contract import EngineError, ErrorCode
from workers.engines.folders import Kind, ResolvedModel

Device = Literal["auto", "cpu", "cuda"]

# What loading needs beyond the weights themselves.
_LOADING_MARGIN = 1.1
_AUTO_CLASSES = {
    Kind.CAUSAL: "AutoModelForCausalLM",
    Kind.ENCODER: "AutoModel",
    Kind.CLASSIFIER: "AutoModelForSequenceClassification",
}
# Made for a task that is not asked of an encoder here; checkpoints often come without it.
_UNUSED_PARTS = ("pooler.", "cls.")


def pick_device(device: Device) -> str:
    """CUDA where there is one, unless told."""
    import torch

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def check_memory(resolved: ResolvedModel, device: str) -> None:
    """Raise `EngineError` (model_too_big) where the weights do not fit."""
    needed = int(resolved.weight_bytes * _LOADING_MARGIN)
    free = memory.free_bytes(device)
    if needed > free:
        raise EngineError(
            ErrorCode.MODEL_TOO_BIG,
            f"{resolved.reference} needs {needed / 1e9:.1f} GB in {resolved.dtype}; {free / 1e9:.1f} GB are free",
        )


def load_pretrained(resolved: ResolvedModel, device: str) -> tuple[Any, Any]:
    """Tokenizer and model, in evaluation mode on the device.

    Raises
    ------
    EngineError
        model_invalid where the library cannot load the folder, or would make up weights that it does not hold;
        adapter_invalid where the adapter does not fit.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    transformers.utils.logging.disable_progress_bar()
    auto_class = getattr(transformers, _AUTO_CLASSES[resolved.kind])
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            resolved.path, local_files_only=True, trust_remote_code=False
        )
        model, found = auto_class.from_pretrained(
            resolved.path,
            dtype=getattr(torch, resolved.dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise EngineError(ErrorCode.MODEL_INVALID, f"{resolved.reference} cannot be loaded: {reason}") from error
    missing = sorted(name for name in found["missing_keys"] if not name.startswith(_UNUSED_PARTS))
    if missing:
        raise EngineError(
            ErrorCode.MODEL_INVALID, f"{resolved.reference} holds no weights for {', '.join(missing[:3])[:200]}"
        )
    if resolved.adapter:
        model = merge_adapter(model, resolved.adapter)
    # Lengths are checked by the engines, with an answer per request; the library would only warn.
    tokenizer.model_max_length = int(1e30)
    return tokenizer, model.to(device).eval()
