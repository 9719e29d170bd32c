"""Asking a judge: for its probabilities over a menu, after some reasoning or at once, or for a reply in words.

A reply in words is a JSON object that gives its reasons before its answer. One that cannot be read, or whose answer is
not on the menu, is asked for again with another seed and a word on what was wrong; each try is kept. What is still
unread then has no value: it is never a default.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import (
    Capability,
    ChatMessage,
    Choice,
    ChoiceQuestion,
    Engine,
    Generated,
    Prompt,
    Refusal,
    Sampling,
    require,
)
from workers.sources.contract import Estimate
from workers.sources.prompts import neutralise, prompt_sha256
from workers.sources.replies import ParseState, ReplyError, json_object, label_of, number_of, text_of
from workers.sources.results import Reply, Unscored

T = TypeVar("T")

ANSWER_BY = "answer_by"
PROBABILITIES, REASONED, WRITTEN = "probabilities", "reasoned", "written"

WAYS: tuple[tuple[str, frozenset[Capability]], ...] = (
    (PROBABILITIES, frozenset({Capability.CHOOSE})),
    (REASONED, frozenset({Capability.CHOOSE, Capability.GENERATE})),
    (WRITTEN, frozenset({Capability.GENERATE})),
)
"""What a model must be able to give for each way of answering: the `ways` of a judge's role."""

EXPLANATION, ANSWER = "explanation", "answer"
_PREFILL = "\nAnswer:\n"
_ANSWER_LINE = re.compile(r"^[ *_#]{0,6}answer[ *_]{0,4}:", re.IGNORECASE | re.MULTILINE)

_REPAIRS = {
    ParseState.NO_JSON: "it held no whole JSON object",
    ParseState.MISSING_FIELD: "a field was missing or empty",
    ParseState.OFF_MENU: "an answer was none of those offered",
    ParseState.OUT_OF_RANGE: "a number was not on its scale",
    ParseState.VERDICT_FIRST: "it gave an answer before the reasons for it",
    ParseState.UNLOCATED: "none of the words that it quoted stands in the text; quotes are copied exactly",
    ParseState.TRUNCATED: "it was too long and was cut off",
}


def answer_by_parameter(default: str = PROBABILITIES) -> Parameter:
    """How the judge answers; a source with this parameter gives its judges the `ways` of `WAYS`."""
    return Parameter(
        ANSWER_BY,
        "choice",
        default,
        "The judge answers",
        "Probabilities need a model whose log-probabilities can be read; words are what every chat model can give.",
        choices=(
            (PROBABILITIES, "By its probabilities over the offered answers"),
            (REASONED, "By its probabilities, after reasoning in words"),
            (WRITTEN, "In words: its reasons, then its answer"),
        ),
    )


def drawing_parameters(max_new_tokens: int = 512) -> tuple[Parameter, ...]:
    """How text is drawn, for sources that read what a judge writes."""
    return (
        Parameter(
            "max_new_tokens",
            "integer",
            max_new_tokens,
            "Longest reply",
            "In tokens. A longer one is cut, and then as a rule cannot be read.",
            minimum=1,
            maximum=16_384,
        ),
        Parameter(
            "temperature", "number", 0.0, "Temperature", "0 takes the likeliest token each time.", minimum=0, maximum=2
        ),
        Parameter(
            "retries",
            "integer",
            1,
            "Asked again",
            "How often a reply that cannot be read is asked for again, with another seed and the reason why.",
            minimum=0,
            maximum=5,
        ),
    )


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of a question.

    Attributes
    ----------
    value : T or None
        None where it was not answered.
    replies : tuple of Reply
        Every try, in order.
    reason, detail : str
        Why it was not answered; empty where it was.
    """

    value: T | None
    replies: tuple[Reply, ...]
    reason: str = ""
    detail: str = ""

    def unscored(self) -> Unscored:
        """The failure as a source's result."""
        return Unscored(self.reason, self.detail, self.replies)


@dataclass(frozen=True, slots=True)
class Writing(Generic[T]):
    """A reply in words that is wanted.

    Attributes
    ----------
    purpose : str
        What is asked, for a reader of the reply.
    prompt : Prompt
        It says how to answer: `object_form`.
    schema : str
        JSON schema as text, for servers that can hold a model to it: `object_schema`.
    read : callable
        From the reply's JSON object to a value; raises `ReplyError`.
    seed : int
    """

    purpose: str
    prompt: Prompt
    schema: str
    read: Callable[[dict[str, Any]], T]
    seed: int = 0


