"""The files of artefacts: stored by their hash, read back and checked, unpacked where a library wants a folder."""

import hashlib
import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from workers.engines.adapters import CONFIG, WEIGHTS
from workers.engines.contract import EngineError, ErrorCode
from workers.models import Artefact, ModelEndpoint, Scorer
from workers.sources.contract import ARTEFACT
from workers.sources.fitted.weights import FittedWeights, WeightsError, other_base, weights_from_bytes

PREFIX = "artefact:"
"""Of an endpoint's adapter that is an artefact of its project, followed by the file's SHA-256."""
ADAPTER_CONFIG = "adapter_config"
"""Where the library's own configuration of an adapter stands among the settings of its weights."""
_ROOT = "artefacts"


def store_weights(project_id: int, weights: bytes) -> tuple[str, str]:
    """Put a file into the storage unless it is there; its name there and its SHA-256."""
    sha256 = hashlib.sha256(weights).hexdigest()
    name = f"{_ROOT}/{project_id}/{sha256}.safetensors"
    if default_storage.exists(name):
        return name, sha256
    return default_storage.save(name, ContentFile(weights)), sha256


def load_weights(artefact: Artefact) -> FittedWeights:
    """The artefact's weights; kept, since a run asks for them batch by batch.

    Raises
    ------
    EngineError
        Where the file is gone, or is not the one that was fitted.
    """
    return _load(artefact.stored_as, artefact.sha256, artefact.source)


def parameters_for(scorer: Scorer) -> dict[str, Any]:
    """All that a scorer's source is given: its parameters in force, and the weights of its artefact.

    Raises
    ------
    EngineError
        As `load_weights`.
    """
    if scorer.artefact is None:
        return scorer.parameters_in_force
    return {**scorer.parameters_in_force, ARTEFACT: load_weights(scorer.artefact)}


def adapter_weights(endpoint: ModelEndpoint) -> FittedWeights | None:
    """The weights of an endpoint whose adapter is an artefact; None for any other endpoint.

    Raises
    ------
    EngineError
        ``adapter_invalid`` where its project has no such artefact.
    """
    if not endpoint.adapter.startswith(PREFIX):
        return None
    sha256 = endpoint.adapter.removeprefix(PREFIX)
    # Within its own project alone: who knows a hash may not use another project's weights.
    artefact = Artefact.objects.filter(project=endpoint.project_id, sha256=sha256).first()
    if artefact is None:
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"there is no artefact {sha256[:12]} in this project")
    weights = load_weights(artefact)
    if ADAPTER_CONFIG not in weights.settings:
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"{artefact.name} is no adapter but a {artefact.source}")
    return weights


def unpack_adapter(weights: FittedWeights) -> Path:
    """A folder of this machine with the adapter as the library reads it; written once."""
    folder = Path(settings.MODELS_DIR) / _ROOT / weights.sha256
    if folder.is_dir():
        return folder
    from safetensors.numpy import save_file

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=folder.parent) as begun:
        whole = Path(begun) / "adapter"
        whole.mkdir()
        config = json.loads(weights.settings[ADAPTER_CONFIG])
        (whole / CONFIG).write_text(json.dumps(config, sort_keys=True), encoding="utf-8")
        save_file(dict(weights.arrays), whole / WEIGHTS, metadata={"format": "pt"})
        try:
            os.rename(whole, folder)
        except OSError:
            # Another worker was quicker, with the same bytes.
            if not folder.is_dir():
                raise
    return folder


def require_base(weights: FittedWeights, identity: dict[str, str]) -> None:
    """Refuse to put an adapter on a model that it was not trained on."""
    obstacle = other_base(weights.base, identity)
    if obstacle:
        raise EngineError(ErrorCode.ADAPTER_INVALID, f"this adapter does not belong to the model: {obstacle}")


@lru_cache(maxsize=16)
def _load(stored_as: str, sha256: str, kind: str) -> FittedWeights:
    try:
        with default_storage.open(stored_as, "rb") as file:
            data = file.read()
    except OSError as error:
        raise EngineError(ErrorCode.MODEL_MISSING, f"the artefact's file {sha256[:12]} is gone") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise EngineError(
            ErrorCode.MODEL_CHECKSUM, f"the artefact's file {sha256[:12]} has changed since it was fitted"
        )
    try:
        return weights_from_bytes(data, kind=kind)
    except WeightsError as error:
        raise EngineError(ErrorCode.MODEL_INVALID, str(error)) from error
