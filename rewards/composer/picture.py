"""What the composer draws: a recipe computed over a sample, beside another one, with names for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np

from rewards.composer.findings import Distribution, Group, Groups, HumanLink, LengthLink, RankChanges, Suspicion
from rewards.composer.other import Binding, Other
from rewards.composer.sample import Sample
from rewards.composer.terms import Terms
from rewards.composer.text import ShownOutput
from rewards.recipe_frames import BuiltFrame
from rewards.recipes.tree import Recipe
from rewards.shaping.consistency import Consistency
from rewards.shaping.informativeness import Informativeness
from rewards.shaping.rows import Floats, Ints, Rows

HORIZONS: Final = (0.25, 0.5, 0.75, 1.0)
"""Shares of an output after which it is told how much its reward says of the outcome."""
MAX_COMPARED: Final = 8
"""Inputs whose order of outputs is compared."""
MAX_MEMBERS: Final = 8
"""Outputs of a group that are named."""

_NO_GRADIENT: Final = {
    "": "",
    "alone": "one scored output: no gradient",
    "equal": "all equal: no gradient",
    "unscored": "nothing scored",
}


@dataclass(frozen=True)
class Settings:
    """What to look at.

    Attributes
    ----------
    task : str
        Only the outputs of the task with this id; empty for the newest.
    output_id : int or None
        Whose tokens are drawn; by default the first output that has a reward.
    at : str
        Path of the node whose terms are shown; empty for the reward.
    outcome : str
        ``input:NAME`` or ``people``; empty for the first input with one number an output.
    passes_from : float
        An outcome below it failed.
    against : Other or None
        The other recipe.
    is_fresh : bool
        Read the project's data again.
    """

    task: str = ""
    output_id: int | None = None
    at: str = ""
    outcome: str = ""
    passes_from: float = 0.5
    against: Other | None = None
    has_numbers: bool = False
    is_fresh: bool = False


@dataclass(frozen=True)
class Read:
    """A frame aligned with a sample.

    Attributes
    ----------
    places : ndarray of int
        Where in the sample each row of the frame stands.
    """

    built: BuiltFrame
    places: Ints
    read_at: datetime


@dataclass(frozen=True)
class Computed:
    """One recipe over the sample: one number an output, and more of it.

    Attributes
    ----------
    totals : ndarray, shape (n,)
        The reward of each output of the sample, dense ones summed; NaN where unscored or left out.
    advantages : ndarray, shape (n,)
        Likewise; dense ones summed.
    advantage_name : str
    """

    recipe: Recipe
    read: Read
    kept: Mapping[str, Rows]
    totals: Floats
    advantages: Floats
    advantage_name: str
    distribution: Distribution
    human: HumanLink
    length: LengthLink
    groups: Groups


@dataclass(frozen=True)
class Against:
    """Another recipe over the same outputs."""

    other: Other
    bindings: list[Binding]
    computed: Computed | None
    changes: RankChanges | None
    problems: Mapping[str, str] = field(default_factory=dict)


class NamedMember(NamedTuple):
    pk: int
    name: str
    reward: float
    advantage: float


class NamedGroup(NamedTuple):
    """A group with the names of its task and of its first outputs; `words` say why it gives no gradient."""

    group: Group
    task: str
    members: list[NamedMember]
    n_more: int
    words: str


class NamedMove(NamedTuple):
    pk: int
    name: str
    task: str
    old: int
    new: int
    of: int
    by: int


class NamedSuspect(NamedTuple):
    pk: int
    name: str
    task: str
    dense: float
    outcome: float


class NamedConsistency(NamedTuple):
    """How often the reward and what it is made of order outputs of one task the same way."""

    names: list[str]
    found: Consistency

    @property
    def rows(self) -> list[tuple[str, list[tuple[float, int]]]]:
        """Each with its name, and for each of the others the share and of how many pairs."""
        cells = zip(self.found.agreement.tolist(), self.found.n_pairs.tolist(), strict=True)
        return [
            (name, list(zip(shares, pairs, strict=True)))
            for name, (shares, pairs) in zip(self.names, cells, strict=True)
        ]


@dataclass(frozen=True)
class Preview:
    """All that is drawn."""

    sample: Sample
    computed: Computed
    against: Against | None
    terms: Terms
    nodes: list[tuple[str, str]]
    shown: ShownOutput | None
    outcomes: list[tuple[str, str]]
    outcome: str
    suspicion: Suspicion | None
    informativeness: Informativeness | None
    consistency: NamedConsistency
    settings: Settings

    @property
    def advantages(self) -> list[float]:
        values: list[float] = self.computed.advantages.tolist()
        return values

    @property
    def advantage_reach(self) -> float:
        """The greatest magnitude among all advantages: where a strip ends."""
        known = self.computed.advantages[~np.isnan(self.computed.advantages)]
        return float(np.abs(known).max(initial=0.0))

    @property
    def both(self) -> list[Computed]:
        """This recipe, and the other one where there is one that can be computed."""
        other = self.against.computed if self.against else None
        return [self.computed, other] if other else [self.computed]

    @property
    def named_groups(self) -> list[NamedGroup]:
        totals, advantages, sample = self.computed.totals, self.computed.advantages, self.sample
        return [
            NamedGroup(
                group,
                sample.tasks[group.group],
                [
                    NamedMember(sample.output_ids[place], sample.names[place], totals[place], advantages[place])
                    for place in group.members[:MAX_MEMBERS]
                ],
                max(0, len(group.members) - MAX_MEMBERS),
                _NO_GRADIENT[group.state],
            )
            for group in self.computed.groups.shown
        ]

    @property
    def named_moves(self) -> list[NamedMove]:
        changes = self.against.changes if self.against else None
        sample = self.sample
        return [
            NamedMove(
                sample.output_ids[move.output],
                sample.names[move.output],
                sample.task_of(move.output),
                move.old,
                move.new,
                move.n_members,
                abs(move.new - move.old),
            )
            for move in (changes.moves if changes else [])
        ]

    @property
    def named_suspects(self) -> list[NamedSuspect]:
        ids, names, task_of = self.sample.output_ids, self.sample.names, self.sample.task_of
        return [
            NamedSuspect(ids[one.output], names[one.output], task_of(one.output), one.dense, one.outcome)
            for one in (self.suspicion.suspects if self.suspicion else [])
        ]

    @property
    def horizons(self) -> list[tuple[int, float]]:
        """After how many of a hundred parts of an output the reward says how much of the outcome."""
        shares = self.informativeness.shares.tolist() if self.informativeness else []
        return [(round(100 * horizon), share) for horizon, share in zip(HORIZONS, shares, strict=False)]

    @property
    def input_names(self) -> list[str]:
        return list(self.computed.recipe.inputs)

    @property
    def n_unscored(self) -> int:
        return int(np.isnan(self.computed.totals).sum())

    @property
    def neighbours(self) -> tuple[int | None, int | None]:
        """Keys of the outputs before and after the shown one."""
        place = self.sample.place_of(self.shown.pk) if self.shown else None
        if place is None:
            return None, None
        ids = self.sample.output_ids
        return ids[place - 1] if place else None, ids[place + 1] if place + 1 < len(ids) else None

    @property
    def read_at(self) -> datetime:
        return self.computed.read.read_at

    @property
    def n_left_out(self) -> int:
        return len(self.computed.read.built.left_out)

    @property
    def left_out_reasons(self) -> list[tuple[str, int]]:
        """Why outputs carry no reward here, with how many each."""
        counts: dict[str, int] = {}
        for reason in self.computed.read.built.left_out.values():
            counts[reason] = counts.get(reason, 0) + 1
        return sorted(counts.items(), key=lambda row: -row[1])
