"""Tournament: an order of all outputs of a task, by matches of two.

Two rules:

* every pair meets (Copeland): score_i = (wins_i + ties_i / 2) / matches_i, n (n - 1) / 2 matches;
* a knock-out: neighbours in a drawn order meet, the loser is out, n - 1 matches; after a tie the one drawn earlier
  goes on; a tier is the round in which an output went out, so only the first is found by meeting.

A match is asked in both orders and decided as by the pairwise judge (Zheng et al. 2023, arXiv 2306.05685). The draw is
the item's seed's and is stored with the ranking: the order in which candidates meet decides who meets at all, so one
that nobody stored cannot be repeated. Fidelity: reconstructed. The paper gives the match; it leaves open how matches
become an order with ties, for which the rules above are the textbook ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

from rewards.parameters import Parameter, Parameters
from rewards.statistics.tournament import Choice, Match, Pairing, copeland, knockout, tiers_of
from workers.engines.contract import Engine
from workers.sources.asking import answer_by_parameter, drawing_parameters
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.pairwise import (
    JUDGE,
    PLACES,
    SHOWN,
    TEMPLATE,
    TIES,
    Meeting,
    Met,
    drawn_order,
    estimate_meetings,
    meet,
    shown_members,
)
from workers.sources.prompts import PromptSpec
from workers.sources.results import Gives, RankingResult, Reply, Scored, Unscored

ALL_PAIRS, KNOCKOUT = "all_pairs", "knockout"


class _Settled(NamedTuple):
    """An item's ranking or why there is none, with all that the judge said."""

    ranking: RankingResult | None
    replies: tuple[Reply, ...]
    reason: str = ""
    detail: str = ""


