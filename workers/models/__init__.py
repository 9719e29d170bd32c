"""How rewards are computed."""

from workers.models.artefact import Artefact, Fit
from workers.models.budget import ProjectBudget
from workers.models.endpoint import ModelEndpoint
from workers.models.heartbeat import WorkerHeartbeat
from workers.models.prompt import Prompt, PromptVersion
from workers.models.rubric_proposal import RubricProposal
from workers.models.run import Attempt, Batch, Run, RunItem
from workers.models.scorer import Scorer, ScorerEndpoint

__all__ = [
    "Artefact",
    "Attempt",
    "Batch",
    "Fit",
    "ModelEndpoint",
    "ProjectBudget",
    "Prompt",
    "PromptVersion",
    "RubricProposal",
    "Run",
    "RunItem",
    "Scorer",
    "ScorerEndpoint",
    "WorkerHeartbeat",
]
