"""Asking a model for a reply that can be read: greedily first, once more at temperature 1, every reply kept.

Chasing the Tail's code does so (Zhang et al. 2025); unlike there, a reply that cannot be read twice is no zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from workers.engines.contract import Engine, Generated, Prompt, Refusal, Sampling
from workers.sources.prompts import prompt_sha256
from workers.sources.replies import ParseState, ReplyError
from workers.sources.results import Reply

Read = TypeVar("Read")

_TEMPERATURES = (0.0, 1.0)


@dataclass(frozen=True)
class Question(Generic[Read]):
    """A prompt, what it is asked for, and how its reply is read (`ReplyError` where it cannot be)."""

    prompt: Prompt
    purpose: str
    read: Callable[[str], Read]


@dataclass(frozen=True)
class Answer(Generic[Read]):
    """What was read, or None; `failure` says why, and `replies` hold every try."""

    value: Read | None
    replies: tuple[Reply, ...]

    @property
    def failure(self) -> str:
        return "" if self.value is not None else self.replies[-1].detail

    @property
    def reason(self) -> str:
        """The code by which failures are grouped."""
        return "" if self.value is not None else self.replies[-1].parse_state.value


def ask(
    engine: Engine, questions: Sequence[Question[Read]], *, max_new_tokens: int, seed: int = 0, json_schema: str = ""
) -> list[Answer[Read]]:
    """Ask all questions together, and again those whose replies could not be read; one answer each, in order.

    A question that the engine refuses is not asked again: a prompt that is too long stays too long.

    Raises
    ------
    EngineError
        Where the model cannot be asked at all.
    """
    found: dict[int, Answer[Read]] = {}
    waiting = list(range(len(questions)))
    for attempt, temperature in enumerate(_TEMPERATURES):
        sampling = Sampling(max_new_tokens, temperature=temperature, seed=seed + attempt, json_schema=json_schema)
        drawn = engine.generate([(questions[index].prompt, sampling) for index in waiting]) if waiting else []
        again = []
        for index, generated in zip(waiting, drawn, strict=True):
            earlier = found[index].replies if index in found else ()
            found[index] = _read(questions[index], generated, sampling.seed, earlier)
            reply = found[index].replies[-1]
            if found[index].value is None and reply.parse_state != ParseState.REFUSED:
                again.append(index)
        waiting = again
    return [found[index] for index in range(len(questions))]


def _read(
    question: Question[Read], generated: Generated | Refusal, seed: int, earlier: tuple[Reply, ...]
) -> Answer[Read]:
    reply = partial(Reply.of, generated, purpose=question.purpose, prompt_sha256=prompt_sha256(question.prompt))
    if isinstance(generated, Refusal):
        return Answer(None, (*earlier, reply()))
    try:
        value = question.read(generated.text)
    except ReplyError as error:
        return Answer(None, (*earlier, reply(state=error.state, detail=str(error), seed=seed)))
    return Answer(value, (*earlier, reply(seed=seed)))
