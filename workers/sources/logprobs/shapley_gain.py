"""Shapley information gain: what each part of an output is worth for the reference answer, whatever came before it.

The parts f_1 .. f_n of an output are players; a coalition S is the output without the others, in its order, and

    v(S) = 1/m sum_j log p(a_j | q, S, a_<j)
    phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S))

for the tokens a_1 .. a_m of the reference answer, in nats a token (Ding et al. 2025, "ProMed: Shapley Information Gain
Guided Reinforcement Learning for Proactive Medical LLMs", arXiv 2508.13514, for the weight of a fact; Shapley 1953).
Up to `exact_up_to` parts the sum is whole; else it is the mean over `permutations` orders of joining, drawn by the
item's seed (Castro et al. 2009). Both are complete: the parts' values add up to v(all) - v(none).

Fidelity: reconstructed. The authors weigh the atomic facts of a patient's case by such a value and reward a question by
the facts that it newly uncovers, which another model decides; the text leaves open how exactly. Here the parts of the
output themselves take the facts' place: its steps, or its turns. What tools and users say belongs to the part before
it, or to the first. A part's value therefore counts what it adds beyond the others, and words that two parts share
are worth half in each.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations, pairwise
from math import factorial, isfinite
from typing import NamedTuple

import numpy as np

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import Segmentation, steps, turns
from rewards.signals import RewardSignal
from workers.engines.contract import Capability, ChatMessage, Continuation, Engine, Refusal, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.logprobs.reading import (
    FAMILY,
    LAYOUT,
    LEAD,
    USE_CONTEXT,
    a_model,
    asked_after,
    characters,
    mean_logprob,
    over_whole,
    task_messages,
)
from workers.sources.results import Gives, Scored, SignalResult, Unscored

MODEL = "model"
VALUE, TOTAL, BEFORE = "shapley_value", "answer_gain", "answer_logprob_before"
STEPS = "steps"

Coalition = frozenset[int]


class Players(NamedTuple):
    """Parts of an output.

    Attributes
    ----------
    segmentation : Segmentation
        All segments of the output.
    of_segment : tuple of int
        The player that each segment belongs to.
    segments : tuple of int
        The segment of each player, which its value is put on.
    """

    segmentation: Segmentation
    of_segment: tuple[int, ...]
    segments: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.segments)


class ShapleyGain:
    """Shapley values of an output's parts for the reference answer; see the module for formula and papers."""

    declaration = Declaration(
        name="shapley_information_gain",
        version=1,
        title="Shapley information gain",
        summary="What each step or turn adds to the reference answer's log-probability, over all orders of the others.",
        formula="phi_i = mean over orders of v(before i, and i) - v(before i);  v(S) = mean_j log p(a_j | q, S)",
        paper="Ding et al. 2025, ProMed: Shapley Information Gain, arXiv 2508.13514; Shapley 1953",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="A vector worked by hand; values add up to v(all) - v(none), by orders and exactly. Parts of the "
        "output stand for the authors' facts.",
        needs=frozenset({Input.TASK, Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset({Input.CONTEXT}),
        gives=frozenset({Gives.SIGNALS}),
        models=(a_model(MODEL, "Model", "Reads the reference answer after parts of the output."),),
        parameters=(
            Parameter(
                "parts",
                "choice",
                STEPS,
                "Parts",
                choices=((STEPS, "Steps of what the policy wrote"), ("turns", "Its messages")),
            ),
            Parameter(
                "exact_up_to",
                "integer",
                4,
                "Exact up to",
                "Parts, of which all coalitions are read: 2 to the power of this many.",
                minimum=1,
                maximum=12,
            ),
            Parameter(
                "permutations", "integer", 8, "Orders", "Drawn where there are more parts.", minimum=1, maximum=1000
            ),
            Parameter(
                "most_parts",
                "integer",
                32,
                "Most parts",
                "An output of more is unscored: each costs a reading of the output for every order.",
                minimum=2,
                maximum=1000,
            ),
            LEAD,
            LAYOUT,
            USE_CONTEXT,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """One reading of each coalition."""
        read = [
            characters(_request(item, players, coalition, parameters))
            for item in items
            for players in [players_of(item, parameters)]
            if 0 < len(players) <= int(parameters["most_parts"])
            for coalition in _coalitions(len(players), parameters, item.seed)
        ]
        return Estimate(len(read), sum(read))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `shapley_value` (steps or turns), `answer_gain`, `answer_logprob_before` (whole) by item."""
        engine = engines[MODEL]
        require(engine, Capability.LOGPROBS)
        players = [players_of(item, parameters) for item in items]
        most = int(parameters["most_parts"])
        coalitions = [
            _coalitions(len(own), parameters, item.seed) if 0 < len(own) <= most else []
            for item, own in zip(items, players, strict=True)
        ]
        answers = iter(
            engine.logprobs(
                [
                    _request(item, own, coalition, parameters)
                    for item, own, asked in zip(items, players, coalitions, strict=True)
                    for coalition in asked
                ]
            )
        )
        results: list[Scored | Unscored] = []
        for item, own, asked in zip(items, players, coalitions, strict=True):
            worth = {coalition: next(answers) for coalition in asked}
            levels = {
                coalition: mean_logprob(found) for coalition, found in worth.items() if not isinstance(found, Refusal)
            }
            refusals = [found for found in worth.values() if isinstance(found, Refusal)]
            if not asked:
                results.append(_unfit(own, most))
            elif refusals:
                results.append(Unscored(refusals[0].code.value, f"the reference after parts: {refusals[0].detail}"))
            else:
                results.append(_scored(item, own, levels, parameters))
        return results


def players_of(item: SourceItem, parameters: Parameters) -> Players:
    """The policy's steps or messages, each with what follows it up to the next."""
    cut = steps(item.texts) if parameters["parts"] == STEPS else turns(item.texts)
    roles = [item.output_messages[message].role for message in cut.spans[:, 0]]
    segments = tuple(index for index, role in enumerate(roles) if role == "assistant")
    numbers = np.cumsum([role == "assistant" for role in roles]) - 1
    return Players(cut, tuple(np.maximum(numbers, 0).tolist()), segments)


def exact_values(n: int, value: Callable[[Coalition], float]) -> list[float]:
    """Shapley values of n players by their definition: every coalition is asked for."""
    found = []
    for player in range(n):
        others = [other for other in range(n) if other != player]
        found.append(
            sum(
                factorial(size) * factorial(n - size - 1) / factorial(n) * (value(joined | {player}) - value(joined))
                for size in range(n)
                for joined in map(frozenset, combinations(others, size))
            )
        )
    return found


def sampled_values(orders: Sequence[Sequence[int]], value: Callable[[Coalition], float]) -> list[float]:
    """The mean over orders of what each player adds when it joins; complete for every single order."""
    found = [0.0] * len(orders[0])
    for order in orders:
        for before, after in pairwise(frozenset(order[:stop]) for stop in range(len(order) + 1)):
            [player] = after - before
            found[player] += (value(after) - value(before)) / len(orders)
    return found


def drawn_orders(n: int, parameters: Parameters, seed: int) -> list[list[int]]:
    """Orders in which n players join, by the seed alone."""
    draw = random.Random(seed)
    return [draw.sample(range(n), n) for _ in range(int(parameters["permutations"]))]


def _coalitions(n: int, parameters: Parameters, seed: int) -> list[Coalition]:
    """All that are asked for, each once, in a fixed order."""
    if n <= int(parameters["exact_up_to"]):
        return [frozenset(chosen) for size in range(n + 1) for chosen in combinations(range(n), size)]
    orders = drawn_orders(n, parameters, seed)
    return list(dict.fromkeys(frozenset(order[:stop]) for order in orders for stop in range(n + 1)))


def _request(item: SourceItem, players: Players, coalition: Coalition, parameters: Parameters) -> Continuation:
    """The reference after the coalition's parts of the output."""
    kept = [""] * len(item.output_messages)
    for (message, start, end), player in zip(players.segmentation.spans.tolist(), players.of_segment, strict=True):
        if player in coalition:
            kept[message] += item.output_messages[message].text[start:end]
    said = [ChatMessage(one.role, text) for one, text in zip(item.output_messages, kept, strict=True) if text]
    prompt = asked_after([*task_messages(item, parameters), *said], str(parameters["layout"]), str(parameters["lead"]))
    return Continuation(prompt, item.reference or "")


def _unfit(players: Players, most: int) -> Unscored:
    if not len(players):
        return Unscored("empty_output", "the policy wrote no text")
    return Unscored("too_many_parts", f"the output has {len(players)} parts: {most} are read at most")


def _scored(
    item: SourceItem, players: Players, levels: Mapping[Coalition, float], parameters: Parameters
) -> Scored | Unscored:
    if not all(isfinite(level) for level in levels.values()):
        return Unscored("not_finite", "the model gives a token of the reference no probability at all")
    n = len(players)
    if n <= int(parameters["exact_up_to"]):
        values = exact_values(n, levels.__getitem__)
    else:
        values = sampled_values(drawn_orders(n, parameters, item.seed), levels.__getitem__)
    placed = np.full(len(players.segmentation), np.nan, dtype=np.float32)
    placed[list(players.segments)] = values
    none, everyone = levels[frozenset()], levels[frozenset(range(n))]
    return Scored(
        signals=(
            SignalResult(VALUE, RewardSignal(players.segmentation, placed)),
            over_whole(TOTAL, item, everyone - none),
            over_whole(BEFORE, item, none),
        )
    )
