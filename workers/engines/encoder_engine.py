"""The in-process engine of an encoder: one vector a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workers.engines.contract import Capability, Refusal
from workers.engines.folders import ResolvedModel
from workers.engines.padded import PaddedEngine
from workers.engines.pooling import pool, read_pooling
from workers.engines.pretrained import Device

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


class EncoderEngine(PaddedEngine):
    """A loaded encoder, pooled as its own files say (see `read_pooling`); vectors have length 1.

    Raises
    ------
    EngineError
        unsupported, for a pooling that is not known here; else as `PaddedEngine`.
    """

    capabilities = frozenset({Capability.EMBED})

    def __init__(self, resolved: ResolvedModel, *, device: Device = "auto", memory_budget: int | None = None) -> None:
        self._pooling = read_pooling(resolved.path)
        super().__init__(resolved, device=device, memory_budget=memory_budget)

    @property
    def facts(self) -> dict[str, str]:
        """What an endpoint states of the loaded model, beside its identity."""
        return {"pooling": self._pooling.mode if self._pooling.is_stated else f"{self._pooling.mode}, not stated"}

    def embed(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32] | Refusal]:
        """One vector per text: float32, shape (H,), of length 1. A text beyond the context is refused, never cut."""

        def vectors(ids: torch.Tensor, mask: torch.Tensor) -> npt.NDArray[np.float32]:
            import torch

            with torch.inference_mode():
                states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
                found: npt.NDArray[np.float32] = pool(states, mask, self._pooling.mode).cpu().numpy()
            return found

        return self._read_all([self._encoder.encode_whole(text) for text in texts], vectors)
