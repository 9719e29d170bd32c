"""From a recipe and a project to what the composer draws."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

import numpy as np
from django.utils import timezone

from projects.models import Project
from rewards.composer.cache import shelf
from rewards.composer.findings import (
    Suspicion,
    centred,
    distribution,
    group_findings,
    human_link,
    length_link,
    rank_changes,
    suspicion,
)
from rewards.composer.picture import (
    HORIZONS,
    MAX_COMPARED,
    Against,
    Computed,
    NamedConsistency,
    Preview,
    Read,
    Settings,
)
from rewards.composer.sample import Sample, sample_of
from rewards.composer.terms import Terms, dense_sum, label_of, nodes_to_show, paths_to_keep, terms_of
from rewards.composer.text import ShownOutput, Written, show_output
from rewards.recipe_frames import frame_for
from rewards.recipes.errors import RecipeError
from rewards.recipes.evaluate import evaluate
from rewards.recipes.tree import Recipe, read_recipe
from rewards.shaping.consistency import consistency_matrix
from rewards.shaping.informativeness import Informativeness, informativeness
from rewards.shaping.rows import OUTPUT, Floats, Rows

RATINGS: Final = "people"
"""The outcome that is people's mean rating; no input is called so here, since theirs are prefixed."""
INPUT_PREFIX: Final = "input:"


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
    of_reward = terms if node is recipe.reward else terms_of(recipe.reward, recipe, computed.kept)
    outcomes = _outcomes(recipe, sample)
    outcome = settings.outcome if settings.outcome in dict(outcomes) else next(iter(dict(outcomes)), "")
    known = _outcome_values(outcome, computed, sample) if outcome else None
    return Preview(
        sample=sample,
        computed=computed,
        against=_against(project, computed, sample, settings),
        terms=terms,
        nodes=[(path, label_of(one, recipe)) for path, one in nodes.items()],
        shown=_shown(terms, computed, sample, settings),
        outcomes=outcomes,
        outcome=outcome,
        suspicion=None if known is None else _suspicion(of_reward, computed, known, settings),
        informativeness=None if known is None else _informativeness(of_reward.result, computed, known, sample),
        consistency=_consistency(computed, sample),
        settings=settings,
    )


def _computed(project: Project, recipe: Recipe, sample: Sample, settings: Settings, keep: frozenset[str]) -> Computed:
    read = _read(project, recipe, sample, settings)
    evaluation = evaluate(recipe, read.built.frame, keep)
    totals = _spread(evaluation.reward.total(), read, len(sample))
    if evaluation.advantages is None:
        advantages, name = centred(totals, sample.groups), "Difference from the group’s mean"
    else:
        assert recipe.advantage is not None
        advantages = _spread(evaluation.advantages.total(), read, len(sample))
        name = recipe.advantage.estimator.label
    return Computed(
        recipe=recipe,
        read=read,
        kept=evaluation.kept,
        totals=totals,
        advantages=advantages,
        advantage_name=name,
        distribution=distribution(totals),
        human=human_link(totals, sample.ratings, sample.preferences, sample.won, sample.groups),
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


def _outcomes(recipe: Recipe, sample: Sample) -> list[tuple[str, str]]:
    """What may say that an output failed: inputs with one number an output, and people's ratings."""
    found = [(INPUT_PREFIX + name, name) for name in recipe.used_inputs() if recipe.inputs[name].level == OUTPUT]
    if not np.isnan(sample.ratings).all():
        found.append((RATINGS, "people’s mean rating"))
    return found


def _outcome_values(outcome: str, computed: Computed, sample: Sample) -> Floats:
    if outcome == RATINGS:
        return sample.ratings
    rows = computed.read.built.frame.inputs[outcome.removeprefix(INPUT_PREFIX)]
    return _spread(rows.values, computed.read, len(sample))


def _suspicion(terms: Terms, computed: Computed, outcome: Floats, settings: Settings) -> Suspicion:
    dense = _spread(dense_sum(terms), computed.read, len(outcome))
    return suspicion(dense, outcome, settings.passes_from)


def _informativeness(reward: Rows, computed: Computed, outcome: Floats, sample: Sample) -> Informativeness:
    places = computed.read.places
    return informativeness(reward, Rows.scalars(outcome[places]), sample.groups[places], HORIZONS)


def _consistency(computed: Computed, sample: Sample) -> NamedConsistency:
    """The reward, the inputs that it uses, and people's ratings where there are any."""
    places, inputs = computed.read.places, computed.read.built.frame.inputs
    compared = dict(list(inputs.items())[:MAX_COMPARED])
    if not np.isnan(sample.ratings).all():
        compared["people’s mean rating"] = Rows.scalars(sample.ratings[places])
    reward = Rows.scalars(computed.totals[places])
    found = consistency_matrix(reward, list(compared.values()), sample.groups[places])
    return NamedConsistency(["the reward", *compared], found)


def _against(project: Project, computed: Computed, sample: Sample, settings: Settings) -> Against | None:
    """The other recipe; what is wrong with it is told beside the picture, and does not take the picture away."""
    other = settings.against
    if other is None:
        return None
    declared = computed.recipe.document
    bindings = other.bindings(declared)
    try:
        document = other.document(bindings, declared["inputs"])
        found = _computed(project, read_recipe(document), sample, settings, frozenset())
    except RecipeError as error:
        return Against(other, bindings, None, None, error.problems)
    return Against(other, bindings, found, rank_changes(found.totals, computed.totals, sample.groups))


def _shown(terms: Terms, computed: Computed, sample: Sample, settings: Settings) -> ShownOutput | None:
    """The chosen output with its terms; the first one with a number where none is chosen."""
    row = _row_to_show(terms, computed, sample, settings)
    if row is None:
        return None
    place = int(computed.read.places[row])
    outputs = computed.read.built.outputs
    written = Written(sample.output_ids[place], sample.names[place], sample.task_of(place), outputs.messages[row])
    return show_output(written, terms, row, int(outputs.first_message[row]), with_rows=settings.has_numbers)


def _row_to_show(terms: Terms, computed: Computed, sample: Sample, settings: Settings) -> int | None:
    place = sample.place_of(settings.output_id) if settings.output_id is not None else None
    rows = np.flatnonzero(computed.read.places == place) if place is not None else np.zeros(0, dtype=int)
    if len(rows):
        return int(rows[0])
    scored = np.flatnonzero(terms.result.n_scored() > 0)
    return int(scored[0]) if len(scored) else None
