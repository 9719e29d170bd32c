"""Gradients of a number with respect to the embeddings of the tokens that a model reads.

With e_t the embedding of token t, b its baseline and s the number as a function of the credited embeddings,

    gradient x input:        phi_t = (e_t - b) . ds/de_t  at e
    integrated gradients:    phi_t = (e_t - b) . integral over a in [0, 1] of  ds/de_t  at b + a (e - b)

(Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365, equation 1). Integrated
gradients sum to s(e) - s(b), up to the error of the quadrature; gradient x input is their first-order guess. Only the
credited tokens move along the path, all others are read as they are. The integral is taken by Gauss and Legendre's
rule of so many points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workers.engines.contract import ErrorCode, Refusal
from workers.engines.explained import InputBaseline, InputGradients, Stretch
from workers.engines.memory import run_in_memory
from workers.engines.placing import PlacedText

if TYPE_CHECKING:
    import torch

    Numbers = Callable[[torch.Tensor], torch.Tensor]
    """From embeddings, shape (rows, N, H), to a number a row, float32."""
    LastLogits = Callable[[torch.Tensor, int], torch.Tensor]
    """From rows of embeddings and a number n to the scores at the last n places, shape (rows, n, V)."""

# Embeddings read in place of token ids must give the same number: some architectures look tokens up elsewhere too.
_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.05}


class Credited(NamedTuple):
    """Which tokens of a row are credited.

    Attributes
    ----------
    positions : int64 array, shape (T,)
    spans : int32 array, shape (T, 3)
        As in `InputGradients`.
    """

    positions: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int32]


def credited_tokens(placed: PlacedText, stretches: Sequence[Stretch]) -> Credited:
    """The tokens that share a character with a stretch, each for the first that it meets."""
    positions, spans = [], []
    for position, (message, start, end) in enumerate(placed.places.tolist()):
        for number, stretch in enumerate(stretches):
            inside = max(start, stretch.start), min(end, stretch.end)
            if message == stretch.message and inside[0] < inside[1]:
                positions.append(position)
                spans.append((number, *inside))
                break
    return Credited(np.array(positions, dtype=np.int64), np.array(spans, dtype=np.int32).reshape(-1, 3))


def input_gradients(
    model: Any,
    ids: list[int],
    credited: Credited,
    numbers: Numbers,
    *,
    expected: float,
    steps: int,
    baseline: InputBaseline,
    rows_at_once: int,
) -> InputGradients | Refusal:
    """Credits of one row's tokens.

    Parameters
    ----------
    ids : list of int, length N
    numbers : function
        The number of each row of embeddings.
    expected : float
        The number as the model gives it for token ids.
    steps : int
        Points of the quadrature; 0 is gradient x input.
    rows_at_once : int
        Rows of a pass that keeps what gradients need.
    """
    import torch

    if not len(credited.positions):
        return Refusal(ErrorCode.UNSUPPORTED, "the model's template shows it no token of the text to be credited")
    embed = model.get_input_embeddings()
    with torch.no_grad():
        row = embed(torch.tensor([ids], device=model.device))[0]
        places = torch.tensor(credited.positions, device=row.device)
        start = torch.zeros_like(row[places])
        if baseline == "mean":
            start += embed.weight.mean(0).to(row.dtype)
    path = _Path(row, places, start, numbers)

    def run() -> tuple[float, float, npt.NDArray[np.float32]]:
        number, empty = path.number(1.0), path.number(0.0)
        return number, empty, path.credit(*_quadrature(steps), rows_at_once=rows_at_once)

    found = run_in_memory(run)
    if found is None:
        return Refusal(ErrorCode.OUT_OF_MEMORY, f"the gradients of {len(ids)} tokens do not fit the device's memory")
    number, empty, values = found
    if not abs(number - expected) <= _TOLERANCE[str(row.dtype).removeprefix("torch.")] * max(1.0, abs(expected)):
        return Refusal(ErrorCode.UNSUPPORTED, "this architecture reads more of a token than its embedding")
    return InputGradients(credited.spans, values, number, empty)


class _Path(NamedTuple):
    """The straight line from the baseline to the embeddings of the credited tokens.

    Attributes
    ----------
    row : tensor, shape (N, H)
        Embeddings of all tokens.
    places : int64 tensor, shape (T,)
    start : tensor, shape (T, H)
        The baseline.
    numbers : function
    """

    row: torch.Tensor
    places: torch.Tensor
    start: torch.Tensor
    numbers: Numbers

    @property
    def length(self) -> torch.Tensor:
        return self.row[self.places] - self.start

    def number(self, fraction: float) -> float:
        """The number at a point."""
        import torch

        with torch.no_grad():
            return float(self.numbers(self._rows(self._moving(np.array([fraction]))))[0])

    def credit(
        self, points: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], *, rows_at_once: int
    ) -> npt.NDArray[np.float32]:
        """The length times the weighted gradients at the points: shape (T,)."""
        import torch

        total = torch.zeros_like(self.start, dtype=torch.float32)
        for first in range(0, len(points), rows_at_once):
            part = slice(first, first + rows_at_once)
            moving = self._moving(points[part]).requires_grad_(True)
            with torch.enable_grad():
                found = self.numbers(self._rows(moving)).sum()
            [gradient] = torch.autograd.grad(found, moving)
            share = torch.tensor(weights[part], device=self.row.device, dtype=torch.float32)
            total += torch.einsum("s,sth->th", share, gradient.float())
        values: npt.NDArray[np.float32] = (total * self.length.float()).sum(-1).cpu().numpy()
        return values

    def _moving(self, fractions: npt.NDArray[np.float64]) -> torch.Tensor:
        import torch

        part = torch.tensor(fractions, device=self.row.device, dtype=self.row.dtype)[:, None, None]
        return self.start + part * self.length

    def _rows(self, moving: torch.Tensor) -> torch.Tensor:
        return self.row.expand(len(moving), -1, -1).index_copy(1, self.places, moving)


def _quadrature(steps: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points and weights on [0, 1]; without steps the end alone."""
    if not steps:
        return np.ones(1), np.ones(1)
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2


