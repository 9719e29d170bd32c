"""From a recipe and outputs of a project to the numbers that the recipe is computed over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from projects.models import Project
from rewards.recipe_reading.outputs import Cuts, Outputs
from rewards.recipe_reading.reading import Reading
from rewards.recipe_reading.registry import READERS
from rewards.recipe_reading.resolution import resolve
from rewards.recipes.evaluate import Frame
from rewards.recipes.tree import Recipe
from rewards.segmentation import Segmentation, whole
from rewards.shaping.rows import DENSE, OUTPUT, TOKEN, Level, Rows

MAX_OUTPUTS: Final = 2_000
"""Outputs of a preview: more would not answer while a slider moves."""


@dataclass(frozen=True)
class Note:
    """How many outputs an input has a number for, and what else a reader should know of it.

    Attributes
    ----------
    path : str
        Of the input in the recipe.
    n_with, n_outputs : int
    more : str
        Empty where there is nothing more to say.
    """

    path: str
    n_with: int
    n_outputs: int
    more: str = ""

    @property
    def text(self) -> str:
        """For a person: ``critic: 3 of 4 outputs have it``."""
        said = f"{self.path.rpartition('.')[2]}: {self.n_with} of {self.n_outputs} outputs have it"
        return f"{said}; {self.more}" if self.more else said


@dataclass(frozen=True)
class BuiltFrame:
    """A frame, and which outputs its rows are.

    Attributes
    ----------
    frame : Frame
        n outputs.
    output_ids : tuple of int, length n
    outputs : Outputs
    notes : tuple of Note
        One an input.
    left_out : mapping of int to str
        Outputs that were asked for and cannot carry the reward, with the reason.
    segmenters : mapping of str to str
        Who cut the segments of each level.
    """

    frame: Frame
    output_ids: tuple[int, ...]
    outputs: Outputs
    notes: tuple[Note, ...]
    left_out: Mapping[int, str]
    segmenters: Mapping[str, str]

    def segmentation(self, rows: Rows, index: int) -> Segmentation:
        """What one output's numbers of these rows stand on, as it is stored."""
        if rows.level.name == OUTPUT:
            return whole(self.outputs.texts(index))
        spans = rows.level.spans[rows.level.starts[index] : rows.level.starts[index + 1]].copy()
        spans[:, 0] -= self.outputs.first_message[index]
        return Segmentation(self.segmenters[rows.level.name], spans)

    @property
    def input_hash(self) -> str:
        """SHA-256 over every number that the recipe starts from, and whose they are."""
        digest = hashlib.sha256(repr((self.output_ids, self.frame.groups.tolist())).encode())
        for name in sorted(self.frame.inputs):
            rows = self.frame.inputs[name]
            for part in (name.encode(), rows.level.spans.astype("<i4").tobytes(), rows.values.astype("<f8").tobytes()):
                digest.update(len(part).to_bytes(8, "big") + part)
        for name, level in sorted(self.frame.levels.items()):
            digest.update(name.encode() + level.starts.astype("<i8").tobytes())
        return digest.hexdigest()


def frame_for(project: Project, recipe: Recipe, output_ids: Sequence[int]) -> BuiltFrame:
    """Read what a recipe needs of these outputs, in their order.

    One query for the outputs, at most seven to find what the names mean, one for each level that is cut, and one to
    three for each input that the reward uses.

    Raises
    ------
    RecipeError
        By path, before anything is computed: a rater, channel, rubric or field that this project does not have.
    AppError
        ``output_unknown`` (404).
    """
    used = recipe.used_inputs()
    resolved = resolve(project, recipe, used, output_ids)
    asked = Outputs.load(project, output_ids)
    needed = recipe.levels_onto()
    cuts = Cuts(asked, recipe.tokens)
    left_out = _without_segments(asked, cuts, sorted(needed | _dense_inputs(recipe, used)))
    if left_out:
        asked = asked.only([index for index, pk in enumerate(asked.ids) if pk not in left_out])
        cuts = Cuts(asked, recipe.tokens)
    reading = Reading(project, asked, cuts, resolved)
    rows, notes = {}, []
    for name in used:
        found = READERS[recipe.inputs[name].kind](reading, recipe.inputs[name])
        rows[name] = found.rows
        has = int(np.count_nonzero(found.rows.n_scored()))
        notes.append(Note(f"inputs.{name}", has, len(asked), found.more))
    levels = {name: cuts.of(name) for name in sorted(needed)}
    segmenters = {name: cuts.segmenter(name) for name in DENSE}
    return BuiltFrame(Frame(asked.groups, rows, levels), asked.ids, asked, tuple(notes), left_out, segmenters)


def _dense_inputs(recipe: Recipe, used: Sequence[str]) -> set[str]:
    return {recipe.inputs[name].level for name in used} - {OUTPUT}


def _without_segments(outputs: Outputs, cuts: Cuts, levels: Sequence[str]) -> dict[int, str]:
    """Outputs that have no segment on a level that the recipe works on: no text, or never cut by its tokenizer."""
    left_out: dict[int, str] = {}
    for name in levels:
        level: Level = cuts.of(name)
        for index in np.flatnonzero(level.counts == 0).tolist():
            pk = outputs.ids[index]
            is_cut = pk in cuts.spans(cuts.segmenter(name))
            reason = f"it has no {name}" if is_cut else f"{cuts.segmenter(name)} has not cut it into {TOKEN}s"
            left_out.setdefault(pk, reason)
    return left_out
