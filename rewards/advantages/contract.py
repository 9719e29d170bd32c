"""What an estimator of advantages declares: what it needs beside rewards and groups, its parameters, formula and paper.

A group is the outputs of one task. From one declaration come the check of a recipe, the form in the composer and the
page of estimators.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rewards.parameters import Parameter
from rewards.shaping.contract import Accepts, Paper
from rewards.shaping.rows import DENSE, LEVELS, Rows


class Family(StrEnum):
    """What an estimator does; the composer offers them in this order."""

    GROUP = "group"
    NORMALISE = "normalise"
    OBJECTIVES = "objectives"
    OUTCOME = "outcome"
    OFF_POLICY = "off_policy"
    STEPS = "steps"
    TREE = "tree"

    @property
    def label(self) -> str:
        return _FAMILY_LABELS[self]


_FAMILY_LABELS: Final = {
    Family.GROUP: "Against the group",
    Family.NORMALISE: "Whitening",
    Family.OBJECTIVES: "Several objectives",
    Family.OUTCOME: "Right and wrong",
    Family.OFF_POLICY: "Other policies",
    Family.STEPS: "Turns, steps and tokens",
    Family.TREE: "Prefix trees",
}


@dataclass(frozen=True, slots=True)
class Need:
    """An input beside the reward.

    Attributes
    ----------
    name : str
        Also the keyword argument: `Rows`, a tuple of them where `many`, None where `optional` and absent.
    accepts : {"output", "dense", "any"}
    with_reward : bool
        Must stand on the reward's own segments.
    many : bool
        One or more inputs.
    per_item : tuple of Parameter
        Of each of many, such as its weight; handed over as a tuple by the name in the plural.
    """

    name: str
    label: str
    accepts: Accepts = "output"
    help: str = ""
    with_reward: bool = False
    many: bool = False
    optional: bool = False
    per_item: tuple[Parameter, ...] = ()

    def takes(self, level: str) -> bool:
        """Whether values on this level fit."""
        return level in {"output": LEVELS[:1], "dense": DENSE, "any": LEVELS}[self.accepts]


@dataclass(frozen=True, slots=True)
class Estimator:
    """One estimator.

    Attributes
    ----------
    name : str
        Lower snake case; what a recipe says.
    apply : callable
        Pure and vectorised: ``apply(reward, groups, **needs, **parameters) -> Rows``. An output or segment without a
        number has no advantage and counts for nothing in its group. ValueError for values that it cannot work with.
    accepts : {"output", "dense", "any"}
        Where the reward may stand. An estimator of whole outputs also takes a dense reward, as its sum over the
        output, which is what trainers do.
    gives : str
        The level of the result: "output", "reward" for that of the reward, or the name of the need that it follows.
    alone : str
        What the only scored output of its group gets.
    ignores_offset : bool
        A number added to all rewards of a group changes nothing.
    sums_to_zero : bool
        The advantages of each group do.
    """

    name: str
    label: str
    family: Family
    summary: str
    formula: str
    papers: tuple[Paper, ...]
    apply: Callable[..., Rows]
    alone: str
    parameters: tuple[Parameter, ...] = ()
    needs: tuple[Need, ...] = ()
    accepts: Accepts = "output"
    gives: str = "output"
    ignores_offset: bool = False
    sums_to_zero: bool = False
    notes: str = ""

    def need(self, name: str) -> Need | None:
        return next((need for need in self.needs if need.name == name), None)

    def takes(self, level: str) -> bool:
        """Whether a reward on this level fits."""
        return level in (DENSE if self.accepts == "dense" else LEVELS)
