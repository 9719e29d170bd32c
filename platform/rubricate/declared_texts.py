"""What packages without Django declare for people, as a listing that translators' tools can read.

Operators, estimators, sources and formats say their titles, labels and help in English where they are declared; a page
translates them where it shows them. No tool finds them there, so the registries are listed as marked literals.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

from rewards.acquisition.allocation import ALLOCATIONS
from rewards.acquisition.arms import ARMS
from rewards.acquisition.duels import DUELS
from rewards.advantages.registry import ESTIMATORS
from rewards.formats.registry import EXPORT_FORMATS, IMPORT_FORMATS
from rewards.parameters import Parameter
from rewards.preferences.registry import LOSSES
from rewards.recipes.inputs import KINDS
from rewards.recipes.presets import PRESETS
from rewards.rubrics.rules import AGGREGATIONS
from rewards.shaping.contract import Paper
from rewards.shaping.registry import OPERATORS
from workers.sources.registry import SOURCES
from workers.training.registry import TRAINERS

REGISTRIES: tuple[Mapping[str, object], ...] = (
    OPERATORS, ESTIMATORS, LOSSES, KINDS, PRESETS, AGGREGATIONS, IMPORT_FORMATS, EXPORT_FORMATS,
    ALLOCATIONS, ARMS, DUELS, SOURCES, TRAINERS,
)  # fmt: skip
SAID = {
    "label", "title", "summary", "help", "notes", "alone", "family", "reads", "used_by", "undefined", "checked_by",
}  # fmt: skip
"""Fields that a person reads. Names, formulas, prompts and what a paper is called are the same in every language."""
LISTING = "platform/rubricate/declared_listing.py"
_HEAD = '''"""Made by `manage.py list_declared_texts`: what packages without Django declare for people."""

# ruff: noqa: E501
# fmt: off
from django.utils.translation import gettext_noop

'''


def declared_texts() -> list[str]:
    """Every text of the registries that a person reads, once each and in order."""
    return sorted({text for registry in REGISTRIES for declared in registry.values() for text in _texts(declared)})


def listing() -> str:
    """The module that marks them."""
    # JSON's way to write a string is Python's too.
    lines = (f"gettext_noop({json.dumps(text, ensure_ascii=False)})\n" for text in declared_texts())
    return _HEAD + "".join(lines)


def _texts(declared: object) -> Iterator[str]:
    if isinstance(declared, Paper | str) and not isinstance(declared, Enum):
        return
    if isinstance(declared, Enum):
        yield from filter(None, [getattr(declared, "label", "")])
    elif hasattr(declared, "declaration"):
        yield from _texts(declared.declaration)
    elif isinstance(declared, Mapping):
        yield from (text for each in declared.values() for text in _texts(each))
    elif isinstance(declared, tuple | list | frozenset):
        yield from (text for each in declared for text in _texts(each))
    elif is_dataclass(declared):
        if isinstance(declared, Parameter):
            yield from (label for _, label in declared.choices)
        for one in fields(declared):
            value = getattr(declared, one.name)
            if isinstance(value, str) and not isinstance(value, Enum):
                if one.name in SAID and value:
                    yield value
            else:
                yield from _texts(value)
