"""Log-probabilities of chosen tokens at chosen positions: the one forward pass behind `logprobs` and `choose`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workers.engines.contract import ErrorCode, Refusal
from workers.engines.forest import Forest, build_forest, pack_forests
from workers.engines.memory import Budget, run_in_memory
from workers.engines.packing import pack_by_length
from workers.engines.tree_attention import forest_states

if TYPE_CHECKING:
    import torch


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


def row_after(prompt: Sequence[int], continuation: Sequence[int]) -> Row:
    """Every token of a continuation after its prompt; the last is asked for, not read."""
    first = len(prompt) - 1
    return Row(
        ids=(*prompt, *continuation[:-1]),
        positions=tuple(range(first, first + len(continuation))),
        targets=tuple(continuation),
    )


class RowScorer:
    """Runs rows through a causal language model, a pass at a time.

    Where the model can share beginnings, a pass is a forest: rows stand end to end without padding, and what several of
    them begin with is read once. Else rows of like length are padded on the right, where causal attention does not
    look. A row's values do not depend on its neighbours beyond rounding either way.

    Parameters
    ----------
    model
        Of the library; `share_beginnings` has been called on it.
    budget : Budget
    shares : bool
        Whether it shares beginnings.

    Attributes
    ----------
    head
        The model's output layer, where it is all that stands between the last hidden states and the logits; else None.
    """

    def __init__(self, model: Any, *, budget: Budget, shares: bool) -> None:
        self._shares = shares
        self._model = model
        self.head = _separable_head(model)
        self.token_budget = budget.tokens_with_logits if self.head is None else budget.tokens
        self._pass_tokens = budget.pass_tokens
        self._logit_rows = max(1, budget.logits // int(model.config.get_text_config().vocab_size))

    def score(self, rows: Sequence[Row], *, distributions: bool = False) -> list[npt.NDArray[np.float32] | Refusal]:
        """Natural log-probabilities, shape (N,) by row; with `distributions` shape (N, 4), see `_columns`.

        Rows that read the same tokens are read once, so they get exactly equal values. Running out of memory halves
        the batch and the budget and goes on; a single row that does not fit is refused.
        """
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, row in enumerate(rows):
            groups.setdefault(row.ids, []).append(index)
        merged = [_merge([rows[index] for index in group]) for group in groups.values()]
        values: list[npt.NDArray[np.float32] | Refusal] = [_NOTHING] * len(merged)
        for batch in self.pack([row.ids for row in merged]):
            self._score_or_halve(merged, batch, values, distributions=distributions)
        results: list[npt.NDArray[np.float32] | Refusal] = [_NOTHING] * len(rows)
        for group, row, found in zip(groups.values(), merged, values, strict=True):
            for index in group:
                results[index] = found if isinstance(found, Refusal) else _pick(row, found, rows[index])
        return results

    def pack(self, rows: Sequence[Sequence[int]], *, most_tokens: int | None = None) -> list[list[int]]:
        """Cut rows into passes under the budget, or under `most_tokens` if that is less; every index once."""
        most = min(self.token_budget, most_tokens or self.token_budget)
        passes = min(self._pass_tokens, most)
        if self._shares:
            return pack_forests(rows, pass_tokens=passes, most_tokens=most)
        return pack_by_length([len(row) for row in rows], passes)

    def states(self, rows: Sequence[Sequence[int]], *, layer: int = -1) -> list[torch.Tensor]:
        """Hidden states of each row's tokens in one pass, shape (L, H); `layer` counts as the library does."""
        import torch

        with torch.inference_mode():
            if self._shares:
                forest = build_forest(rows)
                found = forest_states(self._model.base_model, forest, layer=layer)
                return [found[torch.tensor(places, device=found.device)] for places in forest.places]
            out = self._model.base_model(input_ids=self._padded(rows), use_cache=False, output_hidden_states=True)
            return [out.hidden_states[layer][number, : len(row)] for number, row in enumerate(rows)]

    def _score_or_halve(
        self,
        rows: Sequence[Row],
        batch: list[int],
        results: list[npt.NDArray[np.float32] | Refusal],
        *,
        distributions: bool,
    ) -> None:
        values = run_in_memory(lambda: self._score_batch([rows[index] for index in batch], distributions=distributions))
        if values is not None:
            for index, row_values in zip(batch, values, strict=True):
                results[index] = row_values
            return
        if len(batch) == 1:
            length = len(rows[batch[0]].ids)
            results[batch[0]] = Refusal(ErrorCode.OUT_OF_MEMORY, f"{length} tokens do not fit the device's memory")
            return
        longest = max(len(rows[index].ids) for index in batch)
        self.token_budget = min(self.token_budget, max(longest, longest * len(batch) // 2))
        middle = len(batch) // 2
        self._score_or_halve(rows, batch[:middle], results, distributions=distributions)
        self._score_or_halve(rows, batch[middle:], results, distributions=distributions)

    def _score_batch(self, rows: Sequence[Row], *, distributions: bool) -> list[npt.NDArray[np.float32]]:
        import torch

        device = self._model.device
        targets = torch.tensor([target for row in rows for target in row.targets], device=device)
        with torch.inference_mode():
            if self._shares:
                forest = build_forest([row.ids for row in rows])
                asked = [forest.places[number][list(row.positions)] for number, row in enumerate(rows)]
                states = self._forest_states(forest)
            else:
                longest = max(len(row.ids) for row in rows)
                asked = [np.array(row.positions, dtype=np.int64) + number * longest for number, row in enumerate(rows)]
                states = self._padded_states([row.ids for row in rows])
            places = torch.tensor(np.concatenate(asked), device=device)
            values = self._gather(states, places, targets, distributions=distributions).cpu().numpy()
        return np.split(values, np.cumsum([len(row.positions) for row in rows])[:-1])

    def _forest_states(self, forest: Forest) -> torch.Tensor:
        """States, or logits where the head is not apart: shape (N, H) or (N, V)."""
        return forest_states(self._model if self.head is None else self._model.base_model, forest)

    def _padded_states(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """The same of padded rows: shape (rows * longest, H or V)."""
        ids = self._padded(rows)
        states: torch.Tensor
        if self.head is None:
            states = self._model(input_ids=ids, use_cache=False).logits
        else:
            states = self._model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return states.flatten(0, 1)

    def _padded(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        import torch

        ids = torch.zeros((len(rows), max(len(row) for row in rows)), dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
        return ids.to(self._model.device)

    def _gather(
        self, states: torch.Tensor, places: torch.Tensor, targets: torch.Tensor, *, distributions: bool
    ) -> torch.Tensor:
        """Log-softmax in float32 at the asked places only, a chunk at a time."""
        import torch

        # Made before the loop: small results kept between large arrays that come and go hold a heap apart.
        values = torch.empty((len(targets), 4) if distributions else len(targets), device=states.device)
        for start in range(0, len(targets), self._logit_rows):
            part = slice(start, start + self._logit_rows)
            logits = states[places[part]]
            if self.head is not None:
                logits = self.head(logits)
            normalised = logits.log_softmax(-1, dtype=torch.float32)
            chosen = normalised.gather(1, targets[part, None]).squeeze(1)
            values[part] = _columns(logits, normalised, chosen, targets[part]) if distributions else chosen
        return values


def _columns(
    logits: torch.Tensor, normalised: torch.Tensor, chosen: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Log-probability and logit of the target, logsumexp of the logits, entropy in nats: float32, shape (rows, 4)."""
    import torch

    logit = logits.gather(1, targets[:, None]).squeeze(1).float()
    # The likeliest token gives what the softmax took away without another pass of exponentials.
    taken_away = logits.amax(-1).float() - normalised.amax(-1)
    # A token that the model rules out altogether has the share 0 and the logarithm -inf: their product counts as 0.
    lowest = torch.finfo(torch.float32).min
    # A few rows at a time stay in the processor's cache: five times as fast as whole arrays in passing.
    parts = [-(rows.exp() * rows.clamp_min(lowest)).sum(-1) for rows in normalised.split(_ENTROPY_ROWS)]
    entropy = torch.cat(parts)
    return torch.stack([chosen, logit, taken_away, entropy], dim=1)


_ENTROPY_ROWS = 8
_NOTHING: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)


def _merge(rows: Sequence[Row]) -> Row:
    """One row that asks everything that these rows of equal ids ask, each question once."""
    asked = list(dict.fromkeys(pair for row in rows for pair in zip(row.positions, row.targets, strict=True)))
    return Row(rows[0].ids, tuple(position for position, _ in asked), tuple(target for _, target in asked))


def _pick(merged: Row, values: npt.NDArray[np.float32], row: Row) -> npt.NDArray[np.float32]:
    """The values that one of the merged rows asked for, in its order."""
    places = {pair: place for place, pair in enumerate(zip(merged.positions, merged.targets, strict=True))}
    return values[[places[pair] for pair in zip(row.positions, row.targets, strict=True)]]


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
