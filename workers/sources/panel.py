"""Several opinions on one question: draws of one judge, a panel of judges, or a cascade from a cheap to a strong one.

Every opinion is a distribution over the menu: a judge's probabilities, or all the weight on the answer that it wrote.
The pooled distribution p is their mean (Verga et al. 2024, Replacing Judges with Juries, arXiv 2404.18796; over draws
of one judge it is self-consistency, Wang et al. 2022, arXiv 2203.11171). All else follows from it:

    expected score   sum_i p_i s_i / sum_i p_i                      (G-Eval, Liu et al. 2023, arXiv 2303.16634)
    spread           sqrt(sum_i p_i (s_i - mean)^2 / sum_i p_i)
    majority         the answer of the highest p
    doubt            - sum_i p_i log p_i / log K                    entropy, in [0, 1]

With answers in words the expected score is the mean of the votes, and the spread their standard deviation with the
divisor n. In a cascade the next judge is asked only where the doubt of the one before is above a threshold, and then
its opinion stands (the idea of Jung et al. 2024, Trust or Escalate, arXiv 2407.18370, without their calibrated
guarantee). A judge that gave no answer has no vote.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from rewards.parameters import Parameter, ParameterError, Parameters
from rewards.segmentation import whole
from rewards.signals import RewardSignal
from workers.engines.contract import Capability, Engine
from workers.sources.asking import ANSWER_BY, PROBABILITIES, REASONED, WRITTEN, Answer, MenuQuestion, Said, derived_seed
from workers.sources.contract import ModelRole, SourceItem
from workers.sources.results import Reply, SignalResult, Unscored

DISPERSION = "dispersion"
ROLES = ("judge", "judge_2", "judge_3")
ALL, CASCADE = "all", "cascade"
_SAME = 1e-9

Q = TypeVar("Q", bound=MenuQuestion)
Ask = Callable[[Engine, Sequence[Q], Parameters], Sequence[Answer[Said]]]


def judge_roles(
    *, capabilities: frozenset[Capability] = frozenset(), ways: tuple[tuple[str, frozenset[Capability]], ...] = ()
) -> tuple[ModelRole, ...]:
    """A judge, and two more that a panel or a cascade may have."""
    helps = ("Asked first.", "For a panel, or the next in a cascade.", "For a larger panel, or the last in a cascade.")
    labels = ("Judge", "Second judge", "Third judge")
    return tuple(
        ModelRole(name, label, help_text, capabilities, required=name == ROLES[0], ways=ways)
        for name, label, help_text in zip(ROLES, labels, helps, strict=True)
    )


def panel_parameters() -> tuple[Parameter, ...]:
    """How many opinions are asked for, and of whom."""
    return (
        Parameter(
            "samples",
            "integer",
            1,
            "Draws of each judge",
            "More than one needs a temperature above 0; the mean of the draws counts, and their spread is kept.",
            minimum=1,
            maximum=32,
        ),
        Parameter(
            "panel",
            "choice",
            ALL,
            "With several judges",
            choices=(
                (ALL, "Ask all, and take the mean"),
                (CASCADE, "Ask the next one only where the one before is unsure"),
            ),
        ),
        Parameter(
            "unsure_above",
            "number",
            0.5,
            "Unsure above",
            "In a cascade: the entropy of a judge's answer, from 0 (certain) to 1 (all answers alike).",
            minimum=0,
            maximum=1,
        ),
    )


def check_panel(parameters: Parameters, roles: Collection[str]) -> None:
    """Raise `ParameterError` where the opinions that are asked for could not differ, or a cascade has no next judge."""
    way = parameters.get(ANSWER_BY, WRITTEN)
    problems: dict[str, str] = {}
    if int(parameters["samples"]) > 1:
        if way == PROBABILITIES:
            problems["samples"] = "probabilities are the same each time they are read: ask once, or let the judge write"
        elif float(parameters["temperature"]) == 0:
            problems["temperature"] = "at 0 all draws are the same: expected a temperature above 0 with several draws"
    if parameters["panel"] == CASCADE:
        if not {"judge_2", "judge_3"} & set(roles):
            problems["judge_2"] = "choose the judge to ask where the first is unsure"
        if way == WRITTEN and int(parameters["samples"]) == 1:
            problems["samples"] = "one answer in words shows no doubt: expected several draws, or probabilities"
    if problems:
        raise ParameterError(problems)


def readings(parameters: Parameters) -> int:
    """How often one judge reads a question."""
    return int(parameters["samples"]) * (2 if parameters.get(ANSWER_BY) == REASONED else 1)


@dataclass(frozen=True, slots=True)
class Pooled:
    """The opinions on one question, together.

    Attributes
    ----------
    probabilities : dict of str to float
        Over the menu, in its order; they sum to 1.
    n_opinions : int
    is_drawn : bool
        Nothing but answers in words: a single one says nothing of how sure the judge is.
    explanation : str
        The reasons of the first opinion whose answer is the likeliest.
    """

    probabilities: Mapping[str, float]
    n_opinions: int
    is_drawn: bool = False
    explanation: str = ""

    @property
    def label(self) -> str:
        """The likeliest answer; of equal ones the first offered."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])

    @property
    def is_tied(self) -> bool:
        """Whether two answers are the likeliest."""
        highest = self.probabilities[self.label]
        return sum(highest - value < _SAME for value in self.probabilities.values()) > 1

    @property
    def doubt(self) -> float:
        """Entropy over the logarithm of the number of answers, in [0, 1]."""
        entropy = -sum(value * math.log(value) for value in self.probabilities.values() if value > 0)
        return entropy / math.log(len(self.probabilities))

    @property
    def knows_spread(self) -> bool:
        """Whether there is more to go by than one answer in words."""
        return self.n_opinions > 1 or not self.is_drawn

    def expected(self, worth: Mapping[str, float]) -> float:
        """Mean of what the answers are worth; those without a worth are left out."""
        mass = sum(self.probabilities[label] for label in worth)
        return sum(self.probabilities[label] * value for label, value in worth.items()) / mass

    def spread(self, worth: Mapping[str, float]) -> float:
        """Standard deviation of what the answers are worth, in its units."""
        mean = self.expected(worth)
        mass = sum(self.probabilities[label] for label in worth)
        square = sum(self.probabilities[label] * (value - mean) ** 2 for label, value in worth.items()) / mass
        return math.sqrt(square)


