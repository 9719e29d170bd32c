"""Asking a critic about the steps of an output: all in one call or a few at a time, until none is left out.

Steps are those of `rewards.segmentation.steps` that the policy wrote and the critic is shown. Each stands between
numbered tags of its own. A step that a reply leaves out, or whose answer cannot be read, is asked for again; one that
stays out has no label, which is not a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import Segmentation
from rewards.segmentation import steps as cut_steps
from rewards.text import Span
from workers.engines.contract import Engine, Prompt
from workers.sources.asking import Answer, Writing, closed_object, derived_seed, object_form, object_schema, write
from workers.sources.contract import Estimate, SourceItem
from workers.sources.critics.quotes import quotable
from workers.sources.likert import material
from workers.sources.prompts import Place, fill, neutralise
from workers.sources.replies import ParseState, ReplyError
from workers.sources.results import Reply

T = TypeVar("T")

LEFT_OUT = "left_out"
STEPS_PER_CALL = Parameter(
    "steps_per_call",
    "integer",
    0,
    "Steps asked about in one call",
    "0: all together. Else the critic reads up to the last step that it is asked about; 1 asks about each by itself. "
    "Steps that it leaves out are asked for again, and without a label if they stay out.",
    minimum=0,
    maximum=1000,
)
STEP_PLACES = (
    Place("asked", "The numbers of the steps that are asked about."),
    Place("answer_form", "The fields of the reply: one a step, with reasons before the verdict."),
)


class Step(NamedTuple):
    """One step, by its place in the segmentation and in the text."""

    segment: int
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Wanted(Generic[T]):
    """An item whose steps are asked about.

    Attributes
    ----------
    item : SourceItem
    segmentation : Segmentation
        Of the whole output; `steps` are those of it that are asked about.
    steps : tuple of Step
    template : str
    places : dict of str to str
        All but `response`, `asked` and `answer_form`.
    at_a_time : int
        Steps asked about in one call; 0 for all.
    meaning : str
        What the object for a step holds, for the prompt.
    schema : mapping
        Of the object for a step.
    read : callable
        From that object and its step to a value; raises `ReplyError`.
    """

    item: SourceItem
    segmentation: Segmentation
    steps: tuple[Step, ...]
    template: str
    places: Mapping[str, str]
    at_a_time: int
    meaning: str
    schema: Mapping[str, Mapping[str, Any]]
    read: Callable[[Mapping[str, Any], Step], T]


def wanted_of(
    item: SourceItem,
    parameters: Parameters,
    template: str,
    meaning: str,
    schema: Mapping[str, Mapping[str, Any]],
    read: Callable[[Mapping[str, Any], Step], T],
    more_places: Mapping[str, str] | None = None,
) -> Wanted[T] | None:
    """What is asked about an item; None where the critic would be shown no step."""
    places, texts = material(item, parameters), quotable(item, parameters)
    if places is None or not texts:
        return None
    segmentation = cut_steps(item.texts)
    found = [
        Step(segment, Span(message, start, end), item.texts[message][start:end])
        for segment, (message, start, end) in enumerate(segmentation.spans.tolist())
        if message in texts
    ]
    visible = tuple(step for step in found if step.text.strip())
    at_a_time = int(parameters["steps_per_call"])
    places |= more_places or {}
    return Wanted(item, segmentation, visible, template, places, at_a_time, meaning, schema, read)


def ask_steps(engine: Engine, wanted: Sequence[Wanted[T]], parameters: Parameters) -> list[Answer[dict[int, T]]]:
    """By item what was said of each step, by its place in `Wanted.steps`; those without an answer are left out.

    An item of which nothing could be read has no value, and the reason of its last failure.
    """
    answers: list[Answer[dict[int, T]]] = [Answer({}, ()) for _ in wanted]
    pending = {index: list(range(len(one.steps))) for index, one in enumerate(wanted)}
    once = {**parameters, "retries": 0}
    for attempt in range(1 + int(parameters["retries"])):
        calls = [
            (index, group)
            for index, numbers in pending.items()
            for group in groups_of(numbers, wanted[index].at_a_time)
        ]
        writings = [call(wanted[index], group, attempt) for index, group in calls]
        pending = {}
        for (index, group), said in zip(calls, write(engine, writings, once), strict=True):
            answers[index] = _joined(answers[index], said)
            left = [number for number in group if number not in (answers[index].value or {})]
            # A request that was refused would be refused again.
            if left and said.replies[-1].parse_state != ParseState.REFUSED:
                pending.setdefault(index, []).extend(left)
    return [_final(answer, len(one.steps)) for answer, one in zip(answers, wanted, strict=True)]


def call(wanted: Wanted[T], numbers: Sequence[int], attempt: int) -> Writing[dict[int, T]]:
    """The question about these steps of an item."""
    names = [name_of(number) for number in numbers]
    listed = ", ".join(str(number + 1) for number in numbers)

    def read(reply: Mapping[str, Any]) -> dict[int, T]:
        return _read(reply, wanted, numbers)

    return Writing(
        purpose=f"step{'s' if len(numbers) > 1 else ''} {listed}",
        prompt=prompt_of(wanted, numbers),
        schema=object_schema(dict.fromkeys(names, closed_object(wanted.schema))),
        read=read,
        seed=derived_seed(wanted.item.seed, numbers[0], attempt),
    )


def prompt_of(wanted: Wanted[T], numbers: Sequence[int]) -> Prompt:
    """It shows all steps where they are asked about together, else those up to the last one that is asked about."""
    shown = wanted.steps[: numbers[-1] + 1] if wanted.at_a_time else wanted.steps
    places = {
        **wanted.places,
        "response": steps_text(wanted.item, shown),
        "asked": ", ".join(str(number + 1) for number in numbers),
        "answer_form": object_form({name_of(number): wanted.meaning for number in numbers}),
    }
    return fill(wanted.template, places)


def steps_text(item: SourceItem, steps: Sequence[Step]) -> str:
    """The steps between numbered tags that their texts cannot write, and what tools or users said between them."""
    inner: list[str] = []
    for index, message in enumerate(item.output_messages[: steps[-1].span.message + 1]):
        own = [(number, step) for number, step in enumerate(steps, 1) if step.span.message == index]
        inner += [f"<step {number}>\n{neutralise(step.text.strip())}\n</step {number}>" for number, step in own]
        if message.role != "assistant" and message.text.strip():
            inner.append(f"[{neutralise(message.role)}]\n{neutralise(message.text)}")
    return "\n".join(["<response>", *inner, "</response>"])


def groups_of(numbers: Sequence[int], size: int) -> list[list[int]]:
    """The numbers in groups of at most `size`; all in one for 0."""
    size = size or max(1, len(numbers))
    return [list(numbers[first : first + size]) for first in range(0, len(numbers), size)]


def steps_estimate(wanted: Sequence[Wanted[T]]) -> Estimate:
    """The cost where nothing has to be asked again."""
    prompts = [prompt_of(one, group) for one in wanted for group in groups_of(range(len(one.steps)), one.at_a_time)]
    return Estimate(len(prompts), sum(len(message.text) for prompt in prompts for message in prompt.messages))


def labels_of(wanted: Wanted[T], said: Mapping[int, int]) -> tuple[int | None, ...]:
    """A label or None for every segment, of the labels by step."""
    by_segment = {wanted.steps[number].segment: label for number, label in said.items()}
    return tuple(by_segment.get(segment) for segment in range(len(wanted.segmentation)))


def coverage(said: Mapping[int, object], wanted: Wanted[T]) -> str:
    """How many steps have an answer, for people."""
    return f"{len(said)} of {len(wanted.steps)} steps labelled"


def name_of(number: int) -> str:
    """The field of a reply that stands for a step."""
    return f"step_{number + 1}"


def _read(reply: Mapping[str, Any], wanted: Wanted[T], numbers: Sequence[int]) -> dict[int, T]:
    """What can be read. ReplyError where nothing can."""
    found: dict[int, T] = {}
    problem = ReplyError(ParseState.MISSING_FIELD, "the reply answers no step")
    for number in numbers:
        entry = reply.get(name_of(number))
        if not isinstance(entry, Mapping):
            continue
        try:
            found[number] = wanted.read(entry, wanted.steps[number])
        except ReplyError as error:
            problem = error
    if not found:
        raise problem
    return found


def _joined(before: Answer[dict[int, T]], said: Answer[dict[int, T]]) -> Answer[dict[int, T]]:
    replies: tuple[Reply, ...] = before.replies + said.replies
    return Answer({**(before.value or {}), **(said.value or {})}, replies, said.reason, said.detail)


def _final(answer: Answer[dict[int, T]], n_steps: int) -> Answer[dict[int, T]]:
    if answer.value:
        return replace(answer, reason="", detail="")
    return replace(
        answer, value=None, reason=answer.reason or LEFT_OUT, detail=answer.detail or f"0 of {n_steps} steps"
    )
