"""A rubric while it is being written: rows as they were typed, with what is wrong beside them.

Not Django forms: criteria hold levels, and what is valid is said once, in `rewards.rubrics.parse`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext

from rewards.rubrics.content import IMPORTANCE_WEIGHTS, KINDS, RubricContent
from rewards.rubrics.parse import MAX_CRITERIA, MAX_LEVELS, Problem, RubricError, rubric_from_dict

KIND_CHOICES = [(kind, kind.capitalize()) for kind in KINDS]
IMPORTANCE_CHOICES = [(name, f"{name} ({weight:g})") for name, weight in IMPORTANCE_WEIGHTS.items()]
BLANK_LEVELS = 2


@dataclass
class LevelDraft:
    label: str = ""
    value: str = ""
    anchor: str = ""

    @property
    def is_blank(self) -> bool:
        return not (self.label or self.value or self.anchor.strip())


@dataclass
class CriterionDraft:
    """One criterion as typed; `errors` by field."""

    key: str = ""
    title: str = ""
    text: str = ""
    kind: str = "binary"
    weight: str = ""
    importance: str = ""
    must_have: bool = False
    may_be_na: bool = False
    levels: list[LevelDraft] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)
    is_new: bool = False
    """Just added: takes the focus."""

    @property
    def is_blank(self) -> bool:
        return not (self.title or self.text.strip() or self.weight or any(not level.is_blank for level in self.levels))

    @property
    def level_rows(self) -> list[LevelDraft]:
        """The levels, and blank rows where there are too few to fill in."""
        return self.levels + [LevelDraft() for _ in range(BLANK_LEVELS - len(self.levels))]

    @property
    def level_errors(self) -> list[str]:
        return [message for name, messages in self.errors.items() if name.startswith("levels") for message in messages]

    def to_dict(self) -> dict[str, Any]:
        """As `rubric_from_dict` reads it; what is no number stays text, so that it is named as wrong."""
        levels = [
            {"label": level.label, "value": _number(level.value), "anchor": level.anchor}
            for level in self.levels
            if not level.is_blank
        ]
        return {
            "key": self.key,
            "title": self.title,
            "text": self.text,
            "kind": self.kind,
            "levels": levels if self.kind != "binary" else [],
            "weight": _number(self.weight),
            "importance": self.importance or None,
            "must_have": self.must_have,
            "may_be_na": self.may_be_na,
        }


@dataclass
class RubricDraft:
    """The whole editor."""

    name: str = ""
    description: str = ""
    note: str = ""
    criteria: list[CriterionDraft] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def from_post(cls, data: Mapping[str, str]) -> "RubricDraft":
        """Read the editor's fields; anything missing is blank."""
        criteria = [_criterion(data, f"c-{index}-") for index in range(_count(data, "criteria", MAX_CRITERIA))]
        return cls(
            name=data.get("name", "").strip(),
            description=_plain(data, "description"),
            note=data.get("note", "").strip(),
            criteria=criteria,
        )

    @classmethod
    def from_content(cls, content: RubricContent, *, name: str, description: str) -> "RubricDraft":
        criteria = [
            CriterionDraft(
                key=criterion.key,
                title=criterion.title,
                text=criterion.text,
                kind=criterion.kind,
                weight="" if criterion.weight is None else f"{criterion.weight:.17g}",
                importance=criterion.importance or "",
                must_have=criterion.must_have,
                may_be_na=criterion.may_be_na,
                levels=[
                    LevelDraft(level.label, "" if level.value is None else f"{level.value:.17g}", level.anchor)
                    for level in criterion.levels
                ],
            )
            for criterion in content.criteria
        ]
        return cls(name=name, description=description, criteria=criteria)

    def apply(self, step: str) -> None:
        """Change rows: ``add``, ``remove:2``, ``up:2``, ``down:2``, ``add-level:2``, ``remove-level:2:0``.

        A step that fits no row changes nothing: the page may be older than what another tab made of it.
        """
        verb, *numbers = step.split(":")
        at = [int(number) for number in numbers if number.isdecimal()]
        if verb == "add" and len(self.criteria) < MAX_CRITERIA:
            self.criteria.append(CriterionDraft(is_new=True))
        elif at and at[0] < len(self.criteria):
            self._apply_at(verb, *at)

    def _apply_at(self, verb: str, index: int, level: int = 0) -> None:
        criteria, criterion = self.criteria, self.criteria[index]
        if verb == "remove":
            del criteria[index]
        elif verb == "up" and index > 0:
            criteria[index - 1], criteria[index] = criterion, criteria[index - 1]
        elif verb == "down" and index + 1 < len(criteria):
            criteria[index + 1], criteria[index] = criterion, criteria[index + 1]
        elif verb == "add-level" and len(criterion.levels) < MAX_LEVELS:
            criterion.levels = [*criterion.level_rows, LevelDraft()]
        elif verb == "remove-level" and level < len(criterion.levels):
            del criterion.levels[level]

    def content(self) -> RubricContent | None:
        """What was written, or None with `errors` filled in. Blank criteria are dropped, missing keys are made."""
        self.criteria = [criterion for criterion in self.criteria if not criterion.is_blank]
        self._name_keys()
        try:
            return rubric_from_dict({"criteria": [criterion.to_dict() for criterion in self.criteria]})
        except RubricError as error:
            for problem in error.problems:
                self._place(problem)
            return None

    def check_name(self) -> None:
        if not self.name:
            self.errors.setdefault("name", []).append(gettext("Give the rubric a name."))
        elif len(self.name) > 200:
            self.errors.setdefault("name", []).append(gettext("Use at most 200 characters."))
        if len(self.note) > 300:
            self.errors.setdefault("note", []).append(gettext("Use at most 300 characters."))
        if "\x00" in self.name + self.description + self.note:
            self.errors.setdefault("name", []).append(gettext("Leave NUL characters out."))

    def _name_keys(self) -> None:
        """Keys outlive versions, so they are made from the words and not from the place."""
        taken = {criterion.key for criterion in self.criteria}
        for number, criterion in enumerate(self.criteria, 1):
            if criterion.key:
                continue
            stem = slugify(criterion.title or criterion.text)[:40].strip("-") or f"criterion-{number}"
            key, suffix = stem, 2
            while key in taken:
                key, suffix = f"{stem}-{suffix}", suffix + 1
            criterion.key = key
            taken.add(key)

    def _place(self, problem: Problem) -> None:
        errors = self.errors if problem.criterion is None else self.criteria[problem.criterion].errors
        errors.setdefault(problem.field, []).append(problem.message)


