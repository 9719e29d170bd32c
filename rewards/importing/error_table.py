"""The errors of an import as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterable

from rewards.models import ImportRowError

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def errors_as_csv(errors: Iterable[ImportRowError]) -> bytes:
    """UTF-8 with a header. Imported words that a spreadsheet would run as a formula are quoted."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["file", "row", "field", "message", "expected"])
    for error in errors:
        words = (error.field, error.message, error.expected)
        writer.writerow([_harmless(error.file_name), error.row, *(_harmless(word) for word in words)])
    return table.getvalue().encode()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
