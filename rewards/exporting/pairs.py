"""From the judgments of one task to preference pairs and labels.

What makes no row is counted by reason (`reasons.REASONS`), never given a value. Results do not depend on the order in
which a pair's two outputs were stored.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import fsum
from typing import NamedTuple

from rewards.exporting.reasons import tie_reason

DIGITS = 9
"""Margins are rounded to so many: means of ratings leave 0.33300000000000018 behind."""


PICKS = frozenset({"best_worst", "tick"})
"""Questions, stored as rankings, that ask for no order among the outputs of one place."""


class Vote(NamedTuple):
    """One rater's answer on two outputs; `choice` is a, b or tie."""

    output_a: int
    output_b: int
    choice: str
    tie_kind: str
    strength: int | None
    rater: int
    weight: float = 1.0


class Value(NamedTuple):
    """One rater's number for an output."""

    output: int
    rater: int
    value: float


class Pair(NamedTuple):
    """The chosen output is better by `margin`, which is above 0."""

    chosen: int
    rejected: int
    margin: float
    weight: float = 1.0


class Label(NamedTuple):
    """Whether an output is desirable."""

    output: int
    desirable: bool


def output_keys(item: Pair | Label) -> tuple[int, ...]:
    """The outputs that an item is about."""
    return (item.chosen, item.rejected) if isinstance(item, Pair) else (item.output,)


def decisive_votes(votes: Iterable[Vote], left_out: Counter[str]) -> list[Vote]:
    """The votes that prefer one output to another one; ties are counted by their kind."""
    decisive = []
    for vote in votes:
        if vote.choice == "tie":
            left_out[tie_reason(vote.tie_kind)] += 1
        elif vote.output_a == vote.output_b:
            left_out["same_output"] += 1
        else:
            decisive.append(vote)
    return decisive


def pairs_of_each_vote(votes: Iterable[Vote], *, min_gap: float, left_out: Counter[str]) -> list[Pair]:
    """One pair a vote, its margin being the steps from the middle of the question's scale (1 where it has none)."""
    pairs = []
    for vote in decisive_votes(votes, left_out):
        margin = float(1 if vote.strength is None else vote.strength)
        if margin < min_gap:
            left_out["gap_too_small"] += 1
            continue
        chosen, rejected = (vote.output_a, vote.output_b) if vote.choice == "a" else (vote.output_b, vote.output_a)
        pairs.append(Pair(chosen, rejected, margin, vote.weight))
    return pairs


