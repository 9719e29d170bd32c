"""What engines of encoders and classifiers share: whole texts in padded batches under a memory budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workers.engines.contract import ErrorCode, Refusal, Usage
from workers.engines.encoding import Encoder
from workers.engines.folders import ResolvedModel
from workers.engines.memory import budget_for, run_in_memory, token_cost
from workers.engines.packing import pack_by_length
from workers.engines.pretrained import Device, check_memory, load_pretrained, pick_device

if TYPE_CHECKING:
    import torch


class PaddedEngine:
    """A loaded model that reads whole texts, padded on the right.

    Parameters
    ----------
    resolved : ResolvedModel
    device : {"auto", "cpu", "cuda"}
    memory_budget : int, optional
        Bytes that one forward pass may take; a fourth of what is free by default.

    Raises
    ------
    EngineError
        model_too_big, model_invalid.
    """

    def __init__(self, resolved: ResolvedModel, *, device: Device = "auto", memory_budget: int | None = None) -> None:
        self.resolved = resolved
        self.dtype: str = resolved.dtype
        self.context_length = resolved.context_length
        self.identity = resolved.identity
        self.usage = Usage()
        self.device = pick_device(device)
        check_memory(resolved, self.device)
        tokenizer, self._model = load_pretrained(resolved, self.device)
        self._encoder = Encoder(tokenizer, self.context_length)
        self.budget = budget_for(
            token_cost(self._model.config, self._model.dtype.itemsize), self.device, memory=memory_budget
        )
        self.token_budget = self.budget.pass_tokens

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32] | Refusal]:
        """Where the tokens of each text lie, cut as a continuation is."""
        return self._encoder.token_spans(texts)

    def _read_all(
        self, encoded: Sequence[list[int] | Refusal], answer: Callable[[torch.Tensor, torch.Tensor], Iterable[Any]]
    ) -> list[Any]:
        """`answer` of each text's row, from ids and mask of shape (rows, L); refusals stay where they are."""
        results: list[Any] = [found if isinstance(found, Refusal) else self._overrun(len(found)) for found in encoded]
        ready = [index for index, refusal in enumerate(results) if refusal is None]
        rows: dict[int, list[int]] = {index: found for index in ready if isinstance(found := encoded[index], list)}
        for batch in pack_by_length([len(rows[index]) for index in ready], self.token_budget):
            places = [ready[place] for place in batch]
            for place, value in zip(places, self._answers([rows[index] for index in places], answer), strict=True):
                results[place] = value
                if not isinstance(value, Refusal):
                    self.usage = self.usage + Usage(requests=1, prompt_tokens=len(rows[place]))
        return results

    def _answers(
        self, rows: list[list[int]], answer: Callable[[torch.Tensor, torch.Tensor], Iterable[Any]]
    ) -> list[Any]:
        """Halves a batch, and the budget with it, that does not fit; a single row that does not is refused."""
        found = run_in_memory(lambda: list(answer(*self._padded(rows))))
        if found is not None:
            return found
        if len(rows) == 1:
            return [Refusal(ErrorCode.OUT_OF_MEMORY, f"{len(rows[0])} tokens do not fit the device's memory")]
        longest, middle = max(map(len, rows)), len(rows) // 2
        self.token_budget = min(self.token_budget, max(longest, longest * len(rows) // 2))
        return self._answers(rows[:middle], answer) + self._answers(rows[middle:], answer)

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        configured = self._model.config.get_text_config().pad_token_id
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), configured if configured is not None else 0, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
            mask[number, : len(row)] = 1
        return ids.to(self.device), mask.to(self.device)

    def _overrun(self, tokens: int) -> Refusal | None:
        if tokens <= self.context_length:
            return None
        return Refusal(
            ErrorCode.CONTEXT_OVERRUN,
            f"{tokens} tokens are needed, the model's context holds {self.context_length}",
        )
