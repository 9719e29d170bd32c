"""The papers' compositions as recipes: documents with inputs to bind. Pure.

An input of a preset is ``given`` until it is bound to what a project has; one that names a public data set's labels
comes bound. A preset whose operator is not registered is not offered.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rewards.advantages.registry import ESTIMATORS
from rewards.recipes.errors import RecipeError
from rewards.recipes.inputs import GIVEN
from rewards.recipes.tree import TERM, VERSION
from rewards.shaping.contract import Paper
from rewards.shaping.registry import OPERATORS


@dataclass(frozen=True, slots=True)
class ToBind:
    """An input of a preset.

    Attributes
    ----------
    label : str
        What is expected, for a person.
    level : str
        Where its numbers must stand.
    declared : mapping or None
        What it is bound to already, such as marks by the labels of the paper's data.
    """

    label: str
    level: str = "output"
    declared: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """One composition.

    Attributes
    ----------
    inputs : mapping of str to ToBind
    reward : mapping
        The node, on these inputs.
    nodes : mapping
    advantage : mapping or None
    notes : str
        Where it differs from the release.
    """

    name: str
    label: str
    summary: str
    formula: str
    papers: tuple[Paper, ...]
    inputs: Mapping[str, ToBind]
    reward: Mapping[str, Any]
    nodes: Mapping[str, Any]
    advantage: Mapping[str, Any] | None = None
    notes: str = ""

    @property
    def is_available(self) -> bool:
        """Whether every operator and the estimator are there."""
        operators = set(_operators([self.reward, *self.nodes.values()]))
        return operators <= set(OPERATORS) and (self.advantage is None or self.advantage["estimator"] in ESTIMATORS)

    @property
    def document(self) -> dict[str, Any]:
        """The recipe, with inputs to bind as ``given``."""
        inputs = {
            name: dict(given.declared or {"kind": GIVEN, "level": given.level}) for name, given in self.inputs.items()
        }
        document: dict[str, Any] = {"recipe": VERSION, "inputs": inputs, "reward": self.reward, "seed": 0}
        if self.nodes:
            document["nodes"] = self.nodes
        if self.advantage is not None:
            document["advantage"] = self.advantage
        return copy.deepcopy(document)

    def bind(self, inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The recipe with these declarations of inputs in place of what is to be bound.

        Raises
        ------
        RecipeError
            For an input that the preset does not have.
        """
        document = self.document
        for name, declared in inputs.items():
            if name not in self.inputs:
                known = ", ".join(self.inputs)
                raise RecipeError({f"inputs.{name}": f"{self.name} has no such input: expected {known}"})
            document["inputs"][name] = {"level": self.inputs[name].level, **declared}
        return document


def _operators(nodes: Any) -> Iterator[str]:
    """Names of the operators anywhere in these nodes."""
    if isinstance(nodes, Mapping):
        if "op" in nodes:
            yield nodes["op"]
        for value in nodes.values():
            yield from _operators(value)
    elif isinstance(nodes, list):
        for value in nodes:
            yield from _operators(value)


def _in(name: str) -> dict[str, Any]:
    return {"input": name}


def _sum(*terms: tuple[Mapping[str, Any], float], unscored: str = "unscored") -> dict[str, Any]:
    rows = [{TERM: node, "weight": weight} for node, weight in terms]
    return {"op": "weighted_sum", "terms": rows, "unscored": unscored}


