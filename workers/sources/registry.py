"""Every reward source there is. To add one: its file, its test, and a line here."""

from workers.sources.attribution.attention_redistribution import AttentionRedistribution
from workers.sources.attribution.gradients import GradientTimesInput, IntegratedGradients
from workers.sources.attribution.layer_relevance import LayerRelevance
from workers.sources.attribution.leave_one_out import LeaveOneOut
from workers.sources.attribution.lime import Lime
from workers.sources.attribution.partition_shap import PartitionShap
from workers.sources.contract import Source
from workers.sources.critics.drlc import DrlcCritic
from workers.sources.critics.error_spans import ErrorSpans
from workers.sources.critics.evidence_verdicts import EvidenceVerdicts
from workers.sources.critics.missing_information import MissingInformation
from workers.sources.critics.step_verdicts import StepVerdicts
from workers.sources.critics.thought_units import ThoughtUnits
from workers.sources.dimension_reward import DimensionReward
from workers.sources.fitted.novelty import RndNovelty
from workers.sources.fitted.token_credit import TokenCredit
from workers.sources.json_judge import JsonJudge
from workers.sources.likert import DirectLikert, ReferenceLikert
from workers.sources.listwise import ListwiseJudge
from workers.sources.log_ratio import LogRatio
from workers.sources.logprobs.checkpoint_values import CheckpointValues
from workers.sources.logprobs.implicit_prm import ImplicitPrm
from workers.sources.logprobs.information_gain import InformationGain
from workers.sources.logprobs.length_desensitised import LengthDesensitised
from workers.sources.logprobs.logit_delta import LogitDelta
from workers.sources.logprobs.rto import Rto
from workers.sources.logprobs.shapley_gain import ShapleyGain
from workers.sources.logprobs.simpo import Simpo
from workers.sources.logprobs.sparse_likelihood import SparseLikelihood
from workers.sources.logprobs.thought_gain import ThoughtGain
from workers.sources.logprobs.uncertainty import Uncertainty
from workers.sources.outcome_model import OutcomeModel, StepModel
from workers.sources.pairwise import PairwiseJudge
from workers.sources.relevance_mixture import RelevanceMixture
from workers.sources.reward_model import RewardModel
from workers.sources.rubric_implicit import RubricImplicit
from workers.sources.rubric_judge import RubricJudge
from workers.sources.rubric_written import RubricJudgeWritten
from workers.sources.similarity import InstructionSimilarity, SemanticSimilarity
from workers.sources.subgoals import Subgoals
from workers.sources.thinking_reward import ThinkingReward
from workers.sources.tournament import Tournament
from workers.sources.verbal_feedback import VerbalFeedback
from workers.sources.verifiers.code_tests import CodeTests
from workers.sources.verifiers.constraint_checks import ConstraintChecks
from workers.sources.verifiers.exact import ExactMatch
from workers.sources.verifiers.json_schema import JsonSchema
from workers.sources.verifiers.math_equivalence import MathEquivalence
from workers.sources.verifiers.numeric import NumericMatch
from workers.sources.verifiers.partial_credit import PartialCredit
from workers.sources.verifiers.pattern import RegularExpression
from workers.sources.verifiers.reasoning_pattern import ReasoningPattern
from workers.sources.verifiers.soft_match import SoftMatch
from workers.sources.verifiers.tag_format import TagFormat

_ALL: tuple[Source, ...] = (
    RubricJudge(),
    RubricJudgeWritten(),
    RubricImplicit(),
    DirectLikert(),
    ReferenceLikert(),
    JsonJudge(),
    VerbalFeedback(),
    ThinkingReward(),
    PairwiseJudge(),
    Tournament(),
    ListwiseJudge(),
    OutcomeModel(),
    StepModel(),
    RewardModel(),
    SemanticSimilarity(),
    InstructionSimilarity(),
    DimensionReward(),
    RelevanceMixture(),
    Subgoals(),
    LogRatio(),
    ImplicitPrm(),
    Rto(),
    Simpo(),
    LengthDesensitised(),
    CheckpointValues(),
    LogitDelta(),
    Uncertainty(),
    InformationGain(),
    ThoughtGain(),
    SparseLikelihood(),
    ShapleyGain(),
    ExactMatch(),
    NumericMatch(),
    MathEquivalence(),
    SoftMatch(),
    RegularExpression(),
    TagFormat(),
    JsonSchema(),
    ConstraintChecks(),
    CodeTests(),
    PartialCredit(),
    ReasoningPattern(),
    DrlcCritic(),
    ErrorSpans(),
    ThoughtUnits(),
    StepVerdicts(),
    EvidenceVerdicts(),
    MissingInformation(),
    LeaveOneOut(),
    Lime(),
    PartitionShap(),
    GradientTimesInput(),
    IntegratedGradients(),
    LayerRelevance(),
    AttentionRedistribution(),
    TokenCredit(),
    RndNovelty(),
)
SOURCES: dict[str, Source] = {source.declaration.name: source for source in _ALL}


class UnknownSourceError(LookupError):
    """No source has that name: stored scorers may name one that a later version dropped."""


def source_named(name: str) -> Source:
    """The source of that name; `UnknownSourceError` where there is none."""
    try:
        return SOURCES[name]
    except KeyError:
        raise UnknownSourceError(f"no reward source is called {name!r}; there are {', '.join(SOURCES)}") from None
