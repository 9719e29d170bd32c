"""The in-process engine of a reward model: a language model with a head of one score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workers.engines.contract import (
    Attentions,
    Capability,
    ChatMessage,
    Continuation,
    EngineError,
    ErrorCode,
    Prompt,
    Refusal,
)
from workers.engines.explained import AttentionRule, Explained, InputBaseline, InputGradients, InputRelevances, Stretch
from workers.engines.folders import ResolvedModel
from workers.engines.gradients import Credited, credited_tokens, input_gradients, rows_that_fit
from workers.engines.memory import run_in_memory, token_cost
from workers.engines.padded import PaddedEngine
from workers.engines.placing import PlacedText, place_tokens
from workers.engines.pretrained import Device
from workers.engines.relevance import architecture_capabilities, input_relevances, require_known
from workers.engines.tree_attention import last_layer_weights

if TYPE_CHECKING:
    import torch

_LABELS_SHOWN = 5
# Of each pair of positions, while attention weights are averaged: sum, scores, softmax and mask.
_WEIGHT_BYTES = 16


class RewardEngine(PaddedEngine):
    """A loaded sequence classifier of one label.

    Its score is the head's number as it stands: a softmax over one label would make every reward 1, and a sigmoid
    would flatten what is compared.

    Raises
    ------
    EngineError
        unsupported, for a classifier of several labels, none of which is the reward by itself; else as `PaddedEngine`.
    """

    capabilities = frozenset({Capability.REWARD, Capability.ATTENTIONS, Capability.GRADIENTS})

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
        self.capabilities = self.capabilities | architecture_capabilities(resolved)
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

    def attentions(self, requests: Sequence[Continuation]) -> list[Attentions | Refusal]:
        """Last-layer attention among the tokens of each conversation's last message, the assistant's text.

        The conversation is laid out as for `reward`: no turn is opened after it.

        Raises
        ------
        EngineError
            unsupported, where the architecture keeps its attention's weights to itself.
        """
        return [self._attention(request) for request in requests]

    def gradients(
        self, requests: Sequence[Explained], *, steps: int = 0, baseline: InputBaseline = "zero"
    ) -> list[InputGradients | Refusal]:
        """Of the head's score, see `workers.engines.gradients`.

        Raises
        ------
        EngineError
            unsupported, for labels or a reply: this model writes none.
        """
        self._require_score(requests)
        return [self._gradients(request, steps, baseline) for request in requests]

    def relevances(
        self, requests: Sequence[Explained], *, attention: AttentionRule = "weights"
    ) -> list[InputRelevances | Refusal]:
        """Of the head's score, see `workers.engines.relevance`.

        Raises
        ------
        EngineError
            unsupported, for an architecture whose layers are not known, and for labels or a reply.
        """
        require_known(self.resolved)
        self._require_score(requests)
        return [self._relevances(request, attention) for request in requests]

    def _require_score(self, requests: Sequence[Explained]) -> None:
        if any(request.labels or request.reply for request in requests):
            raise EngineError(ErrorCode.UNSUPPORTED, "a reward model has a score alone")

    def _relevances(self, request: Explained, attention: AttentionRule) -> InputRelevances | Refusal:
        found = self._located(request.prompt.messages, request.stretches)
        if isinstance(found, Refusal):
            return found
        placed, credited = found
        return input_relevances(self._model, placed.ids, credited, self._scores, attention=attention)

    def _scores(self, rows: torch.Tensor) -> torch.Tensor:
        """The head's score of rows of embeddings."""
        values: torch.Tensor = self._model(inputs_embeds=rows).logits[:, 0].float()
        return values

    def _attention(self, request: Continuation) -> Attentions | Refusal:
        messages = (*request.prompt.messages, ChatMessage("assistant", request.text))
        whole = (Stretch(len(messages) - 1, 0, len(request.text)),)
        found = self._located(messages, whole)
        if isinstance(found, Refusal):
            return found
        placed, credited = found
        weights = None
        if _WEIGHT_BYTES * len(placed.ids) ** 2 <= self.budget.memory:
            weights = run_in_memory(lambda: last_layer_weights(self._model, placed.ids))
        if weights is None:
            return Refusal(ErrorCode.OUT_OF_MEMORY, f"{len(placed.ids)} tokens do not fit the device's memory")
        own = weights.cpu().numpy()[np.ix_(credited.positions, credited.positions)]
        token_ids = np.array(placed.ids, dtype=np.int64)[credited.positions]
        return Attentions(token_ids, credited.spans[:, 1:], own)

    def _gradients(self, request: Explained, steps: int, baseline: InputBaseline) -> InputGradients | Refusal:
        [expected] = self.reward([request.prompt.messages])
        if isinstance(expected, Refusal):
            return expected
        found = self._located(request.prompt.messages, request.stretches)
        if isinstance(found, Refusal):
            return found
        placed, credited = found
        cost = token_cost(self._model.config, self._model.dtype.itemsize)
        return input_gradients(
            self._model,
            placed.ids,
            credited,
            self._scores,
            expected=expected,
            steps=steps,
            baseline=baseline,
            rows_at_once=rows_that_fit(self.budget.memory, len(placed.ids), layers=cost.layers, working=cost.working),
        )

    def _located(
        self, messages: tuple[ChatMessage, ...], stretches: Sequence[Stretch]
    ) -> tuple[PlacedText, Credited] | Refusal:
        """The conversation's tokens, and those of the stretches."""
        placed = place_tokens(self._encoder, Prompt(messages), opens_reply=False)
        if isinstance(placed, Refusal):
            return placed
        credited = credited_tokens(placed, stretches)
        if not len(credited.positions):
            return Refusal(ErrorCode.UNSUPPORTED, "the model's template shows it no token of the text")
        return self._overrun(len(placed.ids)) or (placed, credited)
