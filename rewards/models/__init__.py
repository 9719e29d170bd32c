"""What was judged and what it is worth."""

from rewards.models.derived import DerivedScore
from rewards.models.export import Export, ExportFile
from rewards.models.import_batch import ImportBatch, ImportRowError
from rewards.models.judgment import Judgment, JudgmentTrace
from rewards.models.judgment_kinds import (
    Comparison,
    Critique,
    RankedOutput,
    Ranking,
    Rating,
    SpanMark,
    StepLabel,
    Verdict,
)
from rewards.models.output import Output, Policy
from rewards.models.rater import Rater
from rewards.models.recipe import Recipe, RecipeVersion
from rewards.models.rubric import Criterion, Rubric, RubricVersion
from rewards.models.signal import RewardSignal, Segmentation
from rewards.models.stored_reward import RewardName, StoredReward
from rewards.models.task import Task

__all__ = [
    "Comparison",
    "Criterion",
    "Critique",
    "DerivedScore",
    "Export",
    "ExportFile",
    "ImportBatch",
    "ImportRowError",
    "Judgment",
    "JudgmentTrace",
    "Output",
    "Policy",
    "RankedOutput",
    "Ranking",
    "Rater",
    "Rating",
    "Recipe",
    "RecipeVersion",
    "RewardName",
    "RewardSignal",
    "Rubric",
    "RubricVersion",
    "Segmentation",
    "SpanMark",
    "StepLabel",
    "StoredReward",
    "Task",
    "Verdict",
]