class Tournament:
    """One ranking for all outputs of a task; see the module for the rules and papers."""

    declaration = Declaration(
        name="tournament",
        version=1,
        title="Tournament",
        summary="Puts all outputs of a task in order by matches of two, each asked in both orders.",
        formula="all pairs: score_i = (wins_i + ties_i / 2) / matches_i;  knock-out: the round reached",
        paper="Zheng et al. 2023, Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena, arXiv 2306.05685",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Tournaments played by hand; how matches become an order is the textbook rule, not the paper's.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.REFERENCE, Input.CONTEXT, Input.CRITERIA}),
        gives=frozenset({Gives.RANKING}),
        models=(JUDGE,),
        parameters=(
            Parameter(
                "rule",
                "choice",
                ALL_PAIRS,
                "Rule",
                "How the order comes about.",
                choices=(
                    (ALL_PAIRS, "All pairs meet; by share of points"),
                    (KNOCKOUT, "Knock-out in a drawn order"),
                ),
            ),
            answer_by_parameter(),
            TIES,
            Parameter(
                "max_pairs",
                "integer",
                66,
                "Most matches of a task",
                "66 are all pairs of 12 outputs. A task that would take more has no ranking.",
                minimum=1,
                maximum=100_000,
            ),
            *SHOWN,
            *drawing_parameters(),
        ),
        prompt=PromptSpec(TEMPLATE, PLACES),
        reads_group=True,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """The matches of each task in both orders."""
        whole = {index: item for index, item in enumerate(items) if _obstacle(item, parameters) is None}
        meetings = [Meeting(index, a, b) for index, item in whole.items() for a, b in _likely_pairs(item, parameters)]
        return estimate_meetings(items, meetings, self.declaration.template(parameters), parameters)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """A ranking by item; of a knock-out with the order in which the members were drawn."""
        judge = engines["judge"]
        obstacles = [_obstacle(item, parameters) for item in items]
        whole = [item for item, obstacle in zip(items, obstacles, strict=True) if obstacle is None]
        template = self.declaration.template(parameters)
        play = _knockouts if parameters["rule"] == KNOCKOUT else _all_pairs
        settled = iter(play(judge, whole, template, parameters))
        return [obstacle or _result(next(settled)) for obstacle in obstacles]


def _obstacle(item: SourceItem, parameters: Parameters) -> Unscored | None:
    """Why the item cannot be ranked whatever the judge says."""
    n_members, n_shown = len(item.members), len(shown_members(item, parameters))
    if n_shown < n_members:
        return Unscored("empty_output", f"{n_members - n_shown} of {n_members} outputs have no text to compare")
    matches = n_members - 1 if parameters["rule"] == KNOCKOUT else math.comb(n_members, 2)
    if matches > int(parameters["max_pairs"]):
        most = int(parameters["max_pairs"])
        return Unscored("too_many_outputs", f"{n_members} outputs would meet {matches} times: at most {most} are set")
    return None


def _likely_pairs(item: SourceItem, parameters: Parameters) -> list[Pairing]:
    """Pairs of about the texts that will be read: of a knock-out, each loser against its neighbour in the draw."""
    if parameters["rule"] == KNOCKOUT:
        order = drawn_order(item)
        return [(min(a, b), max(a, b)) for a, b in pairwise(order)]
    return list(combinations(range(len(item.members)), 2))


def _all_pairs(judge: Engine, items: Sequence[SourceItem], template: str, parameters: Parameters) -> list[_Settled]:
    meetings = [
        Meeting(index, a, b) for index, item in enumerate(items) for a, b in combinations(range(len(item.members)), 2)
    ]
    met: list[list[Met]] = [[] for _ in items]
    for meeting, found in zip(meetings, meet(judge, items, meetings, template, parameters), strict=True):
        met[meeting.item].append(found)
    return [_by_points(len(item.members), found) for item, found in zip(items, met, strict=True)]


def _by_points(n_members: int, met: Sequence[Met]) -> _Settled:
    """Matches without a result are left out; an output that no match is left of cannot be placed."""
    replies = tuple(reply for found in met for reply in found.replies)
    matches = [
        Match(found.comparison.a, found.comparison.b, found.comparison.choice) for found in met if found.comparison
    ]
    scores = copeland(n_members, matches)
    if any(math.isnan(score) for score in scores):
        lost = next(found for found in met if found.comparison is None)
        return _Settled(None, replies, lost.reason, lost.detail)
    return _Settled(RankingResult(tiers_of(scores)), replies)


class _LostMatchError(Exception):
    """A match of a knock-out without a result: nobody goes on."""

    def __init__(self, met: Met) -> None:
        super().__init__(met.detail)
        self.met = met


def _knockouts(judge: Engine, items: Sequence[SourceItem], template: str, parameters: Parameters) -> list[_Settled]:
    return [_knockout(judge, item, template, parameters) for item in items]


def _knockout(judge: Engine, item: SourceItem, template: str, parameters: Parameters) -> _Settled:
    replies: list[Reply] = []

    def play(pairings: list[Pairing]) -> list[Choice]:
        # A comparison names the lower member a; the draw may name it b.
        meetings = [Meeting(0, min(pair), max(pair)) for pair in pairings]
        met = meet(judge, [item], meetings, template, parameters)
        replies.extend(reply for found in met for reply in found.replies)
        return [_winner(found, pair) for found, pair in zip(met, pairings, strict=True)]

    order = drawn_order(item)
    try:
        played = knockout(order, play)
    except _LostMatchError as error:
        return _Settled(None, tuple(replies), error.met.reason, error.met.detail)
    return _Settled(RankingResult(played.tiers, tuple(order)), tuple(replies))


def _winner(met: Met, pairing: Pairing) -> Choice:
    if met.comparison is None:
        raise _LostMatchError(met)
    choice = met.comparison.choice
    if choice == "tie" or pairing[0] < pairing[1]:
        return choice
    return "b" if choice == "a" else "a"


def _result(settled: _Settled) -> Scored | Unscored:
    if settled.ranking is None:
        return Unscored(settled.reason, settled.detail, settled.replies)
    return Scored(ranking=settled.ranking, replies=settled.replies)
