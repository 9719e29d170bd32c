"""The outputs that a recipe is computed over: their texts, their tasks, and how they are cut into segments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import Project
from rewards import signal_store
from rewards.models import Output
from rewards.recipes.inputs import WORDS
from rewards.segmentation import Segmentation, Spans, sentences, steps, subsentences, turns, words
from rewards.shaping.rows import OUTPUT, SENTENCE, STEP, SUBSENTENCE, TOKEN, TURN, Ints, Level

_RULES: Final[Mapping[str, Callable[[Sequence[str]], Segmentation]]] = {
    "word/1": words,
    "sentence/1": sentences,
    "subsentence/1": subsentences,
    "step/1": steps,
    "turn/1": turns,
}
_SEGMENTERS: Final[Mapping[str, str]] = {
    TURN: "turn/1",
    STEP: "step/1",
    SENTENCE: "sentence/1",
    SUBSENTENCE: "subsentence/1",
}
_NO_SPANS: Final = np.zeros((0, 3), dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Outputs:
    """n outputs of one project.

    Attributes
    ----------
    ids : tuple of int
    task_ids : tuple of int
    messages : tuple of list of dict
        As stored.
    """

    ids: tuple[int, ...]
    task_ids: tuple[int, ...]
    messages: tuple[list[dict[str, Any]], ...]

    @classmethod
    def load(cls, project: Project, output_ids: Sequence[int]) -> Outputs:
        """In the order given; one query.

        Raises
        ------
        AppError
            ``output_unknown`` (404) where one is not of this project.
        """
        wanted = list(dict.fromkeys(output_ids))
        rows = Output.objects.of(project).filter(pk__in=wanted).values_list("pk", "task_id", "messages")
        found = {pk: (task, messages) for pk, task, messages in rows}
        for pk in wanted:
            if pk not in found:
                raise AppError(
                    gettext("There is no output %(pk)s in this project.") % {"pk": pk},
                    code="output_unknown",
                    status=404,
                )
        return cls(tuple(wanted), tuple(found[pk][0] for pk in wanted), tuple(found[pk][1] for pk in wanted))

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, kept: Collection[int]) -> Outputs:
        """Those at these places."""
        places = sorted(kept)
        return Outputs(
            tuple(self.ids[i] for i in places),
            tuple(self.task_ids[i] for i in places),
            tuple(self.messages[i] for i in places),
        )

    @cached_property
    def place(self) -> dict[int, int]:
        """From the key of an output to its place."""
        return {pk: index for index, pk in enumerate(self.ids)}

    @cached_property
    def groups(self) -> Ints:
        """Which task each output answers, numbered from 0 in the order of their keys: shape (n,)."""
        return np.unique(np.array(self.task_ids, dtype=np.int64), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def n_messages(self) -> list[int]:
        return [len(messages) for messages in self.messages]

    @cached_property
    def first_message(self) -> Ints:
        """The number of each output's first message, as `Level` counts messages through."""
        return np.concatenate([[0], np.cumsum(self.n_messages)])[:-1].astype(np.int64)

    def texts(self, index: int) -> list[str]:
        """The texts of one output's messages."""
        return [message["text"] for message in self.messages[index]]

    def level_of(self, name: str, spans: Mapping[int, Spans]) -> Level:
        """A level from spans by output; an output that is not among them has no segment on it."""
        cuts = [spans.get(pk, _NO_SPANS) for pk in self.ids]
        starts = np.concatenate([[0], np.cumsum([len(cut) for cut in cuts])]).astype(np.int64)
        flat = np.vstack([_NO_SPANS, *cuts])
        flat[:, 0] += np.repeat(self.first_message, np.diff(starts)).astype(np.int32)
        return Level(name, starts, flat)


class Cuts:
    """How some outputs are cut, made when first asked for: what is stored is read, what a rule cuts is cut."""

    def __init__(self, outputs: Outputs, tokens: str = WORDS) -> None:
        self._outputs = outputs
        self._tokens = "word/1" if tokens == WORDS else tokens
        self._made: dict[str, dict[int, Spans]] = {}
        self._levels: dict[str, Level] = {}

    def of(self, level: str) -> Level:
        """The level of this name; of an output that has not been cut it has no segment. One query a new level."""
        if level == OUTPUT:
            return Level.of_outputs(len(self._outputs))
        if level not in self._levels:
            self._levels[level] = self._outputs.level_of(level, self.spans(self.segmenter(level)))
        return self._levels[level]

    def segmenter(self, level: str) -> str:
        """Who cuts this level."""
        return self._tokens if level == TOKEN else _SEGMENTERS[level]

    def spans(self, segmenter: str) -> dict[int, Spans]:
        """By output; absent are those that a tokenizer has not cut."""
        if segmenter not in self._made:
            cut = signal_store.load_spans(self._outputs.ids, segmenter)
            rule = _RULES.get(segmenter)
            if rule is not None:
                for index, pk in enumerate(self._outputs.ids):
                    if pk not in cut:
                        cut[pk] = rule(self._outputs.texts(index)).spans
            self._made[segmenter] = cut
        return self._made[segmenter]
