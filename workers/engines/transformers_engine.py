"""The in-process engine: a causal language model run by the transformers library, on CPU or CUDA."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from workers.engines.choosing import choice_among, label_ids
from workers.engines.contract import (
    Attentions,
    Capability,
    Choice,
    ChoiceQuestion,
    Continuation,
    EngineError,
    ErrorCode,
    Generated,
    HiddenStates,
    LengthHandling,
    Prompt,
    Refusal,
    Sampling,
    TokenDistributions,
    TokenLogprobs,
    Usage,
)
from workers.engines.drawing import Drawn, DrawRequest, draw_batch
from workers.engines.encoding import EncodedText, Encoder
from workers.engines.explained import AttentionRule, Explained, InputBaseline, InputGradients, InputRelevances
from workers.engines.explaining import Explainer, Number
from workers.engines.folders import ResolvedModel
from workers.engines.memory import budget_for, run_in_memory, token_cost
from workers.engines.packing import pack_by_length
from workers.engines.pretrained import Device, check_memory, load_pretrained, pick_device
from workers.engines.relevance import architecture_capabilities, require_known
from workers.engines.scoring import Row, RowScorer, row_after
from workers.engines.sharing import share_beginnings
from workers.engines.tree_attention import last_layer_weights

logger = logging.getLogger(__name__)

# A key-value cache grows by being copied, so that for a moment it is there twice.
_CACHE_COPIES = 2
# Of each pair of positions, while attention weights are averaged: sum, scores, softmax and mask.
_WEIGHT_BYTES = 16


class Reading(NamedTuple):
    """A prompt's token ids and the continuation read after it."""

    prompt: list[int]
    text: EncodedText

    @property
    def ids(self) -> list[int]:
        """All tokens in order."""
        return self.prompt + self.text.ids


