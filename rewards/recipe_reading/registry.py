"""Who reads which kind of input."""

from collections.abc import Callable, Mapping
from typing import Final

from rewards.recipe_reading import dense, scalars
from rewards.recipe_reading.reading import Found, Reading
from rewards.recipes.inputs import RecipeInput

Reader = Callable[[Reading, RecipeInput], Found]

READERS: Final[Mapping[str, Reader]] = {
    "signal": dense.read_signal,
    "marks": dense.read_marks,
    "steps": dense.read_steps,
    "rating": scalars.read_rating,
    "rubric": scalars.read_rubric,
    "verdict": scalars.read_verdict,
    "comparison": scalars.read_comparison,
    "critiques": scalars.read_critiques,
    "metadata": scalars.read_metadata,
    "fact": scalars.read_fact,
}
"""One for every kind that a project can supply."""
