"""What a recipe makes of real outputs: everything that the composer's page draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

import numpy as np
from django.utils import timezone

from projects.models import Project
from rewards.advantages.choice import estimate
from rewards.composer.cache import shelf
from rewards.composer.findings import (
    Distribution,
    Group,
    Groups,
    HumanLink,
    LengthLink,
    RankChanges,
    Suspicion,
    centred,
    distribution,
    group_findings,
    human_link,
    length_link,
    rank_changes,
    suspicion,
)
from rewards.composer.sample import Sample, sample_of
from rewards.composer.terms import Terms, dense_sum, label_of, nodes_to_show, paths_to_keep, terms_of
from rewards.composer.text import ShownOutput, Written, show_output
from rewards.models import Output, RecipeVersion
from rewards.recipe_frames import BuiltFrame, frame_for
from rewards.recipes.errors import RecipeError
from rewards.recipes.evaluate import evaluate
from rewards.recipes.tree import Recipe, read_recipe
from rewards.shaping.rows import OUTPUT, Floats, Rows

RATINGS: Final = "people"
"""The name of the outcome that is people's mean rating; no input can have it, since inputs' names are prefixed."""
INPUT_PREFIX: Final = "input:"
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
    against : RecipeVersion or None
        The other recipe.
    is_fresh : bool
        Read the project's data again.
    """

    task: str = ""
    output_id: int | None = None
    at: str = ""
    outcome: str = ""
    passes_from: float = 0.5
    against: RecipeVersion | None = None
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
    places: Any
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

    version: RecipeVersion
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


def sample_for(project: Project, settings: Settings) -> Sample:
    """The outputs to try recipes on; read once and kept for a while."""
    key = ("sample", project.pk, settings.task)
    return shelf.get(key, lambda: sample_of(project, task=settings.task), is_fresh=settings.is_fresh)


def preview(project: Project, document: object, settings: Settings) -> Preview:
    """Compute a recipe over the project's sample, and everything that is drawn of it.

    Raises
    ------
    RecipeError
        By path: what is wrong with the recipe, with its names in this project, or with its values.
    """
    recipe = read_recipe(document)
    sample = sample_for(project, settings)
    nodes = nodes_to_show(recipe)
    node = nodes.get(settings.at, recipe.reward)
    computed = _computed(project, recipe, sample, settings, paths_to_keep(node) | paths_to_keep(recipe.reward))
    terms = terms_of(node, recipe, computed.kept)
    outcomes = _outcomes(recipe, sample)
    outcome = settings.outcome if settings.outcome in dict(outcomes) else next(iter(dict(outcomes)), "")
    return Preview(
        sample=sample,
        computed=computed,
        against=_against(project, computed, sample, settings),
        terms=terms,
        nodes=[(path, label_of(one, recipe)) for path, one in nodes.items()],
        shown=_shown(project, terms, computed, sample, settings),
        outcomes=outcomes,
        outcome=outcome,
        suspicion=_suspicion(computed, sample, outcome, settings) if outcome else None,
        settings=settings,
    )


def _computed(project: Project, recipe: Recipe, sample: Sample, settings: Settings, keep: frozenset[str]) -> Computed:
    read = _read(project, recipe, sample, settings)
    evaluation = evaluate(recipe, read.built.frame, keep)
    totals = _spread(evaluation.reward.total(), read, len(sample))
    advantages, name = _advantages(recipe, evaluation.reward, read, sample, totals)
    return Computed(
        recipe=recipe,
        read=read,
        kept=evaluation.kept,
        totals=totals,
        advantages=advantages,
        advantage_name=name,
        distribution=distribution(totals),
        human=human_link(totals, sample.ratings, sample.preferences, sample.groups),
        length=length_link(totals, sample.lengths, sample.groups),
        groups=group_findings(totals, sample.groups),
    )