def _criterion(data: Mapping[str, str], prefix: str) -> CriterionDraft:
    count = _count(data, f"{prefix}levels", MAX_LEVELS)
    levels = [
        LevelDraft(
            label=data.get(f"{prefix}l-{index}-label", "").strip(),
            value=data.get(f"{prefix}l-{index}-value", "").strip(),
            anchor=_plain(data, f"{prefix}l-{index}-anchor"),
        )
        for index in range(count)
    ]
    while levels and levels[-1].is_blank:
        levels.pop()
    return CriterionDraft(
        key=data.get(f"{prefix}key", "").strip(),
        title=data.get(f"{prefix}title", "").strip(),
        text=_plain(data, f"{prefix}text"),
        kind=data.get(f"{prefix}kind", "binary"),
        weight=data.get(f"{prefix}weight", "").strip(),
        importance=data.get(f"{prefix}importance", ""),
        must_have=f"{prefix}must_have" in data,
        may_be_na=f"{prefix}may_be_na" in data,
        levels=levels,
    )


def _plain(data: Mapping[str, str], name: str) -> str:
    # Browsers send every line break of a textarea as CRLF; a text that nobody touched must not become another version.
    return data.get(name, "").replace("\r\n", "\n")


def _count(data: Mapping[str, str], name: str, most: int) -> int:
    text = data.get(name, "")
    return min(int(text), most) if text.isdecimal() and len(text) < 6 else 0


def _number(text: str) -> float | str | None:
    if not text:
        return None
    try:
        return float(text.replace("\u2212", "-"))
    except ValueError:
        return text
