"""The consistency study of *Peering Through Preferences* (Bansal et al., ICLR 2024) over a project's judgments."""

from typing import Any

from annotations.studies.inputs import comparisons_of, lengths_of, ratings_of
from projects.models import Project
from rewards.statistics.consistency import consistency_study

STORED_CONTRADICTIONS = 2_000


def compute(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the study; `parameters` are `question`, `rating_raters`, `comparison_raters` and `seed`.

    The result is `ConsistencyResult.to_dict`, its contradictions cut at `STORED_CONTRADICTIONS` (their full number is
    `contradiction_count`).
    """
    ratings = list(ratings_of(project, question=parameters["question"], raters=parameters.get("rating_raters", [])))
    comparisons = list(comparisons_of(project, raters=parameters.get("comparison_raters", [])))
    compared = {output for pair in comparisons for output in (pair.output_a, pair.output_b)}
    result = consistency_study(
        ratings,
        comparisons,
        lengths=lengths_of(pk for pk in compared if isinstance(pk, int)),
        seed=parameters.get("seed", 0),
    ).to_dict()
    result["contradiction_count"] = len(result["contradictions"])
    result["contradictions"] = result["contradictions"][:STORED_CONTRADICTIONS]
    result["rating_count"], result["comparison_count"] = len(ratings), len(comparisons)
    return result
