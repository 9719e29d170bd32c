"""Scoring candidate outputs under a rubric while it is being refined, with answers to unchanged criteria kept.

Two ways: one reply for all criteria (a JSON object with yes or no by key, as in Chasing the Tail's code), or a model's
probabilities over the offered answers, one criterion at a time (`rubric_judge`). An answer that is missing or cannot
be read leaves its criterion without a verdict; it is never a no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from rewards.parameters import validate_parameters
from rewards.rubrics.aggregate import aggregate_many
from rewards.rubrics.content import Criterion, Level, RubricContent
from rewards.rubrics.rules import suggested_aggregation
from workers.authoring.asking import Question, ask
from workers.authoring.prompts import judging_prompt
from workers.engines.contract import Engine
from workers.sources.contract import SourceItem
from workers.sources.replies import ReplyError, json_object, label_of
from workers.sources.results import Reply, Scored
from workers.sources.rubric_judge import RubricJudge, offered_labels, state_and_value
from workers.sources.scoring import score_items

Way = Literal["reply", "probabilities"]
Asked = tuple[str, str, str, tuple[Level, ...], bool]
"""What decides the answer to a criterion: its words, and not what it weighs."""

_TOKENS_A_CRITERION = 24


@dataclass
class Judge:
    """A model that scores candidates; `answers` are kept by candidate and question, None for no verdict."""

    engine: Engine
    way: Way
    seed: int = 0
    answers: dict[tuple[str, Asked], float | None] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)

    def scores(self, content: RubricContent, candidates: Sequence[SourceItem]) -> dict[str, float | None]:
        """By key of the candidate, its score under the rule that suits the rubric; None where there is none.

        Only questions that were not asked before are asked.
        """
        for wanted, items in self._open(content, candidates):
            found = self._by_reply(wanted, items) if self.way == "reply" else self._by_probability(wanted, items)
            self.answers.update(found)
        table = np.array(
            [
                [np.nan if (value := self.answers[item.key, _asked(c)]) is None else value for c in content.criteria]
                for item in candidates
            ],
            dtype=np.float64,
        ).reshape(len(candidates), len(content.criteria))
        values = aggregate_many(content, table, suggested_aggregation(content)).values
        return {
            item.key: None if np.isnan(value) else float(value)
            for item, value in zip(candidates, values.tolist(), strict=True)
        }

    def _open(
        self, content: RubricContent, candidates: Sequence[SourceItem]
    ) -> list[tuple[tuple[Criterion, ...], list[SourceItem]]]:
        """Candidates by the criteria that they have not been asked about."""
        groups: dict[tuple[Criterion, ...], list[SourceItem]] = {}
        for item in candidates:
            wanted = tuple(c for c in content.criteria if (item.key, _asked(c)) not in self.answers)
            if wanted:
                groups.setdefault(wanted, []).append(item)
        return list(groups.items())

    def _by_reply(
        self, criteria: tuple[Criterion, ...], items: Sequence[SourceItem]
    ) -> dict[tuple[str, Asked], float | None]:
        questions = [
            Question(judging_prompt(criteria, item), f"judge {item.key}", partial(_read_answers, criteria=criteria))
            for item in items
        ]
        answers = ask(
            self.engine,
            questions,
            max_new_tokens=64 + _TOKENS_A_CRITERION * len(criteria),
            seed=self.seed,
        )
        found: dict[tuple[str, Asked], float | None] = {}
        for item, answer in zip(items, answers, strict=True):
            self.replies += answer.replies
            given: Mapping[str, float | None] = answer.value or {}
            found |= {(item.key, _asked(criterion)): given.get(criterion.key) for criterion in criteria}
        return found

    def _by_probability(
        self, criteria: tuple[Criterion, ...], items: Sequence[SourceItem]
    ) -> dict[tuple[str, Asked], float | None]:
        source = RubricJudge()
        parameters = validate_parameters(source.declaration.parameters, {})
        results = score_items(
            source, [replace(item, criteria=criteria) for item in items], {"judge": self.engine}, parameters
        )
        found: dict[tuple[str, Asked], float | None] = {}
        for item, result in zip(items, results, strict=True):
            given = {v.criterion_key: v.value for v in result.verdicts} if isinstance(result, Scored) else {}
            found |= {(item.key, _asked(criterion)): given.get(criterion.key) for criterion in criteria}
        return found


def _read_answers(reply: str, criteria: Sequence[Criterion]) -> dict[str, float | None]:
    """Values by key; a criterion that the reply leaves out or answers off the menu has None.

    Raises
    ------
    ReplyError
        Where no criterion has an answer: then the reply is worth another try.
    """
    data = json_object(reply)
    values: dict[str, float | None] = {}
    problem: ReplyError | None = None
    for criterion in criteria:
        offered = offered_labels(criterion)
        try:
            label = label_of(data, criterion.key, offered)
        except ReplyError as error:
            problem = error
        else:
            certain = {other: float(other == label) for other in offered}
            values[criterion.key] = state_and_value(criterion, certain, label)[1]
    if not values and problem is not None:
        raise problem
    return values


def _asked(criterion: Criterion) -> Asked:
    return criterion.key, criterion.text, criterion.kind, criterion.levels, criterion.may_be_na