def _at_end(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {"op": "end_of_sequence", "scores": scores, "onto": "token"}


def _marks(level: str, **settings: Any) -> dict[str, Any]:
    return {"kind": "marks", "level": level, "raters": "all", **settings}


_EXTRINSIC: Final = ToBind("The outcome: a reward model's score, a rating, a verifier")
_ENSEMBLE: Final = {f"rm_{index}": ToBind(f"Reward model {index}") for index in (1, 2, 3)}
_OVEROPTIMISATION: Final = Paper("Reward Model Ensembles Help Mitigate Overoptimization", "2310.02743")

_PRESETS: Final = (
    Preset(
        name="drlc",
        label="DRLC: a critic's spans beside the outcome",
        summary="Each token in a span that the critic praised or blamed, where the outcome leaves room for a critic.",
        formula="r_t = 1[t = T] r + 1[r <= c] (v+ 1[t in praised] + v- 1[t in blamed])",
        papers=(Paper("DRLC: Reinforcement Learning with Dense Rewards from LLM Critic", "2401.07382"),),
        inputs={
            "critic": ToBind(
                "The critic's spans",
                "token",
                _marks("token", place="each", raters="models", values={"positive": 0.5, "negative": -0.5}),
            ),
            "extrinsic": _EXTRINSIC,
        },
        nodes={"less": {"op": "affine", "rewards": _in("extrinsic"), "scale": -1.0}},
        reward=_sum(
            ({"op": "gate", "rewards": _in("critic"), "outcome": {"node": "less"}, "threshold": -10.0}, 1.0),
            (_at_end(_in("extrinsic")), 1.0),
        ),
        notes="The release asks its critic only at an outcome up to c: 10 for sentiment, 1 for toxicity, 100 for "
        "summaries. It finds the spans' tokens by their text, which also rewards the same words elsewhere; here they "
        "are found by their place.",
    ),
    Preset(
        name="alarm",
        label="ALaRM: aspects above a threshold of the whole",
        summary="Aspect rewards on tokens count only for outputs whose holistic reward is high enough.",
        formula="r_t = 1[z >= 0.6] s(a_t) + 1[t = T] 5 z, z = (h - mean) / sd",
        papers=(Paper("ALaRM: Align Language Models via Hierarchical Rewards Modeling", "2403.06754"),),
        inputs={"aspect": ToBind("The aspect's reward", "token"), "holistic": ToBind("The holistic reward")},
        nodes={"z": {"op": "z_score", "rewards": _in("holistic"), "moments": "measured"}},
        reward={
            "op": "hierarchical",
            "holistic": {"node": "z"},
            "aspects": [{TERM: _in("aspect"), "weight": 1.0}],
            "threshold": 0.6,
            "holistic_weight": 5.0,
            "shaping": "marked",
        },
        notes="Mean and deviation are measured over the outputs at hand; the release fixes them before training.",
    ),
    Preset(
        name="g_ra",
        label="G-RA: step rewards behind the outcome",
        summary="Rewards of single steps are added up only where the outcome passes.",
        formula="R = R_o + 1[R_o >= delta] sum_k r_k",
        papers=(Paper("Stabilizing Long-term Multi-turn Reinforcement Learning with Gated Rewards", "2508.10548"),),
        inputs={"outcome": ToBind("The outcome"), "steps": ToBind("Rewards of steps or turns", "step")},
        nodes={},
        reward={
            "op": "gated_accumulation",
            "outcome": _in("outcome"),
            "immediate": _in("steps"),
            "threshold": 1.0,
        },
    ),
    Preset(
        name="rto",
        label="RTO: DPO's token rewards, KL and the score at the end",
        summary="The log ratio of a DPO model to its reference on each token, clipped, less the policy's own.",
        formula="r_t = clip(0.05 ln(p_DPO / p_ref), 0.05) - 0.01 ln(p / p_ref) + 1[t = T] clip(r, 10)",
        papers=(Paper("DPO Meets PPO: Reinforced Token Optimization for RLHF", "2404.18922"),),
        inputs={
            "dpo": ToBind("ln of DPO model over reference, each token", "token"),
            "policy": ToBind("ln of policy over reference, each token", "token"),
            "score": ToBind("The reward model's score"),
        },
        nodes={},
        reward=_sum(
            (
                {
                    "op": "clip",
                    "rewards": {"op": "affine", "rewards": _in("dpo"), "scale": 0.05},
                    "low": -0.05,
                    "high": 0.05,
                },
                1.0,
            ),
            (_in("policy"), -0.01),
            (_at_end({"op": "clip", "rewards": _in("score"), "low": -10.0, "high": 10.0}), 1.0),
        ),
    ),
    Preset(
        name="pure",
        label="PURE: the worst step decides",
        summary="Step rewards transformed so that their sum is close to the lowest of them, at the end of each step.",
        formula="r_k = softmax(-p / 0.1)_k p_k",
        papers=(Paper("Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs", "2504.15275"),),
        inputs={"process": ToBind("The process reward of each step, from -1 to 1", "step")},
        nodes={},
        reward={
            "op": "carry",
            "rewards": {"op": "min_form", "steps": _in("process"), "temperature": 0.1},
            "onto": "token",
            "how": "last",
        },
    ),
    Preset(
        name="fine_grained_rlhf",
        label="Fine-Grained RLHF: relevance, factuality and completeness",
        summary="0.3 for a relevant sub-sentence and 0.5 for a true sentence, less for others, each at its end; "
        "completeness at the end of the output.",
        formula="r_t = sum_k sum_j 1[t = end(j)] R_k(j)",
        papers=(Paper("Fine-Grained Human Feedback Gives Better Rewards", "2306.01693", "Eq. 1"),),
        inputs={
            "relevance": ToBind(
                "Spans that are irrelevant, redundant or incoherent",
                "subsentence",
                _marks(
                    "subsentence",
                    place="lowest",
                    unmarked=0.3,
                    values={"Irrelevant": -0.3, "Redundant": -0.3, "Incoherent": -0.3},
                ),
            ),
            "factuality": ToBind(
                "Spans that are wrong or cannot be verified",
                "sentence",
                _marks(
                    "sentence",
                    place="lowest",
                    unmarked=0.5,
                    values={"Wrong-Grounding": -0.5, "Unverifiable": -0.5},
                ),
            ),
            "missing": ToBind("What an answer misses, counted", "output", {"kind": "critiques", "type": "missing"}),
        },
        nodes={
            "completeness": {
                "op": "affine",
                "rewards": {"op": "z_score", "rewards": _in("missing"), "moments": "measured"},
                "scale": -0.3,
            },
        },
        reward=_sum(
            ({"op": "carry", "rewards": _in("relevance"), "onto": "token", "how": "last"}, 1.0),
            ({"op": "carry", "rewards": _in("factuality"), "onto": "token", "how": "last"}, 1.0),
            (_at_end({"node": "completeness"}), 1.0),
        ),
        notes="From people's own spans in place of the three reward models. The release scales a completeness model's "
        "score by fixed moments; here completeness is how few pieces of information are missing, by the moments of the "
        "outputs at hand.",
    ),
    Preset(
        name="planner_r1",
        label="Planner-R1: one set of checks, densely",
        summary="Shares of the checks that hold by category, whole categories, and everything at once.",
        formula="r = schema + sum_c share_c + sum_c 1[all of c] + 1[all]",
        papers=(Paper("Planner-R1: Reward Shaping Enables Efficient Agentic RL with Smaller LLMs", "2509.25779"),),
        inputs={
            "schema": ToBind("Whether the plan has the asked form"),
            "commonsense": ToBind("A check of common sense"),
            "hard": ToBind("A check of the user's constraints"),
        },
        nodes={},
        reward={
            "op": "density_levels",
            "schema": _in("schema"),
            "checks": [
                {TERM: _in("commonsense"), "kind": "commonsense"},
                {TERM: _in("hard"), "kind": "hard"},
            ],
            "density": "dense",
        },
        advantage={"estimator": "group_mean_std"},
        notes="Add a term for each further check, under its category.",
    ),
    Preset(
        name="otc",
        label="OTC: right with few tool calls",
        summary="A right answer is worth more the closer it comes to the fewest calls of its task's right answers.",
        formula="r = r_o sin(f pi / (2n)), f = 2nm / (m + n)",
        papers=(Paper("OTC: Optimal Tool Calls via Reinforcement Learning", "2504.14870"),),
        inputs={
            "correct": ToBind("1 if right, else 0"),
            "calls": ToBind("Calls of tools", "output", {"kind": "fact", "fact": "n_tool_calls"}),
        },
        nodes={},
        reward={"op": "tool_efficiency", "outcomes": _in("correct"), "calls": _in("calls"), "form": "grpo"},
        advantage={"estimator": "group_mean_std"},
    ),
    Preset(
        name="dler",
        label="DLER: right within the budget",
        summary="1 if right within so many tokens, else 0; scaled by the spread of the batch.",
        formula="r = r_o 1[n <= L], A = (r - mean_task) / sd_batch",
        papers=(Paper("DLER: Doing Length pEnalty Right", "2510.15110"),),
        inputs={
            "correct": ToBind("1 if right, else 0"),
            "length": ToBind("Tokens", "output", {"kind": "fact", "fact": "n_tokens"}),
        },
        nodes={},
        reward={"op": "within_budget", "rewards": _in("correct"), "lengths": _in("length"), "budget": 4000.0},
        advantage={"estimator": "group_mean_batch_std"},
    ),
    Preset(
        name="hybrid_verifier",
        label="Verifier first, then the reward model",
        summary="Any right output above any wrong one; inside each the reward model orders.",
        formula="r = sigmoid(0.5 r_m) + (r_v - 1)",
        papers=(
            Paper("Qwen2.5-Math Technical Report: Toward Mathematical Expert Model via Self-Improvement", "2409.12122"),
        ),
        inputs={"verifier": ToBind("1 if right, else 0"), "score": ToBind("The reward model's score")},
        nodes={},
        reward=_sum(
            ({"op": "sigmoid", "rewards": _in("score"), "temperature": 2.0}, 1.0),
            ({"op": "affine", "rewards": _in("verifier"), "shift": -1.0}, 1.0),
        ),
        advantage={"estimator": "group_mean_std"},
    ),
    Preset(
        name="worst_case_ensemble",
        label="Ensemble: the worst case",
        summary="The lowest of several reward models' scores.",
        formula="r = min_k r_k",
        papers=(_OVEROPTIMISATION,),
        inputs=_ENSEMBLE,
        nodes={},
        reward={"op": "ensemble_worst_case", "terms": [{TERM: _in(name)} for name in _ENSEMBLE]},
    ),
    Preset(
        name="uncertainty_weighted_ensemble",
        label="Ensemble: weighted by uncertainty",
        summary="The mean of several reward models' scores, less their variance.",
        formula="r = mean_k r_k - 0.5 var_k r_k",
        papers=(_OVEROPTIMISATION,),
        inputs=_ENSEMBLE,
        nodes={},
        reward={
            "op": "ensemble_uncertainty_weighted",
            "terms": [{TERM: _in(name)} for name in _ENSEMBLE],
            "penalty": 0.5,
            "variance": "population",
        },
        notes="The release divides the variance by n for best-of-n and by n - 1 for PPO.",
    ),
)

PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in _PRESETS if preset.is_available}