def write(engine: Engine, wanted: Sequence[Writing[T]], parameters: Parameters) -> list[Answer[T]]:
    """Ask for each reply, and again for those that cannot be read; one answer each, in order.

    `parameters` are those of `drawing_parameters`. A request that the engine refuses is not asked again: it would be
    refused again.
    """
    require(engine, Capability.GENERATE)
    answers: list[Answer[T]] = [Answer(None, ()) for _ in wanted]
    prompts = [one.prompt for one in wanted]
    waiting = list(range(len(wanted)))
    for attempt in range(1 + int(parameters["retries"])):
        if not waiting:
            break
        seeds = [derived_seed(wanted[index].seed, attempt) for index in waiting]
        requests = [
            (prompts[index], _sampling(parameters, seed, wanted[index].schema))
            for index, seed in zip(waiting, seeds, strict=True)
        ]
        unread: list[int] = []
        for index, seed, generated in zip(waiting, seeds, engine.generate(requests), strict=True):
            one = wanted[index]
            tried = _read(generated, replace(one, prompt=prompts[index], seed=seed))
            answers[index] = replace(tried, replies=answers[index].replies + tried.replies)
            if tried.reason and not isinstance(generated, Refusal):
                unread.append(index)
                prompts[index] = _asked_again(one.prompt, tried.replies[-1].parse_state)
        waiting = unread
    return answers


@dataclass(frozen=True, slots=True)
class MenuQuestion:
    """A question with a menu of answers.

    Attributes
    ----------
    purpose : str
    prompt : Prompt
        It says how to answer: `menu_form` of the same labels and parameters.
    labels : tuple of str
    seed : int
    is_scale : bool
        The labels are whole numbers in rising order: a written answer is read as a number and checked against them.
    """

    purpose: str
    prompt: Prompt
    labels: tuple[str, ...]
    seed: int = 0
    is_scale: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """An answer from a menu.

    Attributes
    ----------
    label : str
        The likeliest, or the one that was written.
    probabilities : dict of str to float
        Over the menu, in its order; empty where the answer was written.
    explanation : str
        The judge's reasons, where it gave any.
    """

    label: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    explanation: str = ""


def ask_menu(engine: Engine, questions: Sequence[MenuQuestion], parameters: Parameters) -> list[Answer[Said]]:
    """Each question's answer, in order, in the way that the parameter `answer_by` names."""
    way = str(parameters[ANSWER_BY])
    require(engine, *sorted(dict(WAYS)[way]))
    if way == WRITTEN:
        wanted = [
            Writing(one.purpose, one.prompt, menu_schema(one), partial(read_menu, question=one), one.seed)
            for one in questions
        ]
        return write(engine, wanted, parameters)
    reasoned = _reasoned(engine, questions, parameters) if way == REASONED else [Answer("", ()) for _ in questions]
    ready = [index for index, reasons in enumerate(reasoned) if not reasons.reason]
    choices = [
        ChoiceQuestion(_with_reasons(questions[index].prompt, reasoned[index].value or ""), questions[index].labels)
        for index in ready
    ]
    answers: list[Answer[Said]] = [Answer(None, one.replies, one.reason, one.detail) for one in reasoned]
    for index, choice, asked in zip(ready, engine.choose(choices), choices, strict=True):
        reasons = reasoned[index]
        chosen = _chosen(choice, asked, questions[index].purpose, reasons.value or "")
        answers[index] = replace(chosen, replies=reasons.replies + chosen.replies)
    return answers


def menu_form(labels: Sequence[str], parameters: Parameters) -> str:
    """How to answer, for the end of a prompt; labels may be data set text."""
    offered = ", ".join(neutralise(label) for label in labels)
    way = str(parameters[ANSWER_BY])
    if way == WRITTEN:
        return object_form({EXPLANATION: "your reasons, in a few sentences", ANSWER: f"one of: {offered}"})
    if way == REASONED:
        return (
            "First give your reasons in a few sentences. Then write a line that says Answer: and after it one of these "
            f"and nothing else: {offered}."
        )
    return f"Answer with one of these and nothing else: {offered}."


def object_form(fields: Mapping[str, str]) -> str:
    """How to answer with a JSON object. A list and no example: a judge that repeats its prompt has answered nothing."""
    lines = [f'- "{name}": {meaning}' for name, meaning in fields.items()]
    return "\n".join(["Reply with one JSON object and nothing else. Its fields, in this order:", *lines])


def object_schema(properties: Mapping[str, Mapping[str, Any]]) -> str:
    """JSON schema (draft 2020-12) of an object with exactly these properties, as text; their order is kept."""
    return json.dumps(closed_object(properties))


