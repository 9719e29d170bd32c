"""Credits of the tokens that a causal language model reads, for a label's probability or a reply's log-probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from workers.engines.contract import Refusal
from workers.engines.encoding import Encoder
from workers.engines.explained import AttentionRule, Explained, InputBaseline, InputGradients, InputRelevances
from workers.engines.gradients import (
    Credited,
    credited_tokens,
    input_gradients,
    label_numbers,
    odds_numbers,
    reply_numbers,
    rows_that_fit,
)
from workers.engines.memory import Budget, TokenCost
from workers.engines.placing import PlacedText, place_tokens
from workers.engines.relevance import input_relevances

if TYPE_CHECKING:
    import torch

    from workers.engines.gradients import Numbers


class Number(NamedTuple):
    """What is explained: by itself, as a function of embeddings, the same without a sigmoid at its end, and how many
    tokens are read behind the prompt for it."""

    number: float
    numbers: Numbers
    linear: Numbers
    answered: int


class Explainer:
    """Explains numbers of one loaded model.

    Parameters
    ----------
    model
        Of the library.
    head
        Its output layer, where applying it to the last hidden states gives the model's logits; None where it does not.
    encoder : Encoder
    budget : Budget
    cost : TokenCost
    """

    def __init__(self, model: Any, *, head: Any | None, encoder: Encoder, budget: Budget, cost: TokenCost) -> None:
        self._model = model
        self._head = head
        self._encoder = encoder
        self._budget = budget
        self._cost = cost

    def label_number(self, probability: float, labels: list[list[int]]) -> Number:
        """The first label's probability among the labels, which are given by their tokens."""
        parts = self._last_logits, self._model.get_input_embeddings(), labels
        return Number(probability, label_numbers(*parts), odds_numbers(*parts), max(map(len, labels)))

    def reply_number(self, logprob: float, reply: list[int], *, mean: bool) -> Number:
        """The log-probability of a reply's tokens, their sum or mean."""
        numbers = reply_numbers(self._last_logits, self._model.get_input_embeddings(), reply, mean=mean)
        return Number(logprob, numbers, numbers, len(reply))

    def gradients(
        self, request: Explained, found: Number, *, steps: int, baseline: InputBaseline
    ) -> InputGradients | Refusal:
        """See `workers.engines.gradients`; points of the path together as memory allows."""
        located = self._located(request)
        if isinstance(located, Refusal):
            return located
        placed, credited = located
        read = len(placed.ids) + found.answered
        return input_gradients(
            self._model,
            placed.ids,
            credited,
            found.numbers,
            expected=found.number,
            steps=steps,
            baseline=baseline,
            rows_at_once=rows_that_fit(self._budget.memory, read, layers=self._cost.layers, working=self._cost.working),
        )

    def relevances(self, request: Explained, found: Number, *, attention: AttentionRule) -> InputRelevances | Refusal:
        """See `workers.engines.relevance`."""
        located = self._located(request)
        if isinstance(located, Refusal):
            return located
        placed, credited = located
        return input_relevances(self._model, placed.ids, credited, found.linear, attention=attention)

    def _located(self, request: Explained) -> tuple[PlacedText, Credited] | Refusal:
        """The prompt's tokens, and those of the stretches."""
        placed = place_tokens(self._encoder, request.prompt, opens_reply=True)
        return placed if isinstance(placed, Refusal) else (placed, credited_tokens(placed, request.stretches))

    def _last_logits(self, rows: torch.Tensor, n: int) -> torch.Tensor:
        """Scores of the next token at the last n places of rows of embeddings."""
        logits: torch.Tensor
        if self._head is None:
            logits = self._model(inputs_embeds=rows, use_cache=False).logits[:, -n:]
        else:
            states = self._model.base_model(inputs_embeds=rows, use_cache=False).last_hidden_state
            logits = self._head(states[:, -n:])
        return logits
