"""What every kind of question offers, and the shared ways to read configuration and name errors."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self, TypedDict

from django.db import models
from django.utils.translation import gettext

from projects.errors import AppError
from rewards.models import Judgment
from rewards.segmentation import Segmentation
from rewards.text import check_text

LABELS = "ABCDEFGH"
"""Neutral names of the outputs in the order shown; also the limit of outputs in one item."""

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,78}[a-z0-9]|[a-z]")
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,80}")


@dataclass(frozen=True)
class ShownOutput:
    """One output as an annotator knows it: by its neutral label."""

    label: str
    pk: int
    texts: Sequence[str]
    """Of its messages, exactly as stored."""
    channels: Sequence[str] = ()
    """Of its messages; empty where all are answers."""

    @property
    def answer_message(self) -> int:
        """The last message that is an answer, neither thinking nor a tool's; the last one where none is."""
        answers = [index for index, channel in enumerate(self.channels) if channel == "answer"]
        return answers[-1] if answers else len(self.texts) - 1


@dataclass(frozen=True)
class ShownItem:
    """What one assignment shows; `outputs` are in the order shown."""

    outputs: Sequence[ShownOutput]
    stored_order: Sequence[int]
    """Output ids as the item keeps them: which of two is A does not depend on who looks."""
    seed: int

    def label_of(self, pk: int) -> str:
        """The label under which an output is shown; KeyError if it is not."""
        for shown in self.outputs:
            if shown.pk == pk:
                return shown.label
        raise KeyError(pk)

    def response(self, pk: int) -> str:
        """How people know an output."""
        return gettext("Response %(label)s") % {"label": self.label_of(pk)}

    def output(self, label: str) -> ShownOutput:
        """The output with that label; KeyError if there is none."""
        for shown in self.outputs:
            if shown.label == label:
                return shown
        raise KeyError(label)


@dataclass(frozen=True)
class PlannedJudgment:
    """A judgment to be written, with its answer rows (their `judgment` is set when the envelope has an id)."""

    kind: str
    name: str
    """Unique within one submit and the same for a later correction."""
    output_id: int | None
    presentation: Mapping[str, Any]
    rows: Sequence[models.Model]
    cut: Segmentation | None = None
    """Where the rows are about segments: how the output was cut. The rows' `segmentation` is set when it is stored."""


@dataclass
class Problems:
    """Messages by the dotted name of what they are about; all are collected before anything is refused."""

    fields: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, message: str) -> None:
        self.fields[name].append(message)

    def refuse(self, *, code: str, message: str) -> None:
        """Raise them as one AppError whose message names the first."""
        if self.fields:
            name, messages = next(iter(self.fields.items()))
            raise AppError(f"{message} {name}: {messages[0]}", code=code, fields=self.fields)


