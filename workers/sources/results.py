"""What a source gives back for an item: judgments, signals, what models replied, or the reason why there is nothing.

A missing value is never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from workers.engines.contract import Generated, Refusal
from workers.sources.replies import UNDERSTOOD, ParseState


class Gives(StrEnum):
    """What comes back. A source that answers a question that people are asked too gives judgments; numbers that
    nobody is asked for are signals, one value on the whole output where there is just one."""

    VERDICTS = "verdicts"
    RATINGS = "ratings"
    COMPARISONS = "comparisons"
    RANKING = "ranking"
    CRITIQUES = "critiques"
    SPANS = "spans"
    STEPS = "steps"
    SIGNALS = "signals"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model was asked and how it answered; kept with the judgment that came of it, or with the failure.

    Attributes
    ----------
    purpose : str
        What was asked, for a reader: a criterion's key, `first order` ...
    prompt_sha256 : str
        Of the prompt as it was read.
    parse_state : ParseState
    text : str
        The raw reply; empty where probabilities were read.
    detail : str
        Why it could not be read.
    offered_mass : float or None
        Probability that the model gave to the offered answers together.
    seed, prompt_tokens, reply_tokens, seconds, cost, served_model
        As the engine states them.
    """

    purpose: str
    prompt_sha256: str
    parse_state: ParseState
    text: str = ""
    detail: str = ""
    offered_mass: float | None = None
    seed: int | None = None
    prompt_tokens: int | None = None
    reply_tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None
    served_model: str = ""

    @property
    def is_understood(self) -> bool:
        return self.parse_state in UNDERSTOOD

    @classmethod
    def of(
        cls,
        generated: Generated | Refusal,
        *,
        purpose: str,
        prompt_sha256: str,
        state: ParseState = ParseState.PARSED,
        detail: str = "",
        seed: int | None = None,
    ) -> Reply:
        """The record of a drawn text, or of the engine's refusal to draw one."""
        if isinstance(generated, Refusal):
            return cls(purpose, prompt_sha256, ParseState.REFUSED, detail=f"{generated.code}: {generated.detail}")
        if state not in UNDERSTOOD and generated.finish_reason == "length":
            state = ParseState.TRUNCATED
        return cls(
            purpose,
            prompt_sha256,
            state,
            text=generated.text,
            detail=detail,
            seed=seed,
            prompt_tokens=generated.prompt_token_count,
            reply_tokens=generated.token_count,
            seconds=generated.seconds,
            cost=generated.cost,
            served_model=generated.served_model,
        )


@dataclass(frozen=True, slots=True)
class VerdictResult:
    """The answer to one criterion.

    Attributes
    ----------
    criterion_key : str
    state : {"scored", "not_applicable", "unscored"}
    value : float or None
        In [0, 1]. Binary: probability that it is met. Ordinal: expected value of the level. Nominal: value of the
        likeliest level. None unless scored.
    label : str
        The likeliest of the offered answers.
    probabilities : dict of str to float
        Over the offered answers, in the order of the offer; they sum to 1.
    prior : dict of str to float
        The same after a content-free output.
    reason, detail : str
        Why there is no verdict.
    explanation : str
        The judge's own words.
    """

    criterion_key: str
    state: Literal["scored", "not_applicable", "unscored"]
    value: float | None = None
    label: str = ""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    detail: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class RatingResult:
    """A number on a stated scale.

    Attributes
    ----------
    question : str
        A slug: `overall`, or the dimension that was asked for.
    value : float or None
        From `low` to `high`; None: the judge said that it does not apply.
    low, high : float
    probabilities : dict of str to float
        Over the offered numbers, where they were read.
    """

    question: str
    value: float | None
    low: float
    high: float
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Which of two members of a group is better.

    Attributes
    ----------
    a, b : int
        Indices into `SourceItem.members`.
    choice : {"a", "b", "tie"}
    tie_kind : {"", "equal", "both_good", "both_bad", "cannot_tell", "flip"}
        `flip`: the judge changed its mind with the order of the two.
    strength : int or None
        Steps away from the middle.
    order_choices : tuple of str
        Asked with a first, then with b first: what was chosen each time, as "a", "b" or "tie".
    """

    a: int
    b: int
    choice: Literal["a", "b", "tie"]
    tie_kind: Literal["", "equal", "both_good", "both_bad", "cannot_tell", "flip"] = ""
    strength: int | None = None
    order_choices: tuple[str, ...] = ()
    replies: tuple[Reply, ...] = ()


@dataclass(frozen=True, slots=True)
class RankingResult:
    """An order of a group's members.

    Attributes
    ----------
    tiers : tuple of int
        By member, from 1 (best) on; equal numbers are ties.
    order : tuple of int
        Indices of the members in the order in which the judge saw them or they were drawn; empty: in theirs.
    """

    tiers: tuple[int, ...]
    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CritiqueResult:
    """Words about an output; `kind` is one of `rewards.models.Critique.Kind`."""

    kind: Literal["comment", "missing", "edit", "user_voice", "reviewer_voice", "summary"]
    text: str


@dataclass(frozen=True, slots=True)
class SpanResult:
    """A marked stretch of one message of the output, in code points.

    Attributes
    ----------
    message, start, end : int
        Found by offset: a quote that does not occur in the text is no span.
    type : str
        Such as an error category, or `good` and `bad`.
    severity : str
    value : float or None
        What the span is worth, where the source says so; positive is praise.
    explanation : str
    criterion_key : str
        Of the criterion whose verdict it is evidence for.
    """

    message: int
    start: int
    end: int
    type: str
    severity: str = ""
    value: float | None = None
    explanation: str = ""
    criterion_key: str = ""


@dataclass(frozen=True, slots=True)
class StepsResult:
    """A label for the steps of a segmentation.

    Attributes
    ----------
    segmentation : Segmentation
    labels : tuple of int or None, length n
        1 correct, 0 neutral, -1 wrong; None: this step got no label, and none is stored.
    first_error : int or None
        Index of the first wrong step, where the source names one.
    """

    segmentation: Segmentation
    labels: tuple[int | None, ...]
    first_error: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SignalResult:
    """Numbers over one segmentation of the output, under the name of what they are."""

    channel: str
    signal: RewardSignal


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a source gives for one item; `replies` are kept with every judgment of it."""

    verdicts: tuple[VerdictResult, ...] = ()
    signals: tuple[SignalResult, ...] = ()
    ratings: tuple[RatingResult, ...] = ()
    comparisons: tuple[ComparisonResult, ...] = ()
    ranking: RankingResult | None = None
    critiques: tuple[CritiqueResult, ...] = ()
    spans: tuple[SpanResult, ...] | None = None
    """Empty where the output was read and nothing marked; None where nobody looked for spans."""
    steps: StepsResult | None = None
    replies: tuple[Reply, ...] = ()

    @property
    def gives(self) -> frozenset[Gives]:
        """The kinds that are there."""
        found = {
            Gives.VERDICTS: self.verdicts,
            Gives.RATINGS: self.ratings,
            Gives.COMPARISONS: self.comparisons,
            Gives.RANKING: self.ranking,
            Gives.CRITIQUES: self.critiques,
            Gives.SPANS: self.spans is not None,
            Gives.STEPS: self.steps,
            Gives.SIGNALS: self.signals,
        }
        return frozenset(kind for kind, results in found.items() if results)


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why an item has no value: a stable code by which failures are grouped, a line for a person, and what the model
    said, where it said something that could not be read."""

    reason: str
    detail: str = ""
    replies: tuple[Reply, ...] = ()
