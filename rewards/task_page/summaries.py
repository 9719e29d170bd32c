"""What raters said about an output as a whole: ratings, comparisons, rankings, words; each "n of N"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rewards.models import Comparison, Critique, Judgment, Output, Rater, Rating
from rewards.provenance import Fact, facts_about_judgment


class Named(NamedTuple):
    """An output in an order; `is_this` where it is the one that the panel shows."""

    name: str
    is_this: bool


class Asked(NamedTuple):
    """One of the two orders in which a pair was shown, and what was chosen then."""

    shown: list[Named]
    chosen: Named | None
    """None for a tie."""


class Answer(NamedTuple):
    """One rater's answer, with where it comes from.

    `rating` is set for a rating; `tiers` for an order, the best first; `asked` where a pair was asked in both orders.
    """

    judgment: Judgment
    value: str
    facts: list[Fact]
    rating: Rating | None = None
    tiers: Sequence[Sequence[Named]] = ()
    asked: Sequence[Asked] = ()


@dataclass
class RatingSummary:
    """The ratings of one question."""

    question: str
    scale_low: float
    scale_high: float
    answers: list[Answer] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        return sum(self.values) / len(self.values) if self.values else None

    @property
    def n_scored(self) -> int:
        return len(self.values)

    @property
    def n_total(self) -> int:
        return len(self.answers)


@dataclass
class ComparisonSummary:
    """How often the output won, tied and lost against another one."""

    wins: int = 0
    ties: int = 0
    losses: int = 0
    answers: list[Answer] = field(default_factory=list)

    @property
    def n_total(self) -> int:
        return len(self.answers)


PICKED = {
    "best_worst": {1: "the best", 2: "neither best nor worst", 3: "the worst"},
    "tick": {1: "good", 2: "not among the good ones"},
}
"""What the tiers say where an order stands for picks, by what was asked."""


@dataclass
class RankingSummary:
    """The places that the output got; 1 is best. Picks are answers too, and have no place to average."""

    tiers: list[int] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        return sum(self.tiers) / len(self.tiers) if self.tiers else None

    @property
    def n_picks(self) -> int:
        return len(self.answers) - len(self.tiers)


class Words(NamedTuple):
    """A critique, a missing piece of information or a corrected text."""

    judgment: Judgment
    critique: Critique
    facts: list[Fact]


class Marked(NamedTuple):
    """What one reading of a scorer marked, which may be nothing."""

    judgment: Judgment
    n_marks: int
    facts: list[Fact]


@dataclass
class OutputSummary:
    """All of it for one output; `marked` is of scorers only, since the spans themselves name people."""

    ratings: list[RatingSummary]
    comparisons: ComparisonSummary
    rankings: RankingSummary
    words: list[Words]
    marked: list[Marked]


def summarise(output: Output, judgments: Sequence[Judgment], names: dict[int, str]) -> OutputSummary:
    """Sum up what the given judgments say about `output`; no query when the answers are prefetched.

    Parameters
    ----------
    output : Output
    judgments : sequence of Judgment
        Of the output's task; those about other outputs are skipped.
    names : dict
        What to call the other outputs, by key.
    """
    own = [judgment for judgment in judgments if judgment.output_id == output.pk]
    return OutputSummary(
        ratings=_ratings(own),
        comparisons=_comparisons(output, judgments, names),
        rankings=_rankings(output, judgments, names),
        words=[
            Words(judgment, critique, facts_about_judgment(judgment))
            for judgment in own
            for critique in judgment.critiques.all()
        ],
        marked=[
            Marked(judgment, len(judgment.spans.all()), facts_about_judgment(judgment))
            for judgment in own
            if judgment.kind == Judgment.Kind.SPANS and judgment.rater.kind == Rater.Kind.SCORER
        ],
    )


def _ratings(judgments: Sequence[Judgment]) -> list[RatingSummary]:
    by_question: dict[tuple[str, float, float], RatingSummary] = {}
    for judgment in judgments:
        for rating in judgment.ratings.all():
            key = (rating.question, rating.scale_low, rating.scale_high)
            summary = by_question.setdefault(key, RatingSummary(*key))
            summary.answers.append(
                Answer(judgment, _rating_words(rating), facts_about_judgment(judgment), rating=rating)
            )
            if rating.value is not None:
                summary.values.append(rating.value)
    return [by_question[key] for key in sorted(by_question)]


def _rating_words(rating: Rating) -> str:
    return "not applicable" if rating.value is None else f"{rating.value:.4g} of {rating.scale_high:g}"


def _comparisons(output: Output, judgments: Sequence[Judgment], names: dict[int, str]) -> ComparisonSummary:
    summary = ComparisonSummary()
    for judgment in judgments:
        if judgment.kind != Judgment.Kind.COMPARISON:
            continue
        comparison = judgment.comparison
        if output.pk not in (comparison.output_a_id, comparison.output_b_id):
            continue
        words = _count(summary, output, comparison, names)
        summary.answers.append(
            Answer(
                judgment,
                words,
                facts_about_judgment(judgment),
                tiers=_compared_tiers(output, comparison, names),
                asked=_asked(output, comparison, judgment.presentation, names),
            )
        )
    return summary


def _compared_tiers(output: Output, comparison: Comparison, names: dict[int, str]) -> list[list[Named]]:
    a, b = (_named(pk, output, names) for pk in (comparison.output_a_id, comparison.output_b_id))
    if comparison.choice == Comparison.Choice.TIE:
        return [[a, b]]
    return [[a], [b]] if comparison.choice == Comparison.Choice.A else [[b], [a]]


def _asked(
    output: Output, comparison: Comparison, presentation: Mapping[str, Any], names: dict[int, str]
) -> list[Asked]:
    """What was chosen in each order, where the rater was asked in both."""
    first, choices = presentation.get("first_order"), presentation.get("choices")
    if not isinstance(first, list) or not isinstance(choices, list) or len(choices) != 2:
        return []
    members = {"a": comparison.output_a_id, "b": comparison.output_b_id}
    chosen = [_named(members[choice], output, names) if choice in members else None for choice in choices]
    shown = [_named(pk, output, names) for pk in first]
    return [Asked(shown, chosen[0]), Asked(shown[::-1], chosen[1])]


def _named(pk: int, output: Output, names: dict[int, str]) -> Named:
    return Named(names.get(pk, "another output"), pk == output.pk)


def _count(summary: ComparisonSummary, output: Output, comparison: Comparison, names: dict[int, str]) -> str:
    is_a = comparison.output_a_id == output.pk
    other = names.get(comparison.output_b_id if is_a else comparison.output_a_id, "another output")
    if comparison.choice == Comparison.Choice.TIE:
        summary.ties += 1
        return f"tie with {other} ({comparison.get_tie_kind_display().lower()})"
    if (comparison.choice == Comparison.Choice.A) == is_a:
        summary.wins += 1
        return f"better than {other}{_by(comparison)}"
    summary.losses += 1
    return f"worse than {other}{_by(comparison)}"


def _by(comparison: Comparison) -> str:
    """How far from a tie, where that was asked."""
    if comparison.strength is None:
        return ""
    return f" by {comparison.strength} step{'s' if comparison.strength != 1 else ''}"


def _rankings(output: Output, judgments: Sequence[Judgment], names: dict[int, str]) -> RankingSummary:
    summary = RankingSummary()
    for judgment in judgments:
        if judgment.kind != Judgment.Kind.RANKING:
            continue
        places = {place.output_id: place.tier for place in judgment.ranking.places.all()}
        if output.pk in places:
            tier = places[output.pk]
            picked = PICKED.get(str(judgment.presentation.get("asked")), {}).get(tier)
            if picked is None:
                summary.tiers.append(tier)
            words = f"{picked or f'place {tier}'} among {len(places)}"
            tiers = [
                [_named(pk, output, names) for pk, place in places.items() if place == tier]
                for tier in sorted(set(places.values()))
            ]
            summary.answers.append(Answer(judgment, words, facts_about_judgment(judgment), tiers=tiers))
    return summary