def _read(project: Project, recipe: Recipe, sample: Sample, settings: Settings) -> Read:
    """The recipe's numbers, from the shelf where its inputs were read before: weights may change, inputs may not."""

    def build() -> Read:
        built = frame_for(project, recipe, sample.output_ids)
        place = {pk: index for index, pk in enumerate(sample.output_ids)}
        return Read(built, np.array([place[pk] for pk in built.output_ids], dtype=np.int64), timezone.now())

    key = ("frame", project.pk, _hash_of_inputs(recipe), sample.output_ids)
    return shelf.get(key, build, is_fresh=settings.is_fresh)


def _hash_of_inputs(recipe: Recipe) -> str:
    """What the frame depends on: what is read, how it is cut, and where operators place it."""
    inputs = {name: recipe.document["inputs"][name] for name in recipe.inputs}
    reads = [
        inputs,
        recipe.used_inputs(),
        recipe.tokens,
        sorted(recipe.levels_onto()),
        recipe.document.get("advantage"),
    ]
    return sha256(json.dumps(reads, sort_keys=True).encode()).hexdigest()


def _spread(values: Floats, read: Read, n_outputs: int) -> Floats:
    """From the frame's rows to the sample's; what the frame left out is unscored."""
    spread = np.full(n_outputs, np.nan)
    spread[read.places] = values
    return spread


def _advantages(recipe: Recipe, reward: Rows, read: Read, sample: Sample, totals: Floats) -> tuple[Floats, str]:
    """By the recipe's estimator; without one, each reward's difference from the mean of its group."""
    if recipe.advantage is None:
        return centred(totals, sample.groups), "Difference from the group’s mean"
    chosen = recipe.advantage
    found = estimate(chosen, reward, read.built.frame.groups, read.built.frame.inputs)
    return _spread(found.total(), read, len(sample)), chosen.estimator.label


def _outcomes(recipe: Recipe, sample: Sample) -> list[tuple[str, str]]:
    """What may say that an output failed: inputs with one number an output, and people's ratings."""
    found = [(INPUT_PREFIX + name, name) for name in recipe.used_inputs() if recipe.inputs[name].level == OUTPUT]
    if not np.isnan(sample.ratings).all():
        found.append((RATINGS, "people’s mean rating"))
    return found


def _suspicion(computed: Computed, sample: Sample, outcome: str, settings: Settings) -> Suspicion:
    if outcome == RATINGS:
        values = sample.ratings
    else:
        rows = computed.read.built.frame.inputs[outcome.removeprefix(INPUT_PREFIX)]
        values = _spread(rows.values, computed.read, len(sample))
    dense = dense_sum(terms_of(computed.recipe.reward, computed.recipe, computed.kept))
    return suspicion(_spread(dense, computed.read, len(sample)), values, settings.passes_from)


def _against(project: Project, computed: Computed, sample: Sample, settings: Settings) -> Against | None:
    """The other recipe; what is wrong with it is told beside the picture, and does not take the picture away."""
    if settings.against is None:
        return None
    try:
        other = _computed(project, read_recipe(settings.against.tree), sample, settings, frozenset())
    except RecipeError as error:
        return Against(settings.against, None, None, error.problems)
    return Against(settings.against, other, rank_changes(other.totals, computed.totals, sample.groups))


def _shown(
    project: Project, terms: Terms, computed: Computed, sample: Sample, settings: Settings
) -> ShownOutput | None:
    """The chosen output with its terms; the first one with a number where none is chosen."""
    row = _row_to_show(terms, computed, sample, settings)
    if row is None:
        return None
    place = int(computed.read.places[row])
    output = Output.objects.of(project).only("id", "messages").get(pk=sample.output_ids[place])
    written = Written(output.pk, sample.names[place], sample.task_of(place), output.messages)
    first_message = sum(sample.n_messages[int(before)] for before in computed.read.places[:row])
    return show_output(written, terms, row, first_message, with_rows=settings.has_numbers)


def _row_to_show(terms: Terms, computed: Computed, sample: Sample, settings: Settings) -> int | None:
    place = sample.place_of(settings.output_id) if settings.output_id is not None else None
    rows = np.flatnonzero(computed.read.places == place) if place is not None else np.zeros(0, dtype=int)
    if len(rows):
        return int(rows[0])
    scored = np.flatnonzero(terms.result.n_scored() > 0)
    return int(scored[0]) if len(scored) else None
