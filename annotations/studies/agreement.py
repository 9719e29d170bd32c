"""Krippendorff's alpha among raters, people and scorers alike: all of them, and any two."""

from collections import Counter
from itertools import combinations
from typing import Any

from annotations.studies.inputs import Triples, comparison_triples, rating_triples, verdict_triples
from projects.models import Project
from rewards.models import Judgment, Rater
from rewards.statistics.agreement import krippendorff_alpha, percent_agreement
from rewards.statistics.differences import Metric

MATRIX_RATERS = 12
"""Pairs are worked out for the raters with the most judgments; more make no readable picture."""
MINIMUM_SHARED_UNITS = 2


def compute(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the study; `parameters` are `protocol`, `metric`, `question`, `raters` and `seed`."""
    triples = _triples(project, parameters)
    metric: Metric = parameters["metric"]
    alpha = krippendorff_alpha(*triples, metric=metric, replicates=1_000, seed=parameters.get("seed", 0))
    counts = Counter(triples.raters)
    shown = [rater for rater, _ in counts.most_common(MATRIX_RATERS)]
    names = Rater.objects.in_bulk(list(counts))
    return {
        "alpha": _number(alpha.value),
        "low": _number(alpha.low),
        "high": _number(alpha.high),
        "n_units": alpha.n_units,
        "n_raters": alpha.n_raters,
        "n_values": alpha.n_values,
        "percent": _number(percent_agreement(*triples).value),
        "raters": [
            {"id": rater, "name": names[rater].name, "kind": names[rater].kind, "judgments": n}
            for rater, n in counts.most_common()
        ],
        "matrix_raters": shown,
        "pairs": [_pair(triples, metric, first, second) for first, second in combinations(shown, 2)],
    }


def _triples(project: Project, parameters: dict[str, Any]) -> Triples:
    raters = parameters.get("raters", [])
    if parameters["protocol"] == Judgment.Kind.RATING:
        return rating_triples(project, question=parameters["question"], raters=raters)
    if parameters["protocol"] == Judgment.Kind.COMPARISON:
        return comparison_triples(project, raters=raters)
    return verdict_triples(project, raters=raters)


def _pair(triples: Triples, metric: Metric, first: int, second: int) -> dict[str, Any]:
    rows = [row for row in zip(*triples, strict=True) if row[1] in (first, second)]
    two = Triples(*(list(column) for column in zip(*rows, strict=True)))
    alpha = krippendorff_alpha(*two, metric=metric)
    enough = alpha.n_units >= MINIMUM_SHARED_UNITS
    return {
        "first": first,
        "second": second,
        "alpha": _number(alpha.value) if enough else None,
        "percent": _number(percent_agreement(*two).value) if enough else None,
        "units": alpha.n_units,
    }


def _number(value: float) -> float | None:
    """None for NaN, which JSON does not have."""
    return None if value != value else value
