"""What preference losses would do with the stored comparisons, by the stored log-probs of one or two checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import numpy as np

from annotations.studies.inputs import comparisons_of, decided, people_of
from annotations.studies.log_probs import PairSignals, choice_of, log_probs_of, pair_log_probs, signals_of
from annotations.studies.numbers import json_numbers
from projects.models import Project
from rewards.composer.findings import distribution
from rewards.parameters import validate_parameters
from rewards.preferences import LOSSES, PreferenceLoss, preview_loss
from rewards.querysets.signal import SignalChoice
from rewards.shaping.rows import Floats, Rows
from rewards.statistics.correlation import cluster_bootstrap_spearman
from rewards.statistics.preferences import Preference, PreferenceAccuracy, preference_accuracy
from rewards.statistics.proportions import cluster_bootstrap_mean

CHUNK: Final = 400
"""Pairs read together: tokens of a few megabytes."""
TO_READ: Final = 30
"""Pairs kept for reading at each end of each loss's margins; all are kept where no more than `ALL_TO_READ` are scored.
"""
ALL_TO_READ: Final = 300
NO_REFERENCE: Final = "none"


class Asked(NamedTuple):
    """What the study was asked."""

    policy: SignalChoice
    reference: SignalChoice | None
    losses: dict[str, dict[str, Any]]
    """Parameters by loss, in force; losses that need a reference are left out where there is none."""
    raters: list[int]
    seed: int


@dataclass(frozen=True)
class _Columns:
    """What one loss makes of n pairs: shape (n,) each, NaN where unscored."""

    losses: Floats
    margins: Floats
    chosen_pulls: Floats
    rejected_pulls: Floats


class _Previewed(NamedTuple):
    pairs: list[Preference]
    signals: list[list[int | None]]
    tokens: Floats
    """Of the chosen and the rejected output: shape (n, 2), NaN where no log-probs are stored."""
    by_loss: dict[str, _Columns]


def compute(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the study.

    Parameters
    ----------
    parameters : dict
        ``policy_log_probs``, ``reference_log_probs`` (keys of signals, the second "none" for no reference),
        ``comparison_raters`` (ids; empty for all people), ``seed``, and of each loss ``<loss>.<parameter>``.

    Raises
    ------
    ValueError
        For log-probs on tokens of different tokenizers, or parameters that a loss does not take.
    """
    asked = read_asked(parameters)
    people = people_of(project)
    judged = decided(comparisons_of(project, raters=people)) if people else []
    is_of_people = not asked.raters
    pairs = judged if is_of_people else decided(comparisons_of(project, raters=asked.raters))
    previewed = _previewed(project, asked, pairs)
    on_people = previewed if is_of_people else _previewed(project, asked, judged)
    labels = {stored.choice: stored.label for stored in log_probs_of(project)}
    return {
        "policy": labels.get(asked.policy, asked.policy.key),
        "reference": asked.reference and labels.get(asked.reference, asked.reference.key),
        "pairs": len(pairs),
        "tasks": len({pair.task for pair in pairs}),
        "people_pairs": len(judged),
        "is_of_people": is_of_people,
        "with_policy": int((~np.isnan(previewed.tokens)).all(axis=1).sum()),
        "has_reference": asked.reference is not None,
        "losses": [_row(name, asked, previewed, on_people) for name in asked.losses],
        "left_out": [name for name in LOSSES if name not in asked.losses],
        "to_read": _to_read(previewed),
    }


def read_asked(parameters: Mapping[str, Any]) -> Asked:
    """What stored parameters mean; the errors are those of `compute`."""
    policy = choice_of(str(parameters["policy_log_probs"]))
    named = str(parameters.get("reference_log_probs", NO_REFERENCE))
    reference = None if named == NO_REFERENCE else choice_of(named)
    if reference is not None and reference.segmenter != policy.segmenter:
        raise ValueError(
            f"the reference's log-probs are of {reference.segmenter}, the policy's of {policy.segmenter}: "
            "expected the same tokenizer"
        )
    losses = {
        name: validate_parameters(loss.parameters, _given(loss, parameters))
        for name, loss in LOSSES.items()
        if reference is not None or not loss.needs_reference
    }
    return Asked(policy, reference, losses, list(parameters.get("comparison_raters", [])), parameters.get("seed", 0))