def closed_object(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The same as a value, to stand inside another schema."""
    return {
        "type": "object",
        "properties": {name: dict(schema) for name, schema in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def menu_schema(question: MenuQuestion) -> str:
    """Reasons, then one of the labels."""
    return object_schema({EXPLANATION: {"type": "string"}, ANSWER: label_schema(question.labels, question.is_scale)})


def label_schema(labels: Sequence[str], is_scale: bool) -> dict[str, Any]:
    """One of the labels; of a scale, as a number."""
    return {"enum": [int(label) for label in labels] if is_scale else list(labels)}


def read_menu(reply: Mapping[str, Any], question: MenuQuestion) -> Said:
    """The reasons and the answer; ReplyError unless the reasons come first and the answer is on the menu."""
    require_order(reply, EXPLANATION, ANSWER)
    explanation = text_of(reply, EXPLANATION)
    return Said(read_label(reply, ANSWER, question.labels, question.is_scale), explanation=explanation)


def read_label(reply: Mapping[str, Any], name: str, labels: Sequence[str], is_scale: bool) -> str:
    """The label in a field; of a scale, a number that must be one of its steps."""
    if not is_scale:
        return label_of(reply, name, labels)
    return str(read_whole(reply, name, int(labels[0]), int(labels[-1])))


def read_whole(reply: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """The whole number in a field; ReplyError (``out_of_range``) where it is none, or not on the scale."""
    number = number_of(reply, name, low, high)
    if number != int(number):
        raise ReplyError(ParseState.OUT_OF_RANGE, f"{name} is {number:g}: expected a whole number from {low} to {high}")
    return int(number)


def require_order(reply: Mapping[str, Any], *names: str) -> None:
    """ReplyError (``verdict_first``) where fields stand in another order: reasons that follow an answer defend it."""
    found = [name for name in reply if name in names]
    expected = [name for name in names if name in reply]
    if found != expected:
        raise ReplyError(
            ParseState.VERDICT_FIRST, f"the fields stand as {', '.join(found)}: expected {expected[0]} first"
        )


def reading(prompts: Sequence[Prompt]) -> Estimate:
    """What reading each of the prompts once costs."""
    return Estimate(len(prompts), sum(len(message.text) for prompt in prompts for message in prompt.messages))


def derived_seed(seed: int, *parts: int) -> int:
    """Another seed for every try, sample or judge; the seed itself where all parts are 0."""
    if not any(parts):
        return seed
    digest = hashlib.sha256(":".join(map(str, (seed, *parts))).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _read(generated: Generated | Refusal, asked: Writing[T]) -> Answer[T]:
    sha256 = prompt_sha256(asked.prompt)
    if isinstance(generated, Refusal):
        reply = Reply.of(generated, purpose=asked.purpose, prompt_sha256=sha256, seed=asked.seed)
        return Answer(None, (reply,), generated.code.value, generated.detail)
    state, detail, value = ParseState.PARSED, "", None
    try:
        value = asked.read(json_object(generated.text))
    except ReplyError as error:
        state, detail = error.state, str(error)
    reply = Reply.of(
        generated, purpose=asked.purpose, prompt_sha256=sha256, state=state, detail=detail, seed=asked.seed
    )
    return Answer(value, (reply,), "" if reply.is_understood else reply.parse_state.value, detail)


def _sampling(parameters: Parameters, seed: int, schema: str = "") -> Sampling:
    return Sampling(
        max_new_tokens=int(parameters["max_new_tokens"]),
        temperature=float(parameters["temperature"]),
        seed=seed,
        json_schema=schema,
    )


def _asked_again(prompt: Prompt, state: ParseState) -> Prompt:
    """The prompt with what was wrong, in our words: the reply itself may quote the material, and is not shown."""
    wrong = _REPAIRS.get(state, "it could not be read")
    *before, last = prompt.messages
    text = f"{last.text}\n\nAn earlier reply could not be used: {wrong}. Reply in exactly the form that is asked for."
    return replace(prompt, messages=(*before, ChatMessage(last.role, text)))


def _reasoned(engine: Engine, questions: Sequence[MenuQuestion], parameters: Parameters) -> list[Answer[str]]:
    """What the judge says before it answers; an answer of its own at the end is left out."""
    requests = [(one.prompt, _sampling(parameters, one.seed)) for one in questions]
    found: list[Answer[str]] = []
    for one, generated in zip(questions, engine.generate(requests), strict=True):
        reply = Reply.of(
            generated, purpose=f"{one.purpose}: reasons", prompt_sha256=prompt_sha256(one.prompt), seed=one.seed
        )
        if isinstance(generated, Refusal):
            found.append(Answer(None, (reply,), generated.code.value, generated.detail))
            continue
        cut = "the reasons were cut at the limit" if generated.finish_reason == "length" else ""
        found.append(Answer(_before_answer(generated.text), (replace(reply, detail=cut),)))
    return found


def _before_answer(text: str) -> str:
    """The text up to its last line that says Answer:"""
    found = list(_ANSWER_LINE.finditer(text))
    return (text[: found[-1].start()] if found else text).strip()


def _with_reasons(prompt: Prompt, reasons: str) -> Prompt:
    return replace(prompt, prefill=f"{reasons}{_PREFILL}") if reasons else prompt


def _chosen(choice: Choice | Refusal, asked: ChoiceQuestion, purpose: str, reasons: str) -> Answer[Said]:
    sha256 = prompt_sha256(asked.prompt)
    if isinstance(choice, Refusal):
        reply = Reply(purpose, sha256, ParseState.REFUSED, detail=f"{choice.code}: {choice.detail}")
        return Answer(None, (reply,), choice.code.value, choice.detail)
    probabilities = choice.probabilities
    label = max(probabilities, key=lambda offered: probabilities[offered])
    reply = Reply(purpose, sha256, ParseState.PROBABILITIES, offered_mass=choice.offered_mass)
    return Answer(Said(label, probabilities, reasons), (reply,))
