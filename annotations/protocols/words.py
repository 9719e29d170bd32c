"""What people write about an output: the corrected text, and critiques in a user's and in a reviewer's voice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.utils.translation import gettext, gettext_noop

from annotations.protocols.contract import (
    CRITIQUE,
    Place,
    PlainQuestion,
    PlannedJudgment,
    Problems,
    Reader,
    ShownItem,
    parts_of,
    read_asked,
    read_words,
)
from annotations.protocols.likeness import matched, mean, word_distance, words_f1
from rewards.models import Critique
from rewards.text import sha256_text

MAX_EDIT = 100_000
MAX_CRITIQUE = 10_000
VOICES = {
    "user": (
        gettext_noop("As a user"),
        gettext_noop("In your own words: what you liked, what you missed, what you would ask next."),
    ),
    "reviewer": (
        gettext_noop("As a reviewer"),
        gettext_noop("As an expert would put it: what is right, what is wrong, and why."),
    ),
    "missing": (
        gettext_noop("What is missing"),
        gettext_noop("What a good response says and this one does not, each on a line of its own."),
    ),
}
MISSING = "missing"
"""The voice whose lines are notes of their own: what no stretch of the text can be marked for."""
_KINDS = {
    "user": Critique.Kind.USER_VOICE,
    "reviewer": Critique.Kind.REVIEWER_VOICE,
    MISSING: Critique.Kind.MISSING,
}


@dataclass(frozen=True)
class EditQuestion(PlainQuestion):
    """`{"kind": "edit"}`: edit the answer until it is right.

    An answer is `{"A": "the corrected text"}` for the output's last message that is an answer; the same text says that
    there is nothing to correct, which is stored as a judgment without a corrected text.
    """

    kind: ClassVar[str] = "edit"
    label: ClassVar[str] = gettext_noop("Edit to fix")
    pass_mark: ClassVar[float] = 0.5
    place: ClassVar[Place] = "response"
    min_outputs: ClassVar[int] = 1

    def layout(self, item: ShownItem) -> dict[str, Any]:
        """`messages`: which message of each output is edited, by label."""
        return {"messages": {output.label: output.answer_message for output in item.outputs}}

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        labels = [output.label for output in item.outputs]
        given = parts_of(answer, self.key, labels, problems, unknown=gettext("There is no such response."))
        if given is None:
            return []
        planned = []
        for output in item.outputs:
            where = f"{self.key}.{output.label}"
            if given.get(output.label) is None:
                if self.required:
                    problems.add(
                        where,
                        gettext("Correct Response %(label)s, or say that it is right: %(prompt)s")
                        % {"label": output.label, "prompt": self.prompt},
                    )
                continue
            text = read_words(given[output.label], where, problems, max_length=MAX_EDIT)
            if text is None:
                continue
            message = output.answer_message
            # A response may be empty itself, and be right as it is.
            if not text.strip() and text != output.texts[message]:
                problems.add(where, gettext("The corrected text is empty."))
                continue
            rows = [] if text == output.texts[message] else [Critique(kind=Critique.Kind.EDIT, text=text)]
            presentation = {
                "label": output.label,
                "message": message,
                "text_sha256": sha256_text(output.texts[message]),
                "changed": bool(rows),
            }
            planned.append(PlannedJudgment(CRITIQUE, f"{self.key}:{output.pk}", output.pk, presentation, rows))
        return planned

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """How much of the way from the text to the right one was gone, in words, mean over outputs.

        One less the distance that is left over the distance that there was; where nothing is to be corrected, 1 for a
        text without another word in it and else 0.
        """
        pairs = matched(given, right)
        return mean(_way_gone(mine, known, item) if mine else 0.0 for mine, known in pairs)

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        return [
            (item.response(plan.output_id or 0), _edited(plan, item) if plan.rows else gettext("Nothing to correct"))
            for plan in planned
        ]


@dataclass(frozen=True)
class CritiqueQuestion:
    """`{"kind": "critique", "voices": ["user", "reviewer"]}`; an answer is `{"A/user": "...", "A/reviewer": "..."}`.

    The two voices of *Language Models Can Learn from Verbal Feedback Without Scalar Rewards* (arXiv 2509.22638). A
    third, `missing`, asks beside spans for what the text leaves out, as *Fine-Grained Human Feedback Gives Better
    Rewards for Language Model Training* (arXiv 2306.01693, section 4) does; each line is stored as a note of its own.
    """

    kind: ClassVar[str] = "critique"
    label: ClassVar[str] = gettext_noop("Critique")
    pass_mark: ClassVar[float] = 0.2
    place: ClassVar[Place] = "response"
    min_outputs: ClassVar[int] = 1

    key: str
    prompt: str
    voices: tuple[str, ...] = ("user", "reviewer")
    required: bool = True
    confidence: bool = False

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        voices = reader.choices("voices", tuple(VOICES), default=("user", "reviewer"))
        if not voices:
            reader.wrong("voices", gettext("Choose at least one of %(voices)s.") % {"voices": ", ".join(VOICES)})
        return cls(**read_asked(reader), voices=voices)

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "voices": list(self.voices),
            "required": self.required,
            "confidence": self.confidence,
        }

    @property
    def voice_words(self) -> list[tuple[str, str, str]]:
        """Key, name and hint of each voice."""
        return [(voice, gettext(VOICES[voice][0]), gettext(VOICES[voice][1])) for voice in self.voices]

    def layout(self, item: ShownItem) -> dict[str, Any]:
        return {}

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        parts = [f"{output.label}/{voice}" for output in item.outputs for voice in self.voices]
        given = parts_of(answer, self.key, parts, problems)
        if given is None:
            return []
        planned = []
        for output in item.outputs:
            rows = []
            for voice in self.voices:
                part = f"{output.label}/{voice}"
                text = read_words(given.get(part) or "", f"{self.key}.{part}", problems, max_length=MAX_CRITIQUE)
                if text and text.strip():
                    rows += [Critique(kind=_KINDS[voice], text=note) for note in _notes(voice, text)]
                elif self.required and text is not None:
                    problems.add(
                        f"{self.key}.{part}",
                        gettext("Write about Response %(label)s: %(prompt)s")
                        % {"label": output.label, "prompt": self.prompt},
                    )
            if rows:
                presentation = {"label": output.label}
                planned.append(PlannedJudgment(CRITIQUE, f"{self.key}:{output.pk}", output.pk, presentation, rows))
        return planned

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """F1 of the words, mean over what the known critique says in each voice of each output.

        A low mark is asked: it finds empty and copied texts, and what only a reader can tell is left to readers.
        """
        scores = []
        for mine, known in matched(given, right):
            said = _critiques(mine)
            scores += [words_f1(said.get(kind, ""), text) for kind, text in _critiques(known).items()]
        return mean(scores)

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        names = {str(kind): gettext(VOICES[voice][0]).lower() for voice, kind in _KINDS.items()}
        return [
            (f"{item.response(plan.output_id or 0)}, {names[kind]}", text)
            for plan in planned
            for kind, text in _critiques(plan).items()
        ]


def _notes(voice: str, text: str) -> list[str]:
    """A voice's words as they are stored: what is missing line by line, anything else as one."""
    if voice != MISSING:
        return [text]
    return [line.strip() for line in text.splitlines() if line.strip()]


def _critiques(plan: PlannedJudgment | None) -> dict[str, str]:
    """What was written by kind; notes of one kind on lines of their own."""
    found: dict[str, list[str]] = {}
    for row in plan.rows if plan else ():
        if isinstance(row, Critique):
            found.setdefault(str(row.kind), []).append(row.text)
    return {kind: "\n".join(texts) for kind, texts in found.items()}


def _edited(plan: PlannedJudgment, item: ShownItem) -> str:
    """The text as it should be."""
    corrected = [row.text for row in plan.rows if isinstance(row, Critique)]
    return corrected[0] if corrected else _unedited(plan, item)


def _unedited(plan: PlannedJudgment, item: ShownItem) -> str:
    output = item.output(item.label_of(plan.output_id or 0))
    return output.texts[output.answer_message]


def _way_gone(given: PlannedJudgment, right: PlannedJudgment, item: ShownItem) -> float:
    meant = _edited(right, item).split()
    left = word_distance(_edited(given, item).split(), meant)
    whole = word_distance(_unedited(right, item).split(), meant)
    return max(0.0, 1 - left / whole) if whole else float(left == 0)
