"""CSV as rows: records with the line that they begin on, whatever line breaks their fields hold."""

import csv
from collections.abc import Iterator
from typing import NamedTuple

from rewards.formats.records import FormatError, InvalidRow, RowError
from rewards.formats.sources import SourceFile, check_decoded, lines_of


class CsvRow(NamedTuple):
    """The fields of one record, and the line that it begins on."""

    line: int
    fields: list[str]


def csv_rows(source: SourceFile) -> Iterator[CsvRow | RowError]:
    """Yield the records of a CSV file; empty lines are passed over.

    Bytes that are not UTF-8 and NUL characters are errors of their own row.

    Raises
    ------
    FormatError
        Where no later row can be trusted: a quotation mark out of place or never closed, a line or field longer than
        `max_row_bytes`.
    """
    # The limit belongs to the process: it is only ever raised, so that readers side by side do not fail each other.
    csv.field_size_limit(max(csv.field_size_limit(), source.max_row_bytes))
    reader = csv.reader(_decoded_lines(source), strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FormatError(
                f"It is not CSV from this row on: {error}",
                expected='fields separated by commas, and fields with commas, quotes or line breaks in "..."',
                file=source.name,
                row=begin,
            ) from None
        if not fields:
            continue
        try:
            for index, text in enumerate(fields):
                check_decoded(text, f"column {index + 1}")
        except InvalidRow as invalid:
            yield invalid.at(begin, source.name)
        else:
            yield CsvRow(begin, fields)


def _decoded_lines(source: SourceFile) -> Iterator[str]:
    for line in lines_of(source):
        if isinstance(line, RowError):
            # Skipping one line of a quoted field would tear its record apart.
            raise FormatError(line.message, expected=line.expected, file=source.name, row=line.row)
        yield line.raw.decode("utf-8", "surrogateescape")