def rows_that_fit(memory: int, tokens: int, *, layers: int, working: int) -> int:
    """Rows of a pass whose states are kept for the way back, at least one."""
    return max(1, memory // max(1, tokens * layers * working))


def label_numbers(logits: LastLogits, embed: Any, labels: Sequence[list[int]]) -> Numbers:
    """Probability of the first label among all, by the sum of each one's tokens."""

    def numbers(rows: torch.Tensor) -> torch.Tensor:
        return label_logprobs(logits, embed, labels, rows).softmax(-1)[:, 0]

    return numbers


def odds_numbers(logits: LastLogits, embed: Any, labels: Sequence[list[int]]) -> Numbers:
    """Log-odds of the first label against all others: the same without the sigmoid."""

    def numbers(rows: torch.Tensor) -> torch.Tensor:
        sums = label_logprobs(logits, embed, labels, rows)
        return sums[:, 0] - sums[:, 1:].logsumexp(-1)

    return numbers


def label_logprobs(logits: LastLogits, embed: Any, labels: Sequence[list[int]], rows: torch.Tensor) -> torch.Tensor:
    """The sum of each label's tokens behind each row: shape (rows, labels)."""
    import torch

    firsts = {tuple(label[:-1]) for label in labels}
    seen = {first: _reply_logprobs(logits, embed, rows, list(first)) for first in firsts}
    sums = []
    for label in labels:
        found = seen[tuple(label[:-1])]
        sums.append(torch.stack([found[:, place, token] for place, token in enumerate(label)]).sum(0))
    return torch.stack(sums, -1)


def reply_numbers(logits: LastLogits, embed: Any, reply: list[int], *, mean: bool) -> Numbers:
    """Log-probability of a reply, its tokens' sum or mean."""

    def numbers(rows: torch.Tensor) -> torch.Tensor:
        import torch

        found = _reply_logprobs(logits, embed, rows, reply[:-1])
        own = torch.stack([found[:, place, token] for place, token in enumerate(reply)], -1)
        return own.mean(-1) if mean else own.sum(-1)

    return numbers


def _reply_logprobs(logits: LastLogits, embed: Any, rows: torch.Tensor, read: list[int]) -> torch.Tensor:
    """Log-probabilities after the row and after each of the tokens read behind it: shape (rows, 1 + read, V)."""
    import torch

    behind = embed(torch.tensor([read], dtype=torch.long, device=rows.device)).expand(len(rows), -1, -1)
    return logits(torch.cat([rows, behind.to(rows.dtype)], 1), len(read) + 1).log_softmax(-1, dtype=torch.float32)
