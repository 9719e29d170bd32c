"""Sparse-position likelihood: how well each beginning of an output goes together with the reference answer.

For the tokens z_1 .. z_T that the policy wrote and the reference answer a,

    R_t = (log p(z_1 .. z_t) + log p(a | z_1 .. z_t)) / temperature

is read at every `skip`-th token and at the last, and filled in between along a straight line (Sun et al. 2025, "Latent
Chain-of-Thought for Visual Reasoning", arXiv 2510.23925; heliossun/LaCoT: skip 12, a frozen reference model,
temperature from 1.1 down to 0.8 in training). `partial_likelihood` is R_t by token, `likelihood_gain` is
R_t - R_(t-1), which adds up to R_T - R_0.

Fidelity: reconstructed, and of text alone. The text leaves open how values are filled in: a straight line here. A
position is moved on to the next one at which no character is cut in two, since byte-level tokens may share one. What
was written up to a position is read again as text, so that a tokenizer may cut its last word there in another way than
in the whole text; log p(z) is that of the whole text's tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import Capability, ChatMessage, Continuation, Engine, Refusal, TokenLogprobs, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.logprobs.reading import (
    FAMILY,
    LAYOUT,
    LEAD,
    USE_CONTEXT,
    OutputTokens,
    a_model,
    as_chat,
    asked_after,
    estimate_readings,
    over_steps,
    over_tokens,
    over_whole,
    read_tokens,
    task_messages,
)
from workers.sources.results import Gives, Scored, Unscored

MODEL = "model"
PARTIAL_LIKELIHOOD, GAIN, BEFORE = "partial_likelihood", "likelihood_gain", "partial_likelihood_before"
_CHARACTERS_A_TOKEN = 4


class SparseLikelihood:
    """Joint log-likelihood of beginnings and the reference; see the module for formula and paper."""

    declaration = Declaration(
        name="sparse_position_likelihood",
        version=1,
        title="Sparse-position likelihood",
        summary="How likely each beginning of the output and the reference answer are together, at every few tokens.",
        formula="R_t = (log p(z_1..z_t) + log p(a | z_1..z_t)) / temperature;  r_t = R_t - R_(t-1)",
        paper="Sun et al. 2025, Latent Chain-of-Thought for Visual Reasoning, arXiv 2510.23925",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="A vector worked by hand; gains add up to R_T - R_0. Text only; filled in along a straight line.",
        needs=frozenset({Input.TASK, Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(a_model(MODEL, "Reference model", "Frozen; reads the output and the reference answer."),),
        parameters=(
            Parameter("skip", "integer", 12, "Skip", "Tokens from one reading to the next.", minimum=1, maximum=10_000),
            Parameter("temperature", "number", 1.0, "Temperature", "Divides values.", minimum=0.01, maximum=100),
            LEAD,
            LAYOUT,
            USE_CONTEXT,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """One reading of each message, and one of its beginning and the reference every `skip` tokens, by a guess."""
        once = estimate_readings(items, parameters)
        requests, read = once.requests, once.characters
        for item in items:
            written = sum(len(one.text) for one in item.output_messages if one.role == "assistant")
            readings = written // (_CHARACTERS_A_TOKEN * int(parameters["skip"])) + 2
            requests += readings
            # A beginning is half of the text on average.
            read += readings * (written // 2 + len(item.reference or ""))
        return Estimate(requests, read)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `partial_likelihood` (tokens), `likelihood_gain` (tokens and steps), `..._before` (whole) by item."""
        engine = engines[MODEL]
        require(engine, Capability.LOGPROBS)
        read = read_tokens(items, engines, parameters, roles=self.declaration.models)
        positions = [[] if isinstance(found, Unscored) else places(found, int(parameters["skip"])) for found in read]
        requests = [
            [] if isinstance(found, Unscored) else [_after(item, found, place, parameters) for place in own]
            for item, found, own in zip(items, read, positions, strict=True)
        ]
        answers = iter(engine.logprobs([request for own in requests for request in own]))
        return [
            found
            if isinstance(found, Unscored)
            else _scored(item, found, own, [next(answers) for _ in own], float(parameters["temperature"]))
            for item, found, own in zip(items, read, positions, strict=True)
        ]


def places(tokens: OutputTokens, skip: int) -> list[int]:
    """How many tokens each beginning has: 0, every `skip` and all; none ends within a character."""
    spans = tokens.segmentation.spans
    n = len(spans)
    cuts = (spans[:-1, 0] == spans[1:, 0]) & (spans[:-1, 2] > spans[1:, 1])
    found = [0]
    for place in range(skip, n, skip):
        while place < n and cuts[place - 1]:
            place += 1
        if found[-1] < place < n:
            found.append(place)
    return [*found, n]


def _after(item: SourceItem, tokens: OutputTokens, place: int, parameters: Parameters) -> Continuation:
    """The reference, read after the first tokens of the output."""
    message, _, end = tokens.segmentation.spans[max(place - 1, 0)].tolist()
    said = as_chat(item.output_messages)[:message]
    if place:
        said.append(ChatMessage("assistant", item.output_messages[message].text[:end]))
    prompt = asked_after([*task_messages(item, parameters), *said], str(parameters["layout"]), str(parameters["lead"]))
    return Continuation(prompt, item.reference or "")


def _scored(
    item: SourceItem,
    tokens: OutputTokens,
    positions: Sequence[int],
    answers: Sequence[TokenLogprobs | Refusal],
    temperature: float,
) -> Scored | Unscored:
    reference = []
    for place, answer in zip(positions, answers, strict=True):
        if isinstance(answer, Refusal):
            return Unscored(answer.code.value, f"the reference after {place} tokens: {answer.detail}")
        reference.append(float(answer.logprobs.sum(dtype=np.float64)))
    written = np.concatenate([[0.0], np.cumsum(tokens.logprobs[MODEL])])
    joint = (written[list(positions)] + np.array(reference)) / temperature
    if not np.isfinite(joint).all():
        return Unscored("not_finite", "the model gives a token of the reference no probability at all")
    levels = np.interp(np.arange(len(written)), positions, joint)
    gains = np.diff(levels)
    return Scored(
        signals=(
            over_tokens(PARTIAL_LIKELIHOOD, tokens, levels[1:]),
            over_tokens(GAIN, tokens, gains),
            over_steps(GAIN, item, tokens, gains),
            over_whole(BEFORE, item, float(levels[0])),
        )
    )