def pairs_by_majority(votes: Sequence[Vote], *, min_gap: float, left_out: Counter[str]) -> list[Pair]:
    """One pair for two outputs, whichever of them was stored first, by the majority of raters.

    A rater has one vote on a pair, however often asked: the side that he chose more often, none if both equally
    often. The margin is the share of the raters of this pair who prefer the chosen output, those who see a tie or
    contradict themselves among them; the weight is the mean of that of the votes for the side of the majority.
    """
    asked: dict[tuple[int, int], set[int]] = defaultdict(set)
    for vote in votes:
        asked[_key(vote)].add(vote.rater)
    leads: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    weights: dict[tuple[int, int], dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for vote in decisive_votes(votes, left_out):
        prefers_first = (vote.choice == "a") == (vote.output_a < vote.output_b)
        leads[_key(vote)][vote.rater] += 1 if prefers_first else -1
        weights[_key(vote)][prefers_first].append(vote.weight)
    pairs = []
    for (first, second), lead_of in sorted(leads.items()):
        for_first = sum(lead > 0 for lead in lead_of.values())
        for_second = sum(lead < 0 for lead in lead_of.values())
        left_out["contradiction"] += len(lead_of) - for_first - for_second
        if for_first == for_second:
            left_out["no_majority"] += 1
            continue
        margin = round(max(for_first, for_second) / len(asked[first, second]), DIGITS)
        if margin < min_gap:
            left_out["gap_too_small"] += 1
        else:
            first_wins = for_first > for_second
            weight = _mean(weights[first, second][first_wins])
            chosen, rejected = (first, second) if first_wins else (second, first)
            pairs.append(Pair(chosen, rejected, margin, weight))
    return pairs


class Placed(NamedTuple):
    """One output's place in one rater's order; 1 is best, and tied outputs share a tier."""

    ranking: int
    rater: int
    asked: str
    output: int
    tier: int


def votes_of_rankings(places: Iterable[Placed], *, best_worst: bool, left_out: Counter[str]) -> list[Vote]:
    """A vote for each pair of an order: the output at the better place is preferred, by the places between.

    Outputs that a ranking ties are a tie. Outputs that best-worst picks or ticks leave together are none: of their
    order nobody was asked. With `best_worst` only the outputs at the best place against those at the worst.

    Each vote weighs ``1 / C(K, 2)`` for K outputs ordered, so that a long order counts as much as a short one: the
    normalisation of a ranking's comparisons in InstructGPT (arXiv 2203.02155, equation 1).
    """
    orders: dict[int, list[Placed]] = defaultdict(list)
    for place in places:
        orders[place.ranking].append(place)
    votes = []
    for order in orders.values():
        if len(order) < 2:
            left_out["single_output"] += 1
            continue
        ordered = sorted(order, key=lambda place: (place.tier, place.output))
        ends = {ordered[0].tier, ordered[-1].tier}
        weight = 2 / (len(order) * (len(order) - 1))
        for better, worse in combinations(ordered, 2):
            if best_worst and len(ends) == 2 and {better.tier, worse.tier} != ends:
                continue
            if better.tier == worse.tier and better.asked in PICKS:
                left_out["not_asked"] += 1
                continue
            gap = worse.tier - better.tier
            choice, tie_kind = ("a", "") if gap else ("tie", "equal")
            votes.append(Vote(better.output, worse.output, choice, tie_kind, gap or None, better.rater, weight))
    return votes


def mean_values(values: Iterable[Value]) -> dict[int, float]:
    """Each output's mean over raters of their means, by output in ascending order."""
    by_output: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for value in values:
        by_output[value.output][value.rater].append(value.value)
    return {
        output: _mean([_mean(given) for given in by_rater.values()]) for output, by_rater in sorted(by_output.items())
    }


def values_by_rater(values: Iterable[Value]) -> list[dict[int, float]]:
    """What `mean_values` gives for each rater alone, by rater in ascending order."""
    by_rater: dict[int, list[Value]] = defaultdict(list)
    for value in values:
        by_rater[value.rater].append(value)
    return [mean_values(by_rater[rater]) for rater in sorted(by_rater)]


def pairs_by_value(
    values: Mapping[int, float], *, min_gap: float, best_worst: bool, left_out: Counter[str]
) -> list[Pair]:
    """Pairs of outputs with different values; the margin is their difference.

    With `best_worst` one pair: the highest against the lowest value, the output stored first where several have it.
    """
    if len(values) < 2:
        left_out["single_output"] += 1
        return []
    wanted = [(max(values, key=values.__getitem__), min(values, key=values.__getitem__))] if best_worst else None
    pairs = []
    for first, second in wanted or combinations(values, 2):
        gap = round(values[first] - values[second], DIGITS)
        if gap == 0:
            left_out["equal_values"] += 1
        elif abs(gap) < min_gap:
            left_out["gap_too_small"] += 1
        else:
            pairs.append(Pair(first, second, gap) if gap > 0 else Pair(second, first, -gap))
    return pairs


def labels_by_value(
    values: Mapping[int, float], *, desirable_from: float, undesirable_to: float, left_out: Counter[str]
) -> list[Label]:
    """Desirable at and above one threshold, undesirable at and below the other; what lies between has no label."""
    labels = []
    for output, exact in values.items():
        value = round(exact, DIGITS)
        if value >= desirable_from:
            labels.append(Label(output, True))
        elif value <= undesirable_to:
            labels.append(Label(output, False))
        else:
            left_out["between_thresholds"] += 1
    return labels


def labels_of_each_pair(pairs: Iterable[Pair]) -> list[Label]:
    """Two rows a pair: the chosen output is desirable, the rejected one is not."""
    return [label for pair in pairs for label in (Label(pair.chosen, True), Label(pair.rejected, False))]


def labels_by_balance(pairs: Iterable[Pair], *, left_out: Counter[str]) -> list[Label]:
    """One row an output: desirable if it is chosen in more pairs than it is rejected in."""
    balance: Counter[int] = Counter()
    for pair in pairs:
        balance[pair.chosen] += 1
        balance[pair.rejected] -= 1
    left_out["balanced"] += sum(lead == 0 for lead in balance.values())
    return [Label(output, lead > 0) for output, lead in sorted(balance.items()) if lead]


def _key(vote: Vote) -> tuple[int, int]:
    return (min(vote.output_a, vote.output_b), max(vote.output_a, vote.output_b))


def _mean(numbers: Sequence[float]) -> float:
    return fsum(numbers) / len(numbers)
