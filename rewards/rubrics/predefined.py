"""Rubrics to start from, by name: shipped as data, copied into a project by whoever makes one of it.

The generic one is the baseline that Rubrics as Rewards calls predefined (Gunjal et al. 2025, arXiv 2507.17746, section
4.4): the same few criteria for every task, all of one weight, aggregated explicitly. There it does worse than rubrics
of the single tasks (12.5 against 29.7 on HealthBench), which is what it is good for: a floor to compare with. The
paper's four subjects are kept; the wording is our own.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from rewards.rubrics.content import Criterion, RubricContent


class Starter(NamedTuple):
    """A rubric to copy."""

    name: str
    description: str
    content: RubricContent


GENERIC: Final = "generic"

STARTERS: Final[Mapping[str, Starter]] = {
    GENERIC: Starter(
        name="Generic rubric",
        description=(
            "The same criteria for every task: a floor to compare a task's own rubric with (Rubrics as Rewards, "
            "predefined)."
        ),
        content=RubricContent(
            (
                Criterion(
                    "correct",
                    "What the response states as fact is true, so that nobody is misled by it.",
                    title="Correct",
                    weight=1.0,
                ),
                Criterion(
                    "complete",
                    "Every essential part of the question is answered in enough detail.",
                    title="Complete",
                    weight=1.0,
                ),
                Criterion(
                    "concise",
                    "The response keeps to the point, free of repetition or padding.",
                    title="Concise",
                    weight=1.0,
                ),
                Criterion(
                    "useful",
                    "The user can act on the response for what they need it for.",
                    title="Useful",
                    weight=1.0,
                ),
            )
        ),
    )
}
