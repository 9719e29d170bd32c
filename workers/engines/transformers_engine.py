"""The in-process engine: a causal language model run by the transformers library, on CPU or CUDA."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from workers.engines.contract import (
    Capability,
    Choice,
    ChoiceQuestion,
    Continuation,
    EngineError,
    ErrorCode,
    Generated,
    LengthHandling,
    Prompt,
    Refusal,
    Sampling,
    TokenLogprobs,
    Usage,
)
from workers.engines.drawing import Drawn, DrawRequest, draw_batch
from workers.engines.encoding import EncodedText, Encoder
from workers.engines.folders import ResolvedModel
from workers.engines.memory import budget_for, run_in_memory, token_cost
from workers.engines.packing import pack_by_length
from workers.engines.pretrained import Device, check_memory, load_pretrained, pick_device
from workers.engines.scoring import Row, RowScorer
from workers.engines.tree_attention import share_beginnings

logger = logging.getLogger(__name__)

# A key-value cache grows by being copied, so that for a moment it is there twice.
_CACHE_COPIES = 2


class TransformersEngine:
    """A loaded model that gives log-probabilities, choices and text.

    Prompt and continuation are tokenised apart (see `Encoder`). A prompt and continuation longer than the context are
    refused with `context_overrun`, never cut.

    Parameters
    ----------
    resolved : ResolvedModel
    device : {"auto", "cpu", "cuda"}
        auto takes CUDA where there is one.
    memory_budget : int, optional
        Bytes that one forward pass may take beside the weights; a fourth of what is free by default. The tokens that
        fit are worked out from the model's sizes, and halved for good when memory runs out all the same.

    Attributes
    ----------
    prefix_sharing : str
        "yes", or "no: " and why what several requests begin with is read again for each of them.

    Raises
    ------
    EngineError
        model_too_big before anything is loaded; model_invalid where the library cannot load the folder.
    """

    capabilities = frozenset({Capability.LOGPROBS, Capability.CHOOSE, Capability.GENERATE})

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
        refusal = share_beginnings(self._model)
        self.prefix_sharing = f"no: {refusal}" if refusal else "yes"
        logger.info("%s: prefix sharing %s", resolved.reference, self.prefix_sharing)
        self._cost = token_cost(self._model.config, self._model.dtype.itemsize)
        self.budget = budget_for(self._cost, self.device, memory=memory_budget)
        self._scorer = RowScorer(self._model, budget=self.budget, shares=not refusal)

    @property
    def facts(self) -> dict[str, str]:
        """What an endpoint states of the loaded model, beside its identity."""
        return {"prefix_sharing": self.prefix_sharing}

    def logprobs(self, requests: Sequence[Continuation]) -> list[TokenLogprobs | Refusal]:
        """Token log-probabilities of each continuation after its prompt; an empty text has no tokens."""
        results: list[TokenLogprobs | Refusal | None] = [None] * len(requests)
        rows: list[Row] = []
        scored: list[tuple[int, EncodedText]] = []
        for index, request in enumerate(requests):
            prepared = self._row(request)
            if isinstance(prepared, Refusal):
                results[index] = prepared
                continue
            row, encoded = prepared
            rows.append(row)
            scored.append((index, encoded))
        for (index, encoded), values in zip(scored, self._scorer.score(rows), strict=True):
            results[index] = values if isinstance(values, Refusal) else _token_logprobs(encoded, values)
        return [result for result in results if result is not None]

    def choose(
        self, questions: Sequence[ChoiceQuestion], *, length_handling: LengthHandling = "sum"
    ) -> list[Choice | Refusal]:
        """Log-probabilities of each label as the whole next words of the assistant.

        A label of several tokens gets the sum of their log-probabilities ("sum"), or their mean ("mean"), which does
        not favour short labels but is no probability of the label. Where the tokens of one label begin another's
        ("1" and "10"), every label of that question is followed by the end-of-turn token, so that the shorter one is
        not counted inside the longer. Labels of one token after one prompt cost one row together.
        """
        prepared = [self._choice_rows(question) for question in questions]
        rows = [row for found in prepared if not isinstance(found, Refusal) for row in found]
        values = iter(self._scorer.score(rows))
        results: list[Choice | Refusal] = []
        for question, found in zip(questions, prepared, strict=True):
            if isinstance(found, Refusal):
                results.append(found)
                continue
            results.append(_choice(question.labels, [next(values) for _ in found], length_handling))
        return results

    def generate(self, requests: Sequence[tuple[Prompt, Sampling]]) -> list[Generated | Refusal]:
        """Draw one answer per request; a prompt without room for `max_new_tokens` after it is refused."""
        results: list[Generated | Refusal | None] = [None] * len(requests)
        ready: list[tuple[int, DrawRequest]] = []
        for index, (prompt, sampling) in enumerate(requests):
            ids = self._encoder.encode_prompt(prompt)
            if not isinstance(ids, Refusal):
                refusal = self._overrun(len(ids) + sampling.max_new_tokens)
                if refusal is None:
                    ready.append((index, DrawRequest(ids, sampling)))
                    continue
                ids = refusal
            results[index] = ids
        lengths = [len(request.ids) + request.sampling.max_new_tokens for _, request in ready]
        for batch in pack_by_length(lengths, self._scorer.token_budget):
            for place, outcome in zip(batch, self._draw([ready[place][1] for place in batch]), strict=True):
                results[ready[place][0]] = outcome
        return [result for result in results if result is not None]

    def _row(self, request: Continuation) -> tuple[Row, EncodedText] | Refusal:
        prompt = self._encoder.encode_prompt(request.prompt)
        if isinstance(prompt, Refusal):
            return prompt
        encoded = self._encoder.encode_continuation(request.text)
        if isinstance(encoded, Refusal):
            return encoded
        return self._overrun(len(prompt) + len(encoded.ids)) or (_continuation_row(prompt, encoded.ids), encoded)

    def _choice_rows(self, question: ChoiceQuestion) -> list[Row] | Refusal:
        """One row per label, in order."""
        prompt = self._encoder.encode_prompt(question.prompt)
        if isinstance(prompt, Refusal):
            return prompt
        labels = []
        for label in question.labels:
            encoded = self._encoder.encode_continuation(label)
            if isinstance(encoded, Refusal):
                return encoded
            labels.append(encoded.ids)
        if _one_begins_another(labels):
            labels = [[*ids, self._end_id()] for ids in labels]
        overrun = self._overrun(len(prompt) + max(len(ids) for ids in labels))
        return overrun or [_continuation_row(prompt, ids) for ids in labels]

    def _overrun(self, tokens: int) -> Refusal | None:
        if tokens <= self.context_length:
            return None
        return Refusal(
            ErrorCode.CONTEXT_OVERRUN,
            f"{tokens} tokens are needed, the model's context holds {self.context_length}",
        )

    def _end_id(self) -> int:
        end: int | None = self._encoder.tokenizer.eos_token_id
        if end is None:
            raise EngineError(
                ErrorCode.UNSUPPORTED, "one label begins another, and this tokenizer has no token to end a label with"
            )
        return end

    def _end_ids(self) -> frozenset[int]:
        configured = self._model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured]
        return frozenset(end for end in [*ends, self._encoder.tokenizer.eos_token_id] if end is not None)

    def _draw(self, requests: list[DrawRequest]) -> list[Generated | Refusal]:
        drawn = run_in_memory(lambda: draw_batch(self._model, requests, self._end_ids()))
        if drawn is not None:
            return [self._generated(result) for result in drawn]
        if len(requests) == 1:
            return [Refusal(ErrorCode.OUT_OF_MEMORY, f"{len(requests[0].ids)} tokens do not fit the device's memory")]
        middle = len(requests) // 2
        return self._draw(requests[:middle]) + self._draw(requests[middle:])

    def _generated(self, drawn: Drawn) -> Generated:
        text = self._encoder.tokenizer.decode(drawn.ids, skip_special_tokens=True)
        return Generated(text=text, token_count=len(drawn.ids), finish_reason="stop" if drawn.stopped else "length")


def _continuation_row(prompt: list[int], continuation: list[int]) -> Row:
    """The last token of the continuation is asked for, not read."""
    first = len(prompt) - 1
    return Row(
        ids=(*prompt, *continuation[:-1]),
        positions=tuple(range(first, first + len(continuation))),
        targets=tuple(continuation),
    )


def _one_begins_another(labels: list[list[int]]) -> bool:
    return any(len(short) < len(long) and long[: len(short)] == short for short in labels for long in labels)


def _token_logprobs(encoded: EncodedText, values: Any) -> TokenLogprobs:
    import numpy as np

    return TokenLogprobs(token_ids=np.array(encoded.ids, dtype=np.int64), spans=encoded.spans, logprobs=values)


def _choice(labels: tuple[str, ...], values: list[Any], length_handling: LengthHandling) -> Choice | Refusal:
    for found in values:
        if isinstance(found, Refusal):
            return found
    sums = [float(found.sum(dtype="float64")) for found in values]
    counts = tuple(len(found) for found in values)
    logprobs = [total / count for total, count in zip(sums, counts, strict=True)] if length_handling == "mean" else sums
    return Choice(labels=labels, logprobs=tuple(logprobs), token_counts=counts)
