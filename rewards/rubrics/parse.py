"""Rubrics from and to JSON-able dictionaries, with every problem named, and the hash that identifies their content."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from rewards.rubrics.content import IMPORTANCE_WEIGHTS, KINDS, Criterion, Level, RubricContent
from rewards.text import check_text

MAX_CRITERIA = 1_000
MAX_LEVELS = 50
MAX_TEXT = 20_000
MAX_WEIGHT = 1e6

Choice = TypeVar("Choice", bound=str)

_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")
_CRITERION_FIELDS = frozenset(Criterion.__dataclass_fields__)
_LEVEL_FIELDS = frozenset(Level.__dataclass_fields__)


class Problem(NamedTuple):
    """What is wrong with one field of one criterion; ``criterion`` is its index, None for the rubric itself."""

    criterion: int | None
    key: str
    field: str
    message: str

    def __str__(self) -> str:
        if self.criterion is None:
            return f"rubric: {self.message}"
        name = f" ({self.key})" if self.key else ""
        return f"criterion {self.criterion}{name}, {self.field}: {self.message}"


class RubricError(ValueError):
    """A rubric that cannot be read; ``problems`` holds all that is wrong with it, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def rubric_from_dict(data: object) -> RubricContent:
    """Read ``{"criteria": [...]}``, or the list alone.

    Each criterion is a mapping with the fields of `Criterion`; only ``text`` is required. A missing key becomes
    ``criterion-N`` (N from 1). Levels of an ordinal criterion may all omit their values: they are then spread evenly
    from 0 to 1 in the order given.

    Raises
    ------
    RubricError
        Names every criterion and field that is wrong, and what was expected.
    """
    rows = data.get("criteria") if isinstance(data, Mapping) else data
    if not isinstance(rows, list | tuple) or not rows:
        raise RubricError([Problem(None, "", "criteria", "expected a list of at least one criterion")])
    if len(rows) > MAX_CRITERIA:
        raise RubricError([Problem(None, "", "criteria", f"{len(rows)} criteria: expected at most {MAX_CRITERIA}")])
    problems: list[Problem] = []
    criteria = [_CriterionReader(index, row, problems).read() for index, row in enumerate(rows)]
    first: dict[str, int] = {}
    for index, criterion in enumerate(criteria):
        earlier = first.setdefault(criterion.key, index)
        if earlier != index and criterion.key:
            problems.append(Problem(index, criterion.key, "key", f"already the key of criterion {earlier}"))
    if problems:
        raise RubricError(sorted(problems, key=lambda problem: problem.criterion or 0))
    return RubricContent(tuple(criteria))


def rubric_to_dict(content: RubricContent) -> dict[str, Any]:
    """The JSON-able form, every field present; `rubric_from_dict` reads it back unchanged."""
    return {"criteria": [_criterion_to_dict(criterion) for criterion in content.criteria]}


