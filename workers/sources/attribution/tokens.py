"""The number of a model as a request for gradients, and a signal over the tokens that come back."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameters
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from workers.engines.contract import Explained, Prompt, Stretch
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
    tokenizer: str, messages: list[int], spans: npt.NDArray[np.int32], values: npt.NDArray[np.floating]
) -> RewardSignal:
    """Values of tokens over their spans in the output's messages.

    Parameters
    ----------
    tokenizer : str
        Hash of the tokenizer.
    messages : list of int
        The message of each stretch.
    spans : int32 array, shape (T, 3)
        Stretch, start and end of each token, in code points of the message.
    values : array, shape (T,)
    """
    rows = spans.copy()
    rows[:, 0] = np.array(messages, dtype=np.int32)[spans[:, 0]]
    # Within a prompt the tokens at the edges of a text depend on what stands around it: another cut, another name.
    cut = hashlib.sha256(rows.astype("<i4").tobytes()).hexdigest()
    segmentation = Segmentation(f"tokenizer:{tokenizer[:12]}:in-prompt:{cut[:12]}", rows)
    return RewardSignal(segmentation, np.asarray(values, dtype=np.float32))


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
