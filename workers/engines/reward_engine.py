"""The in-process engine of a reward model: a language model with a head of one score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workers.engines.contract import Capability, ChatMessage, EngineError, ErrorCode, Refusal
from workers.engines.folders import ResolvedModel
from workers.engines.padded import PaddedEngine
from workers.engines.pretrained import Device

if TYPE_CHECKING:
    import torch

_LABELS_SHOWN = 5


class RewardEngine(PaddedEngine):
    """A loaded sequence classifier of one label.

    Its score is the head's number as it stands: a softmax over one label would make every reward 1, and a sigmoid
    would flatten what is compared.

    Raises
    ------
    EngineError
        unsupported, for a classifier of several labels, none of which is the reward by itself; else as `PaddedEngine`.
    """

    capabilities = frozenset({Capability.REWARD})

    def __init__(self, resolved: ResolvedModel, *, device: Device = "auto", memory_budget: int | None = None) -> None:
        super().__init__(resolved, device=device, memory_budget=memory_budget)
        labels = [str(label) for label in self._model.config.id2label.values()]
        if len(labels) != 1:
            named = ", ".join(labels[:_LABELS_SHOWN])
            raise EngineError(
                ErrorCode.UNSUPPORTED,
                f"{resolved.reference} scores {len(labels)} labels ({named}); a reward model scores one",
            )
        self._label = labels[0]
        if self._model.config.get_text_config().pad_token_id is None:
            # Without a token to pad with, the library's head cannot tell where a shorter row ends.
            self.token_budget = 1

    @property
    def facts(self) -> dict[str, str]:
        """What an endpoint states of the loaded model, beside its identity."""
        return {"label": self._label}

    def reward(self, conversations: Sequence[tuple[ChatMessage, ...]]) -> list[float | Refusal]:
        """The head's raw score of each whole conversation, laid out by the model's own chat template."""

        def scores(ids: torch.Tensor, mask: torch.Tensor) -> list[float]:
            import torch

            with torch.inference_mode():
                logits = self._model(input_ids=ids, attention_mask=mask).logits
            return [float(value) for value in logits[:, 0].float()]

        return self._read_all([self._encoder.encode_conversation(messages) for messages in conversations], scores)
