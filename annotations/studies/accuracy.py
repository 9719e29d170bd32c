"""Which scorer deserves trust: each scalar's accuracy against the comparisons that people decided."""

from collections.abc import Hashable, Sequence
from typing import Any, cast

from annotations.studies.inputs import comparisons_of, decided, lengths_of
from annotations.studies.scalars import Scalar, scalars_of
from projects.models import Project
from rewards.models import Rater
from rewards.statistics.preferences import Preference, PreferenceAccuracy, position_bias, preference_accuracy

LENGTH = "length of the answer in words"


def compute(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the study; `parameters` are `comparison_raters` and `seed`.

    The people whose comparisons count are all raters that are no scorers, or those named. Rows are sorted from the
    most accurate; the length of the answer stands among them as the baseline that every scorer has to beat.
    """
    seed = parameters.get("seed", 0)
    names = {rater.pk: rater for rater in Rater.objects.filter(project=project)}
    chosen = set(parameters.get("comparison_raters", []))
    people = [pk for pk, rater in names.items() if rater.kind != Rater.Kind.SCORER and (not chosen or pk in chosen)]
    compared = list(comparisons_of(project, raters=people)) if people else []
    preferences = decided(compared)
    rows = [
        _row(names[scalar.rater_id].name, scalar, _accuracy(scalar.scores, preferences, seed))
        for scalar in scalars_of(project)
    ]
    rows += _by_comparing(project, names, preferences, seed)
    outputs = {cast("int", output) for pair in preferences for output in (pair.better, pair.worse)}
    words = {output: float(found.words) for (_, output), found in lengths_of(outputs).items()}
    rows.append(_row("Baseline", Scalar(0, LENGTH, words), _accuracy(words, preferences, seed)))
    rows.sort(key=lambda row: (row["value"] is None, -(row["value"] or 0), row["name"], row["scalar"]))
    return {
        "comparisons": len(compared),
        "decided": len(preferences),
        "tasks": len({pair.task for pair in preferences}),
        "rows": rows,
        "position_bias": _position_bias(project, names, seed),
    }


def _accuracy(scores: dict[int, float], preferences: Sequence[Preference], seed: int) -> PreferenceAccuracy:
    return preference_accuracy(cast("dict[Hashable, float]", scores), preferences, seed=seed)


def _row(name: str, scalar: Scalar, found: PreferenceAccuracy) -> dict[str, Any]:
    return {
        "rater": scalar.rater_id or None,
        "name": name,
        "scalar": scalar.name,
        **{field: _number(value) for field, value in found._asdict().items()},
        "is_chance": found.is_chance,
    }


def _by_comparing(
    project: Project, names: dict[int, Rater], preferences: Sequence[Preference], seed: int
) -> list[dict[str, Any]]:
    """Scorers that compare outputs themselves, as a score for each pair: the preferred output 1, the other 0."""
    rows = []
    scorers = project.judgments.filter(kind="comparison", withdrawn_at__isnull=True, rater__kind=Rater.Kind.SCORER)
    for rater in sorted(set(scorers.values_list("rater_id", flat=True))):
        credit: dict[tuple[Hashable, Hashable], float] = {}
        for row in comparisons_of(project, raters=[rater]):
            won = {"a": 1.0, "b": 0.0, "equal": 0.5}[row.choice]
            credit[row.output_a, row.output_b], credit[row.output_b, row.output_a] = won, 1 - won
        # Each pair as two things of its own, so that its score depends on nothing but this comparison.
        pairs = [Preference(pair.task, (pair.better, pair.worse), (pair.worse, pair.better)) for pair in preferences]
        found = preference_accuracy(cast("dict[Hashable, float]", credit), pairs, seed=seed)
        rows.append(_row(names[rater].name, Scalar(rater, "comparison", {}), found))
    return rows


def _position_bias(project: Project, names: dict[int, Rater], seed: int) -> list[dict[str, Any]]:
    """By scorer that was asked in both orders."""
    asked = project.judgments.filter(kind="comparison", withdrawn_at__isnull=True, rater__kind=Rater.Kind.SCORER)
    by_rater: dict[int, list[tuple[Any, int]]] = {}
    for rater, task, presentation in asked.order_by("id").values_list("rater_id", "task_id", "presentation"):
        choices = tuple(presentation.get("choices", ()))
        if len(choices) == 2:
            by_rater.setdefault(rater, []).append((choices, task))
    rows = []
    for rater, answers in by_rater.items():
        found = position_bias([choices for choices, _ in answers], [task for _, task in answers], seed=seed)
        counts = {name: value for name, value in found._asdict().items() if name != "first"}
        first = {name: _number(value) for name, value in found.first._asdict().items()}
        rows.append({"rater": rater, "name": names[rater].name, "first": first, **counts})
    return rows


def _number(value: float) -> float | None:
    """None for NaN, which JSON does not have."""
    return None if value != value else value
