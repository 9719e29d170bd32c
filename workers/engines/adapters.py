"""Low-rank adapters (LoRA, Hu et al. 2022, arXiv 2106.09685): checked, hashed, and merged into the model they were
trained on.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.engines.contract import EngineError, ErrorCode
from workers.engines.hashing import sha256_file, sha256_lines

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """An adapter's folder, and the SHA-256 over its configuration and weights."""

    path: Path
    sha256: str


def read_adapter(folder: Path, base_names: Sequence[str]) -> AdapterFiles:
    """Check an adapter's files against the model that it is to be put on.

    Parameters
    ----------
    folder : Path
    base_names : sequence of str
        Names of the model; the adapter's own word for it must end like one of them.

    Raises
    ------
    EngineError
        adapter_invalid, naming what was expected.
    """
    config = _read_config(folder)
    if not (folder / WEIGHTS).is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        what = "pickled weights only, which could run code" if pickled else f"no {WEIGHTS}"
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"{folder.name} holds {what}")
    if config.get("peft_type") != "LORA":
        raise EngineError(
            ErrorCode.ADAPTER_INVALID, f"{folder.name} is of type {str(config.get('peft_type'))[:40]}, expected LORA"
        )
    trained_on = _last_part(str(config.get("base_model_name_or_path") or ""))
    known = {_last_part(name) for name in base_names} - {""}
    if trained_on not in known:
        raise EngineError(
            ErrorCode.ADAPTER_INVALID,
            f"{folder.name} was trained on {trained_on[:80] or 'a model that it does not name'}, "
            f"this is {' or '.join(sorted(known))}",
        )
    return AdapterFiles(folder, sha256_lines(f"{sha256_file(folder / name)} {name}" for name in (CONFIG, WEIGHTS)))


def merge_adapter(model: Any, adapter: AdapterFiles) -> Any:
    """The model with the adapter's weights added to its own.

    Raises
    ------
    EngineError
        adapter_invalid, where its weights do not fit the model's, each and all.
    """
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    name = adapter.path.name
    try:
        config = LoraConfig.from_pretrained(str(adapter.path))
        config.inference_mode = True
        # Whose it is was checked by name before; the library would warn wherever a folder has another one.
        config.base_model_name_or_path = None
        with warnings.catch_warnings():
            # The two libraries call each other by names that one of them has begun to leave behind.
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`", category=FutureWarning)
            adapted = get_peft_model(model, config)
        # A named tuple that the library makes without types.
        found: Any = set_peft_model_state_dict(adapted, load_file(adapter.path / WEIGHTS))
    except (ValueError, TypeError, KeyError, RuntimeError, OSError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"{name} does not fit this model: {reason}") from error
    missing = [key for key in found.missing_keys if "lora_" in key]
    if found.unexpected_keys or missing:
        key = [*found.unexpected_keys, *missing][0]
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"{name} does not fit this model: {key[:120]}")
    return adapted.merge_and_unload()


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"{folder.name} holds no {CONFIG}: not an adapter's folder")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"{folder.name}: {CONFIG} is not JSON") from error
    if not isinstance(config, dict):
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"{folder.name}: {CONFIG} is not an object")
    if config.get("auto_mapping"):
        raise EngineError(
            ErrorCode.ADAPTER_INVALID, f"{folder.name} names classes of its own, which are never run here"
        )
    return config


def _last_part(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].lower()
