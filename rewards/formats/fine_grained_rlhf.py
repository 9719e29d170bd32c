"""The long-form QA feedback of *Fine-Grained RLHF* (Wu et al., 2023, arXiv 2306.01693): error spans and preferences.

A file is one array of questions with four model answers each. People marked errors in the first answer, by characters,
said what it misses and corrected it; and they compared the answers pair by pair. The data names neither people nor
models: answers are of the policies `prediction-1` to `prediction-4`, and all feedback is of one rater.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rewards.formats.identity import digest_of
from rewards.formats.json_rows import array_items, decode_row, kind_of, refuse_unknown_keys
from rewards.formats.records import (
    Anchor,
    Choice,
    ComparisonRecord,
    CritiqueKind,
    CritiqueRecord,
    InvalidRow,
    OutputRecord,
    Record,
    RowError,
    SpanMark,
    SpansRecord,
    TaskRecord,
)
from rewards.formats.sources import SourceFile
from rewards.text import quote_selector, sha256_text

DEFAULT_RATER: Final = "Fine-Grained RLHF annotators"
ANSWERS: Final = 4
PAIRS: Final = ((1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4))
_CHOICES: Final[Mapping[int, Choice]] = {1: "a", 2: "b", 0: "tie"}
_KEYS: Final = frozenset(
    {"question", "passages", "gold", "feedback", "preference", *(f"prediction {n}" for n in range(1, ANSWERS + 1))}
)
_FEEDBACK_KEYS: Final = frozenset({"errors", "missing-info", "corrected-prediction"})
_ERROR_KEYS: Final = frozenset({"error type", "explanation", "start", "end"})
_MISSING_KEYS: Final = frozenset({"error type", "passage_id", "sentence_id"})


def read(files: Sequence[SourceFile], options: Mapping[str, str]) -> Iterator[Record | RowError]:
    """Yield, question by question, the task with its answers and then all feedback on them.

    A question with any fault is one `RowError` and yields nothing else. Memory does not grow with the file.
    `options["rater"]` names the annotators.

    Raises
    ------
    FormatError
        If a file holds no array, or ends within it.
    """
    rater = options.get("rater") or DEFAULT_RATER
    for source in files:
        for item in array_items(source):
            if isinstance(item, RowError):
                yield item
                continue
            try:
                records = _Question(decode_row(item.raw), item.number, source.name, rater).records()
            except InvalidRow as invalid:
                yield invalid.at(item.number, source.name)
            else:
                yield from records


class _Question:
    """One item of the array, checked and turned into records."""

    def __init__(self, data: object, row: int, file: str, rater: str) -> None:
        if not isinstance(data, dict):
            raise InvalidRow("", f"The item is {kind_of(data)}", "an object with a question and its answers")
        refuse_unknown_keys(data, _KEYS)
        self.data = data
        self.row = row
        self.file = file
        self.rater = rater
        question = _text(data, "question")
        # The position too: data sets of this kind ask the same question twice, with other answers.
        self.task_id = f"fine-grained-{row:05d}-{digest_of(question, characters=8)}"
        self.passages = _passages(data.get("passages"))
        self.feedback = _object(data, "feedback")
        refuse_unknown_keys(self.feedback, _FEEDBACK_KEYS, "feedback")

    def records(self) -> list[Record]:
        """Return all records of the question; raise `InvalidRow` rather than return some of them."""
        return [self._task(), self._spans(), *self._critiques(), *self._comparisons()]

    def _output_id(self, number: int) -> str:
        return f"{self.task_id}-{number}"

    def _task(self) -> TaskRecord:
        return TaskRecord(
            row=self.row,
            external_id=self.task_id,
            messages=[{"role": "user", "text": _text(self.data, "question")}],
            reference=_text(self.data, "gold"),
            context=_context(self.passages),
            outputs=[
                OutputRecord(
                    row=self.row,
                    task_external_id=self.task_id,
                    external_id=self._output_id(number),
                    messages=[
                        {"role": "assistant", "channel": "answer", "text": _text(self.data, f"prediction {number}")}
                    ],
                    policy=f"prediction-{number}",
                    file=self.file,
                )
                for number in range(1, ANSWERS + 1)
            ],
            file=self.file,
        )

    def _spans(self) -> SpansRecord:
        text = _text(self.data, "prediction 1")
        digest = sha256_text(text)
        return SpansRecord(
            row=self.row,
            task_external_id=self.task_id,
            output_external_id=self._output_id(1),
            rater=self.rater,
            spans=[
                _span(error, f"feedback.errors[{index}]", text, digest)
                for index, error in enumerate(_list(self.feedback, "errors", "feedback."))
            ],
            file=self.file,
        )

    def _critiques(self) -> Iterator[CritiqueRecord]:
        for index, missing in enumerate(_list(self.feedback, "missing-info", "feedback.")):
            yield self._critique("missing", _missing(missing, f"feedback.missing-info[{index}]", self.passages))
        corrected = _text(self.feedback, "corrected-prediction", "feedback.")
        if corrected:
            yield self._critique("edit", corrected)

    def _critique(self, kind: CritiqueKind, text: str) -> CritiqueRecord:
        return CritiqueRecord(self.row, self.task_id, self._output_id(1), self.rater, kind, text, file=self.file)

    def _comparisons(self) -> Iterator[ComparisonRecord]:
        answers = _list(self.data, "preference")
        if len(answers) != len(PAIRS):
            raise InvalidRow("preference", f"It has {len(answers)} answers", "6: 1v2, 1v3, 1v4, 2v3, 2v4, 3v4")
        for index, ((a, b), answer) in enumerate(zip(PAIRS, answers, strict=True)):
            if type(answer) is not int or answer not in _CHOICES:
                expected = "1 (first), 2 (second) or 0 (none)"
                raise InvalidRow(f"preference[{index}]", f"It is {kind_of(answer)}", expected)
            choice = _CHOICES[answer]
            yield ComparisonRecord(
                row=self.row,
                task_external_id=self.task_id,
                output_a=self._output_id(a),
                output_b=self._output_id(b),
                rater=self.rater,
                choice=choice,
                tie_kind="equal" if choice == "tie" else "",
                file=self.file,
            )


def _span(error: object, at: str, text: str, digest: str) -> SpanMark:
    if not isinstance(error, dict):
        raise InvalidRow(at, f"It is {kind_of(error)}", "an object with error type, start and end")
    refuse_unknown_keys(error, _ERROR_KEYS, at)
    start, end = _offset(error, "start", at), _offset(error, "end", at)
    if not 0 <= start < end <= len(text):
        raise InvalidRow(
            at, f"The span {start} to {end} is not within the answer", f"0 <= start < end <= {len(text)} characters"
        )
    kind = _text(error, "error type", f"{at}.")
    if not kind or len(kind) > 80:
        raise InvalidRow(f"{at}.error type", f"It has {len(kind)} characters", "1 to 80 characters")
    # The project may hold another state of the answer under its id, and keep it.
    anchor = Anchor(*quote_selector(text, start, end), digest)
    return SpanMark(0, start, end, kind, explanation=_text(error, "explanation", f"{at}."), anchor=anchor)


def _offset(error: Mapping[str, Any], key: str, at: str) -> int:
    offset = error.get(key)
    if not isinstance(offset, int) or isinstance(offset, bool):
        raise InvalidRow(f"{at}.{key}", f"It is {kind_of(offset)}", "a whole number")
    return offset


def _missing(missing: object, at: str, passages: Sequence[Sequence[str]]) -> str:
    """Put a note on missing information into words, with the sentences that it only gives the numbers of."""
    if not isinstance(missing, dict):
        raise InvalidRow(at, f"It is {kind_of(missing)}", "an object with error type, passage_id and sentence_id")
    refuse_unknown_keys(missing, _MISSING_KEYS, at)
    passage = missing.get("passage_id")
    sentences = _list(missing, "sentence_id", f"{at}.")
    if type(passage) is not int or not 1 <= passage <= len(passages):
        raise InvalidRow(f"{at}.passage_id", f"It is {kind_of(passage)}", f"a number from 1 to {len(passages)}")
    parts = passages[passage - 1]
    for index, sentence in enumerate(sentences):
        if type(sentence) is not int or not 0 <= sentence < len(parts):
            wanted = f"a number from 0 to {len(parts) - 1}"
            raise InvalidRow(f"{at}.sentence_id[{index}]", f"It is {kind_of(sentence)}", wanted)
    places = ", ".join(map(str, sentences))
    quotes = " ".join(parts[sentence] for sentence in sentences)
    return f"{_text(missing, 'error type', f'{at}.')}: passage {passage}, sentence {places}\n{quotes}"


def _passages(value: object) -> list[list[str]]:
    if not isinstance(value, list):
        raise InvalidRow("passages", f"It is {kind_of(value)}", "a list of passages")
    for index, passage in enumerate(value):
        if not isinstance(passage, list) or not all(isinstance(part, str) for part in passage) or not passage:
            raise InvalidRow(f"passages[{index}]", f"It is {kind_of(passage)}", "a title and sentences, all strings")
    return value


def _context(passages: Sequence[Sequence[str]]) -> str:
    """Number passages and sentences as the notes on missing information do; sentence 0 is the title."""
    paragraphs = []
    for number, passage in enumerate(passages, start=1):
        sentences = [f"({place}) {part}" for place, part in enumerate(passage[1:], start=1)]
        paragraphs.append("\n".join([f"Passage {number}: {passage[0]}", *sentences]))
    return "\n\n".join(paragraphs)


def _text(data: Mapping[str, Any], key: str, path: str = "") -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise InvalidRow(f"{path}{key}", "It is missing" if value is None else f"It is {kind_of(value)}", "a string")
    return value


def _list(data: Mapping[str, Any], key: str, path: str = "") -> list[Any]:
    value = data.get(key)
    if not isinstance(value, list):
        raise InvalidRow(f"{path}{key}", "It is missing" if value is None else f"It is {kind_of(value)}", "a list")
    return value


def _object(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise InvalidRow(key, "It is missing" if value is None else f"It is {kind_of(value)}", "an object")
    return value
