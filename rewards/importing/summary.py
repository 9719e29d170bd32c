"""What an import came to, as a table that people read."""

from collections.abc import Mapping
from typing import NamedTuple

_NOUNS = {
    "tasks": "Tasks",
    "outputs": "Outputs",
    "rating": "Ratings",
    "comparison": "Comparisons",
    "spans": "Span answers",
    "critique": "Critiques",
}
_NOTES = {
    "spans_marked": "spans marked in the texts",
    "spans_moved": "spans found elsewhere in the stored text than the file says, by their words and what stands around",
    "rubric_versions": "rubric versions written",
    "tasks_relabelled": "tasks with new tags, split, licence or metadata",
    "outputs_without_task": "outputs left out because their task was not taken",
}


class CountRow(NamedTuple):
    """How many rows of one kind are new, new versions, or were stored like that before."""

    noun: str
    created: int
    new_versions: int
    unchanged: int


class ImportSummary(NamedTuple):
    rows: list[CountRow]
    notes: list[str]


def summary_of(counts: Mapping[str, int]) -> ImportSummary:
    """Arrange an import's counts by kind; kinds that it did not bring are left out."""
    rows = [
        CountRow(
            label,
            counts.get(f"{noun}_created", 0),
            counts.get(f"{noun}_new_version", 0),
            counts.get(f"{noun}_unchanged", 0),
        )
        for noun, label in _NOUNS.items()
    ]
    notes = [f"{counts[name]:,} {words}" for name, words in _NOTES.items() if counts.get(name)]
    return ImportSummary([row for row in rows if any(row[1:])], notes)
