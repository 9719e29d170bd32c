"""An engine behind HTTP: a model served in the OpenAI protocol (vLLM, SGLang, TGI, Ollama, hosted)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from workers.engines.contract import (
    Attentions,
    Capability,
    ChatMessage,
    Choice,
    ChoiceQuestion,
    Continuation,
    Generated,
    HiddenStates,
    LengthHandling,
    Prompt,
    Refusal,
    Sampling,
    TokenDistributions,
    TokenLogprobs,
    Usage,
    require,
)
from workers.engines.contract import ErrorCode as Code
from workers.engines.explained import AttentionRule, Explained, InputBaseline, InputGradients, InputRelevances
from workers.engines.openai_client import OpenAIClient, ServerAnswer
from workers.engines.openai_replies import (
    ShapeError,
    choice_among,
    malformed,
    read_embeddings,
    read_first_tokens,
    read_generated,
    read_given,
    read_reward,
    read_tokens,
)
from workers.engines.openai_requests import (
    ServerFacts,
    first_token,
    generation,
    given_tokens,
    layout,
    reward_request,
    tokens_of_text,
)
from workers.engines.openai_tokens import token_spans

Found = TypeVar("Found")

# Where a server does not say how long its context is, it alone refuses what is too long.
UNKNOWN_CONTEXT = 2**31 - 1
_EMBEDDED_AT_ONCE = 16


class OpenAIEngine:
    """A served model that gives what a probe found it to give.

    Every request goes out by itself, as many at a time as the server bears; results come in the order asked. A request
    that fails is a `Refusal` beside the others; a server that refuses or fails altogether is an `EngineError`.

    Parameters
    ----------
    client : OpenAIClient
    facts : ServerFacts
    capabilities : collection of str
    context_length : int or None
        Tokens, where the server says.
    identity : mapping of str to str
        What enters a scorer's hash.
    """

    dtype = "served"
    device = ""

    def __init__(
        self,
        client: OpenAIClient,
        facts: ServerFacts,
        *,
        capabilities: Collection[str],
        context_length: int | None,
        identity: Mapping[str, str],
    ) -> None:
        self.capabilities = frozenset(Capability(name) for name in capabilities)
        self.context_length = context_length or UNKNOWN_CONTEXT
        self.identity = dict(identity)
        self._client = client
        self._server = client.server
        self._facts = facts

    @property
    def usage(self) -> Usage:
        """Requests that were answered, their tokens and cost since the engine was made."""
        return self._client.usage

    @property
    def concurrency(self) -> int:
        """Requests that may be under way at a time, at most: callers with more than this at hand keep it busy."""
        return self._server.limits.concurrency

    def close(self) -> None:
        """Let go of threads and connections."""
        self._client.close()

    def generate(self, requests: Sequence[tuple[Prompt, Sampling]]) -> list[Generated | Refusal]:
        """Draw one answer per request.

        A schema in the sampling holds the reply where the server can be held to one. A prompt with a prefill is refused
        by a server that would open another turn instead of going on.
        """
        return self._client.map(self._generate, requests)

    def choose(
        self, questions: Sequence[ChoiceQuestion], *, length_handling: LengthHandling = "sum"
    ) -> list[Choice | Refusal]:
        """Log-probabilities of each label as the answer.

        Read from the list of likeliest first tokens where every label is one of them, letter for letter, and none
        begins another. Else, where the server scores given tokens, each label is tokenised by itself and put behind the
        prompt, as in process, one request a label. Else refused: a probability that was not told is not guessed.
        """
        require(self, Capability.CHOOSE)
        return self._client.map(lambda question: self._choose(question, length_handling), questions)

    def logprobs(self, requests: Sequence[Continuation]) -> list[TokenLogprobs | Refusal]:
        """Token log-probabilities of each continuation after its prompt; an empty text has no tokens."""
        require(self, Capability.LOGPROBS)
        return self._client.map(self._logprobs, requests)

    def embed(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32] | Refusal]:
        """One vector of length 1 per text, float32, shape (H,)."""
        require(self, Capability.EMBED)
        chunks = [texts[first : first + _EMBEDDED_AT_ONCE] for first in range(0, len(texts), _EMBEDDED_AT_ONCE)]
        found = self._client.map(self._embed, chunks)
        return [vector for chunk in found for vector in chunk]

    def reward(self, conversations: Sequence[tuple[ChatMessage, ...]]) -> list[float | Refusal]:
        """The raw score of a reward model's head, its activation switched off."""
        require(self, Capability.REWARD)
        return self._client.map(self._reward, conversations)

    def hidden_states(self, requests: Sequence[Continuation], *, layer: int = -1) -> list[HiddenStates | Refusal]:
        """Not over HTTP: EngineError (unsupported)."""
        require(self, Capability.HIDDEN_STATES)
        raise AssertionError("no server was found to give hidden states")

    def attentions(self, requests: Sequence[Continuation]) -> list[Attentions | Refusal]:
        """Not over HTTP: EngineError (unsupported)."""
        require(self, Capability.ATTENTIONS)
        raise AssertionError("no server was found to give attentions")

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32] | Refusal]:
        """Not over HTTP, like what it is asked for: EngineError (unsupported)."""
        require(self, Capability.GRADIENTS)
        raise AssertionError("no server was found to give gradients")

    def distributions(self, requests: Sequence[Continuation]) -> list[TokenDistributions | Refusal]:
        """Not over HTTP, where a list of the likeliest tokens is the most that is told: EngineError (unsupported)."""
        require(self, Capability.DISTRIBUTIONS)
        raise AssertionError("no server was found to give distributions")

    def gradients(
        self, requests: Sequence[Explained], *, steps: int = 0, baseline: InputBaseline = "zero"
    ) -> list[InputGradients | Refusal]:
        """Not over HTTP: EngineError (unsupported)."""
        require(self, Capability.GRADIENTS)
        raise AssertionError("no server was found to give gradients")

    def relevances(
        self, requests: Sequence[Explained], *, attention: AttentionRule = "weights"
    ) -> list[InputRelevances | Refusal]:
        """Not over HTTP: EngineError (unsupported)."""
        require(self, Capability.RELEVANCES)
        raise AssertionError("no server was found to give relevances")

    def _generate(self, request: tuple[Prompt, Sampling]) -> Generated | Refusal:
        prompt, sampling = request
        unfit = self._prefill_refusal(prompt)
        if unfit is not None:
            return unfit
        route, payload = generation(self._server.model, prompt, sampling, self._facts)
        answer = self._client.post(self._server.base_url + route, payload)
        if isinstance(answer, Refusal):
            return answer
        try:
            return read_generated(answer)
        except ShapeError as error:
            return malformed(error)

    def _choose(self, question: ChoiceQuestion, length_handling: LengthHandling) -> Choice | Refusal:
        unfit = self._prefill_refusal(question.prompt)
        if unfit is not None:
            return unfit
        found: Choice | Refusal = Refusal(Code.UNSUPPORTED, "the server lists no likeliest tokens")
        if self._facts.top_logprobs:
            found = self._choose_by_first_token(question)
        if isinstance(found, Refusal) and found.code == Code.UNSUPPORTED and self._scores_given_tokens:
            return self._choose_by_given_tokens(question, length_handling)
        return found

    @property
    def _scores_given_tokens(self) -> bool:
        return self._facts.has_layout and bool(self._facts.prompt_logprobs)

    def _choose_by_first_token(self, question: ChoiceQuestion) -> Choice | Refusal:
        route, payload = first_token(self._server.model, question.prompt, self._facts)
        answer = self._client.post(self._server.base_url + route, payload)
        if isinstance(answer, Refusal):
            return answer
        try:
            return choice_among(question.labels, read_first_tokens(answer), answer)
        except ShapeError as error:
            return malformed(error)

    def _choose_by_given_tokens(self, question: ChoiceQuestion, length_handling: LengthHandling) -> Choice | Refusal:
        prompt = self._laid_out(question.prompt)
        if isinstance(prompt, Refusal):
            return prompt
        labels: list[list[int]] = []
        for label in question.labels:
            tokens = self._tokens_of(label)
            if isinstance(tokens, Refusal):
                return tokens
            labels.append(tokens[0])
        if _one_begins_another(labels):
            return Refusal(Code.UNSUPPORTED, "one label begins another, and a server's end-of-turn token is not known")
        values: list[float] = []
        answers: list[ServerAnswer] = []
        for ids in labels:
            scored = self._given(prompt, ids)
            if isinstance(scored, Refusal):
                return scored
            found, answer = scored
            total = float(found.sum(dtype=np.float64))
            values.append(total / len(ids) if length_handling == "mean" else total)
            answers.append(answer)
        return Choice(
            question.labels,
            tuple(values),
            tuple(len(ids) for ids in labels),
            prompt_token_count=sum(answer.prompt_tokens for answer in answers),
            served_model=answers[0].served_model,
            cost=None if answers[0].cost is None else sum(answer.cost or 0.0 for answer in answers),
            seconds=sum(answer.seconds for answer in answers),
        )

    def _logprobs(self, request: Continuation) -> TokenLogprobs | Refusal:
        unfit = self._prefill_refusal(request.prompt)
        if unfit is not None:
            return unfit
        if not request.text:
            return TokenLogprobs(np.zeros(0, np.int64), np.zeros((0, 2), np.int32), np.zeros(0, np.float32))
        prompt = self._laid_out(request.prompt)
        if isinstance(prompt, Refusal):
            return prompt
        tokens = self._tokens_of(request.text)
        if isinstance(tokens, Refusal):
            return tokens
        ids, written = tokens
        spans = token_spans(request.text, written) if written is not None else None
        if spans is None:
            return Refusal(Code.UNSUPPORTED, "the server's tokens do not spell the text: their places are not known")
        scored = self._given(prompt, ids)
        if isinstance(scored, Refusal):
            return scored
        return TokenLogprobs(np.array(ids, dtype=np.int64), spans, scored[0])

    def _given(self, prompt: list[int], ids: list[int]) -> tuple[npt.NDArray[np.float32], ServerAnswer] | Refusal:
        """Log-probabilities of these tokens after the prompt's."""
        if not prompt:
            return Refusal(Code.NO_START_TOKEN, "the prompt has no token that the first one could follow")
        sent = [*prompt, *ids]
        if len(sent) + 1 > self.context_length:
            detail = f"{len(sent) + 1} tokens are needed, the model's context holds {self.context_length}"
            return Refusal(Code.CONTEXT_OVERRUN, detail)
        payload = given_tokens(self._server.model, sent, self._facts.prompt_logprobs)
        answer = self._client.post(f"{self._server.base_url}/completions", payload)
        if isinstance(answer, Refusal):
            return answer
        try:
            return read_given(answer, sent, len(ids), self._facts.prompt_logprobs), answer
        except ShapeError as error:
            return malformed(error)

    def _laid_out(self, prompt: Prompt) -> list[int] | Refusal:
        """Token ids of the prompt, laid out by the server's own chat template."""
        found = self._tokenised(layout(self._server.model, prompt))
        return found if isinstance(found, Refusal) else found[0]

    def _tokens_of(self, text: str) -> tuple[list[int], list[str] | None] | Refusal:
        """Ids of a continuation's tokens, and the tokens as the vocabulary writes them."""
        found = self._tokenised(tokens_of_text(self._server.model, text))
        if not isinstance(found, Refusal) and not found[0]:
            return Refusal(Code.ENDPOINT_MALFORMED, "the server cuts a text into no token at all")
        return found

    def _tokenised(self, payload: Mapping[str, object]) -> tuple[list[int], list[str] | None] | Refusal:
        answer = self._client.post(f"{self._server.root}/tokenize", payload, is_metered=False)
        if isinstance(answer, Refusal):
            return answer
        try:
            ids, written, _ = read_tokens(answer)
        except ShapeError as error:
            return malformed(error)
        return ids, written

    def _embed(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32] | Refusal]:
        """Together; one by one where the server refuses them together, so that a long text fails alone."""
        payload = {"model": self._server.model, "input": list(texts), "encoding_format": "float"}
        answer = self._client.post(f"{self._server.base_url}/embeddings", payload)
        if isinstance(answer, Refusal):
            if len(texts) > 1 and answer.code in {Code.CONTEXT_OVERRUN, Code.ENDPOINT_REFUSED}:
                return [vector for text in texts for vector in self._embed([text])]
            return [answer] * len(texts)
        try:
            return [*read_embeddings(answer, len(texts))]
        except ShapeError as error:
            return [malformed(error)] * len(texts)

    def _reward(self, conversation: tuple[ChatMessage, ...]) -> float | Refusal:
        payload = reward_request(self._server.model, conversation)
        answer = self._client.post(f"{self._server.root}/{self._facts.reward_route}", payload)
        if isinstance(answer, Refusal):
            return answer
        try:
            return read_reward(answer)
        except ShapeError as error:
            return malformed(error)

    def _prefill_refusal(self, prompt: Prompt) -> Refusal | None:
        if not prompt.prefill or self._facts.has_prefill:
            return None
        return Refusal(Code.UNSUPPORTED, "this server opens a new turn instead of going on with a prefilled one")


def _one_begins_another(labels: Sequence[Sequence[int]]) -> bool:
    return any(len(a) <= len(b) and list(b[: len(a)]) == list(a) for a in labels for b in labels if a is not b)
