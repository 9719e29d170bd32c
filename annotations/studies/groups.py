"""Groups of outputs to one task: which carry a gradient, how hard the task is, and what drawing more would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from annotations.studies.numbers import json_number, json_numbers
from annotations.studies.outcomes import LENGTH_OUTCOME, outcomes_of, values_of
from projects.models import Project
from rewards.advantages import difficulty
from rewards.advantages.difficulty import difficulty_weights
from rewards.advantages.filters import measure_groups
from rewards.advantages.groups import Groups
from rewards.advantages.pass_at_k import best_of_n, best_of_n_kl, pass_at_k
from rewards.composer.findings import distribution
from rewards.models import Output, Policy
from rewards.shaping.rows import Floats, Ints, Rows
from rewards.statistics.proportions import cluster_bootstrap_mean

TO_READ: Final = 300
"""Tasks kept for reading, the hardest first."""
NO_PROXY: Final = "none"
PASSES_FROM: Final = 0.5
RULE, STRENGTH = difficulty.ESTIMATORS[0].parameters


class _Members(NamedTuple):
    """The current outputs of a project in groups by task: shape (n,) each."""

    tasks: list[int]
    """Of the groups."""
    groups: Ints
    outcome: Floats
    right: Floats
    """1 where the outcome passes, 0 where it fails, NaN where there is none."""
    proxy: Floats | None


def compute(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the study.

    Parameters
    ----------
    parameters : dict
        ``outcome`` and ``proxy`` (keys of `annotations.studies.outcomes`; the second may be "none"), ``passes_from``
        (the least outcome that is right), ``policy`` (an id; 0 for all), ``rule`` and ``strength`` of the weights by
        difficulty, ``seed``.

    Raises
    ------
    ValueError
        For a key that names no outcome.
    """
    members, seed = _members(project, parameters), int(parameters.get("seed", 0))
    rewards = Rows.scalars(members.outcome)
    meter = measure_groups(rewards, members.groups)
    right = Groups(members.right, members.groups)
    n_right = np.rint(right.total(members.right)).astype(np.int64)
    weights = difficulty_weights(right.mean, str(parameters.get("rule", RULE.default)), parameters.get("strength", 1.0))
    scored = ~np.isnan(members.right)
    tasks = members.groups[scored].tolist()
    return {
        **_asked(project, parameters),
        "tasks": len(members.tasks),
        "outputs": len(members.groups),
        "meter": {
            **meter._asdict(),
            "n_telling": meter.n_telling,
            "share_without_gradient": json_number(meter.share_without_gradient),
        },
        "success": json_numbers(cluster_bootstrap_mean(members.right[scored], tasks, seed=seed)._asdict()),
        "rates": json_numbers(distribution(right.mean)._asdict()),
        "weights": json_numbers(distribution(weights)._asdict()),
        "pass_at_k": _pass_at_k(right.n_scored, n_right, seed),
        "best_of_n": _best_of_n(members, seed) if members.proxy is not None else [],
        "to_read": _to_read(members.tasks, right, n_right, weights, Groups(members.outcome, members.groups)),
    }


def _asked(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """In words, as long as what is named is there."""
    labels = {outcome.key: outcome.label for outcome in (*outcomes_of(project), LENGTH_OUTCOME)}
    proxy = str(parameters.get("proxy", NO_PROXY))
    policy = Policy.objects.filter(project=project, pk=parameters.get("policy") or 0).first()
    return {
        "outcome": labels.get(str(parameters["outcome"]), str(parameters["outcome"])),
        "proxy": None if proxy == NO_PROXY else labels.get(proxy, proxy),
        "passes_from": float(parameters.get("passes_from", PASSES_FROM)),
        "policy": None if policy is None else policy.name,
        "rule": dict(RULE.choices)[str(parameters.get("rule", RULE.default))],
    }


def _members(project: Project, parameters: dict[str, Any]) -> _Members:
    outputs = Output.objects.of(project).current().matching(policy=parameters.get("policy") or None)
    rows = list(outputs.order_by("task_id", "pk").values_list("task_id", "pk"))
    tasks, groups = np.unique([task for task, _ in rows] or np.zeros(0, dtype=np.int64), return_inverse=True)
    keys = [pk for _, pk in rows]
    outcome = values_of(project, str(parameters["outcome"]), keys)
    right = np.where(np.isnan(outcome), np.nan, outcome >= float(parameters.get("passes_from", PASSES_FROM)))
    named = str(parameters.get("proxy", NO_PROXY))
    proxy = None if named == NO_PROXY else values_of(project, named, keys)
    return _Members(tasks.tolist(), groups.astype(np.int64), outcome, right, proxy)


def _pass_at_k(n_scored: Ints, n_right: Ints, seed: int) -> list[dict[str, Any]]:
    """Over the tasks with at least k scored outputs; the others cannot say it without bias."""
    rows = []
    for k in _draws(int(n_scored.max(initial=0))):
        chances = pass_at_k(n_scored, n_right, k)
        rows.append({"k": k, **_mean_over_tasks(chances, seed)})
    return rows


def _best_of_n(members: _Members, seed: int) -> list[dict[str, Any]]:
    assert members.proxy is not None
    both = ~(np.isnan(members.proxy) | np.isnan(members.outcome))
    sizes = np.bincount(members.groups[both], minlength=len(members.tasks))
    draws = _draws(int(sizes.max(initial=0)))
    by_proxy = np.full((len(members.tasks), len(draws)), np.nan)
    at_best = np.full_like(by_proxy, np.nan)
    starts = np.searchsorted(members.groups, np.arange(len(members.tasks) + 1))
    for group in np.flatnonzero(sizes):
        own = slice(starts[group], starts[group + 1])
        gold = np.where(both[own], members.outcome[own], np.nan)
        by_proxy[group] = best_of_n(members.proxy[own], gold, draws)
        at_best[group] = best_of_n(gold, gold, draws)
    return [
        {
            "n": n,
            "kl": float(best_of_n_kl(n)),
            "proxy": _mean_over_tasks(by_proxy[:, column], seed),
            "best": _mean_over_tasks(at_best[:, column], seed),
        }
        for column, n in enumerate(draws)
    ]


def _mean_over_tasks(values: Floats, seed: int) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    return json_numbers(cluster_bootstrap_mean(known, list(range(len(known))), seed=seed)._asdict())


def _draws(most: int) -> list[int]:
    """1, 2, 4 and so on, and as many as there are."""
    return sorted({2**power for power in range(most.bit_length())} | ({most} if most else set()))


def _to_read(
    tasks: Sequence[int], right: Groups, n_right: Ints, weights: Floats, outcome: Groups
) -> list[dict[str, Any]]:
    sizes = np.bincount(right.numbers, minlength=len(tasks))
    order = np.argsort(np.where(np.isnan(right.mean), np.inf, right.mean), kind="stable")[:TO_READ]
    return [
        {
            "task": tasks[group],
            "outputs": int(sizes[group]),
            "scored": int(right.n_scored[group]),
            "right": int(n_right[group]),
            "rate": json_number(float(right.mean[group])),
            "outcome": json_number(float(outcome.mean[group])),
            "weight": json_number(float(weights[group])),
            "state": _state(outcome, int(group)),
        }
        for group in order.tolist()
    ]


def _state(outcome: Groups, group: int) -> str:
    """Why a group gives no gradient; empty where it gives one."""
    if outcome.n_scored[group] < 2:
        return "alone" if outcome.n_scored[group] else "unscored"
    return "equal" if outcome.is_constant[group] else ""
