"""Columns of judgments as small whole numbers, which numpy can count."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Column = Sequence[Hashable] | npt.NDArray[np.generic]


def codes_of(column: Column) -> tuple[Ints, list[Hashable]]:
    """Number the distinct values of a column; -1 for None and NaN."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "biuf":
        distinct, codes = np.unique(column, return_inverse=True)
        missing = np.isnan(distinct) if column.dtype.kind == "f" else np.zeros(len(distinct), dtype=bool)
        return np.where(missing[codes], -1, codes).astype(np.int64), list(distinct[~missing].tolist())
    seen: dict[Hashable, int] = {}
    numbered = [-1 if value is None or value != value else seen.setdefault(value, len(seen)) for value in plain(column)]
    return np.array(numbered, dtype=np.int64), list(seen)


def plain(column: Column) -> list[Hashable]:
    return list(column.tolist() if isinstance(column, np.ndarray) else column)
