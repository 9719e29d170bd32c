"""Log-ratio: how much likelier one view of a model makes each token of an output than another view.

For an output's tokens y_1 .. y_T and two views A and B,

    r_t = beta * (log p_A(y_t | y_<t) - log p_B(y_t | y_<t)),        r(y) = sum_t r_t

View A is the model with the task's prompt. View B is one of two:

* the same model without the prompt: r(y) is beta times the pointwise mutual information of prompt and output;
* a reference model with the prompt: r_t is the implicit process reward (Yuan et al. 2024, arXiv 2412.01981,
  "Free Process Rewards without Process Labels"), with Q_k = sum of r_t up to the end of step k and a step's reward
  Q_k - Q_(k-1), the sum over its tokens.

Fidelity: paper for both cases. The authors' scoring code cuts the answer at "Step k:" and leaves out the template's
last two tokens; here steps are those of `rewards.segmentation.steps` and no template token is ever scored. "Without
the prompt" is not defined by mutual information alone: the task's messages give way to one neutral user message, a
parameter.

Both views must cut the output into the same tokens; otherwise the item is unscored (`tokenizers_differ`). A prompt and
output beyond the context of either model are unscored (`context_overrun`), never cut.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, ParameterError, Parameters
from rewards.segmentation import Segmentation, steps
from rewards.signals import RewardSignal, project
from workers.engines.contract import (
    Capability,
    ChatMessage,
    Continuation,
    Engine,
    Prompt,
    Refusal,
    TokenLogprobs,
    require,
)
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, ModelRole, SourceItem
from workers.sources.results import Gives, Scored, SignalResult, Unscored

LOG_RATIO, LOG_PROB, LOG_PROB_BASELINE = "log_ratio", "log_prob", "log_prob_baseline"
NO_PROMPT, REFERENCE_MODEL = "no_prompt", "reference_model"
FAMILY = "Log-probabilities"


class Part(NamedTuple):
    """One message of an output that is scored, in both views."""

    item: int
    message: int
    view_a: Continuation
    view_b: Continuation


class LogRatio:
    """Per-token and per-step difference of two views' log-probabilities; see the module for formula and papers."""

    declaration = Declaration(
        name="log_ratio",
        version=1,
        title="Log-ratio of two views",
        summary=(
            "How much likelier the prompt, or a trained model against its reference, makes each token: pointwise "
            "mutual information and the implicit process reward."
        ),
        formula="r_t = beta * (log p_A(y_t) - log p_B(y_t));  a step's reward is the sum over its tokens",
        paper="Yuan et al. 2024, Free Process Rewards without Process Labels, arXiv 2412.01981",
        fidelity=Fidelity.PAPER,
        checked_by="A vector worked by hand; steps add up to the whole. Cuts steps by its own rule, not the authors'.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(
            ModelRole(
                name="view_a",
                label="Model",
                help="Reads the prompt and the output.",
                capabilities=frozenset({Capability.LOGPROBS}),
                compares_tokens=True,
            ),
            ModelRole(
                name="view_b",
                label="Reference model",
                help="For the implicit process reward: the model that the first was trained from.",
                capabilities=frozenset({Capability.LOGPROBS}),
                required=False,
                compares_tokens=True,
            ),
        ),
        parameters=(
            Parameter(
                "baseline",
                "choice",
                NO_PROMPT,
                "Compared with",
                choices=(
                    (NO_PROMPT, "The same model without the prompt (mutual information)"),
                    (REFERENCE_MODEL, "A reference model with the prompt (implicit process reward)"),
                ),
            ),
            Parameter(
                "beta",
                "number",
                1.0,
                "Beta",
                "Scales every value. The implicit process reward was trained with 0.05 and scored with 0.001.",
                minimum=1e-6,
                maximum=1000,
            ),
            Parameter(
                "neutral_prompt",
                "text",
                "?",
                "Neutral prompt",
                "Stands in place of the prompt where the comparison is without it.",
            ),
            Parameter(
                "layout",
                "choice",
                "chat",
                "Layout",
                "Plain is for base models, which have no chat template: texts separated by blank lines.",
                choices=(("chat", "The model's chat template"), ("plain", "Plain text")),
            ),
            Parameter("use_context", "boolean", True, "Read the context", "Before the prompt, where the task has one."),
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Comparing with a reference model needs one."""
        if parameters["baseline"] == REFERENCE_MODEL and "view_b" not in roles:
            raise ParameterError({"view_b": "choose the reference model to compare with"})

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Two readings of each scored message."""
        parts = _parts(items, parameters)
        texts = [_read(view) for part in parts for view in (part.view_a, part.view_b)]
        return Estimate(requests=len(texts), characters=sum(texts))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `log_ratio` (tokens and steps), `log_prob` and `log_prob_baseline` (tokens) by item."""
        self.check(parameters, engines)
        view_a = engines["view_a"]
        view_b = engines["view_b"] if parameters["baseline"] == REFERENCE_MODEL else view_a
        require(view_a, Capability.LOGPROBS)
        require(view_b, Capability.LOGPROBS)
        parts = _parts(items, parameters)
        values_a = view_a.logprobs([part.view_a for part in parts])
        values_b = view_b.logprobs([part.view_b for part in parts])
        scored: list[list[tuple[Part, TokenLogprobs | Refusal, TokenLogprobs | Refusal]]] = [[] for _ in items]
        for part, a, b in zip(parts, values_a, values_b, strict=True):
            scored[part.item].append((part, a, b))
        segmenter = f"tokenizer:{view_a.identity['tokenizer'][:12]}"
        beta = float(parameters["beta"])
        return [_result(item, found, segmenter, beta) for item, found in zip(items, scored, strict=True)]


def _parts(items: Sequence[SourceItem], parameters: Parameters) -> list[Part]:
    """Every message that the policy wrote; what comes before it in the output is read in both views."""
    parts: list[Part] = []
    layout = str(parameters["layout"])
    for index, item in enumerate(items):
        if item.is_empty:
            continue
        task = list(item.task_messages)
        if item.context and parameters["use_context"]:
            task = with_context(task, item.context)
        baseline = task
        if parameters["baseline"] == NO_PROMPT:
            baseline = [ChatMessage("user", str(parameters["neutral_prompt"]))]
        before: list[ChatMessage] = []
        for number, message in enumerate(item.output_messages):
            if message.role == "assistant" and message.text:
                view_a = Continuation(_prompt([*task, *before], layout), message.text)
                view_b = Continuation(_prompt([*baseline, *before], layout), message.text)
                parts.append(Part(index, number, view_a, view_b))
            before.append(ChatMessage(message.role, message.text))
    return parts


def with_context(messages: list[ChatMessage], context: str) -> list[ChatMessage]:
    """The context stands before the last user message, or as a user message of its own where there is none."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].role == "user":
            joined = ChatMessage("user", f"{context}\n\n{messages[place].text}")
            return [*messages[:place], joined, *messages[place + 1 :]]
    return [*messages, ChatMessage("user", context)]


def _prompt(messages: list[ChatMessage], layout: str) -> Prompt:
    if layout == "chat":
        return Prompt(tuple(messages))
    return Prompt(plain_text="".join(f"{message.text}\n\n" for message in messages if message.text))


def _read(view: Continuation) -> int:
    """Characters that a model reads."""
    prompt = view.prompt
    return len(view.text) + len(prompt.plain_text or "") + sum(len(message.text) for message in prompt.messages)


def _result(
    item: SourceItem,
    scored: Sequence[tuple[Part, TokenLogprobs | Refusal, TokenLogprobs | Refusal]],
    segmenter: str,
    beta: float,
) -> Scored | Unscored:
    if item.is_empty:
        return Unscored("empty_output", "the output has no text")
    spans: list[npt.NDArray[np.int32]] = []
    messages: list[int] = []
    log_a: list[npt.NDArray[np.float64]] = []
    log_b: list[npt.NDArray[np.float64]] = []
    for part, a, b in scored:
        if isinstance(a, Refusal):
            return Unscored(a.code.value, f"with the prompt: {a.detail}")
        if isinstance(b, Refusal):
            return Unscored(b.code.value, f"in the compared view: {b.detail}")
        if not (np.array_equal(a.token_ids, b.token_ids) and np.array_equal(a.spans, b.spans)):
            return Unscored("tokenizers_differ", "the two models cut the output into different tokens")
        spans.append(a.spans)
        messages.append(part.message)
        log_a.append(a.logprobs.astype(np.float64))
        log_b.append(b.logprobs.astype(np.float64))
    view_a, view_b = np.concatenate(log_a), np.concatenate(log_b)
    if not (np.isfinite(view_a).all() and np.isfinite(view_b).all()):
        return Unscored("not_finite", "the model gave a token no probability at all")
    return _signals(item, Segmentation.from_offsets(segmenter, spans, messages=messages), view_a, view_b, beta)


def _signals(
    item: SourceItem,
    tokens: Segmentation,
    view_a: npt.NDArray[np.float64],
    view_b: npt.NDArray[np.float64],
    beta: float,
) -> Scored:
    by_token = RewardSignal(tokens, (beta * (view_a - view_b)).astype(np.float32))
    return Scored(
        signals=(
            SignalResult(LOG_RATIO, by_token),
            SignalResult(LOG_RATIO, project(by_token, steps(item.texts), "sum")),
            SignalResult(LOG_PROB, RewardSignal(tokens, view_a.astype(np.float32))),
            SignalResult(LOG_PROB_BASELINE, RewardSignal(tokens, view_b.astype(np.float32))),
        )
    )
