"""What a rubric says: criteria with kinds, levels and signed weights."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["binary", "ordinal", "nominal"]
Importance = Literal["Essential", "Important", "Optional", "Pitfall"]

KINDS: tuple[Kind, ...] = ("binary", "ordinal", "nominal")

# Rubrics as Rewards, arXiv 2507.17746. A Pitfall is phrased positively ("avoids ..."), so it adds when it is met.
IMPORTANCE_WEIGHTS: dict[Importance, float] = {"Essential": 1.0, "Important": 0.7, "Optional": 0.3, "Pitfall": 0.9}


@dataclass(frozen=True)
class Level:
    """One answer to an ordinal or nominal criterion.

    Attributes
    ----------
    label : str
        What the rater picks.
    value : float or None
        The share of the criterion's weight that it earns, in [0, 1]. None (nominal only): it says nothing of worth,
        and a verdict of it counts as unscored.
    anchor : str
        What an output at this level looks like.
    """

    label: str
    value: float | None
    anchor: str = ""


@dataclass(frozen=True)
class Criterion:
    """One question of a rubric.

    Attributes
    ----------
    key : str
        Stable across versions: verdicts of different versions meet on it.
    text : str
        The question as the rater reads it.
    title : str
    kind : {"binary", "ordinal", "nominal"}
    levels : tuple of Level
        In rising order for an ordinal criterion; empty for a binary one.
    weight : float or None
        Signed: a negative one is a penalty for what should not be there. None: the importance decides.
    importance : {"Essential", "Important", "Optional", "Pitfall"} or None
    must_have : bool
        An output that does not meet it can score no more than 0.
    may_be_na : bool
        A rater may answer that it does not apply.
    """

    key: str
    text: str
    title: str = ""
    kind: Kind = "binary"
    levels: tuple[Level, ...] = ()
    weight: float | None = None
    importance: Importance | None = None
    must_have: bool = False
    may_be_na: bool = False

    @property
    def effective_weight(self) -> float:
        """The weight where one is given, else that of the importance, else 1."""
        if self.weight is not None:
            return self.weight
        return IMPORTANCE_WEIGHTS[self.importance] if self.importance else 1.0

    def level_value(self, label: str) -> float | None:
        """What the level with this label is worth; ValueError where there is none."""
        for level in self.levels:
            if level.label == label:
                return level.value
        raise ValueError(f"criterion {self.key}: no level {label!r}: expected one of {[x.label for x in self.levels]}")


@dataclass(frozen=True)
class RubricContent:
    """The criteria of one rubric version, in the order in which raters see them."""

    criteria: tuple[Criterion, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(criterion.key for criterion in self.criteria)

    @property
    def weights(self) -> tuple[float, ...]:
        """Effective weights, in order."""
        return tuple(criterion.effective_weight for criterion in self.criteria)
