"""The strategies that rank a campaign's pending items: `rewards.acquisition` over what the campaign knows.

Each is a function of the evidence and a generator. It gives every pending item a place and says why, or raises
`MissingError` with the reason for which it cannot: the campaign then asks at random and says so.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Final

import numpy as np
from django.utils.translation import gettext_noop

from annotations.active.allocation import judge_or_people
from annotations.active.contract import MissingError, Ranked, Strategy, chosen_scores, ranked_by
from annotations.active.evidence import Evidence
from rewards.acquisition.arms import Ratings, variance_adaptive
from rewards.acquisition.duels import DUELS, Choose, Duels
from rewards.acquisition.items import by_ensemble_variance, cluster_centres, sensitivity_sample
from rewards.advantages.difficulty import DifficultyPosterior

PICKS = 500
"""Items that a bandit chooses one by one; the others follow at random until the next ranking."""
MISSES = 50
"""Choices in a row for which no item is left, after which the bandit is not asked again."""


def by_duels(choose: Choose, evidence: Evidence, rng: np.random.Generator) -> Ranked:
    """Pairs of policies as a dueling bandit chooses them, each turned into an item that shows both.

    The bandit sees one answer at a time, and a queue needs many choices at once: each choice is recorded as answered
    with its expected share, as GP-BUCB does (Desautels, Krause and Burdick 2014, arXiv 1206.6402).
    """
    place = {policy: index for index, policy in enumerate(evidence.policies)}
    if len(place) < 2:
        raise MissingError("The pending items show outputs of fewer than two policies.")
    real = [duel for duel in evidence.duels if duel.first in place and duel.second in place]
    if not real:
        raise MissingError("Nobody has compared, ranked or rated outputs of two of these policies yet.")
    duels = Duels.of(len(place), horizon=len(real) + len(evidence.pending))
    for duel in real:
        duels.record((place[duel.first], place[duel.second]), duel.share)
    answered = duels.wins.copy()
    names = list(evidence.policies.values())

    def ask() -> tuple[Hashable, str]:
        first, second = choose(duels, rng)
        if first == second:
            return None, ""
        wins, other = answered[first, second], answered[second, first]
        shown = duels.wins[first, second] + 1.0, duels.asked[first, second] + 2.0
        duels.record((first, second), float(shown[0] / shown[1]))
        words = f"{names[first]} against {names[second]}: {wins:g} of {wins + other:g} won so far"
        return frozenset((first, second)), words

    def pairs(policies: Iterable[int | None]) -> set[Hashable]:
        shown = sorted({place[policy] for policy in policies if policy is not None})
        return {frozenset((a, b)) for a in shown for b in shown if a < b}

    found = _one_by_one(evidence, rng, ask, pairs)
    if not found:
        best = names[int(np.argmax(answered.sum(axis=1) - answered.sum(axis=0)))]
        raise MissingError(f"Nothing is left to ask: no pending item shows a pair that is in doubt. {best} is ahead.")
    return Ranked(found, len(real), {"policies": names, "wins": answered.tolist()})


def by_ratings(evidence: Evidence, rng: np.random.Generator) -> Ranked:
    """The policy that Thompson sampling rates next, turned into an item that shows it; see `variance_adaptive`."""
    place = {policy: index for index, policy in enumerate(evidence.policies)}
    real = [row for row in evidence.ratings if row.policy in place]
    if len(place) < 2:
        raise MissingError("The pending items show outputs of fewer than two policies.")
    if not real:
        raise MissingError("Nobody has rated an output of these policies yet.")
    ratings = Ratings.of(len(place), centre=0.5, rate=0.0625)
    for row in real:
        assert row.policy is not None
        ratings.record(place[row.policy], row.value)
    count, total = ratings.count.copy(), ratings.total.copy()
    names = list(evidence.policies.values())

    def ask() -> tuple[Hashable, str]:
        arm = variance_adaptive(ratings, rng)
        ratings.record(arm, float(ratings.posterior()[0][arm]))
        mean = f"mean {total[arm] / count[arm]:.2f} of {count[arm]:.0f} ratings" if count[arm] else "not rated yet"
        return arm, f"{names[arm]}: {mean}"

    found = _one_by_one(
        evidence, rng, ask, lambda policies: {place[policy] for policy in policies if policy is not None}
    )
    means = [None if not n else t / n for n, t in zip(count, total, strict=True)]
    return Ranked(found, len(real), {"policies": names, "means": means, "ratings": count.tolist()})


def by_margin(evidence: Evidence, rng: np.random.Generator) -> Ranked:
    """Items whose two best outputs the scorer holds nearly alike: the smallest margin first."""
    scores, label = chosen_scores(evidence)
    margins, why = np.full(len(evidence.pending), np.nan), []
    for place, item in enumerate(evidence.pending):
        known = sorted((scores[output] for output in item.outputs if output in scores), reverse=True)
        if len(known) > 1:
            margins[place] = known[0] - known[1]
        why.append(f"{label}: {margins[place]:.3g} between the best two" if len(known) > 1 else "Not scored twice")
    if np.isnan(margins).all():
        raise MissingError("No pending item has two outputs with this score.")
    return ranked_by(evidence, -margins, why, seen=len(scores))


def by_disagreement(evidence: Evidence, rng: np.random.Generator) -> Ranked:
    """Items with the output on which scorers differ most, each scorer's numbers standardised.

    See `by_ensemble_variance`. Of a scorer with several numbers the first by name is a member.
    """
    members = {
        scalar.rater_id: scalar.scores
        for _, scalar in sorted(evidence.scalars.items(), reverse=True)
        if len(set(scalar.scores.values())) > 1
    }
    if len(members) < 2:
        raise MissingError(f"{len(members)} scorers tell the pending outputs apart: this takes two or more.")
    outputs = sorted({output for item in evidence.pending for output in item.outputs})
    values = np.array([[scores.get(output, np.nan) for output in outputs] for scores in members.values()])
    values -= np.nanmean(values, axis=1, keepdims=True)
    values /= np.nanstd(values, axis=1, keepdims=True)
    counted = (~np.isnan(values)).sum(axis=0)
    if counted.max() < 2:
        raise MissingError("No pending output has been scored by two scorers.")
    rank = {outputs[place]: -float(at) for at, place in enumerate(by_ensemble_variance(values, len(outputs)))}
    spread = {
        output: float(np.nanstd(values[:, place])) if counted[place] > 1 else float("nan")
        for place, output in enumerate(outputs)
    }
    worst = [max(item.outputs, key=rank.__getitem__) for item in evidence.pending]
    why = [
        f"{len(members)} scorers differ by {spread[output]:.2f} standard deviations" if spread[output] == spread[output]
        else "Not scored twice"
        for output in worst
    ]  # fmt: skip
    return ranked_by(evidence, [rank[output] for output in worst], why, seen=int((~np.isnan(values)).sum()))


def by_difficulty(evidence: Evidence, rng: np.random.Generator) -> Ranked:
    """Items whose success rate, drawn from its posterior, is nearest to one half: see `DifficultyPosterior`."""
    scores, label = chosen_scores(evidence)
    if min(scores.values()) < 0 or max(scores.values()) > 1:
        raise MissingError(f"{label} goes from {min(scores.values()):g} to {max(scores.values()):g}: expected 0 to 1.")
    own = [[scores[output] for output in item.outputs if output in scores] for item in evidence.pending]
    rate = np.array([sum(known) / len(known) if known else np.nan for known in own])
    if np.isnan(rate).all():
        raise MissingError("No pending item has this score.")
    counts = np.array([len(known) for known in own])
    posterior = DifficultyPosterior.of_tasks(len(own)).updated(rate, counts)
    chosen = posterior.choose(len(own), rng)
    items = [
        (
            evidence.pending[place].pk,
            f"{label}: success {rate[place]:.2f} over {counts[place]} outputs" if counts[place] else "Not scored yet",
        )
        for place in chosen
    ]
    return Ranked(items, len(scores), {"mean": posterior.mean.mean().item()})


def by_sensitivity(evidence: Evidence, rng: np.random.Generator) -> Ranked:
    """A sample that stands for all: clusters of tasks by their words, drawn by what the scorer says of each centre."""
    scores, label = chosen_scores(evidence)
    known = np.array(
        [np.mean([scores[o] for o in item.outputs if o in scores] or [np.nan]) for item in evidence.pending]
    )
    scored = np.flatnonzero(~np.isnan(known))
    if len(scored) < 4:
        raise MissingError(f"{len(scored)} pending items have this score: clusters take four or more.")
    k = max(2, int(np.sqrt(len(scored))))
    centre, cluster, distance = cluster_centres(evidence.words()[scored], k, seed=int(rng.integers(2**31)))
    loss = known[scored][centre]
    sample = sensitivity_sample(loss, cluster, distance, 4 * len(scored), rng)
    drawn = list(dict.fromkeys(sample.chosen.tolist()))
    left = [place for place in rng.permutation(len(scored)).tolist() if place not in set(drawn)]
    items = [
        (
            evidence.pending[scored[place]].pk,
            f"Cluster {cluster[place] + 1} of {len(centre)}: {label} {loss[cluster[place]]:.2f} at its centre",
        )
        for place in [*drawn, *left]
    ]
    unscored = [
        (item.pk, "Not scored yet") for item, value in zip(evidence.pending, known, strict=True) if value != value
    ]
    return Ranked([*items, *unscored], len(scores), {"clusters": len(centre)})


def _one_by_one(
    evidence: Evidence,
    rng: np.random.Generator,
    ask: Callable[[], tuple[Hashable, str]],
    shown: Callable[[tuple[int | None, ...]], Iterable[Hashable]],
) -> list[tuple[int, str]]:
    """Items for what `ask` chooses, choice by choice, then the others at random; empty if no choice had an item."""
    queues: dict[Hashable, deque[int]] = defaultdict(deque)
    for place, item in enumerate(evidence.pending):
        for option in shown(item.policies):
            queues[option].append(place)
    taken: dict[int, str] = {}
    misses = 0
    while len(taken) < min(PICKS, len(evidence.pending)) and misses < MISSES:
        option, why = ask()
        queue = queues.get(option, deque())
        while queue and queue[0] in taken:
            queue.popleft()
        if not queue:
            misses += 1
            continue
        misses = 0
        taken[queue.popleft()] = why
    if not taken:
        return []
    left = [int(place) for place in rng.permutation(len(evidence.pending)) if int(place) not in taken]
    chosen = [(evidence.pending[place].pk, why[:200]) for place, why in taken.items()]
    return [*chosen, *((evidence.pending[place].pk, "Not chosen this time: at random") for place in left)]


_ANSWERS = "Comparisons, rankings or ratings of two policies"
_SCORE = "A scorer's number on the outputs"

STRATEGIES: Final[Mapping[str, Strategy]] = {
    strategy.name: strategy
    for strategy in (
        *(
            Strategy(name, duel.label, _ANSWERS, partial(by_duels, duel.choose))
            for name, duel in DUELS.items()
            if name != "random"
        ),
        Strategy(
            "variance_adaptive",
            gettext_noop("Best policy by ratings, Thompson"),
            gettext_noop("Ratings of two policies"),
            by_ratings,
        ),
        Strategy("margin", gettext_noop("Smallest margin of a scorer"), _SCORE, by_margin, wants_scorer=True),
        Strategy(
            "ensemble_variance",
            gettext_noop("Where scorers differ most"),
            gettext_noop("Two scorers on the outputs"),
            by_disagreement,
        ),
        Strategy(
            "difficulty", gettext_noop("Middling difficulty (MoPPS)"), f"{_SCORE}, from 0 to 1", by_difficulty, True
        ),
        Strategy("cluster_sensitivity", gettext_noop("A sample that stands for all"), _SCORE, by_sensitivity, True),
        Strategy(
            "judge_or_people",
            gettext_noop("People where the judge errs"),
            gettext_noop("A judge's number on the outputs, and people's ratings of some"),
            judge_or_people,
            True,
        ),
    )
}