def content_hash(content: RubricContent) -> str:
    """SHA-256, in hex, of the canonical JSON: sorted keys, no white space, UTF-8. The order of criteria counts."""
    canonical = json.dumps(
        rubric_to_dict(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def _criterion_to_dict(criterion: Criterion) -> dict[str, Any]:
    return {
        "key": criterion.key,
        "title": criterion.title,
        "text": criterion.text,
        "kind": criterion.kind,
        "levels": [
            {"label": level.label, "value": _plain(level.value), "anchor": level.anchor} for level in criterion.levels
        ],
        "weight": _plain(criterion.weight),
        "importance": criterion.importance,
        "must_have": criterion.must_have,
        "may_be_na": criterion.may_be_na,
    }


def _plain(number: float | None) -> float | None:
    # 1 and 1.0, 0.0 and -0.0 are one weight and must hash alike.
    return None if number is None else float(number) + 0.0


class _CriterionReader:
    """Reads one row and collects its problems; a field that is wrong reads as its default."""

    def __init__(self, index: int, row: object, problems: list[Problem]) -> None:
        self.index = index
        self.is_mapping = isinstance(row, Mapping)
        self.row: Mapping[str, Any] = row if isinstance(row, Mapping) else {}
        self.problems = problems
        key = self.row.get("key")
        self.key = key if isinstance(key, str) else ""
        if not self.is_mapping:
            self.report("text", f"{type(row).__name__}: expected a mapping with at least a text")

    def report(self, field: str, message: str) -> None:
        self.problems.append(Problem(self.index, self.key[:80], field, message))

    def read(self) -> Criterion:
        for field in sorted(str(field) for field in set(self.row) - _CRITERION_FIELDS):
            self.report(field, f"unknown field: expected one of {sorted(_CRITERION_FIELDS)}")
        kind = self.choice("kind", KINDS) or "binary"
        weight = self.number("weight", self.row.get("weight"), -MAX_WEIGHT, MAX_WEIGHT)
        must_have = self.flag("must_have")
        if must_have and weight is not None and weight < 0:
            self.report("must_have", f"weight {weight:g}: expected a weight of at least 0 (say what must be there)")
        return Criterion(
            key=self.read_key(),
            text=self.string("text", self.row.get("text"), MAX_TEXT, required=self.is_mapping),
            title=self.string("title", self.row.get("title"), 200),
            kind=kind,
            levels=self.levels(kind),
            weight=weight,
            importance=self.choice("importance", tuple(IMPORTANCE_WEIGHTS)),
            must_have=must_have,
            may_be_na=self.flag("may_be_na"),
        )

    def read_key(self) -> str:
        key = self.row.get("key")
        if key is None or key == "":
            return f"criterion-{self.index + 1}"
        if not isinstance(key, str) or _KEY.fullmatch(key) is None:
            self.report("key", f"{_shown(key)}: expected 1 to 80 letters, digits, hyphens or underscores")
            return ""
        return key

    def string(self, field: str, value: object, longest: int, *, required: bool = False) -> str:
        if value is None:
            value = ""
        if not isinstance(value, str):
            self.report(field, f"{_shown(value)}: expected text")
            return ""
        try:
            check_text(value)
        except ValueError as error:
            self.report(field, str(error))
        if len(value) > longest:
            self.report(field, f"{len(value)} characters: expected at most {longest}")
        if required and not value.strip():
            self.report(field, "missing: expected text")
        return value

    def number(self, field: str, value: object, lowest: float, highest: float) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.report(field, f"{_shown(value)}: expected a number")
        elif not math.isfinite(value) or not lowest <= value <= highest:
            self.report(field, f"{_shown(value)}: expected a number from {lowest:g} to {highest:g}")
        else:
            return float(value)
        return None

    def flag(self, field: str) -> bool:
        value = self.row.get(field, False)
        if not isinstance(value, bool):
            self.report(field, f"{_shown(value)}: expected true or false")
            return False
        return value

    def choice(self, field: str, allowed: tuple[Choice, ...]) -> Choice | None:
        value = self.row.get(field)
        if value is None or value == "":
            return None
        for option in allowed:
            if value == option:
                return option
        self.report(field, f"{_shown(value)}: expected one of {list(allowed)}")
        return None

    def levels(self, kind: str) -> tuple[Level, ...]:
        rows = self.row.get("levels") or ()
        if kind == "binary":
            if rows:
                self.report("levels", "expected none for a binary criterion")
            return ()
        if not isinstance(rows, list | tuple) or not 2 <= len(rows) <= MAX_LEVELS:
            self.report("levels", f"expected a list of 2 to {MAX_LEVELS} levels for a criterion of kind {kind}")
            return ()
        levels = [self.level(index, row) for index, row in enumerate(rows)]
        labels = [level.label for level in levels]
        for label in sorted({label for label in labels if label and labels.count(label) > 1}):
            self.report("levels", f"label {_shown(label)} occurs more than once")
        if kind == "ordinal":
            return self.with_values(levels, [row.get("value") for row in rows if isinstance(row, Mapping)])
        return tuple(levels)

    def level(self, index: int, row: object) -> Level:
        name = f"levels[{index}]"
        if not isinstance(row, Mapping):
            self.report(name, f"{_shown(row)}: expected a mapping with a label")
            return Level("", None)
        for field in sorted(str(field) for field in set(row) - _LEVEL_FIELDS):
            self.report(f"{name}.{field}", f"unknown field: expected one of {sorted(_LEVEL_FIELDS)}")
        return Level(
            label=self.string(f"{name}.label", row.get("label"), 200, required=True),
            value=self.number(f"{name}.value", row.get("value"), 0, 1),
            anchor=self.string(f"{name}.anchor", row.get("anchor"), MAX_TEXT),
        )

    def with_values(self, levels: list[Level], given: list[object]) -> tuple[Level, ...]:
        """Spread the levels evenly over [0, 1] where none was given a value; else every one needs its own."""
        missing = [index for index, value in enumerate(given) if value is None]
        if len(missing) == len(levels):
            last = len(levels) - 1
            return tuple(Level(level.label, index / last, level.anchor) for index, level in enumerate(levels))
        for index in missing:
            self.report(f"levels[{index}].value", "missing: expected a value for every level, or for none")
        return tuple(levels)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
