"""Splits of a dataset by task: which one a task falls into depends on its id and the seed alone."""

import hashlib
import re
from collections.abc import Mapping
from math import fsum
from typing import Final

_SPLIT_NAME: Final = re.compile(r"\w+(\.\w+)*")
_TOLERANCE: Final = 1e-9


def check_fractions(fractions: Mapping[str, float]) -> None:
    """Raise `ValueError` unless the fractions are positive, sum to 1, and have names that `datasets` can load."""
    if not fractions:
        raise ValueError("at least one split is needed")
    for name, fraction in fractions.items():
        if not _SPLIT_NAME.fullmatch(name) or name == "all":
            raise ValueError(f"{name!r} is no name for a split: letters, digits and _ are, and all is reserved")
        if not fraction > 0:
            raise ValueError(f"the fraction of split {name!r} is {fraction}, not above 0")
    total = fsum(fractions.values())
    if abs(total - 1) > _TOLERANCE:
        raise ValueError(f"the fractions sum to {total:g}, not to 1")


def split_of(task_external_id: str, fractions: Mapping[str, float], seed: int) -> str:
    """Return the split of a task, so that all that is known of one task stays on one side.

    The task's place on [0, 1) is the SHA-256 of seed and id; splits take up their fractions in the order given. So
    adding tasks moves none that was there, and two exports with one seed and the same fractions agree.

    `fractions` must have passed `check_fractions`.
    """
    digest = hashlib.sha256(f"{seed}\n{task_external_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    edge = 0.0
    name = ""
    for name, fraction in fractions.items():
        edge += fraction
        if place < edge:
            return name
    return name
