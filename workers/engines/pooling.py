"""How an encoder's states become one vector: read from the files that sentence-transformers writes beside a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from workers.engines.contract import EngineError, ErrorCode

if TYPE_CHECKING:
    import torch

Mode = Literal["mean", "cls", "max", "lasttoken"]

_MODES: dict[str, Mode] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
MODULES = "modules.json"
LENGTH = "sentence_bert_config.json"


class Pooling(NamedTuple):
    """How to pool, and whether the model says so or the mean is taken because it does not."""

    mode: Mode
    is_stated: bool


def pooling_folder(folder: Path) -> Path | None:
    """The subfolder that holds the pooling's configuration, where modules.json names one."""
    for module in _modules(folder):
        path = module.get("path")
        if str(module.get("type", "")).endswith(".Pooling") and isinstance(path, str):
            found = (folder / path).resolve()
            if not found.is_relative_to(folder.resolve()):
                raise EngineError(ErrorCode.MODEL_INVALID, f"{MODULES} names a folder outside of the model's")
            return found
    return None


def read_pooling(folder: Path) -> Pooling:
    """The model's own pooling; the mean over tokens where it states none.

    Raises
    ------
    EngineError
        unsupported, for a pooling or a further module that is not known here: vectors would be others than the model's.
    """
    kinds = [str(module.get("type", "")).rsplit(".", 1)[-1] for module in _modules(folder)]
    unknown = sorted(set(kinds) - {"Transformer", "Pooling", "Normalize"})
    if unknown:
        raise EngineError(ErrorCode.UNSUPPORTED, f"this encoder needs a {', '.join(unknown)} module, not known here")
    place = pooling_folder(folder)
    if place is None:
        return Pooling("mean", is_stated=False)
    settings = _read(place / "config.json")
    chosen = sorted(name for name, value in settings.items() if name.startswith("pooling_mode") and value is True)
    if len(chosen) != 1 or chosen[0] not in _MODES:
        raise EngineError(
            ErrorCode.UNSUPPORTED, f"this encoder pools by {', '.join(chosen) or 'nothing'}: not known here"
        )
    return Pooling(_MODES[chosen[0]], is_stated=True)


def stated_length(folder: Path) -> int | None:
    """Tokens that the model's authors let it read, where they say so; more are refused, never cut."""
    lengths = []
    for name, key in ((LENGTH, "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        value = _read(folder / name).get(key) if (folder / name).is_file() else None
        # Tokenizers without a limit write an enormous one.
        if isinstance(value, int) and 0 < value < 10**7:
            lengths.append(value)
    return min(lengths, default=None)


def pool(states: torch.Tensor, mask: torch.Tensor, mode: Mode) -> torch.Tensor:
    """One vector of length 1 by row.

    Parameters
    ----------
    states : tensor, shape (rows, L, H)
    mask : int64 tensor, shape (rows, L)
        1 at tokens, 0 at padding on the right.
    """
    import torch

    states, inside = states.float(), mask[..., None].float()
    if mode == "mean":
        pooled = (states * inside).sum(1) / inside.sum(1)
    elif mode == "cls":
        pooled = states[:, 0]
    elif mode == "max":
        pooled = states.masked_fill(inside == 0, -torch.inf).amax(1)
    else:
        pooled = states[torch.arange(len(states), device=states.device), mask.sum(1) - 1]
    return torch.nn.functional.normalize(pooled, dim=1)


def _modules(folder: Path) -> list[dict[str, Any]]:
    if not (folder / MODULES).is_file():
        return []
    listed = _parse(folder / MODULES)
    if not isinstance(listed, list) or not all(isinstance(module, dict) for module in listed):
        raise EngineError(ErrorCode.MODEL_INVALID, f"{MODULES} is not a list of modules")
    return listed


def _read(path: Path) -> dict[str, Any]:
    content = _parse(path)
    if not isinstance(content, dict):
        raise EngineError(ErrorCode.MODEL_INVALID, f"{path.name} is not an object")
    return content


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(ErrorCode.MODEL_INVALID, f"{path.name} cannot be read as JSON") from error
