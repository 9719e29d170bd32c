"""Who judges and how we ask."""

from annotations.models.adjudication import Adjudication, ItemDisagreement
from annotations.models.assignment import Assignment, Draft, Submission
from annotations.models.campaign import (
    Campaign,
    CampaignItem,
    CampaignItemOutput,
    CampaignMember,
    CampaignProgress,
    CampaignProtocol,
)
from annotations.models.check import CheckResult, GoldAnswer
from annotations.models.consent import Consent, ConsentText
from annotations.models.plan import CampaignPlan, PersonSkill, Reranking, ReservedItem
from annotations.models.report import ItemReport
from annotations.models.study import Study

__all__ = [
    "Adjudication",
    "Assignment",
    "Campaign",
    "CampaignItem",
    "CampaignItemOutput",
    "CampaignMember",
    "CampaignPlan",
    "CampaignProgress",
    "CampaignProtocol",
    "CheckResult",
    "Consent",
    "ConsentText",
    "Draft",
    "GoldAnswer",
    "ItemDisagreement",
    "ItemReport",
    "PersonSkill",
    "Reranking",
    "ReservedItem",
    "Study",
    "Submission",
]
