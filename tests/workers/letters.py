"""A model of letters for dense rewards: every number that it gives can be worked out by hand."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rewards.parameters import validate_parameters
from tests.workers.tiny_model import LetterEngine
from workers.engines.contract import (
    Capability,
    ChatMessage,
    Continuation,
    Prompt,
    Refusal,
    TokenDistributions,
    TokenLogprobs,
)
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.results import Scored
from workers.sources.scoring import score_items

LN2 = math.log(2)


class Letters(LetterEngine):
    """One token a character, with the probability `likely` if it was read last, else `rare`.

    Read last are the prompt's last message and its prefill. Entropy is -log of that probability; the logsumexp of the
    text's t-th letter is `level` times t.
    """

    capabilities = frozenset({Capability.LOGPROBS, Capability.DISTRIBUTIONS})

    def __init__(self, likely: float = 1 / 2, rare: float = 1 / 8, *, level: float = 1.0, name: str = "letters"):
        super().__init__(name=name)
        self._likely, self._rare, self._level = likely, rare, level

    def _score(self, request: Continuation) -> TokenLogprobs | Refusal:
        found = super()._score(request)
        if isinstance(found, Refusal):
            return found
        read = self._read(request.prompt)
        values = [math.log(self._likely if letter in read else self._rare) for letter in request.text]
        return TokenLogprobs(found.token_ids, found.spans, np.array(values, dtype=np.float32))

    def distributions(self, requests: Sequence[Continuation]) -> list[TokenDistributions | Refusal]:
        return [self._widened(found) for found in self.logprobs(requests)]

    def _widened(self, found: TokenLogprobs | Refusal) -> TokenDistributions | Refusal:
        if isinstance(found, Refusal):
            return found
        sums = (self._level * np.arange(1, len(found.spans) + 1)).astype(np.float32)
        logprobs = found.logprobs
        return TokenDistributions(found.token_ids, found.spans, logprobs, logprobs + sums, sums, -logprobs)

    def _read(self, prompt: Prompt) -> str:
        return super()._read(prompt) + prompt.prefill


def item(task: str, *outputs: str | OutputMessage, **given: Any) -> SourceItem:
    messages = tuple(one if isinstance(one, OutputMessage) else OutputMessage("assistant", one) for one in outputs)
    return SourceItem("k", (ChatMessage("user", task),), messages, **given)


def tool(text: str) -> OutputMessage:
    return OutputMessage("tool", text, channel="tool")


def score(source: Any, engines: Any, *items: SourceItem, **given: object) -> list[Any]:
    """Through the door that all sources are scored by, with one engine in every role where one is given."""
    if not isinstance(engines, dict):
        engines = {
            role.name: engines for role in source.declaration.models if role.capabilities <= engines.capabilities
        }
    return score_items(source, items, engines, validate_parameters(source.declaration.parameters, given))


def signals(result: Any) -> dict[tuple[str, str], Any]:
    """By channel and what it is over: tokenizer, step, turn or whole."""
    assert isinstance(result, Scored), result
    return {
        (found.channel, found.signal.segmentation.segmenter.split(":")[0].split("/")[0]): found.signal
        for found in result.signals
    }
