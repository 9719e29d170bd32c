"""What changed between two versions of a rubric: criteria by key, fields, and words."""

import difflib
import re
from dataclasses import fields
from typing import Literal, NamedTuple

from rewards.rubrics.content import Criterion, RubricContent

Operation = Literal["equal", "delete", "insert"]

# The word diff is quadratic in the worst case: a longer text is shown as replaced as a whole.
MAX_DIFF_WORDS = 3_000

_TEXT_FIELDS = frozenset({"text", "title"})
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


class WordChange(NamedTuple):
    """A run of words that stayed, went or came; the texts of "equal" and "insert" together give the new text."""

    operation: Operation
    text: str


class FieldChange(NamedTuple):
    """One field of a criterion; ``words`` is empty unless the field is text."""

    field: str
    old: object
    new: object
    words: tuple[WordChange, ...]


class CriterionChange(NamedTuple):
    """One criterion that both versions have, with the fields that differ."""

    key: str
    fields: tuple[FieldChange, ...]


class RubricDiff(NamedTuple):
    """Criteria that came, went and changed; ``reordered`` is about those that both versions have."""

    added: tuple[Criterion, ...]
    removed: tuple[Criterion, ...]
    changed: tuple[CriterionChange, ...]
    reordered: bool

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.reordered)


def diff_rubrics(old: RubricContent, new: RubricContent) -> RubricDiff:
    """Compare two versions by key: a criterion with a new key is a new criterion, however alike its text."""
    before = {criterion.key: criterion for criterion in old.criteria}
    after = {criterion.key: criterion for criterion in new.criteria}
    kept = [key for key in after if key in before]
    changes = [CriterionChange(key, _field_changes(before[key], after[key])) for key in kept]
    return RubricDiff(
        added=tuple(criterion for key, criterion in after.items() if key not in before),
        removed=tuple(criterion for key, criterion in before.items() if key not in after),
        changed=tuple(change for change in changes if change.fields),
        reordered=kept != [key for key in before if key in after],
    )


def diff_words(old: str, new: str) -> tuple[WordChange, ...]:
    """Compare two texts word by word, white space kept: the changes in reading order, what went before what came."""
    left, right = _WORD.findall(old), _WORD.findall(new)
    if max(len(left), len(right)) > MAX_DIFF_WORDS:
        return _changes("equal", old) if old == new else (*_changes("delete", old), *_changes("insert", new))
    changes: list[WordChange] = []
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            changes += _changes("equal", "".join(left[start:end]))
            continue
        changes += _changes("delete", "".join(left[start:end]))
        changes += _changes("insert", "".join(right[new_start:new_end]))
    return tuple(changes)


def _changes(operation: Operation, text: str) -> tuple[WordChange, ...]:
    return (WordChange(operation, text),) if text else ()


def _field_changes(old: Criterion, new: Criterion) -> tuple[FieldChange, ...]:
    changes = []
    for field in fields(Criterion):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before != after:
            words = diff_words(before, after) if field.name in _TEXT_FIELDS else ()
            changes.append(FieldChange(field.name, before, after, words))
    return tuple(changes)