@dataclass(frozen=True, slots=True)
class PanelAnswer:
    """What came of one question.

    Attributes
    ----------
    pooled : Pooled or None
        None where no judge answered.
    replies : tuple of Reply
        Of every judge and draw, in the order in which they were asked.
    reason, detail : str
        The first failure, where no judge answered.
    """

    pooled: Pooled | None
    replies: tuple[Reply, ...] = ()
    reason: str = ""
    detail: str = ""

    def unscored(self) -> Unscored:
        """The failure as a source's result."""
        return Unscored(self.reason, self.detail, self.replies)


@dataclass(slots=True)
class _Hearing:
    """One question while judges are asked."""

    opinions: list[Said] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    failures: list[Answer[Said]] = field(default_factory=list)


def ask_panel(
    engines: Mapping[str, Engine], questions: Sequence[Q], parameters: Parameters, ask: Ask[Q]
) -> list[PanelAnswer]:
    """Put every question to the judges; one answer each, in order.

    `ask` puts questions to one judge: `asking.ask_menu`, or a way of the source's own. A judge's draws are asked for
    together. Purposes in the replies name judge and draw where there is more than one.
    """
    judges = [(number, role) for number, role in enumerate(ROLES) if role in engines]
    samples = int(parameters["samples"])
    is_cascade = parameters["panel"] == CASCADE
    hearings = [_Hearing() for _ in questions]
    pending = list(range(len(questions)))
    for number, role in judges:
        asked = [(index, sample) for sample in range(samples) for index in pending]
        answers = ask(
            engines[role],
            [_as_asked(questions[i], number, sample, len(judges), samples) for i, sample in asked],
            parameters,
        )
        heard: dict[int, list[Said]] = {}
        for (index, _), answer in zip(asked, answers, strict=True):
            hearings[index].replies += answer.replies
            if answer.value is None:
                hearings[index].failures.append(answer)
            else:
                heard.setdefault(index, []).append(answer.value)
        for index, opinions in heard.items():
            # In a cascade the later opinion stands in place of the unsure one before it.
            hearings[index].opinions = opinions if is_cascade else hearings[index].opinions + opinions
        if is_cascade:
            threshold = float(parameters["unsure_above"])
            pending = [i for i in pending if _is_unsure(questions[i], hearings[i], threshold)]
    return [_answered(question, hearing) for question, hearing in zip(questions, hearings, strict=True)]


def pool(labels: Sequence[str], opinions: Sequence[Said]) -> Pooled:
    """The mean of the opinions' distributions over the labels."""
    totals = dict.fromkeys(labels, 0.0)
    for said in opinions:
        for label in labels:
            totals[label] += said.probabilities[label] if said.probabilities else float(label == said.label)
    pooled = Pooled(
        {label: total / len(opinions) for label, total in totals.items()},
        len(opinions),
        is_drawn=not any(said.probabilities for said in opinions),
    )
    agreeing = (said.explanation for said in opinions if said.label == pooled.label and said.explanation)
    return replace(pooled, explanation=next(agreeing, ""))


def dispersion_signal(item: SourceItem, spread: float) -> SignalResult:
    """The spread of a judgment's opinions, as one value on the whole output."""
    return SignalResult(DISPERSION, RewardSignal(whole(item.texts), np.array([spread], dtype=np.float32)))


def _as_asked(question: Q, judge: int, sample: int, n_judges: int, n_samples: int) -> Q:
    marks = [f"judge {judge + 1}"] if n_judges > 1 else []
    marks += [f"draw {sample + 1}"] if n_samples > 1 else []
    purpose = f"{question.purpose} ({', '.join(marks)})" if marks else question.purpose
    return replace(question, purpose=purpose, seed=derived_seed(question.seed, judge, sample))


def _is_unsure(question: MenuQuestion, hearing: _Hearing, threshold: float) -> bool:
    if not hearing.opinions:
        return True
    return pool(question.labels, hearing.opinions).doubt > threshold


def _answered(question: MenuQuestion, hearing: _Hearing) -> PanelAnswer:
    replies = tuple(hearing.replies)
    if not hearing.opinions:
        return PanelAnswer(None, replies, hearing.failures[0].reason, hearing.failures[0].detail)
    return PanelAnswer(pool(question.labels, hearing.opinions), replies)
