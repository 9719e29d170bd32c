"""The number of a model as a request for gradients, and a signal over the tokens that come back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameters
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal, project
from workers.engines.contract import Engine, Prompt, Refusal
from workers.engines.explained import Explained, Stretch
from workers.sources.attribution.scalars import (
    OUTCOME,
    REFERENCE_MEAN,
    REWARD,
    outcome_prompt,
    reference_prompt,
    shown_messages,
    task_messages,
)
from workers.sources.contract import SourceItem
from workers.sources.outcome_model import NO, YES
from workers.sources.prompts import response_text, section
from workers.sources.similarity import written

_OPENED = "<response>\n"


class Asked(NamedTuple):
    """A request, and the message of the output that each of its stretches is."""

    request: Explained
    messages: list[int]


def asked_for(item: SourceItem, parameters: Parameters, template: str) -> Asked | None:
    """The chosen number with what the policy wrote as stretches; None where it wrote nothing that is read."""
    read = written(item, with_thinking=bool(parameters["include_thinking"]))
    if not read:
        return None
    name = str(parameters["answer_by"])
    if name == OUTCOME:
        prompt = outcome_prompt(template, item, item.output_messages, parameters)
        starts = _starts_in_prompt(prompt, item, parameters)
        stretches = tuple(Stretch(0, starts[index], starts[index] + len(item.texts[index])) for index in read)
        return Asked(Explained(prompt, stretches, labels=(YES, NO)), read)
    places = _places_in_conversation(item, parameters)
    stretches = tuple(Stretch(places[index], 0, len(item.texts[index])) for index in read)
    if name == REWARD:
        messages = (*task_messages(item, parameters), *shown_messages(item.output_messages, parameters))
        return Asked(Explained(Prompt(messages), stretches), read)
    return Asked(
        Explained(
            reference_prompt(item, item.output_messages, parameters),
            stretches,
            reply=item.reference or "",
            length_handling="mean" if name == REFERENCE_MEAN else "sum",
        ),
        read,
    )


def token_signal(
    item: SourceItem,
    engine: Engine,
    messages: list[int],
    spans: npt.NDArray[np.int32],
    values: npt.NDArray[np.floating],
) -> RewardSignal | Refusal:
    """Values of tokens that were read within a prompt, on the tokens of the output by itself.

    Within a prompt the tokens at the edges of a text depend on what stands around it. A value goes to the tokens that
    share its characters, its sum kept, so that all sources of one tokenizer cut an output into the same tokens:
    those of the messages that the policy wrote, of which the ones that were not read are unscored.

    Parameters
    ----------
    engine : Engine
        Whose tokenizer it is.
    messages : list of int
        The message of each stretch.
    spans : int32 array, shape (T, 3)
        Stretch, start and end of each token, in code points of the message.
    values : array, shape (T,)
    """
    rows = spans.copy()
    rows[:, 0] = np.array(messages, dtype=np.int32)[spans[:, 0]]
    wrote = [n for n, message in enumerate(item.output_messages) if message.role == "assistant" and message.text]
    cuts = []
    for cut in engine.token_spans([item.texts[message] for message in wrote]):
        if isinstance(cut, Refusal):
            return cut
        cuts.append(cut)
    own = Segmentation.from_offsets(f"tokenizer:{engine.identity['tokenizer'][:12]}", cuts, messages=wrote)
    return project(RewardSignal(Segmentation("read", rows), np.asarray(values, dtype=np.float32)), own, "sum")


def _starts_in_prompt(prompt: Prompt, item: SourceItem, parameters: Parameters) -> dict[int, int]:
    """Where each shown message begins in an outcome model's prompt; neutralising a text keeps its length."""
    with_thinking = bool(parameters["include_thinking"])
    response = response_text(item.output_messages, include_thinking=with_thinking)
    position = prompt.messages[0].text.index(section("response", response)) + len(_OPENED)
    shown = [n for n, message in enumerate(item.output_messages) if with_thinking or message.channel != "thinking"]
    is_bare = response == item.texts[shown[0]] and len(shown) == 1
    starts = {}
    for index in shown:
        message = item.output_messages[index]
        position += 0 if is_bare else len(f"[{message.role}, {message.channel}]\n")
        starts[index] = position
        position += len(message.text) + len("\n\n")
    return starts


def _places_in_conversation(item: SourceItem, parameters: Parameters) -> dict[int, int]:
    """Which message of the conversation each shown message of the output is."""
    first = len(task_messages(item, parameters))
    with_thinking = bool(parameters["include_thinking"])
    shown = [n for n, message in enumerate(item.output_messages) if with_thinking or message.channel != "thinking"]
    return {index: first + place for place, index in enumerate(shown)}
