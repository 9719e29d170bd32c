"""The consistency study: do ratings and direct comparisons of the same outputs prefer the same one?

After H. Bansal, J. Dang, A. Grover, "Peering Through Preferences: Unraveling Feedback Acquisition for Aligning Large
Language Models" (ICLR 2024): ratings are turned into preferences and set against the comparisons, pair by pair.

Which judgments count. A rating without a value is none. Where one rater judged the same thing more than once, the first
judgment counts and the others are duplicates. Several raters are pooled: an output's rating is the mean over its
raters, a pair's choice is that of most raters, and equal where the votes for either side are even. What single raters
do is in ``by_raters``. The two orders of one pair are one pair, in the order that came first.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rewards.statistics.breakdowns import (
    GapRow,
    LengthRow,
    PreferredLength,
    RaterPair,
    TextLength,
    by_gap,
    by_length,
    by_raters,
    measured_pairs,
    preferred_length,
    text_length,
)
from rewards.statistics.proportions import Proportion, cluster_bootstrap, wilson
from rewards.statistics.protocols import (
    CHOICES,
    Choice,
    Comparison,
    JoinedPair,
    NoiseFloor,
    Rating,
    comparison_passes,
    join_protocols,
    n_repetitions,
    noise_floor,
    rating_passes,
)

__all__ = [
    "Choice",
    "Comparison",
    "ConsistencyResult",
    "Contradiction",
    "Rating",
    "TextLength",
    "consistency_study",
    "text_length",
]

Kind = Literal["reversal", "rating_decides", "comparison_decides"]

_KIND_ORDER: tuple[Kind, ...] = ("reversal", "rating_decides", "comparison_decides")


class Contradiction(NamedTuple):
    """A joined pair on which the protocols differ.

    ``reversal``: both decide, for different outputs; ``rating_decides`` and ``comparison_decides``: the other one ties.
    """

    kind: Kind
    task: Hashable
    output_a: Hashable
    output_b: Hashable
    rating_a: float
    rating_b: float
    implied: Choice
    choice: Choice


@dataclass(frozen=True)
class ConsistencyResult:
    """What the study found.

    Attributes
    ----------
    pairs, consistent : int
        Joined pairs, and those on the table's diagonal. A tie against a decision is inconsistent.
    table : tuple of tuple of int, shape (3, 3)
        Rows: the ratings prefer a, b, neither; columns: the comparison chose a, b, equal.
    inconsistency : Proportion
        Share of inconsistent pairs with Wilson's interval, which takes pairs as independent.
    inconsistency_by_task : Proportion
        The same share with a bootstrap interval over tasks, whose pairs are not independent.
    both_decisive, agreeing, hard_reversals : int
        Pairs that both protocols decide: for the same output, for different ones.
    by_gap, by_length, preferred_length, by_raters
        Breakdowns; those by length hold only pairs whose lengths are known.
    contradictions : tuple of Contradiction
        Reversals first, then by falling gap.
    unjoined : dict of str to int
        Compared pairs left out, by reason.
    noise_floor : tuple of NoiseFloor or None
        How often each protocol contradicts itself when the same pair is judged again; None where nothing was.
    rating_duplicates, comparison_duplicates, unscored_ratings : int
    """

    pairs: int
    consistent: int
    table: tuple[tuple[int, int, int], ...]
    inconsistency: Proportion
    inconsistency_by_task: Proportion
    both_decisive: int
    agreeing: int
    hard_reversals: int
    by_gap: tuple[GapRow, ...]
    by_length: tuple[LengthRow, ...]
    preferred_length: tuple[PreferredLength, ...]
    by_raters: tuple[RaterPair, ...]
    contradictions: tuple[Contradiction, ...]
    unjoined: dict[str, int]
    noise_floor: tuple[NoiseFloor, ...] | None
    rating_duplicates: int
    comparison_duplicates: int
    unscored_ratings: int

    def to_dict(self) -> dict[str, Any]:
        """The JSON-able form: named tuples become mappings, NaN becomes None; keys of tasks and outputs stay."""
        found: dict[str, Any] = _plain({name: getattr(self, name) for name in self.__dataclass_fields__})
        return found


def consistency_study(
    ratings: Iterable[Rating],
    comparisons: Iterable[Comparison],
    *,
    lengths: Mapping[Any, TextLength] | None = None,
    confidence: float = 0.95,
    replicates: int = 2_000,
    seed: int = 0,
) -> ConsistencyResult:
    """Join ratings and comparisons and count where they differ.

    Parameters
    ----------
    ratings, comparisons : iterable
        In the order in which they were made: the first of a rater's judgments of the same thing counts.
    lengths : mapping of (task, output) to TextLength, optional
        For the breakdowns by length; an output may be missing.
    confidence : float
    replicates, seed : int
        Of the bootstrap over tasks.

    Returns
    -------
    ConsistencyResult

    Raises
    ------
    ValueError
        For a choice other than "a", "b" and "equal".

    Notes
    -----
    O(ratings + comparisons), but for the pairs of raters and of repetitions that share a pair.
    """
    rated, unscored = rating_passes(ratings)
    compared = comparison_passes(comparisons)
    joined, unjoined = join_protocols(rated, compared)
    contradictions = _contradictions(joined)
    return ConsistencyResult(
        **_counted(joined, contradictions, confidence=confidence),
        **_broken_down(joined, lengths or {}),
        inconsistency_by_task=cluster_bootstrap(
            [pair.implied != pair.choice for pair in joined],
            [pair.task for pair in joined],
            replicates=replicates,
            confidence=confidence,
            seed=seed,
        ),
        by_raters=by_raters(rated, compared),
        contradictions=contradictions,
        unjoined=unjoined,
        noise_floor=noise_floor(rated, compared, confidence),
        rating_duplicates=n_repetitions(rated.values()),
        comparison_duplicates=n_repetitions(compared.values()),
        unscored_ratings=unscored,
    )


def _counted(
    joined: Sequence[JoinedPair], contradictions: Sequence[Contradiction], *, confidence: float
) -> dict[str, Any]:
    """The table of the two protocols, and what its cells add up to."""
    table = Counter((pair.implied, pair.choice) for pair in joined)
    consistent = sum(table[choice, choice] for choice in CHOICES)
    reversals = sum(one.kind == "reversal" for one in contradictions)
    agreeing = table["a", "a"] + table["b", "b"]
    return {
        "pairs": len(joined),
        "consistent": consistent,
        "table": tuple((table[row, "a"], table[row, "b"], table[row, "equal"]) for row in CHOICES),
        "inconsistency": wilson(len(joined) - consistent, len(joined), confidence),
        "both_decisive": agreeing + reversals,
        "agreeing": agreeing,
        "hard_reversals": reversals,
    }


def _broken_down(joined: Sequence[JoinedPair], lengths: Mapping[Any, TextLength]) -> dict[str, Any]:
    """By how far the ratings lie apart, and by how long the texts are."""
    measured = measured_pairs(joined, lengths)
    return {
        "by_gap": by_gap(joined),
        "by_length": by_length(measured),
        "preferred_length": (preferred_length("rating", measured), preferred_length("comparison", measured)),
    }


def _contradictions(pairs: Sequence[JoinedPair]) -> tuple[Contradiction, ...]:
    found = []
    for pair in pairs:
        if pair.implied == pair.choice:
            continue
        kind: Kind = "reversal"
        if "equal" in (pair.implied, pair.choice):
            kind = "rating_decides" if pair.choice == "equal" else "comparison_decides"
        found.append(
            Contradiction(
                kind, pair.task, pair.output_a, pair.output_b, pair.rating_a, pair.rating_b, pair.implied, pair.choice
            )
        )
    return tuple(sorted(found, key=lambda one: (_KIND_ORDER.index(one.kind), -abs(one.rating_a - one.rating_b))))


def _plain(value: object) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: _plain(item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value != value:
        return None
    return value