def _given(loss: PreferenceLoss, parameters: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{loss.name}."
    return {name.removeprefix(prefix): value for name, value in parameters.items() if name.startswith(prefix)}


def _previewed(project: Project, asked: Asked, pairs: Sequence[Preference]) -> _Previewed:
    # Pairs of one task share outputs: read together, their log-probs are read once.
    pairs = sorted(pairs, key=lambda pair: cast("int", pair.task))
    found = _Previewed(
        pairs,
        [],
        np.full((len(pairs), 2), np.nan),
        {name: _Columns(*(np.full(len(pairs), np.nan) for _ in range(4))) for name in asked.losses},
    )
    for first, signals in _read(project, asked, pairs):
        found.signals.extend(pair.keys for pair in signals)
        _fill(found, asked, first, signals)
    return found


def _read(project: Project, asked: Asked, pairs: Sequence[Preference]) -> Iterator[tuple[int, list[PairSignals]]]:
    for first in range(0, len(pairs), CHUNK):
        outputs = [(cast("int", pair.better), cast("int", pair.worse)) for pair in pairs[first : first + CHUNK]]
        yield first, signals_of(project, asked.policy, asked.reference, outputs)


def _fill(found: _Previewed, asked: Asked, first: int, signals: Sequence[PairSignals]) -> None:
    """Put what the losses make of these pairs in their places; a pair without the policy's log-probs stays NaN."""
    here = [at for at, pair in enumerate(signals) if pair.chosen is not None and pair.rejected is not None]
    if not here:
        return
    places = np.array(here) + first
    log_probs = pair_log_probs([signals[at] for at in here], has_reference=asked.reference is not None)
    found.tokens[places] = np.stack([log_probs.chosen.level.counts, log_probs.rejected.level.counts], axis=1)
    for name, parameters in asked.losses.items():
        preview, columns = preview_loss(name, log_probs, parameters), found.by_loss[name]
        columns.losses[places] = preview.losses
        columns.margins[places] = preview.margins
        columns.chosen_pulls[places] = _whole(preview.chosen_weights, preview.losses)
        columns.rejected_pulls[places] = _whole(preview.rejected_weights, preview.losses)


def _whole(weights: Rows, losses: Floats) -> Floats:
    """The pull on an output as a whole; an unscored pair has none."""
    return np.where(np.isnan(losses), np.nan, weights.total())


def _row(name: str, asked: Asked, previewed: _Previewed, on_people: _Previewed) -> dict[str, Any]:
    columns, seed = previewed.by_loss[name], asked.seed
    scored = ~np.isnan(columns.losses)
    tasks = [pair.task for pair in previewed.pairs]
    scored_tasks = [tasks[place] for place in np.flatnonzero(scored)]
    longer = previewed.tokens[:, 0] - previewed.tokens[:, 1]
    return {
        "name": name,
        "label": LOSSES[name].label,
        "parameters": asked.losses[name],
        "n": int(scored.sum()),
        "n_total": len(scored),
        "loss": json_numbers(cluster_bootstrap_mean(columns.losses[scored], scored_tasks, seed=seed)._asdict()),
        "margin": json_numbers(cluster_bootstrap_mean(columns.margins[scored], scored_tasks, seed=seed)._asdict()),
        "accuracy": _accuracy(previewed, columns.margins, seed),
        "people_accuracy": _accuracy(on_people, on_people.by_loss[name].margins, seed),
        "length_correlation": json_numbers(
            cluster_bootstrap_spearman(columns.margins, longer, tasks, seed=seed)._asdict()
        ),
        "chosen_pull": _mean(columns.chosen_pulls[scored]),
        "rejected_pull": _mean(columns.rejected_pulls[scored]),
        "margins": json_numbers(distribution(columns.margins)._asdict()),
    }


def _accuracy(previewed: _Previewed, margins: Floats, seed: int) -> dict[str, Any]:
    """How often the margin is above 0: each pair as two things of its own, of which the rejected one has 0."""
    pairs = [Preference(pair.task, place, -1 - place) for place, pair in enumerate(previewed.pairs)]
    scores = dict(enumerate(margins.tolist()))
    scores |= {-1 - place: 0.0 for place in range(len(margins))}
    found: PreferenceAccuracy = preference_accuracy(scores, pairs, seed=seed)  # type: ignore[arg-type]
    return json_numbers({**found._asdict(), "is_chance": found.is_chance})


def _to_read(previewed: _Previewed) -> list[dict[str, Any]]:
    """Pairs to read, in the order of their tasks: all, or those at both ends of each loss's margins."""
    wanted: set[int] = set()
    for columns in previewed.by_loss.values():
        order = np.argsort(columns.margins, kind="stable")[: int((~np.isnan(columns.margins)).sum())]
        wanted |= {*order.tolist()} if len(order) <= ALL_TO_READ else {*order[:TO_READ], *order[-TO_READ:]}
    return [_pair(previewed, int(place)) for place in sorted(wanted)]


def _pair(previewed: _Previewed, place: int) -> dict[str, Any]:
    pair = previewed.pairs[place]
    return {
        "task": pair.task,
        "chosen": pair.better,
        "rejected": pair.worse,
        "tokens": [int(count) for count in previewed.tokens[place]],
        "signals": previewed.signals[place],
        "losses": {
            name: json_numbers({"loss": float(columns.losses[place]), "margin": float(columns.margins[place])})
            for name, columns in previewed.by_loss.items()
        },
    }


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
