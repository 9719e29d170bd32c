"""Log-probabilities of chosen tokens at chosen positions: the one forward pass behind `logprobs` and `choose`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from workers.engines.contract import ErrorCode, Refusal
from workers.engines.packing import pack_by_length

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

# Logits held at once: 2**24 float32 values are 64 MiB, whatever the size of the vocabulary.
_MOST_LOGITS = 2**24


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids to read, and which token's probability is asked after which position.

    Attributes
    ----------
    ids : tuple of int, shape (L,)
    positions : tuple of int, shape (N,)
        Indices into `ids`; the distribution asked is that of the token after each.
    targets : tuple of int, shape (N,)
        The token asked at each position.
    """

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    targets: tuple[int, ...]


class RowScorer:
    """Runs rows through a causal language model in batches sorted by length.

    Batches are padded on the right, where causal attention does not look, so a row's values do not depend on its
    neighbours beyond rounding.
    """

    def __init__(self, model: Any, *, token_budget: int) -> None:
        self.token_budget = token_budget
        self._model = model
        self._head = _separable_head(model)

    def score(self, rows: Sequence[Row]) -> list[npt.NDArray[np.float32] | Refusal]:
        """Natural log-probabilities, shape (N,) by row.

        Rows that read the same tokens are read once, so they get exactly equal values. Running out of memory halves
        the batch and the budget and goes on; a single row that does not fit is refused.
        """
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, row in enumerate(rows):
            groups.setdefault(row.ids, []).append(index)
        merged = [_merge([rows[index] for index in group]) for group in groups.values()]
        values: list[npt.NDArray[np.float32] | Refusal] = [_NOTHING] * len(merged)
        for batch in pack_by_length([len(row.ids) for row in merged], self.token_budget):
            self._score_or_halve(merged, batch, values)
        results: list[npt.NDArray[np.float32] | Refusal] = [_NOTHING] * len(rows)
        for group, row, found in zip(groups.values(), merged, values, strict=True):
            for index in group:
                results[index] = found if isinstance(found, Refusal) else _pick(row, found, rows[index])
        return results

    def _score_or_halve(
        self, rows: Sequence[Row], batch: list[int], results: list[npt.NDArray[np.float32] | Refusal]
    ) -> None:
        values = run_in_memory(lambda: self._score_batch([rows[index] for index in batch]))
        if values is not None:
            for index, row_values in zip(batch, values, strict=True):
                results[index] = row_values
            return
        if len(batch) == 1:
            length = len(rows[batch[0]].ids)
            results[batch[0]] = Refusal(ErrorCode.OUT_OF_MEMORY, f"{length} tokens do not fit the device's memory")
            return
        longest = len(rows[batch[0]].ids)
        self.token_budget = min(self.token_budget, max(longest, longest * len(batch) // 2))
        middle = len(batch) // 2
        self._score_or_halve(rows, batch[:middle], results)
        self._score_or_halve(rows, batch[middle:], results)

    def _score_batch(self, rows: Sequence[Row]) -> list[npt.NDArray[np.float32]]:
        import torch

        longest = max(len(row.ids) for row in rows)
        device = self._model.device
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, : len(row.ids)] = torch.tensor(row.ids)
            mask[number, : len(row.ids)] = 1
        batch_index = torch.tensor([number for number, row in enumerate(rows) for _ in row.positions], device=device)
        positions = torch.tensor([position for row in rows for position in row.positions], device=device)
        targets = torch.tensor([target for row in rows for target in row.targets], device=device)
        with torch.inference_mode():
            states = self._states(ids.to(device), mask.to(device))
            values = self._gather(states, batch_index, positions, targets).cpu().numpy()
        cuts = np.cumsum([len(row.positions) for row in rows])[:-1]
        return np.split(values, cuts)

    def _states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Last hidden states where the head can be applied to them apart, else logits."""
        if self._head is None:
            logits: torch.Tensor = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            return logits
        states: torch.Tensor = self._model.base_model(
            input_ids=ids, attention_mask=mask, use_cache=False
        ).last_hidden_state
        return states

    def _gather(
        self, states: torch.Tensor, batch_index: torch.Tensor, positions: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """Log-softmax in float32 at the asked positions only, a chunk at a time."""
        import torch

        chunk = max(1, _MOST_LOGITS // self._model.config.get_text_config().vocab_size)
        values = []
        for start in range(0, len(targets), chunk):
            part = slice(start, start + chunk)
            logits = states[batch_index[part], positions[part]]
            if self._head is not None:
                logits = self._head(logits)
            logits = logits.float()
            chosen = logits.gather(1, targets[part, None]).squeeze(1)
            values.append(chosen - logits.logsumexp(dim=1))
        return torch.cat(values) if values else torch.zeros(0)


_NOTHING: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)


def _merge(rows: Sequence[Row]) -> Row:
    """One row that asks everything that these rows of equal ids ask, each question once."""
    asked = list(dict.fromkeys(pair for row in rows for pair in zip(row.positions, row.targets, strict=True)))
    return Row(rows[0].ids, tuple(position for position, _ in asked), tuple(target for _, target in asked))


def _pick(merged: Row, values: npt.NDArray[np.float32], row: Row) -> npt.NDArray[np.float32]:
    """The values that one of the merged rows asked for, in its order."""
    places = {pair: place for place, pair in enumerate(zip(merged.positions, merged.targets, strict=True))}
    return values[[places[pair] for pair in zip(row.positions, row.targets, strict=True)]]


def run_in_memory(call: Callable[[], T]) -> T | None:
    """Call, and give None where the device ran out of memory; any other error passes."""
    import torch

    try:
        return call()
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
    except (RuntimeError, MemoryError) as error:
        # The CPU allocator has no error class of its own.
        if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):
            raise
    return None


def _separable_head(model: Any) -> Any | None:
    """The output layer, where applying it to the last hidden states gives exactly the model's logits.

    Some models scale or cap their logits after the layer; for those None, and the whole logits are computed.
    """
    import torch

    head = model.get_output_embeddings()
    base = model.base_model
    if head is None or base is model:
        return None
    ids = torch.arange(4, device=model.device)[None, :]
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False).logits
        states = base(input_ids=ids, use_cache=False).last_hidden_state
        return head if torch.equal(head(states), logits) else None
