"""The budget between a judge and people: people are asked first where the judge's error is likely to be large."""

from typing import Any

import numpy as np
import numpy.typing as npt

from annotations.active.contract import MissingError, Ranked, chosen_scores
from annotations.active.evidence import Evidence
from rewards.acquisition.allocation import drawn_losses, errors_of, expected_losses

TOLERANCE = 0.15
"""The error that may be borne, on a scale from 0 to 1: under a step of a scale from 1 to 7."""
STRATA = 5
FEWEST = 10
"""Outputs that both judged, from which on a judge's error is worked out."""

Floats = npt.NDArray[np.float64]


def judge_or_people(evidence: Evidence, rng: np.random.Generator) -> Ranked:
    """Items by the drawn squared error of the judge's score on their outputs, the largest first.

    Outputs are in strata by the judge's score. An item whose error is below `TOLERANCE` may be left to the judge: it
    comes last and says so. See `rewards.acquisition.allocation`.
    """
    scores, label = chosen_scores(evidence)
    both = [(row.output, row.value) for row in evidence.ratings if row.output in scores]
    if len(both) < FEWEST:
        raise MissingError(f"{len(both)} ratings of people are of outputs with this score: expected {FEWEST} or more.")
    low, high = min(scores.values()), max(scores.values())
    if low == high:
        raise MissingError(f"{label} is {low:g} everywhere.")
    if low < 0 or high > 1:
        scores = {output: (value - low) / (high - low) for output, value in scores.items()}
    edges = np.unique(np.quantile(list(scores.values()), np.linspace(0, 1, STRATA + 1)[1:-1]))
    edges = edges[edges > min(scores.values())]
    stratum = {output: int(np.searchsorted(edges, value, side="right")) for output, value in scores.items()}
    people: dict[int, list[float]] = {}
    for output, value in both:
        people.setdefault(output, []).append(value)
    differences = {output: scores[output] - float(np.mean(values)) for output, values in people.items()}
    errors = errors_of(
        [stratum[output] for output in differences], list(differences.values()), len(edges) + 1, scale=TOLERANCE
    )
    losses = np.array([_item_loss(item.outputs, stratum, errors, rng) for item in evidence.pending])
    order = np.argsort(np.where(np.isnan(losses), np.inf, losses) * -1, kind="stable")
    items = [(evidence.pending[place].pk, _why(losses[place], label)) for place in order]
    to_people = int((~(losses <= TOLERANCE**2)).sum())
    bounds = [None, *edges.tolist(), None]
    rows = _rows(errors, bounds, [stratum[o] for item in evidence.pending for o in item.outputs if o in stratum])
    details = {"to_people": to_people, "to_judge": len(items) - to_people, "tolerance": TOLERANCE, "strata": rows}
    return Ranked(items, len(both), details)


def _item_loss(outputs: tuple[int, ...], stratum: dict[int, int], errors: Any, rng: np.random.Generator) -> float:
    """Of the output with the largest; NaN, which asks people, where one has no score of the judge's."""
    if any(output not in stratum for output in outputs):
        return float("nan")
    return float(drawn_losses(errors, [stratum[output] for output in outputs], rng).max())


def _why(loss: float, label: str) -> str:
    if loss != loss:
        return "People: the judge has not scored every output"
    whom = "The judge suffices" if loss <= TOLERANCE**2 else "People"
    return f"{whom}: an error of {np.sqrt(loss):.2f} was drawn for “{label}”, {TOLERANCE:g} may be borne"


def _rows(errors: Any, bounds: list[float | None], pending: list[int]) -> list[dict[str, Any]]:
    """What is known of the judge in each stratum."""
    centre = errors.posterior()[0]
    expected = expected_losses(errors)
    return [
        {
            "low": bounds[place],
            "high": bounds[place + 1],
            "judged_by_both": int(errors.count[place]),
            "bias": float(centre[place]) if errors.count[place] else None,
            "error": float(np.sqrt(expected[place])) if np.isfinite(expected[place]) else None,
            "pending": pending.count(place),
        }
        for place in range(len(bounds) - 1)
    ]
