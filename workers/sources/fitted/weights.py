"""Fitted weights as one safetensors file: arrays, what they are, what they were fitted on and how they are read.

Everything beside the arrays stands in one entry of the file's metadata, as sorted JSON: so equal weights are equal
bytes, and the file's SHA-256 covers all that decides a number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.sources.contract import ARTEFACT

FORMAT_VERSION = 1
_ENTRY = "rubricate"
_SAME = ("weights", "tokenizer", "chat_template")

Array = npt.NDArray[np.float32]


class WeightsError(ValueError):
    """A file that holds no fitted weights, or others than expected; one line for a person."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedWeights:
    """What a fit has learnt.

    Attributes
    ----------
    kind : str
        A name among the trainers.
    arrays : mapping of str to float32 array
    settings : mapping
        How inputs are read, and what else a reader of the arrays must know; JSON values.
    base : mapping of str to str
        Identity of the model that it was fitted on, as an engine states it.
    """

    kind: str
    arrays: Mapping[str, Array]
    settings: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The file; equal for equal weights."""
        from safetensors.numpy import save

        about = {
            "format": FORMAT_VERSION,
            "kind": self.kind,
            "settings": dict(self.settings),
            "base": dict(self.base),
        }
        arrays = {name: np.ascontiguousarray(self.arrays[name], dtype=np.float32) for name in sorted(self.arrays)}
        return save(arrays, metadata={_ENTRY: json.dumps(about, sort_keys=True, ensure_ascii=False, allow_nan=False)})

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def weights_from_bytes(data: bytes, *, kind: str = "") -> FittedWeights:
    """Read what `FittedWeights.to_bytes` wrote.

    Raises
    ------
    WeightsError
        Not such a file, of another kind, or with numbers that are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = {name: np.asarray(array, dtype=np.float32) for name, array in load(data).items()}
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_ENTRY])
        version, found = about["format"], FittedWeights(about["kind"], arrays, about["settings"], about["base"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"no file of fitted weights ({type(error).__name__})") from error
    if version != FORMAT_VERSION:
        raise WeightsError(f"fitted weights of format {version}, expected {FORMAT_VERSION}")
    if kind and found.kind != kind:
        raise WeightsError(f"fitted weights of kind {found.kind}, expected {kind}")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"{name} holds numbers that are not finite")
    return found


def weights_in(parameters: Mapping[str, Any]) -> FittedWeights:
    """The weights among the parameters that a source is given; `TypeError` where a caller forgot them."""
    found = parameters.get(ARTEFACT)
    if not isinstance(found, FittedWeights):
        raise TypeError("this source is called with fitted weights among its parameters")
    return found


def other_base(base: Mapping[str, str], model: Mapping[str, str]) -> str:
    """Why weights that were fitted on `base` cannot be read by `model`; empty where they can.

    Both are identities as engines state them. The dtype may differ: it only rounds otherwise.
    """
    differing = [part.replace("_", " ") for part in _SAME if base.get(part, "") != model.get(part, "")]
    return f"it was fitted on another model: {', '.join(differing)} differ" if differing else ""