class Reader:
    """Reads one mapping of a protocol; what is wrong goes to `problems` under `<where>.<name>`."""

    def __init__(self, config: Any, where: str, problems: Problems) -> None:
        self.where = where
        self.problems = problems
        self.config: Mapping[str, Any] = config if isinstance(config, Mapping) else {}
        self.read: set[str] = set()
        if not isinstance(config, Mapping):
            problems.add(where, gettext("Expected an object, got %(name)s.") % {"name": type(config).__name__})

    def text(self, name: str, *, default: str | None = None, max_length: int = 200) -> str:
        """A text; one that may not be empty where there is no default."""
        value = self._value(name, default)
        if not isinstance(value, str):
            self._wrong(name, gettext("This is needed.") if value is None else gettext("Expected a text."))
            return ""
        value = value.strip()
        if not value and default is None:
            self._wrong(name, gettext("This is needed."))
        if len(value) > max_length:
            self._wrong(
                name,
                gettext("Expected at most %(max_length)s characters, got %(value)s.")
                % {"max_length": max_length, "value": len(value)},
            )
        self._checked(name, value)
        return str(value)

    def key(self, name: str = "key") -> str:
        """A name for programs: lower-case letters, digits, - and _."""
        value = self.text(name, max_length=80)
        if value and not _KEY.fullmatch(value):
            self._wrong(name, gettext("Expected lower-case letters, digits, - and _, starting with a letter."))
        return value

    def slug(self, name: str) -> str:
        """A name that was made elsewhere, such as a criterion's key: letters, digits, - and _."""
        value = self.text(name, max_length=80)
        if value and not _SLUG.fullmatch(value):
            self._wrong(name, gettext("Expected letters, digits, - and _."))
        return value

    def number(self, name: str) -> float | None:
        """A finite number, or None."""
        value = self._value(name, None)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            self._wrong(name, gettext("Expected a number."))
            return None
        return float(value)

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._wrong(name, gettext("Expected a whole number from %(low)s to %(high)s.") % {"low": low, "high": high})
            return default
        return value

    def identifier(self, name: str) -> int | None:
        """The id of a row, or None."""
        value = self._value(name, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            self._wrong(name, gettext("Expected an id."))
            return None
        return value

    def identifiers(self, name: str, *, high: int) -> list[int]:
        """Ids of rows, each once, at most `high` of them."""
        value = self._value(name, [])
        is_list = isinstance(value, list) and all(type(entry) is int and entry > 0 for entry in value)
        if not is_list or len(value) > high or len(set(value)) < len(value):
            self._wrong(name, gettext("Expected a list of at most %(high)s ids, each once.") % {"high": high})
            return []
        return list(value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._value(name, default)
        if not isinstance(value, bool):
            self._wrong(name, gettext("Expected true or false."))
            return default
        return value

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        value = self._value(name, default)
        if value not in choices:
            self._wrong(name, gettext("Expected one of %(choices)s.") % {"choices": ", ".join(choices)})
            return default
        return str(value)

    def choices(self, name: str, choices: Sequence[str], *, default: Sequence[str]) -> tuple[str, ...]:
        value = self._value(name, list(default))
        if not isinstance(value, list) or not all(entry in choices for entry in value):
            self._wrong(name, gettext("Expected a list of %(choices)s.") % {"choices": ", ".join(choices)})
            return tuple(default)
        return tuple(choice for choice in choices if choice in value)

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self._value(name, {})
        if not isinstance(value, Mapping):
            self._wrong(name, gettext("Expected an object."))
            return {}
        return value

    def rows(self, name: str, *, low: int, high: int) -> Iterator["Reader"]:
        """Readers of a list of objects with `low` to `high` entries."""
        value = self._value(name, [])
        if not isinstance(value, list) or not low <= len(value) <= high:
            self._wrong(name, gettext("Expected a list of %(low)s to %(high)s entries.") % {"low": low, "high": high})
            return
        for index, entry in enumerate(value):
            yield Reader(entry, f"{self.where}.{name}.{index}", self.problems)

    def wrong(self, name: str, message: str) -> None:
        """Record a problem that a single value cannot show."""
        self._wrong(name, message)

    def finish(self) -> None:
        """Refuse names that nothing read: a misspelt option must not be silently ignored."""
        for name in self.config:
            if name not in self.read:
                self._wrong(str(name), gettext("This is not a known option here."))

    def _value(self, name: str, default: Any) -> Any:
        self.read.add(name)
        return self.config.get(name, default)

    def _checked(self, name: str, value: str) -> None:
        try:
            check_text(value)
        except ValueError as error:
            self._wrong(name, f"{error}.")

    def _wrong(self, name: str, message: str) -> None:
        self.problems.add(f"{self.where}.{name}", message)


class AskedFields(TypedDict):
    """What nearly every kind of question is configured with."""

    key: str
    prompt: str
    required: bool
    confidence: bool


def read_asked(reader: Reader) -> AskedFields:
    """Read the fields that the kinds share."""
    return AskedFields(
        key=reader.key(),
        prompt=reader.text("prompt", max_length=1000),
        required=reader.flag("required", default=True),
        confidence=reader.flag("confidence", default=False),
    )


@dataclass(frozen=True)
class PlainQuestion:
    """A question that has nothing to set but the fields that all kinds share, and nothing to lay out."""

    kind: ClassVar[str]

    key: str
    prompt: str
    required: bool = True
    confidence: bool = False

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        return cls(**read_asked(reader))

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "required": self.required,
            "confidence": self.confidence,
        }

    def layout(self, item: ShownItem) -> dict[str, Any]:
        return {}


def parts_of(
    answer: Any, question: str, known: Collection[str], problems: Problems, *, unknown: str = ""
) -> Mapping[str, Any] | None:
    """An answer by part, or None where it is no object; a part that is not known is a problem."""
    if not isinstance(answer, Mapping):
        problems.add(question, gettext("Expected an object with an answer for each part."))
        return None
    for name in answer:
        if name not in known:
            problems.add(f"{question}.{name}", unknown or gettext("This is not asked about."))
    return answer


def read_words(value: Any, where: str, problems: Problems, *, max_length: int) -> str | None:
    """A text that a person wrote, as it is, or None where it cannot be stored."""
    if not isinstance(value, str):
        problems.add(where, gettext("Expected a text."))
        return None
    if len(value) > max_length:
        problems.add(
            where,
            gettext("Expected at most %(max_length)s characters, got %(value)s.")
            % {"max_length": f"{max_length:,}", "value": f"{len(value):,}"},
        )
        return None
    try:
        check_text(value)
    except ValueError as error:
        problems.add(where, f"{error}.")
        return None
    return value


Place = Literal["texts", "response", "together"]
"""Where the page asks: above the responses (it is answered in their texts), in each of them, or below them all."""


class Question(Protocol):
    """One question of a protocol. Each kind is a frozen dataclass in its own file, listed in `protocols.KINDS`."""

    kind: ClassVar[str]
    label: ClassVar[str]
    place: ClassVar[Place]
    min_outputs: ClassVar[int]

    @property
    def key(self) -> str: ...

    @property
    def prompt(self) -> str: ...

    @property
    def confidence(self) -> bool: ...

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the configuration; problems go to the reader, and a value is returned all the same."""
        ...

    def config(self) -> dict[str, Any]:
        """The configuration with every default written out: what is stored, hashed and sent to the page."""
        ...

    def layout(self, item: ShownItem) -> dict[str, Any]:
        """What the page needs beside `config()` to show the question for one item."""
        ...

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        """Check one answer and turn it into judgments; problems are named `<key>.<part>`."""
        ...

    @property
    def pass_mark(self) -> float:
        """The least score that counts as right where nobody set another."""
        ...

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """How near an answer is to a known one, from 0 to 1.

        Parameters
        ----------
        given, right : sequence of PlannedJudgment
            From `plan`, each with the order in which its own giver saw the outputs.
        item : ShownItem
            As the one whose answer is `given` saw it.

        Returns
        -------
        float or None
            None where there is nothing to compare. What the known answer says and the given one leaves out scores 0.
        """
        ...

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        """An answer in words: what it is about and what it says, in the labels of `item`."""
        ...


RATING, COMPARISON, RANKING = Judgment.Kind.RATING, Judgment.Kind.COMPARISON, Judgment.Kind.RANKING
SPANS, STEPS = Judgment.Kind.SPANS, Judgment.Kind.STEPS
VERDICTS, CRITIQUE = Judgment.Kind.VERDICTS, Judgment.Kind.CRITIQUE