class TransformersEngine:
    """A loaded causal language model: log-probabilities, choices, text, states and attention.

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

    capabilities = frozenset(
        {
            Capability.LOGPROBS,
            Capability.CHOOSE,
            Capability.GENERATE,
            Capability.HIDDEN_STATES,
            Capability.ATTENTIONS,
            Capability.DISTRIBUTIONS,
            Capability.GRADIENTS,
        }
    )

    def __init__(self, resolved: ResolvedModel, *, device: Device = "auto", memory_budget: int | None = None) -> None:
        self.resolved = resolved
        self.dtype: str = resolved.dtype
        self.context_length = resolved.context_length
        self.identity = resolved.identity
        self.capabilities = self.capabilities | architecture_capabilities(resolved)
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
        self._explainer = Explainer(
            self._model, head=self._scorer.head, encoder=self._encoder, budget=self.budget, cost=self._cost
        )

    @property
    def facts(self) -> dict[str, str]:
        """What an endpoint states of the loaded model, beside its identity."""
        return {"prefix_sharing": self.prefix_sharing}

    def logprobs(self, requests: Sequence[Continuation]) -> list[TokenLogprobs | Refusal]:
        """Token log-probabilities of each continuation after its prompt; an empty text has no tokens."""
        found = self._continuations(requests, distributions=False)
        return [one if isinstance(one, Refusal) else _token_logprobs(*one) for one in found]

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32] | Refusal]:
        """Where the tokens of each text lie, cut as a continuation is."""
        return self._encoder.token_spans(texts)

    def distributions(self, requests: Sequence[Continuation]) -> list[TokenDistributions | Refusal]:
        """As `logprobs`, with each token's logit, and logsumexp and entropy over the whole vocabulary."""
        found = self._continuations(requests, distributions=True)
        return [one if isinstance(one, Refusal) else _token_distributions(*one) for one in found]

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
            choice = choice_among(question.labels, [next(values) for _ in found], length_handling)
            if isinstance(choice, Choice):
                prompt = len(found[0].ids) + 1 - len(found[0].targets)
                self._count(prompt + sum(len(row.targets) for row in found))
            results.append(choice)
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
        # The scores of the next token cost each row as much as some tokens more.
        a_token = self._cost.working + _CACHE_COPIES * self._cost.cached
        a_row = 12 * self._cost.vocabulary // a_token + 1
        lengths = [len(request.ids) + request.sampling.max_new_tokens + a_row for _, request in ready]
        most = min(self._scorer.token_budget, self.budget.memory // a_token)
        for batch in pack_by_length(lengths, most):
            for place, outcome in zip(batch, self._draw([ready[place][1] for place in batch]), strict=True):
                results[ready[place][0]] = outcome
        return [result for result in results if result is not None]

    def hidden_states(self, requests: Sequence[Continuation], *, layer: int = -1) -> list[HiddenStates | Refusal]:
        """States of each continuation's tokens after its prompt, each where the token has been read.

        Parameters
        ----------
        requests : sequence of Continuation
        layer : int
            As in transformers: 0 is the embedding, n the output of layer n; -1 the last, after the final norm.

        Raises
        ------
        EngineError
            unsupported, where the model has no such layer.
        """
        layers = self._cost.layers
        if not -layers - 1 <= layer <= layers:
            raise EngineError(ErrorCode.UNSUPPORTED, f"layer {layer}: this model has layers 0 to {layers}, or -1")
        results: list[HiddenStates | Refusal] = []
        prepared = [self._read(request) for request in requests]
        rows = [found.ids for found in prepared if not isinstance(found, Refusal)]
        kept = self._cost.working + (0 if layer == -1 else self._cost.state * (layers + 1))
        found_states: list[Any] = [None] * len(rows)
        for batch in self._scorer.pack(rows, most_tokens=max(1, self.budget.memory // kept)):
            for place, states in zip(batch, self._states([rows[place] for place in batch], layer), strict=True):
                found_states[place] = states
        states_of = iter(found_states)
        for found in prepared:
            answer = found if isinstance(found, Refusal) else next(states_of)
            if isinstance(found, Refusal) or isinstance(answer, Refusal):
                results.append(cast("Refusal", answer))
                continue
            self._count(len(found.ids))
            own = answer[len(found.prompt) :]
            results.append(HiddenStates(_token_ids(found.text), found.text.spans, own))
        return results

    def attentions(self, requests: Sequence[Continuation]) -> list[Attentions | Refusal]:
        """Last-layer attention among each continuation's tokens, averaged over heads.

        One row at a time: the weights of a row of N tokens are N x N numbers.

        Raises
        ------
        EngineError
            unsupported, where the architecture has an attention of its own that keeps its weights to itself.
        """
        results: list[Attentions | Refusal] = []
        for request in requests:
            found = self._read(request)
            if isinstance(found, Refusal):
                results.append(found)
                continue
            ids, first = found.ids, len(found.prompt)
            needed = _WEIGHT_BYTES * len(ids) ** 2
            weights = None
            if needed <= self.budget.memory:
                weights = run_in_memory(lambda ids=ids: last_layer_weights(self._model, ids))  # type: ignore[misc]
            if weights is None:
                results.append(_too_long(len(ids)))
                continue
            self._count(len(ids))
            own = weights[first:, first:].cpu().numpy()
            results.append(Attentions(_token_ids(found.text), found.text.spans, own))
        return results

    def gradients(
        self, requests: Sequence[Explained], *, steps: int = 0, baseline: InputBaseline = "zero"
    ) -> list[InputGradients | Refusal]:
        """See `workers.engines.gradients`; one request at a time, points of the path together as memory allows.

        Raises
        ------
        EngineError
            unsupported, for the score of a head: this model has none.
        """
        self._require_no_head(requests)
        return [
            found
            if isinstance(found, Refusal)
            else self._explainer.gradients(request, found, steps=steps, baseline=baseline)
            for request, found in zip(requests, map(self._explained, requests), strict=True)
        ]

    def relevances(
        self, requests: Sequence[Explained], *, attention: AttentionRule = "weights"
    ) -> list[InputRelevances | Refusal]:
        """See `workers.engines.relevance`; one request at a time.

        Raises
        ------
        EngineError
            unsupported, for an architecture whose layers are not known, or the score of a head, which this has not.
        """
        require_known(self.resolved)
        self._require_no_head(requests)
        return [
            found if isinstance(found, Refusal) else self._explainer.relevances(request, found, attention=attention)
            for request, found in zip(requests, map(self._explained, requests), strict=True)
        ]

    def _require_no_head(self, requests: Sequence[Explained]) -> None:
        if any(not request.labels and not request.reply for request in requests):
            raise EngineError(ErrorCode.UNSUPPORTED, "this model has no head of scores to explain")

    def _explained(self, request: Explained) -> Number | Refusal:
        """The number that is to be explained, as this model gives it."""
        if request.labels:
            question = ChoiceQuestion(request.prompt, request.labels)
            [choice], rows = self.choose([question]), self._choice_rows(question)
            if isinstance(choice, Refusal) or isinstance(rows, Refusal):
                return choice if isinstance(choice, Refusal) else cast("Refusal", rows)
            labels = [list(row.targets) for row in rows]
            return self._explainer.label_number(choice.probabilities[request.labels[0]], labels)
        [found] = self.logprobs([Continuation(request.prompt, request.reply)])
        if isinstance(found, Refusal):
            return found
        mean = request.length_handling == "mean"
        number = float((np.mean if mean else np.sum)(found.logprobs, dtype=np.float64))
        return self._explainer.reply_number(number, found.token_ids.tolist(), mean=mean)

    def _states(self, rows: list[list[int]], layer: int) -> list[Any]:
        """Float32 arrays of shape (L, H), or refusals, halving what does not fit."""
        found = run_in_memory(
            lambda: [states.float().cpu().numpy() for states in self._scorer.states(rows, layer=layer)]
        )
        if found is not None:
            return found
        if len(rows) == 1:
            return [_too_long(len(rows[0]))]
        middle = len(rows) // 2
        return self._states(rows[:middle], layer) + self._states(rows[middle:], layer)

    def _count(self, read: int, written: int = 0) -> None:
        """One more answered request, by what it would have read alone."""
        self.usage = self.usage + Usage(requests=1, prompt_tokens=read, reply_tokens=written)

    def _continuations(
        self, requests: Sequence[Continuation], *, distributions: bool
    ) -> list[tuple[EncodedText, npt.NDArray[np.float32]] | Refusal]:
        """Each continuation's tokens with what `RowScorer.score` gives for them."""
        prepared = [self._read(request) for request in requests]
        rows = [row_after(found.prompt, found.text.ids) for found in prepared if not isinstance(found, Refusal)]
        values = iter(self._scorer.score(rows, distributions=distributions))
        results: list[tuple[EncodedText, npt.NDArray[np.float32]] | Refusal] = []
        for found in prepared:
            answer = found if isinstance(found, Refusal) else next(values)
            if isinstance(found, Refusal) or isinstance(answer, Refusal):
                results.append(cast("Refusal", answer))
                continue
            self._count(len(found.prompt) + len(found.text.ids))
            results.append((found.text, answer))
        return results

    def _read(self, request: Continuation) -> Reading | Refusal:
        prompt = self._encoder.encode_prompt(request.prompt)
        if isinstance(prompt, Refusal):
            return prompt
        encoded = self._encoder.encode_continuation(request.text)
        if isinstance(encoded, Refusal):
            return encoded
        return self._overrun(len(prompt) + len(encoded.ids)) or Reading(prompt, encoded)

    def _choice_rows(self, question: ChoiceQuestion) -> list[Row] | Refusal:
        """One row per label, in order."""
        prompt = self._encoder.encode_prompt(question.prompt)
        if isinstance(prompt, Refusal):
            return prompt
        labels = label_ids(self._encoder, question.labels)
        if isinstance(labels, Refusal):
            return labels
        overrun = self._overrun(len(prompt) + max(len(ids) for ids in labels))
        return overrun or [row_after(prompt, ids) for ids in labels]

    def _overrun(self, tokens: int) -> Refusal | None:
        if tokens <= self.context_length:
            return None
        return Refusal(
            ErrorCode.CONTEXT_OVERRUN,
            f"{tokens} tokens are needed, the model's context holds {self.context_length}",
        )

    def _end_ids(self) -> frozenset[int]:
        configured = self._model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured]
        return frozenset(end for end in [*ends, self._encoder.tokenizer.eos_token_id] if end is not None)

    def _draw(self, requests: list[DrawRequest]) -> list[Generated | Refusal]:
        drawn = run_in_memory(lambda: draw_batch(self._model, requests, self._end_ids()))
        if drawn is not None:
            return [self._generated(request, result) for request, result in zip(requests, drawn, strict=True)]
        if len(requests) == 1:
            return [_too_long(len(requests[0].ids))]
        middle = len(requests) // 2
        return self._draw(requests[:middle]) + self._draw(requests[middle:])

    def _generated(self, request: DrawRequest, drawn: Drawn) -> Generated:
        self._count(len(request.ids), len(drawn.ids))
        return Generated(
            text=self._encoder.tokenizer.decode(drawn.ids, skip_special_tokens=True),
            token_count=len(drawn.ids),
            finish_reason="stop" if drawn.stopped else "length",
            prompt_token_count=len(request.ids),
        )


def _too_long(tokens: int) -> Refusal:
    return Refusal(ErrorCode.OUT_OF_MEMORY, f"{tokens} tokens do not fit the device's memory")


def _token_ids(text: EncodedText) -> npt.NDArray[np.int64]:
    return np.array(text.ids, dtype=np.int64)


def _token_logprobs(text: EncodedText, values: npt.NDArray[np.float32]) -> TokenLogprobs:
    return TokenLogprobs(token_ids=_token_ids(text), spans=text.spans, logprobs=values)


def _token_distributions(text: EncodedText, values: npt.NDArray[np.float32]) -> TokenDistributions:
    logprobs, logits, logsumexps, entropies = values.T
    return TokenDistributions(_token_ids(text), text.spans, logprobs, logits, logsumexps, entropies)
