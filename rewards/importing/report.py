"""What an import counts and which rows it could not take."""

from collections import Counter
from dataclasses import dataclass, field

from rewards.formats.records import RowError

STORED_ERRORS = 1_000
"""Of more errors only the number is kept."""


@dataclass
class ImportReport:
    """Counts by name, and the first errors by row; `new_errors` empties as they are stored."""

    counts: Counter[str] = field(default_factory=Counter)
    inserted: Counter[str] = field(default_factory=Counter)
    """Rows that are really new, as `tasks`, `outputs` and `judgments`: what the project's own counters gain."""
    error_count: int = 0
    new_errors: list[RowError] = field(default_factory=list)

    def reject(self, error: RowError) -> None:
        self.error_count += 1
        if self.error_count <= STORED_ERRORS:
            self.new_errors.append(error)
