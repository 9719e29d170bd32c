"""The quality of one campaign's answers, frozen as a study: agreement by question, and people."""

from typing import Any

from annotations.models import Campaign
from annotations.quality.report import quality_report
from projects.models import Project
from rewards.models import Rater


def compute(project: Project, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run the study; `parameters` are `campaign`, `known_rater` (or None) and `seed`.

    Raises
    ------
    ValueError
        For a campaign or a rater that the project does not have.
    """
    campaign = Campaign.objects.of(project).filter(pk=parameters["campaign"]).first()
    if campaign is None:
        raise ValueError(f"campaign {parameters['campaign']}: expected one of this project")
    known = None
    if parameters.get("known_rater"):
        known = Rater.objects.of(project).filter(pk=parameters["known_rater"]).first()
        if known is None:
            raise ValueError(f"known_rater {parameters['known_rater']}: expected a rater of this project")
    return quality_report(campaign, known=known, seed=parameters.get("seed", 0))
