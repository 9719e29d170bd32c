"""Which strategy of asking learns the most from the fewest answers, played against simulated annotators."""

from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Count

from projects.models import Project
from rewards.acquisition.allocation import ALLOCATIONS, play_allocations
from rewards.acquisition.arms import ARMS
from rewards.acquisition.duels import DUELS
from rewards.acquisition.labelling import PICKERS, play_items
from rewards.acquisition.simulation import Curve, play_arms, play_duels, preferences, winner_of
from rewards.models import Comparison, Policy
from rewards.statistics.winners import standings

Floats = npt.NDArray[np.float64]

PAIRS, RATINGS, JUDGES, ITEMS = "pairs", "ratings", "judges", "items"
SIMULATED, POLICIES = "simulated", "policies"
FEATURES = 3
MOST_POLICIES = 12


def compute(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the study; parameters: `game`, `source`, `options`, `temperature`, `lapse`, `answers`, `repeats`, `seed`.

    Raises
    ------
    ValueError
        Where the project's policies are to be played and fewer than two were compared.
    """
    rng = np.random.default_rng(parameters["seed"])
    played = {name: parameters[name] for name in ("repeats", "seed")} | {"horizon": parameters["answers"]}
    if parameters["game"] == RATINGS:
        means = rng.normal(size=parameters["options"])
        # Half of the outputs divide their raters: what variance-adaptive sampling is for.
        noise = parameters["temperature"] * np.where(rng.permutation(len(means)) % 2 == 0, 0.25, 1.75)
        curves = play_arms(list(ARMS.values()), means, noise, **played)
        names = [f"output {number}" for number in range(1, len(means) + 1)]
        return _result(parameters, curves, names, int(means.argmax()), compared=0)
    if parameters["game"] == JUDGES:
        curves = _judges(rng, parameters, played)
        names = [f"kind {number}" for number in range(1, parameters["options"] + 1)]
        return _result(parameters, curves, names, 0, compared=0)
    if parameters["game"] == ITEMS:
        curves = _items(rng, parameters, played)
        names = [f"kind {number}" for number in range(1, parameters["options"] + 1)]
        return _result(parameters, curves, names, 0, compared=0)
    if parameters["source"] == POLICIES:
        names, wins, compared = _policies(project)
        # One win each is taken for granted: no pair is beyond doubt.
        chances = (1 - parameters["lapse"]) * (wins + 1) / (wins + wins.T + 2) + parameters["lapse"] / 2
        features, told = None, _standings(names, wins)
    else:
        told = {}
        features = rng.normal(size=(parameters["options"], FEATURES))
        utility = features @ rng.normal(size=FEATURES)
        chances = preferences(utility, temperature=parameters["temperature"], lapse=parameters["lapse"])
        names, compared = [f"option {number}" for number in range(1, len(utility) + 1)], 0
    curves = play_duels(list(DUELS.values()), chances, features=features, **played)
    return _result(parameters, curves, names, winner_of(chances), compared=compared) | told


def _judges(rng: np.random.Generator, parameters: dict[str, Any], played: dict[str, int]) -> list[Curve]:
    """A judge that errs by kind of item: its noise goes from a quarter of what may be borne to four times that."""
    noise = parameters["temperature"] * rng.permutation(np.geomspace(0.25, 4.0, parameters["options"]))
    bias = rng.normal(scale=parameters["temperature"], size=parameters["options"])
    return play_allocations(list(ALLOCATIONS.values()), bias, noise, tolerance=parameters["temperature"], **played)


def _items(rng: np.random.Generator, parameters: dict[str, Any], played: dict[str, int]) -> list[Curve]:
    """Twice as many items as answers, of kinds that lie apart; judges err the more, the less clear an item is."""
    n, kinds = 2 * parameters["answers"], parameters["options"]
    kind = rng.integers(kinds, size=n)
    features = rng.normal(scale=10.0, size=(kinds, FEATURES))[kind] + rng.normal(scale=0.1, size=(n, FEATURES))
    truth = np.clip(rng.random(kinds)[kind] + rng.normal(scale=0.1, size=n), 0.0, 1.0)
    noise = parameters["temperature"] * np.sqrt(truth * (1 - truth))
    return play_items(list(PICKERS.values()), truth, features, noise, lapse=parameters["lapse"], **played)


def _result(
    parameters: dict[str, Any], curves: list[Curve], names: list[str], winner: int, *, compared: int
) -> dict[str, Any]:
    rows = [curve._asdict() for curve in curves]
    for row in rows:
        row["error"] = [None if error != error else error for error in row["error"]]
    return {**parameters, "names": names, "winner": names[winner], "compared": compared, "curves": rows}


def _policies(project: Project) -> tuple[list[str], Floats, int]:
    """How often each policy won against each other, a tie as half for either, over how many comparisons (one query)."""
    rows = (
        Comparison.objects.filter(
            judgment__project=project,
            judgment__withdrawn_at__isnull=True,
            output_a__policy__isnull=False,
            output_b__policy__isnull=False,
        )
        .values_list("output_a__policy", "output_b__policy", "choice")
        .order_by()
        .annotate(times=Count("pk"))
    )
    met: dict[int, int] = {}
    counted = [(a, b, choice, times) for a, b, choice, times in rows if a != b]
    for a, b, _, times in counted:
        met[a], met[b] = met.get(a, 0) + times, met.get(b, 0) + times
    chosen = sorted(met, key=lambda policy: (-met[policy], policy))[:MOST_POLICIES]
    if len(chosen) < 2:
        raise ValueError(f"comparisons of {len(chosen)} policies are stored: expected at least 2")
    place = {policy: index for index, policy in enumerate(chosen)}
    wins, compared = np.zeros((len(chosen), len(chosen))), 0
    for a, b, choice, times in counted:
        if a in place and b in place:
            share = {"a": 1.0, "b": 0.0, "tie": 0.5}[choice]
            wins[place[a], place[b]] += share * times
            wins[place[b], place[a]] += (1 - share) * times
            compared += times
    names = Policy.objects.in_bulk(chosen)
    return [names[policy].name for policy in chosen], wins, compared


def _standings(names: list[str], wins: Floats) -> dict[str, Any]:
    """Who wins by which notion, the best by Copeland first, and where preferences run in circles."""
    found = standings(wins)
    order = np.lexsort((-np.nan_to_num(found.borda), -np.nan_to_num(found.copeland)))
    rows = [
        {
            "name": names[place],
            "borda": _known(found.borda[place]),
            "copeland": _known(found.copeland[place]),
            "von_neumann": float(found.von_neumann[place]),
            "compared": int(wins[place].sum() + wins[:, place].sum()),
        }
        for place in order
    ]
    cycles = [
        {"names": [names[one] for one in cycle.members], "is_certain": cycle.is_certain} for cycle in found.cycles
    ]
    unmet = int(np.isnan(found.share[np.triu_indices(len(names), 1)]).sum())
    condorcet = "" if found.condorcet is None else names[found.condorcet]
    return {"standings": rows, "condorcet": condorcet, "unmet_pairs": unmet, "cycles": cycles}


def _known(value: float) -> float | None:
    """None for a policy whose rivals are not among those that play."""
    return None if value != value else float(value)
