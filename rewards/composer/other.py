"""What a recipe is held against: a stored version, or a paper's composition over this recipe's inputs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from rewards.composer.document import level_of
from rewards.recipes.presets import Preset

PRESET: Final = "preset:"
"""Before the name of a paper's composition in the field that chooses the other side."""
BESIDE: Final = "beside:"
"""Before the name of its input in the field that says which of this recipe's inputs it is."""


class Binding(NamedTuple):
    """An input of the other side, what it expects, and which of this recipe's inputs it is; empty for none yet."""

    name: str
    label: str
    level: str
    chosen: str

    @property
    def field(self) -> str:
        return BESIDE + self.name


@dataclass(frozen=True)
class Other:
    """The other side of a comparison.

    Attributes
    ----------
    key : str
        What the form sends for it: the key of a version, or `PRESET` and a name.
    tree : mapping
        Its document; that of a paper has inputs to bind.
    preset : Preset or None
    wanted : mapping of str to str
        Which inputs a person chose for those of a paper.
    """

    key: str
    name: str
    tree: Mapping[str, Any]
    preset: Preset | None = None
    wanted: Mapping[str, str] = field(default_factory=dict)

    def bindings(self, document: Mapping[str, Any]) -> list[Binding]:
        """The inputs that a paper leaves open, each with the chosen input of `document`.

        Where none was chosen it is the one of the same name, else the only one that stands on its level where the
        paper leaves no other open there.
        """
        levels = {name: level_of(dict(document), {"input": name}) for name in document["inputs"]}
        is_open = self.preset.inputs if self.preset else {}
        open_inputs = {name: given for name, given in is_open.items() if given.declared is None}
        alike = [given.level for given in open_inputs.values()]
        found = []
        for name, given in open_inputs.items():
            fits = [one for one, level in levels.items() if level == given.level]
            guess = name if name in levels else fits[0] if len(fits) == 1 and alike.count(given.level) == 1 else ""
            wanted = self.wanted.get(name, guess)
            found.append(Binding(name, given.label, given.level, wanted if wanted in levels else ""))
        return found

    def document(self, bindings: list[Binding], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Its recipe, with what was chosen of these declared `inputs`."""
        if self.preset is None:
            return dict(self.tree)
        return self.preset.bind({one.name: inputs[one.chosen] for one in bindings if one.chosen})
